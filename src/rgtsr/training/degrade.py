"""Small pictures as cameras and web sites make them: blur, resize, noise, sharpening, codecs.

All on the pictures' device, in batches; the same generator state gives the same result.
Shapes: B pictures, (B, 3, H, W) RGB in 0..1; S scale.
Source: BSRGAN (Zhang et al., ICCV 2021) and Real-ESRGAN (Wang et al., ICCVW 2021), section 3.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rgtsr.errors import UsageError
from rgtsr.training import codecs

MARGIN_PX = 16  # of LR around a patch: blur and blocks of codecs reach so far over its edge
KERNEL_REACH = 3  # standard deviations of a blur
RESIZERS = ("bicubic", "bilinear", "area")
SUBSAMPLING = (0.35, 0.1, 0.55)  # how often 4:4:4, 4:2:2 and 4:2:0, whatever the quality
HALO_PX = (0.5, 1.5)  # standard deviation of the blur that sharpening is made of
NOISIEST = 0.35  # the light at which noise is strongest
GREY = (0.4, 1)  # how much of noise is the same in all channels: cameras smooth colours first

Range = tuple[float, float]
Generator = np.random.Generator
Degrade = Callable[[Tensor, int, Generator], Tensor]  # HR (B, 3, H * S, W * S), S -> LR


@dataclass(frozen=True)
class Stage:
    """What happens to a picture once; each figure is drawn evenly from its range.

    Size, resizer and kind of file are drawn for a whole batch, all else for each picture.
    """

    blur: Range = (0, 0)  # standard deviation over the size of an LR pixel
    stretch: Range = (1, 1)  # of one blur's axis over the other's
    size: Range | None = None  # of the LR picture that follows; None: exactly that
    resizers: tuple[str, ...] = RESIZERS
    noise: Range = (0, 0)  # standard deviation in steps of 8 bits, before sharpening
    grain: Range = (0, 0)  # of noise that a camera has smoothed: standard deviation in px
    sharpen: Range = (0, 0)  # how much of what a blur takes away is added: halos
    quality: Range | None = None  # of JPEG, WebP or AVIF
    webp: float = 0  # the chance that it is WebP
    avif: float = 0  # or AVIF


# Where the ranges come from stands in docs/training.md, "What the presets do".
PRESETS: dict[str, tuple[Stage, ...]] = {
    # the field's LR
    "bicubic": (Stage(resizers=("bicubic",)),),
    # a camera's own file, or a scan: sharp or a little soft, hardly compressed
    "clean": (Stage(blur=(0, 0.4), noise=(0, 1), sharpen=(0, 0.4), quality=(92, 100)),),
    # a phone's photo by day: sharpened, some noise that it has smoothed, its own JPEG
    "photo": (
        Stage(
            blur=(0, 0.6), stretch=(1, 1.5), noise=(0, 4), grain=(0, 0.7), sharpen=(0, 0.8),
            quality=(70, 98),
        ),
    ),
    # a photo by night: noise of a small sensor after the camera's own attempt to remove it
    "night": (
        Stage(
            blur=(0, 0.7), stretch=(1, 1.5), noise=(3, 14), grain=(0.3, 1.2), sharpen=(0, 0.5),
            quality=(70, 97),
        ),
    ),
    # a picture that has gone through web sites: made smaller or larger and compressed, and again
    "web": (
        Stage(
            blur=(0, 0.5), stretch=(1, 1.5), size=(0.7, 1.6), noise=(0, 4), sharpen=(0, 0.6),
            quality=(50, 95),
        ),
        Stage(noise=(0, 1), sharpen=(0, 0.3), quality=(30, 90), webp=0.2, avif=0.15),
    ),
}  # fmt: skip


def stages_of(preset: str) -> tuple[Stage, ...]:
    """What a preset does. Raises ValueError for one that there is not."""
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}: there are {', '.join(PRESETS)}.")
    return PRESETS[preset]


def degrade(hr_BCHW: Tensor, scale: int, preset: str, rng: Generator) -> Tensor:
    """LR of pictures (B, 3, H * S, W * S): (B, 3, H, W) in steps of 1/255.

    ``rng`` decides all but the noise itself, which torch's own generator makes.

    Raises:
        ValueError: for a preset that there is not.
    """
    stages = stages_of(preset)
    height, width = (side // scale for side in hr_BCHW.shape[-2:])
    x = hr_BCHW
    for stage in stages:
        larger = 1.0 if stage.size is None else rng.uniform(*stage.size)
        x = _blurred(x, stage, x.shape[-1] / width, rng)
        x = resized(
            x, (round(larger * height), round(larger * width)), str(rng.choice(stage.resizers))
        )
        x = _noisy(x, stage, rng)
        x = _sharpened(x, stage, rng)
        x = _compressed(x, stage, rng)
    return codecs.rounded(x if x.shape[-2:] == (height, width) else resized(x, (height, width)))


def mixed(hr_BCHW: Tensor, scale: int, presets: Sequence[str], rng: Generator) -> Tensor:
    """LR of pictures, each by one of the presets; one that is named twice is drawn twice as often.

    Raises:
        ValueError: for a preset that there is not.
    """
    chosen = rng.choice(presets, len(hr_BCHW))
    size = (side // scale for side in hr_BCHW.shape[2:])
    lr = hr_BCHW.new_empty((*hr_BCHW.shape[:2], *size))
    for preset in np.unique(chosen):
        mine = torch.from_numpy(np.flatnonzero(chosen == preset)).to(lr.device)
        lr[mine] = degrade(hr_BCHW[mine], scale, str(preset), rng)
    return lr


def pair(
    hr_BCHW: Tensor, scale: int, how: Sequence[str] | Degrade, rng: Generator, *, patch_px: int
) -> tuple[Tensor, Tensor]:
    """LR and HR patches from HR crops with a margin of at least ``MARGIN_PX`` * S all around.

    They are cut at a random place, as no picture's blocks of 8 begin where a crop does.
    ``how``: presets, or a function of one's own.

    Raises:
        ValueError: for a preset that there is not, and LR of another size than HR / ``scale``.
    """
    lr = how(hr_BCHW, scale, rng) if callable(how) else mixed(hr_BCHW, scale, how, rng)
    expected = (*hr_BCHW.shape[:2], *(side // scale for side in hr_BCHW.shape[2:]))
    if tuple(lr.shape) != expected:
        raise ValueError(f"degrade gave LR of shape {tuple(lr.shape)} instead of {expected}.")
    top, left = (int(rng.integers(8, side - patch_px - 7)) for side in lr.shape[-2:])
    hr = hr_BCHW[..., top * scale :, left * scale :]
    side = patch_px * scale
    return lr[..., top : top + patch_px, left : left + patch_px], hr[..., :side, :side]


def resized(x_BCHW: Tensor, size: tuple[int, int], how: str = "bicubic") -> Tensor:
    """Another size, without aliases.

    ``bicubic`` is MATLAB's but for the borders: rows first, in steps of 8 bits between the passes.
    """
    height, width = x_BCHW.shape[-2:]
    if how == "area" and size[0] <= height:  # enlarging, it would repeat pixels
        return F.interpolate(x_BCHW, size, mode="area")
    mode = "bicubic" if how == "bicubic" else "bilinear"
    for side in ((size[0], width), size):
        x_BCHW = F.interpolate(x_BCHW, side, mode=mode, antialias=True, align_corners=False)
        x_BCHW = codecs.rounded(x_BCHW) if how == "bicubic" else x_BCHW
    return x_BCHW


def _blurred(x_BCHW: Tensor, stage: Stage, pixel: float, rng: Generator) -> Tensor:
    if stage.blur[1] == 0:
        return x_BCHW
    batch = len(x_BCHW)
    sigma = pixel * rng.uniform(*stage.blur, batch)
    kernels = gaussians(sigma, sigma * rng.uniform(*stage.stretch, batch), rng.uniform(size=batch))
    return _convolved(x_BCHW, kernels)


def _convolved(x_BCHW: Tensor, kernels_Bkk: Tensor) -> Tensor:
    """Each picture with its own kernel; edges are repeated."""
    batch, channels = x_BCHW.shape[:2]
    reach = kernels_Bkk.shape[-1] // 2
    around = F.pad(x_BCHW, (reach,) * 4, mode="replicate").flatten(0, 1)[None]
    kernels = kernels_Bkk.to(x_BCHW).repeat_interleave(channels, 0)[:, None]
    return F.conv2d(around, kernels, groups=batch * channels)[0].view_as(x_BCHW)


def gaussians(
    along: np.ndarray, across: np.ndarray, turn: np.ndarray, *, least: float = 0.05
) -> Tensor:
    """Kernels (B, k, k) of sum 1, k odd; standard deviations in px, ``turn`` in half turns."""
    reach = max(1, math.ceil(KERNEL_REACH * float(across.max(initial=least))))
    place = np.arange(-reach, reach + 1)
    y, x = place[None, :, None], place[None, None, :]
    angle = np.pi * turn[:, None, None]
    u = x * np.cos(angle) + y * np.sin(angle)
    v = y * np.cos(angle) - x * np.sin(angle)
    one, other = (np.maximum(sigma, least)[:, None, None] for sigma in (along, across))
    kernels = np.exp(-0.5 * ((u / one) ** 2 + (v / other) ** 2))
    return torch.from_numpy(kernels / kernels.sum((1, 2), keepdims=True))


def _noisy(x_BCHW: Tensor, stage: Stage, rng: Generator) -> Tensor:
    """Noise as cameras leave it, most of it the same in all channels.

    Its standard deviation is the stage's at ``NOISIEST``, after the grain's blur, and half of that
    in white: a sensor's noise grows with the light, but tone curves flatten the lights more.
    """
    if stage.noise[1] == 0:
        return x_BCHW
    batch, _, height, width = x_BCHW.shape
    strength = rng.uniform(*stage.noise, batch) / 255
    grey = torch.from_numpy(rng.uniform(*GREY, batch)).to(x_BCHW)[:, None, None, None]
    own = torch.randn_like(x_BCHW)
    shared = torch.randn(batch, 1, height, width, device=x_BCHW.device)
    noise = grey.sqrt() * shared + (1 - grey).sqrt() * own
    if stage.grain[1] > 0:
        sigma = rng.uniform(*stage.grain, batch)
        kernels = gaussians(sigma, sigma, np.zeros(batch))
        noise = _convolved(noise, kernels / kernels.square().sum((1, 2), keepdim=True).sqrt())
    deviation = torch.from_numpy(strength).to(x_BCHW)[:, None, None, None]
    return (x_BCHW + deviation * (1 - 1.2 * (x_BCHW - NOISIEST) ** 2) * noise).clamp(0, 1)


def _sharpened(x_BCHW: Tensor, stage: Stage, rng: Generator) -> Tensor:
    """By a blurred mask, as cameras do it: halos along edges."""
    if stage.sharpen[1] == 0:
        return x_BCHW
    batch = len(x_BCHW)
    amount = torch.from_numpy(rng.uniform(*stage.sharpen, batch)).to(x_BCHW)[:, None, None, None]
    sigma = rng.uniform(*HALO_PX, batch)
    blurred = _convolved(x_BCHW, gaussians(sigma, sigma, np.zeros(batch)))
    return (x_BCHW + amount * (x_BCHW - blurred)).clamp(0, 1)


def _compressed(x_BCHW: Tensor, stage: Stage, rng: Generator) -> Tensor:
    if stage.quality is None:
        return x_BCHW
    batch = len(x_BCHW)
    quality = torch.from_numpy(rng.uniform(*stage.quality, batch)).to(x_BCHW).round()
    which = rng.uniform()
    if which < stage.webp:
        return codecs.webp(x_BCHW, quality)
    if which < stage.webp + stage.avif:
        return codecs.avif(x_BCHW, quality)
    kinds = rng.choice(len(codecs.SUBSAMPLINGS), batch, p=SUBSAMPLING)
    return codecs.jpeg(x_BCHW, quality, kinds)
