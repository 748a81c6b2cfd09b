"""Folders of photos, and the LR pictures that are given for them. Knows no torch."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rgtsr.errors import PictureError, TrainingError, UsageError
from rgtsr.pictures import SUFFIXES, pairs
from rgtsr.pictures.pairs import Files, Pixels

LR_FOLDER = re.compile(r"(^|_)lr(_|$)", re.IGNORECASE)  # DIV2K_train_LR_bicubic and the like
TEMPLATE = "{}x{scale}"  # DIV2K's: 0001.png has the LR 0001x2.png
MOST_NAMED = 5  # photos in one error


def photos(
    folders: Sequence[Path],
    lr_folders: Sequence[Path] = (),
    *,
    template: str = TEMPLATE,
    scale: int = 2,
) -> list[Files]:
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
) -> tuple[list[Files], list[tuple[Path, str]]]:
    """All photos below the folders, and those whose LR is missing, with what they lack.

    Raises:
        ValueError: when there are folders of LR, but not as many.
        TrainingError: for a folder without pictures.
    """
    if not lr_folders:
        return [Files(path) for path in paths(folders)], []
    if len(lr_folders) != len(folders):
        raise UsageError(f"{len(lr_folders)} folders of LR for {len(folders)} of photos.")
    found: list[Files] = []
    lacking: list[tuple[Path, str]] = []
    for folder, lr_folder in zip(folders, lr_folders, strict=True):
        small = _by_stem(lr_folder)
        for path in paths([folder]):
            name = template.replace("{scale}", str(scale)).replace("{}", path.stem)
            place = path.parent.relative_to(folder) / name
            lr = small.get(place) or small.get(f"X{scale}" / place)
            found.append(Files(path, lr))
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


def read(
    photo: Files, *, least_px: int, on_skip: Callable[[str], None]
) -> tuple[Pixels, Pixels | None] | None:
    """HR and given LR as RGB of 8 bits, as networks are trained on.

    A photo that cannot be read, or with a side below ``least_px``, is named to ``on_skip``.
    """
    try:
        hr = pairs.read8(photo.hr, rgb=True)
        lr = None if photo.lr is None else pairs.read8(photo.lr, rgb=True)
    except PictureError as error:
        return on_skip(str(error))
    if is_too_small(photo.hr.name, hr, least_px, on_skip):
        return None
    return hr, lr


def is_too_small(name: str, hr_HWC: Pixels, least_px: int, on_skip: Callable[[str], None]) -> bool:
    """Whether a side is below ``least_px``; the photo is then named to ``on_skip``."""
    height, width = hr_HWC.shape[:2]
    if min(height, width) < least_px:
        on_skip(f"{name} is too small: {width}x{height}, but a side needs {least_px} px.")
    return min(height, width) < least_px
