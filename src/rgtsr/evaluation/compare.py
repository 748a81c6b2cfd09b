"""One picture that shows several versions of a photo: whole, with scores, and a detail enlarged.

Arrays in, one array out: uint8 (H, W, 3). Knows no files and no network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgtsr.evaluation import lettering, metrics

Picture8 = NDArray[np.uint8]

BACKGROUND, INK, FRAME = (38, 38, 38), (225, 225, 225), (255, 196, 0)
MARGIN_PX = 16
LETTER_PX = 2  # width of a letter's stroke
DETAIL_PX = 96  # side of the detail at most, in pixels of the pictures


@dataclass(frozen=True)
class Panel:
    """One version of the photo and what it is called."""

    label: str
    pixels_HWC: Picture8


def side_by_side(panels: Sequence[Panel], truth_HWC: Picture8, *, scale: int) -> Picture8:
    """All panels in a row, the same detail of each below, PSNR-Y / SSIM-Y against the truth.

    The first panel is the one to be improved upon: the detail is where it errs most.

    Raises:
        ValueError: for a panel of another size than the truth.
    """
    height, width = truth_HWC.shape[:2]
    for panel in panels:
        if panel.pixels_HWC.shape[:2] != (height, width):
            h, w = panel.pixels_HWC.shape[:2]
            raise ValueError(f"{panel.label} is {w}x{h}, but the truth is {width}x{height}.")
    top, left, side = detail(panels[0].pixels_HWC, truth_HWC)
    columns = [_column(panel, truth_HWC, (top, left, side), scale) for panel in panels]
    columns.append(_column(Panel("truth", truth_HWC), None, (top, left, side), scale))
    gap = _filled(columns[0].shape[0], MARGIN_PX)
    row = [piece for column in columns for piece in (column, gap)][:-1]
    inside = np.concatenate(row, axis=1)
    return _padded(inside, MARGIN_PX)


def detail(first_HWC: Picture8, truth_HWC: Picture8) -> tuple[int, int, int]:
    """(top, left, side) of the square where ``first`` errs most against the truth."""
    error = (metrics.studio_luma(first_HWC) - metrics.studio_luma(truth_HWC)) ** 2
    side = min(DETAIL_PX, *error.shape)
    sums = np.pad(error.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    totals = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(int(totals.argmax()), totals.shape)
    return int(top), int(left), side


def _column(
    panel: Panel, truth_HWC: Picture8 | None, place: tuple[int, int, int], scale: int
) -> Picture8:
    top, left, side = place
    pixels = np.broadcast_to(panel.pixels_HWC, (*panel.pixels_HWC.shape[:2], 3))
    width = pixels.shape[1]
    zoom = max(1, width // side)
    close = pixels[top : top + side, left : left + side].repeat(zoom, 0).repeat(zoom, 1)
    close = _padded(close, 0, right=width - close.shape[1])
    pieces = [_caption(panel, truth_HWC, scale, width), _framed(pixels, place)]
    return np.concatenate([*pieces, _filled(MARGIN_PX, width), close], axis=0)


def _caption(panel: Panel, truth_HWC: Picture8 | None, scale: int, width: int) -> Picture8:
    lines = [panel.label, "PSNR / SSIM"]
    if truth_HWC is not None:
        quality = metrics.on_luma(panel.pixels_HWC, truth_HWC, shave=scale)
        lines[1] = f"{quality.psnr:.2f} dB / {quality.ssim:.4f}"
    step = (lettering.HEIGHT + 4) * LETTER_PX
    strip = _filled(step * len(lines) + 2 * LETTER_PX, width)
    for index, line in enumerate(lines):
        ink = lettering.rendered(line, size=LETTER_PX)[:, :width]
        strip[index * step : index * step + ink.shape[0], : ink.shape[1]][ink] = INK
    return strip


def _framed(pixels_HWC: Picture8, place: tuple[int, int, int]) -> Picture8:
    """The picture with a thin frame around the detail."""
    top, left, side = place
    framed = pixels_HWC.copy()
    bottom, right = top + side - 1, left + side - 1
    framed[[top, bottom], left : right + 1] = FRAME
    framed[top : bottom + 1, [left, right]] = FRAME
    return framed


def _filled(height: int, width: int) -> Picture8:
    return np.full((height, width, 3), BACKGROUND, np.uint8)


def _padded(pixels_HWC: Picture8, margin: int, *, right: int = 0) -> Picture8:
    height, width = pixels_HWC.shape[:2]
    canvas = _filled(height + 2 * margin, width + 2 * margin + right)
    canvas[margin : margin + height, margin : margin + width] = pixels_HWC
    return canvas
