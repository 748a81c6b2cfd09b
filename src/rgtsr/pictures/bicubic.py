"""Bicubic resizing exactly as MATLAB's ``imresize`` does it, the field's definition of LR.

Knows arrays only: H height, W width, C channels.
"""

import math
from fractions import Fraction
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

Border = Literal["mirror", "clamp"]
Rounding = Literal["uint8", "none"]
Floats = NDArray[np.floating]

KEYS_A = -0.5  # Keys, "Cubic convolution interpolation", 1981
BORDERS: tuple[Border, ...] = ("mirror", "clamp")
ROUNDINGS: tuple[Rounding, ...] = ("uint8", "none")


def resize(
    pixels_HWC: NDArray[np.generic],
    scale: float | Fraction,
    *,
    border: Border = "mirror",
    rounding: Rounding | None = None,
) -> NDArray[np.generic]:
    """Resize by ``scale``, antialiased when shrinking; the output side is ceil(side * scale).

    ``pixels_HWC``: (H, W) or (H, W, C), uint8 in 0..255 or floating point of any range.
    ``border``: ``mirror`` repeats the edge sample (MATLAB), ``clamp`` stays on it (SelfExSR's LR).
    ``rounding``: ``uint8`` rounds half up and clips after each of the two passes, as MATLAB does
    with uint8 pictures; ``none`` keeps floating point. The default follows the dtype.

    Returns uint8 for ``rounding="uint8"``, otherwise floating point (float64 for integer input).

    Raises:
        ValueError: for an empty picture, a scale <= 0, or an unknown border or rounding.

    Source: MATLAB's ``imresize``; verified on the LR pictures of Set5 and Set14.
    """
    if pixels_HWC.ndim not in (2, 3) or 0 in pixels_HWC.shape:
        raise ValueError(f"shape {pixels_HWC.shape} is not a picture (H, W) or (H, W, C).")
    if border not in BORDERS:
        raise ValueError(f"border={border!r} is not one of {BORDERS}.")
    if rounding is None:
        rounding = "uint8" if pixels_HWC.dtype == np.uint8 else "none"
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding={rounding!r} is not one of {ROUNDINGS}.")
    exact_scale = Fraction(scale).limit_denominator(10_000)
    if exact_scale <= 0:
        raise ValueError(f"scale={scale} must be positive.")
    finish = _to_uint8 if rounding == "uint8" else _unchanged
    dtype = pixels_HWC.dtype if pixels_HWC.dtype.kind == "f" else np.dtype(np.float64)
    floats = cast(Floats, pixels_HWC.astype(dtype))
    for axis in (0, 1):
        floats = finish(_resize_axis(floats, exact_scale, axis, border))
    return floats.astype(np.uint8) if rounding == "uint8" else floats


def contributions(
    side: int, scale: Fraction, border: Border = "mirror"
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which input samples make each output sample, and their weights: two (output, taps) arrays."""
    output_side = math.ceil(side * scale)
    shrink = min(float(scale), 1.0)
    support = 4.0 / shrink
    centers = np.arange(output_side) / float(scale) + 0.5 * (1 / float(scale) - 1)
    first = np.floor(centers - support / 2).astype(np.intp)
    taps = math.ceil(support) + 2
    positions = first[:, None] + np.arange(taps)
    weights = shrink * keys_cubic(shrink * (centers[:, None] - positions))
    weights /= weights.sum(axis=1, keepdims=True)
    used = np.any(weights != 0, axis=0)
    positions, weights = positions[:, used], weights[:, used]
    if border == "mirror":
        positions = positions % (2 * side)
        positions = np.where(positions < side, positions, 2 * side - 1 - positions)
    else:
        positions = np.clip(positions, 0, side - 1)
    return positions, weights


def keys_cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic kernel with a = -0.5, zero outside -2..2."""
    x = np.abs(distance)
    near = (KEYS_A + 2) * x**3 - (KEYS_A + 3) * x**2 + 1
    far = KEYS_A * x**3 - 5 * KEYS_A * x**2 + 8 * KEYS_A * x - 4 * KEYS_A
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _resize_axis(floats: Floats, scale: Fraction, axis: int, border: Border) -> Floats:
    positions, weights = contributions(floats.shape[axis], scale, border)
    moved = np.moveaxis(floats, axis, 0)
    columns = weights.shape + (1,) * (moved.ndim - 1)
    weights = weights.reshape(columns).astype(floats.dtype)
    result = weights[:, 0] * moved[positions[:, 0]]
    for tap in range(1, positions.shape[1]):
        result += weights[:, tap] * moved[positions[:, tap]]
    return np.moveaxis(result, 0, axis)


def _to_uint8(values: Floats) -> Floats:
    return np.clip(np.floor(values + 0.5), 0, 255)


def _unchanged(values: Floats) -> Floats:
    return values
