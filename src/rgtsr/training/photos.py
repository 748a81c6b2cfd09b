"""Photos for training: pairs of HR and LR in uint8, and random aligned crops of them.

Shapes: H, W of HR; LR is (H / S, W / S); batches are (B, 3, h, w) float32 in 0..1.
Knows no network. Source: RGT, section 4.1 (flips and quarter turns).
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


class Crops:
    """Endless random batches of aligned crops; the same seed gives the same batches.

    Photos are drawn by their area, so that every place is equally likely (the authors draw crops of
    almost equal size, each once an epoch, which comes to the same). Each crop is flipped and
    turned at random, and its colours are permuted when ``permute_rgb``.
    """

    def __init__(
        self, pairs: list[Pair], *, batch: int, patch_px: int, permute_rgb: bool, seed: int
    ) -> None:
        self.pairs = pairs
        self.batch = batch
        self.patch_px = patch_px
        self.permute_rgb = permute_rgb
        self.scale = pairs[0].hr_HWC.shape[0] // pairs[0].lr_HWC.shape[0]
        areas = np.array([pair.lr_HWC.shape[0] * pair.lr_HWC.shape[1] for pair in pairs])
        self.chances = areas / areas.sum()
        self.rng = np.random.default_rng(seed)

    def draw(self) -> tuple[Tensor, Tensor]:
        """One batch: LR (B, 3, patch, patch) and HR (B, 3, patch * S, patch * S), in 0..1."""
        crops = [self._crop() for _ in range(self.batch)]
        lr, hr = (torch.stack(side) for side in zip(*crops, strict=True))
        return _to_floats(lr), _to_floats(hr)

    def _crop(self) -> tuple[Tensor, Tensor]:
        pair = self.pairs[int(self.rng.choice(len(self.pairs), p=self.chances))]
        top, left = (
            int(self.rng.integers(side - self.patch_px + 1)) for side in pair.lr_HWC.shape[:2]
        )
        turns, flip = int(self.rng.integers(4)), bool(self.rng.integers(2))
        colours = self.rng.permutation(3) if self.permute_rgb else np.arange(3)

        def cut(photo_HWC: Tensor, factor: int) -> Tensor:
            side = self.patch_px * factor
            y, x = top * factor, left * factor
            patch = photo_HWC[y : y + side, x : x + side, colours.tolist()]
            patch = torch.rot90(patch, turns)
            return patch.flip(1) if flip else patch

        return cut(pair.lr_HWC, 1), cut(pair.hr_HWC, self.scale)


def _to_floats(batch_BHWC: Tensor) -> Tensor:
    return batch_BHWC.permute(0, 3, 1, 2).float() / 255
