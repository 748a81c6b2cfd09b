"""Samples to floats and back, grey and RGB, transparency. Pure numpy: knows no files.

H height, W width, C channels. Floats are float32 in 0..1.
"""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8 | np.uint16]
Floats = NDArray[np.float32]


class Rowed(Protocol):
    """What gives whole rows of samples, (H, W, C): an array, or a file that is not held."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[np.uint8 | np.uint16]: ...
    def __getitem__(self, rows: NDArray[np.intp], /) -> Samples: ...


LUMA_RGB = (0.299, 0.587, 0.114)  # ITU-R BT.601, section 2.5.1
SOLID_ALPHA = 1 / 16  # below it, 8 bit stored colours are mostly rounding


def peak(dtype: np.dtype[np.generic]) -> Literal[255, 65535]:
    """White, as a sample says it. Raises ValueError unless the dtype is uint8 or uint16."""
    if dtype == np.uint8:
        return 255
    if dtype == np.uint16:
        return 65535
    raise ValueError(f"samples of {dtype} are neither uint8 nor uint16: convert them first.")


def to_float(samples: Samples) -> Floats:
    """Samples of 8 or 16 bits as float32 in 0..1. Raises ValueError for another dtype."""
    return samples.astype(np.float32) / np.float32(peak(samples.dtype))


def from_float(
    floats: NDArray[np.floating], dtype: type[np.uint8 | np.uint16] | np.dtype[np.uint8 | np.uint16]
) -> Samples:
    """Floats in 0..1 as samples: clipped, then rounded half up, once.

    ``dtype``: uint8 or uint16. Raises ValueError for another.
    """
    white = peak(np.dtype(dtype))
    return np.floor(np.clip(floats, 0, 1) * white + 0.5).astype(dtype)


def to_rgb(pixels_HWC: NDArray[np.generic]) -> NDArray[np.generic]:
    """Grey (H, W, 1) three times over; RGB as it is."""
    return np.repeat(pixels_HWC, 3, axis=2) if pixels_HWC.shape[2] == 1 else pixels_HWC


def luma(pixels_HWC: Samples | Floats) -> Floats:
    """The luma of RGB, (H, W), in the pixels' own steps and not rounded; of grey its one channel.

    Source: ITU-R BT.601, section 2.5.1.
    """
    if pixels_HWC.shape[2] == 1:
        return pixels_HWC[..., 0].astype(np.float32)
    return pixels_HWC @ np.array(LUMA_RGB, dtype=np.float32)


def solidify(pixels_HWC: Samples, alpha_HW: Samples) -> Samples:
    """Give what is (nearly) transparent the colours of the nearest that can be seen.

    A network that sees the black that often lies there would draw a dark fringe. Pixels with alpha
    of at least 1/16 stay as they are; a picture without any is returned unchanged.
    """
    known_HW = alpha_HW >= SOLID_ALPHA * peak(alpha_HW.dtype)
    if known_HW.all() or not known_HW.any():
        return pixels_HWC
    weights_HW1 = known_HW[:, :, None].astype(np.float32)
    filled = _filled(pixels_HWC.astype(np.float32) * weights_HW1, weights_HW1)
    extended = np.floor(filled + 0.5).astype(pixels_HWC.dtype)
    return np.where(known_HW[:, :, None], pixels_HWC, extended)


def _filled(sums_HWC: Floats, weights_HW1: Floats) -> Floats:
    """Push and pull: holes take the mean of the 2 x 2 around them, or of the 4 x 4, and so on.

    Source: Gortler et al., "The Lumigraph", 1996, section 3.4.
    """
    colors = np.divide(sums_HWC, np.maximum(weights_HW1, 1e-6), dtype=np.float32)
    if weights_HW1.min() > 0:
        return colors
    coarse = _filled(_halved(sums_HWC), _halved(weights_HW1))
    height, width = colors.shape[:2]
    return np.where(weights_HW1 > 0, colors, _doubled(coarse)[:height, :width])


def _halved(values_HWC: Floats) -> Floats:
    """The sums of 2 x 2, with nothing beyond the border."""
    height, width, _ = values_HWC.shape
    even = np.pad(values_HWC, ((0, height % 2), (0, width % 2), (0, 0)))
    return even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]


def _doubled(values_HWC: Floats) -> Floats:
    """Twice the size, each new pixel 3/4 of its own and 1/4 of the nearer neighbour, both ways."""
    for axis in (0, 1):
        values = np.moveaxis(values_HWC, axis, 0)
        before = np.concatenate([values[:1], values[:-1]])
        after = np.concatenate([values[1:], values[-1:]])
        quarter = np.float32(0.25)
        both = np.stack([values + (before - values) * quarter, values + (after - values) * quarter])
        doubled = np.moveaxis(both, 0, 1).reshape(-1, *values.shape[1:])
        values_HWC = np.asarray(np.moveaxis(doubled, 0, axis), dtype=np.float32)
    return values_HWC
