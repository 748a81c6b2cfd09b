"""Photos for training, as pairs of HR and LR on one device. Knows no network.

Shapes: H, W of HR; LR is (H / S, W / S).
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rgtsr.errors import PictureError, TrainingError
from rgtsr.training import albums, pack
from rgtsr.training.albums import Photo
from rgtsr.training.recipe import Recipe


@dataclass(frozen=True)
class Pair:
    """One photo in both sizes, uint8 (H, W, 3) tensors on one device."""

    name: str
    hr_HWC: Tensor
    lr_HWC: Tensor


def of(
    recipe: Recipe,
    *,
    crop_px: int = 1,
    device: str = "cpu",
    on_skip: Callable[[str], None] = lambda _: None,
) -> list[Pair]:
    """The photos of a recipe: from folders and packs, with the LR that it gives, or made.

    Unreadable photos and those smaller than a crop of LR are left out and named to ``on_skip``.

    Raises:
        ValueError, TrainingError: as ``albums.photos``, ``albums.matched`` and ``pack.read``, and
            when no photo is left.
    """
    files = [path for path in recipe.photos if path.suffix == pack.SUFFIX]
    folders = [path for path in recipe.photos if path.suffix != pack.SUFFIX]
    if files and recipe.lr_photos:
        raise TrainingError(f"{files[0]} has its LR in it, or none: leave lr_photos out.")
    photos = albums.photos(
        folders, recipe.lr_photos, template=recipe.filename_tmpl, scale=recipe.scale
    )
    pairs: list[Pair] = []
    for name, hr, lr in _sizes(photos, files, recipe.scale, on_skip):
        if min(lr.shape[:2]) < crop_px:
            size = f"{hr.shape[1]}x{hr.shape[0]}"
            on_skip(f"{name} is too small: {size}, but crops are {crop_px * recipe.scale} px.")
            continue
        both = (torch.tensor(side).to(device) for side in (hr, lr))
        pairs.append(Pair(name, *both))
    if not pairs:
        raise TrainingError("no photo is left to train on: all were unreadable or too small.")
    return pairs


def _sizes(
    photos: Iterable[Photo], packs: Iterable[Path], scale: int, on_skip: Callable[[str], None]
) -> Iterator[tuple[str, albums.Pixels, albums.Pixels]]:
    for photo in photos:
        try:
            yield photo.hr.name, *albums.sizes(photo, scale)
        except PictureError as error:
            on_skip(str(error))
    for path in packs:
        for pair in pack.read(path).pairs(scale):
            yield pair.name, pair.hr_HWC, pair.lr_HWC
