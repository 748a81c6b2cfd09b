"""Photos made small and worn, as users' pictures are: one way for all benchmarks that need it.

What is chosen is chosen on every second photo of a folder (``FITTED``), what is reported is
measured on the others (``SCORED``).
"""

import functools
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyvips

from rgtsr import Picture, Settings, Upscaler, pictures, weights
from rgtsr.evaluation import metrics
from rgtsr.evaluation.metrics import Quality
from rgtsr.pictures import bicubic, color
from rgtsr.pictures.wear import wear
from rgtsr.upscaler import restoring

LR_PX = {2: 128, 3: 112, 4: 96}  # of a crop's side, by scale
FITTED, SCORED = 0, 1
WEB = "web"  # of the presets that networks are trained with


class Crop(NamedTuple):
    """A part of a photo, uint8 RGB, and the number that decides what chance does to it."""

    photo: str
    truth_HWC: np.ndarray
    seed: int


class Damage(NamedTuple):
    """White noise of that standard deviation, of 255, then JPEG with halved colours or PNG."""

    noise: float = 0
    quality: int | None = None

    def __str__(self) -> str:
        noise = f"noise {self.noise:g}, " if self.noise else ""
        return noise + (f"JPEG {self.quality}" if self.quality else "PNG")


def crops(folder: Path, scale: int, which: int, count: int) -> Iterator[Crop]:
    """The middles of the first so many photos that are large enough, of every second one."""
    found = _crops(sorted(folder.iterdir())[which::2], LR_PX[scale] * scale)
    return islice(found, count)


def _crops(photos: list[Path], side: int) -> Iterator[Crop]:
    for seed, photo in enumerate(photos):
        pixels_HWC = color.to_rgb(pictures.read(photo).pixels_HWC)
        if min(pixels_HWC.shape[:2]) >= side:
            yield Crop(photo.name, middle(pixels_HWC, side), seed)


def middle(pixels_HWC: np.ndarray, side: int) -> np.ndarray:
    top, left = ((length - side) // 2 for length in pixels_HWC.shape[:2])
    return pixels_HWC[top : top + side, left : left + side]


def picture(crop: Crop, scale: int, damage: Damage | str) -> Picture:
    """A crop as somebody has it: made small, worn, and read from the file that it is in."""
    if damage == WEB:
        return _from_the_web(crop, scale)
    noise, quality = damage
    lr = bicubic.resize(crop.truth_HWC / np.float32(255), Fraction(1, scale))
    noisy = lr + noise / 255 * np.random.default_rng(0).standard_normal(lr.shape)
    image = pyvips.Image.new_from_array(color.from_float(noisy, np.uint8))
    if quality is None:
        return Picture.from_bytes(image.pngsave_buffer(compression=1))
    return Picture.from_bytes(image.jpegsave_buffer(Q=quality, subsample_mode="on"))


def _from_the_web(crop: Crop, scale: int) -> Picture:
    """By the preset of training; no head of a file tells of it."""
    import torch

    from rgtsr.training import degrade

    torch.manual_seed(crop.seed)
    hr_BCHW = torch.from_numpy(crop.truth_HWC.copy()).permute(2, 0, 1)[None] / 255
    lr_BCHW = degrade.degrade(hr_BCHW, scale, WEB, np.random.default_rng(crop.seed))
    return Picture.from_array(color.from_float(lr_BCHW[0].permute(1, 2, 0).numpy(), np.uint8))


@functools.cache
def network(model: str, share: float) -> Upscaler:
    """The network that restores so far, untiled."""
    return Upscaler(model, restore=share, settings=Settings(whole=True))


def share(lr: Picture, model: str) -> float:
    """How far the program restores it by itself."""
    return restoring.asked_for(wear(lr), model)


def cubic(lr: Picture, scale: int) -> np.ndarray:
    return bicubic.resize(lr.pixels_HWC, scale, rounding="uint8")


def quality(enlarged_HWC: np.ndarray, crop: Crop, scale: int) -> Quality:
    return metrics.on_luma(enlarged_HWC, crop.truth_HWC, shave=scale)


def digests(model: str) -> dict[str, str]:
    """The sha256 of weights and of those for photos, by name: what a result was made with."""
    entries = [weights.find(model), weights.photo_sibling(model)]
    return {entry.name: entry.sha256 for entry in entries if entry}
