"""PSNR and SSIM as the field measures them. Arrays in, numbers out; knows no files.

Pictures are (H, W, 1) grey or (H, W, 3) RGB, uint8 in 0..255; grey counts as R = G = B.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgtsr.pictures.color import LUMA_RGB

Picture8 = NDArray[np.uint8]
Plane = NDArray[np.float64]

PEAK = 255.0
STUDIO_RGB = (65.481, 128.553, 24.966)  # ITU-R BT.601, 8 bit, as MATLAB's rgb2ycbcr
STUDIO_OFFSET = 16.0

WINDOW = 11  # pixels; Wang et al., "Image quality assessment", 2004, section III-B
SIGMA = 1.5
K1, K2 = 0.01, 0.03
STRIP = 32  # rows of windows at a time: a strip stays in the cache, and memory flat


@dataclass(frozen=True)
class Quality:
    """PSNR in dB (infinite for equal pictures) and SSIM (at most 1)."""

    psnr: float
    ssim: float


def on_luma(enlarged_HWC: Picture8, truth_HWC: Picture8, *, shave: int) -> Quality:
    """PSNR-Y and SSIM-Y of the super-resolution literature.

    Both pictures have one size; ``shave`` pixels (the scale) are cut from each border; Y is not
    rounded.

    Raises:
        ValueError: for different sizes, or pictures too small for what is cut and for SSIM.
    """
    _same_size(enlarged_HWC, truth_HWC)
    first, second = (_shaved(studio_luma(p), shave) for p in (enlarged_HWC, truth_HWC))
    return Quality(psnr(first, second), ssim(first, second))


def smallest_px(*, shave: int) -> int:
    """The least side of a picture of which enough is left for SSIM."""
    return 2 * shave + WINDOW


def by_baseline_protocol(enlarged_HWC: Picture8, truth_HWC: Picture8) -> Quality:
    """The starting point's figures: PSNR of full-range luma, SSIM over RGB, no border cut.

    Raises:
        ValueError: for different sizes, or pictures too small for SSIM.
    """
    _same_size(enlarged_HWC, truth_HWC)
    first, second = (_rgb(p) for p in (enlarged_HWC, truth_HWC))
    weights = np.array(LUMA_RGB)
    planes = [ssim(first[..., c], second[..., c]) for c in range(3)]
    return Quality(psnr(first @ weights, second @ weights), float(np.mean(planes)))


def studio_luma(picture_HWC: Picture8) -> Plane:
    """Y in 16..235 of RGB in 0..255, not rounded: (H, W)."""
    weights = np.array(STUDIO_RGB) / PEAK
    luma = np.full(picture_HWC.shape[:2], STUDIO_OFFSET)
    for channel, weight in enumerate(weights):
        luma += weight * picture_HWC[..., channel % picture_HWC.shape[2]]  # grey: three times
    return luma


def psnr(first: Plane, second: Plane) -> float:
    """Peak signal-to-noise ratio in dB, peak 255."""
    error = float(np.mean((first - second) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(PEAK**2 / error))


def ssim(first: Plane, second: Plane) -> float:
    """Structural similarity of two (H, W) planes: Gaussian 11x11, sigma 1.5, valid region only.

    Raises:
        ValueError: for planes smaller than the window.

    Source: Wang et al., "Image quality assessment", IEEE TIP 2004.
    """
    if min(first.shape) < WINDOW:
        height, width = first.shape
        raise ValueError(f"a picture of {width}x{height} is too small for SSIM: {WINDOW} px.")
    rows, columns = first.shape[0] - WINDOW + 1, first.shape[1] - WINDOW + 1
    total = 0.0
    for top in range(0, rows, STRIP):
        strip = slice(top, min(top + STRIP, rows) + WINDOW - 1)
        total += float(_likeness(first[strip], second[strip]).sum())
    return total / (rows * columns)


def _likeness(first: Plane, second: Plane) -> Plane:
    """SSIM of each window. Source: Wang et al., equation 13."""
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    mean1, mean2 = _blurred(first), _blurred(second)
    variance1 = _blurred(first**2) - mean1**2
    variance2 = _blurred(second**2) - mean2**2
    covariance = _blurred(first * second) - mean1 * mean2
    likeness = (2 * mean1 * mean2 + c1) * (2 * covariance + c2)
    return likeness / ((mean1**2 + mean2**2 + c1) * (variance1 + variance2 + c2))


def _blurred(plane: Plane) -> Plane:
    """The valid part of a separable Gaussian."""
    positions = np.arange(WINDOW) - WINDOW // 2
    kernel = np.exp(-(positions**2) / (2 * SIGMA**2))
    kernel /= kernel.sum()
    rows, columns = plane.shape[0] - WINDOW + 1, plane.shape[1] - WINDOW + 1
    down = np.zeros((rows, plane.shape[1]))
    for start, weight in enumerate(kernel):
        down += weight * plane[start : start + rows]
    across = np.zeros((rows, columns))
    for start, weight in enumerate(kernel):
        across += weight * down[:, start : start + columns]
    return across


def _rgb(picture_HWC: Picture8) -> NDArray[np.float64]:
    height, width = picture_HWC.shape[:2]
    return np.broadcast_to(picture_HWC, (height, width, 3)).astype(np.float64)


def _shaved(plane: Plane, border: int) -> Plane:
    if min(plane.shape) < (smallest := smallest_px(shave=border)):
        height, width = plane.shape
        raise ValueError(f"a picture of {width}x{height} is too small to score: {smallest} px.")
    return plane[border : plane.shape[0] - border, border : plane.shape[1] - border]


def _same_size(enlarged_HWC: Picture8, truth_HWC: Picture8) -> None:
    if enlarged_HWC.shape[:2] != truth_HWC.shape[:2]:
        (h, w), (H, W) = enlarged_HWC.shape[:2], truth_HWC.shape[:2]
        raise ValueError(f"a picture of {w}x{h} cannot be scored against one of {W}x{H}.")
