"""Measures of what is wrong with a photo for training, each with its limit. Knows no files.

Shapes: luma is float32 (H, W) in 0..255. The limits were set on good photos and the same ones
blurred and shifted. Sources: Lucas and Kanade (1981); the difference hash of Krawetz (2013).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from rgtsr.pictures import bicubic

Luma = NDArray[np.float32]
Fingerprint = NDArray[np.uint64]  # two of them

SHARPNESS_LIMIT_DB = -11.0  # fine detail under coarse, in the sharpest part of a photo
DUPLICATE_LIMIT_BITS = 16  # of 128 that differ
BITS = 128
SHIFT_LIMIT_PX = 0.3  # of LR against HR, in LR px
LIKENESS_LIMIT = 0.8  # correlation of LR with the bicubic of HR

TILE_PX = 48
COARSE_PX = 4
SHARPEST = 95  # the percentile of tiles that decides: soft backgrounds are no fault
FLAT = 4.0  # mean square of coarse detail below which a tile says nothing
LEAST_ALIGNED_PX = 16  # of an LR's side in which a shift can be told


def sharpness_db(luma: Luma) -> float:
    """Detail of 1 px over detail of 4 px, in dB, across the softer direction.

    In the sharpest parts of the photo; 0 where nothing has any detail.
    """
    return min(_sharpness_db(luma), _sharpness_db(luma.T))


def _sharpness_db(luma: Luma) -> float:
    if min(luma.shape) < TILE_PX + 2 * COARSE_PX:
        return 0.0
    middle = luma[:, COARSE_PX:-COARSE_PX]

    def energy(step: int) -> NDArray[np.float32]:
        before = luma[:, COARSE_PX - step : luma.shape[1] - COARSE_PX - step]
        after = luma[:, COARSE_PX + step : luma.shape[1] - COARSE_PX + step]
        return _tile_means((2 * middle - before - after) ** 2)

    fine, coarse = energy(1), energy(COARSE_PX)
    telling = coarse > FLAT
    if not telling.any():
        return 0.0
    ratios = 10 * np.log10((fine[telling] + 1e-6) / coarse[telling])
    return float(np.percentile(ratios, SHARPEST))


def _tile_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (side // TILE_PX for side in values.shape)
    tiles = values[: rows * TILE_PX, : columns * TILE_PX]
    return tiles.reshape(rows, TILE_PX, columns, TILE_PX).mean((1, 3)).ravel()


def fingerprint(luma: Luma) -> Fingerprint:
    """128 bits that copies of one picture share, whatever their size and compression."""
    wide, tall = _area(luma, 8, 9), _area(luma, 9, 8)
    bits = np.stack([wide[:, 1:] > wide[:, :-1], tall[1:] > tall[:-1]])
    return np.packbits(bits).view(np.uint64)


def _area(luma: Luma, height: int, width: int) -> NDArray[np.float64]:
    """Means of equal parts."""
    rows = np.arange(height) * luma.shape[0] // height
    columns = np.arange(width) * luma.shape[1] // width
    sums = np.add.reduceat(np.add.reduceat(luma, rows, 0, np.float64), columns, 1)
    tall, wide = np.diff(rows, append=luma.shape[0]), np.diff(columns, append=luma.shape[1])
    # a part without a row of its own, in a picture of few, is the row at which it begins
    return sums / np.outer(np.maximum(tall, 1), np.maximum(wide, 1))


def alike(prints: Sequence[Fingerprint], limit_bits: int) -> list[tuple[int, int, int]]:
    """Each picture that an earlier one is like: (earlier, later, bits that differ), the nearest."""
    found: list[tuple[int, int, int]] = []
    together = np.array(prints, np.uint64)
    for later in range(1, len(prints)):
        bits = np.bitwise_count(together[:later] ^ together[later]).sum(1)
        nearest = int(bits.argmin())
        if bits[nearest] <= limit_bits:
            found.append((nearest, later, int(bits[nearest])))
    return found


@dataclass(frozen=True)
class Alignment:
    """How an LR picture lies on its HR: moved by (down, right) LR px, and how like they are."""

    shift_px: tuple[float, float]
    likeness: float

    @property
    def distance_px(self) -> float:
        """The length of the shift."""
        return float(np.hypot(*self.shift_px))


def alignment(hr: Luma, lr: Luma, scale: int) -> Alignment:
    """LR against the bicubic of HR, both luma; HR is cut to LR * ``scale``.

    Whole pixels by the peak of the phase correlation, the rest by one step of Lucas and Kanade.
    LR smaller than LEAST_ALIGNED_PX counts as aligned.
    """
    if min(lr.shape) < LEAST_ALIGNED_PX:
        return Alignment((0.0, 0.0), 1.0)
    height, width = lr.shape
    made = bicubic.resize(hr[: height * scale, : width * scale, None], Fraction(1, scale))
    made = made[..., 0].astype(np.float64)
    window = np.outer(np.hanning(height), np.hanning(width))
    one, other = ((side - side.mean()) * window for side in (made, lr.astype(np.float64)))
    cross = np.conj(np.fft.fft2(one)) * np.fft.fft2(other)
    peaks = np.fft.ifft2(cross / (np.abs(cross) + 1e-9 * np.abs(cross).max())).real
    place = np.unravel_index(int(peaks.argmax()), peaks.shape)
    whole = [
        int(p) if p <= side // 2 else int(p) - side
        for p, side in zip(place, peaks.shape, strict=True)
    ]
    back = np.roll(lr.astype(np.float64), [-step for step in whole], (0, 1))
    edge = min(max(4, *(abs(step) + 2 for step in whole)), min(height, width) // 2 - 2)
    inside = (slice(edge, -edge), slice(edge, -edge))
    steps_down, steps_right = (np.gradient(made, axis=axis)[inside].ravel() for axis in (0, 1))
    change, target = (back - made)[inside].ravel(), back[inside].ravel()
    base = made[inside].ravel()
    # brightness and contrast may differ as well: back = gain * made + offset - shift . gradient
    matrix = np.stack([steps_down, steps_right, base - base.mean(), np.ones_like(base)], 1)
    rest, *_ = np.linalg.lstsq(matrix, change, rcond=None)
    likeness = float(np.corrcoef(base, target)[0, 1]) if base.std() and target.std() else 1.0
    return Alignment((whole[0] - float(rest[0]), whole[1] - float(rest[1])), likeness)
