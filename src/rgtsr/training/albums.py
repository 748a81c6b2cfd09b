"""Folders of photos, and the LR pictures that are given for them. Knows no torch.

Shapes: H, W of HR; LR is (H / S, W / S), S the scale.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import TrainingError
from rgtsr.pictures import SUFFIXES, Picture, bicubic, read

LR_FOLDER = re.compile(r"(^|_)lr(_|$)", re.IGNORECASE)  # DIV2K_train_LR_bicubic and the like
TEMPLATE = "{}x{scale}"  # DIV2K's: 0001.png has the LR 0001x2.png
MOST_NAMED = 5  # photos in one error

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Photo:
    """A photo's file, and that of its LR where one is given."""

    hr: Path
    lr: Path | None = None


def photos(
    folders: Sequence[Path],
    lr_folders: Sequence[Path] = (),
    *,
    template: str = TEMPLATE,
    scale: int = 2,
) -> list[Photo]:
    """All photos below the folders, with their LR from the folders of LR, one for each, if any.

    Raises:
        ValueError: when there are folders of LR, but not as many.
        TrainingError: for a folder without pictures, and photos whose LR is missing.
    """
    found, lacking = paired(folders, lr_folders, template=template, scale=scale)
    if lacking:
        named = "; ".join(f"{path}: {what}" for path, what in lacking[:MOST_NAMED])
        more = len(lacking) - MOST_NAMED
        raise TrainingError(named + (f"; and {more} more." if more > 0 else "."))
    return found


def paired(
    folders: Sequence[Path], lr_folders: Sequence[Path], *, template: str, scale: int
) -> tuple[list[Photo], list[tuple[Path, str]]]:
    """The same; photos whose LR is missing stay alone, and are listed with what they lack."""
    if not lr_folders:
        return [Photo(path) for path in paths(folders)], []
    if len(lr_folders) != len(folders):
        raise ValueError(f"{len(lr_folders)} folders of LR for {len(folders)} of photos.")
    found: list[Photo] = []
    lacking: list[tuple[Path, str]] = []
    for folder, lr_folder in zip(folders, lr_folders, strict=True):
        small = _by_stem(lr_folder)
        for path in paths([folder]):
            name = template.replace("{scale}", str(scale)).replace("{}", path.stem)
            place = path.parent.relative_to(folder) / name
            lr = small.get(place) or small.get(f"X{scale}" / place)
            found.append(Photo(path, lr))
            if lr is None:
                lacking.append((path, f"its LR {name}.* is not in {lr_folder}"))
    return found, lacking


def _by_stem(folder: Path) -> dict[Path, Path]:
    """The pictures below a folder, by their path in it without the suffix."""
    inside = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES)
    return {path.relative_to(folder).with_suffix(""): path for path in inside}


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


def read8(path: Path) -> Pixels:
    """A picture as RGB of 8 bits, (H, W, 3), as networks are trained on. Raises PictureError."""
    return rgb8(read(path))


def rgb8(picture: Picture) -> Pixels:
    """The same of a picture that has been read."""
    pixels = picture.pixels_HWC
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.uint8)


def both_sizes(hr_HWC: Pixels, scale: int) -> tuple[Pixels, Pixels]:
    """HR cut to a multiple of ``scale``, and its LR by the exact bicubic, rounded once."""
    height, width = (side // scale * scale for side in hr_HWC.shape[:2])
    hr = np.ascontiguousarray(hr_HWC[:height, :width])
    return hr, bicubic.resize(hr, Fraction(1, scale)).astype(np.uint8)


def matched(photo: Photo, hr_HWC: Pixels, lr_HWC: Pixels, scale: int) -> tuple[Pixels, Pixels]:
    """HR cut to its given LR * ``scale``. Raises TrainingError for sizes that do not match."""
    height, width = (side * scale for side in lr_HWC.shape[:2])
    spare = hr_HWC.shape[0] - height, hr_HWC.shape[1] - width
    if not all(0 <= side < scale for side in spare):
        raise TrainingError(
            f"{photo.lr} is {lr_HWC.shape[1]}x{lr_HWC.shape[0]}: at x{scale} it cannot belong to"
            f" {photo.hr} of {hr_HWC.shape[1]}x{hr_HWC.shape[0]}."
        )
    return np.ascontiguousarray(hr_HWC[:height, :width]), lr_HWC


def sizes(photo: Photo, scale: int) -> tuple[Pixels, Pixels]:
    """HR and LR of a photo, made or given. Raises PictureError, or TrainingError as ``matched``."""
    hr = read8(photo.hr)
    if photo.lr is None:
        return both_sizes(hr, scale)
    return matched(photo, hr, read8(photo.lr), scale)
