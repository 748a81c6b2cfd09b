"""Photos for training: pairs of HR and LR in uint8. Knows no network.

Shapes: H, W of HR; LR is (H / S, W / S).
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rgtsr.errors import PictureError, TrainingError
from rgtsr.pictures import SUFFIXES, Picture, bicubic, read

LR_FOLDER = re.compile(r"(^|_)lr(_|$)", re.IGNORECASE)  # DIV2K_train_LR_bicubic and the like


@dataclass(frozen=True)
class Pair:
    """One photo in both sizes, uint8 (H, W, 3) tensors on one device."""

    name: str
    hr_HWC: Tensor
    lr_HWC: Tensor


def paths(folders: Iterable[Path]) -> list[Path]:
    """All pictures below the folders, without those in LR folders (DIV2K, Flickr2K), sorted.

    Raises:
        TrainingError: for a folder that does not exist or holds no picture.
    """
    found: list[Path] = []
    for folder in folders:
        inside = [
            path
            for path in sorted(folder.rglob("*"))
            if path.suffix.lower() in SUFFIXES
            and not any(LR_FOLDER.search(part) for part in path.relative_to(folder).parts[:-1])
        ]
        if not inside:
            raise TrainingError(f"{folder} holds no pictures: photos= takes folders of photos.")
        found += inside
    return found


def load(
    files: Iterable[Path],
    *,
    scale: int,
    patch_px: int = 1,
    device: str = "cpu",
    on_skip: Callable[[str], None] = lambda _: None,
) -> list[Pair]:
    """Read photos and make their LR: of the whole photo, by the exact bicubic, rounded once.

    Unreadable photos and those smaller than a patch are left out and named to ``on_skip``.

    Raises:
        TrainingError: when none is left.
    """
    pairs: list[Pair] = []
    for path in files:
        try:
            hr, lr = both_sizes(rgb8(read(path)), scale)
        except PictureError as error:
            on_skip(str(error))
            continue
        if min(lr.shape[:2]) < patch_px:
            on_skip(f"{path} is too small: {lr.shape[0]}x{lr.shape[1]} below {patch_px} px of LR.")
            continue
        pairs.append(
            Pair(path.name, torch.from_numpy(hr).to(device), torch.from_numpy(lr).to(device))
        )
    if not pairs:
        raise TrainingError("no photo is left to train on: all were unreadable or too small.")
    return pairs


def both_sizes(
    hr_HWC: NDArray[np.uint8], scale: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """HR cut to a multiple of ``scale`` and its LR, both uint8 (H, W, 3)."""
    height, width = (side // scale * scale for side in hr_HWC.shape[:2])
    hr = np.ascontiguousarray(hr_HWC[:height, :width])
    return hr, bicubic.resize(hr, Fraction(1, scale)).astype(np.uint8)


def rgb8(picture: Picture) -> NDArray[np.uint8]:
    """The picture as RGB of 8 bits, (H, W, 3): what networks are trained on."""
    pixels = picture.pixels_HWC
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.uint8)
