"""One picture that shows several versions of a photo: whole, with scores, and a detail enlarged.

Arrays in, one array out: uint8 (H, W, 3). Knows no files and no network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

from rgtsr.evaluation import lettering, metrics
from rgtsr.pictures import bicubic

Picture8 = NDArray[np.uint8]
Color = tuple[int, int, int]

BACKGROUND, INK, FAINT, FRAME = (38, 38, 38), (230, 230, 230), (160, 160, 160), (255, 196, 0)
NARROWEST_PX, WIDEST_PX = 280, 960  # a whole picture is shown between these widths
ZOOMS = (5, 4, 6)  # how far a detail is enlarged; the first where the rest does not decide


@dataclass(frozen=True)
class Panel:
    """One version of the photo and what it is called: uint8 (H, W, 1) or (H, W, 3)."""

    label: str
    pixels_HWC: Picture8


@dataclass(frozen=True)
class Layout:
    """How a photo is shown: all lengths in pixels of the sheet, the detail in the photo's.

    Whole pictures are shown at ``times`` their size; the detail at ``zoom`` times, as large as
    the whole picture, so that both rows of the sheet are alike.
    """

    times: Fraction
    size: tuple[int, int]
    zoom: int
    detail: tuple[int, int]
    stroke: int

    @property
    def margin(self) -> int:
        """Between pictures, and around all."""
        return 8 * self.stroke


def side_by_side(panels: Sequence[Panel], truth_HWC: Picture8, *, scale: int) -> Picture8:
    """All panels in a row, the same detail of each below, PSNR-Y / SSIM-Y against the truth.

    The first panel is the one to be improved upon: the detail is where it errs most, framed in the
    whole pictures and enlarged without smoothing. Large photos are shown reduced, small ones
    enlarged; scores and details are those of the full size.

    Raises:
        ValueError: for no panel, one of another size than the truth, or a photo too small to score.
    """
    height, width = truth_HWC.shape[:2]
    if not panels:
        raise ValueError("there is nothing to compare with the truth: give at least one panel.")
    for panel in panels:
        h, w = panel.pixels_HWC.shape[:2]
        if (h, w) != (height, width):
            raise ValueError(f"{panel.label} is {w}x{h}, but the truth is {width}x{height}.")
    plan = layout(height, width)
    place = worst(panels[0].pixels_HWC, truth_HWC, plan.detail)
    columns: list[Picture8] = []
    for panel in panels:
        quality = metrics.on_luma(panel.pixels_HWC, truth_HWC, shave=scale)
        scores = f"{quality.psnr:.2f} dB / {quality.ssim:.4f}"
        columns.append(_column(panel, scores, plan, place))
    columns.append(_column(Panel("truth", truth_HWC), "PSNR-Y / SSIM-Y", plan, place))
    gap = _filled(columns[0].shape[0], plan.margin)
    row = [piece for column in columns for piece in (gap, column)]
    inside = np.concatenate([*row, gap], axis=1)
    edge = _filled(plan.margin, inside.shape[1])
    return np.concatenate([edge, inside, edge], axis=0)


def layout(height: int, width: int) -> Layout:
    """How a photo of this size is shown."""
    times = Fraction(1)
    if width > WIDEST_PX:
        times = Fraction(1, ceil(width / WIDEST_PX))
    elif width < NARROWEST_PX:
        times = Fraction(ceil(NARROWEST_PX / width))
    size = ceil(height * times), ceil(width * times)
    zooms = [zoom * times.numerator for zoom in ZOOMS]
    zoom = min(zooms, key=lambda zoom: (-size[1] % zoom, -size[0] % zoom))
    detail = min(ceil(size[0] / zoom), height), min(ceil(size[1] / zoom), width)
    return Layout(times, size, zoom, detail, stroke=3 if size[1] >= 600 else 2)


def worst(first_HWC: Picture8, truth_HWC: Picture8, size: tuple[int, int]) -> tuple[int, int]:
    """(top, left) of the rectangle of that size where ``first`` errs most against the truth.

    Errors in the middle half count threefold, so that the culprit stands in the middle.
    """
    error = (metrics.studio_luma(first_HWC) - metrics.studio_luma(truth_HWC)) ** 2
    (h, w), (y, x) = size, (size[0] // 4, size[1] // 4)
    middle = _sums(error[y : error.shape[0] - y, x : error.shape[1] - x], (h - 2 * y, w - 2 * x))
    totals = _sums(error, size) + 2 * middle
    top, left = np.unravel_index(int(totals.argmax()), totals.shape)
    return int(top), int(left)


def _sums(plane: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """The sum over each rectangle of that size: (H - h + 1, W - w + 1)."""
    h, w = size
    sums = np.pad(plane.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]


def _column(panel: Panel, scores: str, plan: Layout, place: tuple[int, int]) -> Picture8:
    pixels = np.broadcast_to(panel.pixels_HWC, (*panel.pixels_HWC.shape[:2], 3))
    (top, left), (h, w) = place, plan.detail
    close = _repeated(pixels[top : top + h, left : left + w], plan.zoom)
    width = plan.size[1]
    return np.concatenate(
        [
            _line(panel.label, INK, width, plan.stroke),
            _line(scores, FAINT, width, plan.stroke),
            _framed(_shown(pixels, plan.times), place, plan),
            _filled(plan.margin, width),
            close[: plan.size[0], :width],
        ],
        axis=0,
    )


def _shown(pixels_HWC: Picture8, times: Fraction) -> Picture8:
    if times >= 1:
        return _repeated(pixels_HWC, int(times))
    return bicubic.resize(pixels_HWC, times).astype(np.uint8)


def _framed(shown_HWC: Picture8, place: tuple[int, int], plan: Layout) -> Picture8:
    """The whole picture with a thin frame around the detail."""
    (top, left), (h, w) = place, plan.detail
    y, x = int(top * plan.times), int(left * plan.times)
    bottom, right = ceil((top + h) * plan.times), ceil((left + w) * plan.times)
    thin = plan.stroke - 1
    framed = shown_HWC.copy()
    framed[y:bottom, x:right] = FRAME
    inside = slice(y + thin, bottom - thin), slice(x + thin, right - thin)
    framed[inside] = shown_HWC[inside]
    return framed


def _line(text: str, color: Color, width: int, stroke: int) -> Picture8:
    """A line of text, in smaller letters where it would not fit."""
    strip = _filled((lettering.HEIGHT + 3) * stroke, width)
    while stroke > 1 and len(text) * (lettering.WIDTH + 1) * stroke > width:
        stroke -= 1
    ink = lettering.rendered(text, size=stroke)[:, :width]
    strip[: ink.shape[0], : ink.shape[1]][ink] = color
    return strip


def _repeated(pixels_HWC: Picture8, times: int) -> Picture8:
    return pixels_HWC.repeat(times, axis=0).repeat(times, axis=1)


def _filled(height: int, width: int) -> Picture8:
    return np.full((height, width, 3), BACKGROUND, np.uint8)
