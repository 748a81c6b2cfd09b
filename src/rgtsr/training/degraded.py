"""Benchmarks of photos that are not perfect, in the field's layout: HR, and LR made worse."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rgtsr import pictures
from rgtsr.errors import TrainingError
from rgtsr.pictures import Picture, pairs
from rgtsr.pictures.pairs import Files
from rgtsr.training import degrade


def benchmark(photos: Sequence[Files], target: Path, preset: str, scale: int, seed: int) -> int:
    """``target/HR`` and ``target/LR_bicubic/X2`` (the layout's name) of photos; how many.

    A photo's degradation follows from the seed and its place among the photos.

    Raises:
        ValueError: for a preset that there is not.
        PictureError: for a photo that cannot be read or written.
        TrainingError: when the folder cannot be made.
    """
    degrade.stages_of(preset)  # raises before anything is made
    large, small = target / "HR", target / "LR_bicubic" / f"X{scale}"
    try:
        for folder in (large, small):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{target}: cannot be made: {error}.") from error
    for number, photo in enumerate(photos):
        hr_HWC = pairs.made(pairs.read8(photo.hr, rgb=True), scale, name=str(photo.hr))[0]
        hr = torch.from_numpy(hr_HWC).permute(2, 0, 1)[None].float() / 255
        torch.manual_seed(seed + number)
        lr = degrade.degrade(hr, scale, preset, np.random.default_rng((seed, number)))
        lr_HWC = (255 * lr[0]).round().byte().permute(1, 2, 0).contiguous().numpy()
        pictures.write(Picture.from_array(hr_HWC), large / f"{photo.hr.stem}.png")
        pictures.write(Picture.from_array(lr_HWC), small / f"{photo.hr.stem}x{scale}.png")
    return len(photos)
