"""Luma and chroma to RGB and back, exactly: by the film's own matrix, range and depth. Pure numpy.

H height, W width, C channels. RGB is uint16 over all of its range, so that 8 and 10 bit come back
as they were; planes are uint8, or uint16 of ``bits``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgtsr.pictures.color import Samples

PEAK = np.float32(65535)
# how much red and blue count for luma, by the code point of the matrix (ITU-T H.273, table 4)
WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
}

Plane = NDArray[np.floating]


@dataclass(frozen=True)
class Coding:
    """How a film's planes hold colours.

    ``weights``: of red and blue in luma; None where the planes are green, blue, red, or grey alone.
    ``down``, ``across``: how many rows and columns share a chroma sample. ``is_centred``: it lies
    in their middle, and not at the left column.
    """

    bits: int
    is_full: bool
    weights: tuple[float, float] | None
    planes: int = 3
    down: int = 1
    across: int = 1
    is_centred: bool = False

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        """Of a plane's samples."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def black(self) -> int:
        """The luma of black."""
        return 0 if self.is_full else 16 << (self.bits - 8)

    @property
    def luma_range(self) -> int:
        """From black to white."""
        return (1 << self.bits) - 1 if self.is_full else 219 << (self.bits - 8)

    @property
    def chroma_range(self) -> int:
        """From the least to the most."""
        return (1 << self.bits) - 1 if self.is_full else 224 << (self.bits - 8)


def to_rgb(planes: Sequence[Samples], coding: Coding) -> Samples:
    """(H, W, 3), or (H, W, 1) of a film that is grey; values outside of RGB are clipped."""
    lumas = [_scaled(plane, coding.black, coding.luma_range) for plane in planes]
    if coding.weights is None:
        order = (2, 0, 1) if coding.planes == 3 else (0,)
        return np.stack([_as_samples(lumas[each]) for each in order], axis=2)
    luma, shape = lumas[0], planes[0].shape
    middle = 1 << (coding.bits - 1)
    cb, cr = (
        upsampled(_scaled(plane, middle, coding.chroma_range), shape, coding)
        for plane in planes[1:]
    )
    red_part, blue_part = (np.float32(each) for each in coding.weights)
    red = luma + 2 * (1 - red_part) * cr
    blue = luma + 2 * (1 - blue_part) * cb
    green = (luma - red_part * red - blue_part * blue) / (1 - red_part - blue_part)
    return np.stack([_as_samples(each) for each in (red, green, blue)], axis=2)


def from_rgb(pixels_HWC: Samples, coding: Coding) -> list[Samples]:
    """Planes as ``to_rgb`` takes them, of uint8 or uint16 pixels."""
    peak = np.float32(np.iinfo(pixels_HWC.dtype).max)
    colours = [pixels_HWC[:, :, each] / peak for each in range(pixels_HWC.shape[2])]
    if coding.weights is None:
        order = (1, 2, 0) if coding.planes == 3 else (0,)
        return [_as_codes(colours[each], coding.black, coding.luma_range, coding) for each in order]
    red, green, blue = colours if len(colours) == 3 else colours * 3
    red_part, blue_part = (np.float32(each) for each in coding.weights)
    luma = red_part * red + (1 - red_part - blue_part) * green + blue_part * blue
    middle = 1 << (coding.bits - 1)
    chroma = ((blue - luma) / (2 * (1 - blue_part)), (red - luma) / (2 * (1 - red_part)))
    return [
        _as_codes(luma, coding.black, coding.luma_range, coding),
        *(
            _as_codes(downsampled(each, coding), middle, coding.chroma_range, coding)
            for each in chroma
        ),
    ]


def upsampled(chroma: Plane, shape: tuple[int, ...], coding: Coding) -> Plane:
    """A chroma plane at the size of luma, (H, W), linearly between its samples."""
    if coding.down == 2:
        chroma = _doubled(chroma, is_centred=True)
    if coding.across == 2:
        chroma = _doubled(chroma.T, is_centred=coding.is_centred).T
    return chroma[: shape[0], : shape[1]]


def downsampled(chroma: Plane, coding: Coding) -> Plane:
    """The inverse: the mean of those that share a sample, around where it lies."""
    if coding.down == 2:
        chroma = _halved(chroma, is_centred=True)
    if coding.across == 2:
        chroma = _halved(chroma.T, is_centred=coding.is_centred).T
    return chroma


def _doubled(rows: Plane, *, is_centred: bool) -> Plane:
    before = np.concatenate([rows[:1], rows[:-1]])
    after = np.concatenate([rows[1:], rows[-1:]])
    doubled = np.empty((2 * len(rows), *rows.shape[1:]), np.float32)
    doubled[::2] = rows + (before - rows) * np.float32(0.25) if is_centred else rows
    doubled[1::2] = rows + (after - rows) * np.float32(0.25 if is_centred else 0.5)
    return doubled


def _halved(rows: Plane, *, is_centred: bool) -> Plane:
    if len(rows) % 2:
        rows = np.concatenate([rows, rows[-1:]])
    even, odd = rows[::2], rows[1::2]
    if is_centred:
        return (even + odd) / 2
    before = np.concatenate([even[:1], odd[:-1]])
    return even / 2 + (before + odd) / 4


def _scaled(plane: Samples, zero: int, extent: int) -> Plane:
    return (plane.astype(np.float32) - zero) / np.float32(extent)


def _as_samples(values: Plane) -> Samples:
    return (np.clip(values, 0, 1) * PEAK + np.float32(0.5)).astype(np.uint16)


def _as_codes(values: Plane, zero: int, extent: int, coding: Coding) -> Samples:
    codes = np.floor(values * np.float32(extent) + np.float32(zero + 0.5))
    return np.clip(codes, 0, (1 << coding.bits) - 1).astype(coding.dtype)
