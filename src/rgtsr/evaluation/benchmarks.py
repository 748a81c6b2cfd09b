"""Benchmark folders: pairs of a picture and its LR. Knows no network and no metric.

Layouts: ``DIR/HR`` with ``DIR/LR_bicubic/X2/namex2.png`` (the field's), ``DIR/HR`` alone, or a
folder of pictures. LR is made from HR by the exact bicubic where it is absent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr import pictures
from rgtsr.errors import EvaluationError
from rgtsr.pictures import bicubic

Picture8 = NDArray[np.uint8]

# what people add to a picture's name: its LR's ending, then anything after a dash or underscore
ENDING = re.compile(r"(x[1-4])?([_-].*)?", re.IGNORECASE)
ENDING_SCALE = re.compile(r"(?:^|[_-])x([1-4])(?![0-9a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """One picture of a benchmark, cut to LR * scale, and its LR; uint8 (H, W, C)."""

    name: str
    hr_HWC: Picture8
    lr_HWC: Picture8


@dataclass(frozen=True)
class Benchmark:
    """A set of pictures at one scale. ``lr_source`` is ``given`` or ``made``."""

    name: str
    scale: int
    lr_source: str
    files: tuple[tuple[Path, Path | None], ...]

    def pairs(self) -> Iterator[Pair]:
        """The pictures, read one by one. Raises EvaluationError for sizes that do not match."""
        for hr, lr in self.files:
            yield _pair(hr, lr, self.scale)


def find(folder: Path, scale: int) -> Benchmark:
    """The benchmark in ``folder``; its name is the folder's.

    Raises:
        EvaluationError: when there is no such folder, no picture in it, two of one name, or an LR
            is missing.
    """
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: there is no such folder.")
    inside = folder / "HR" if (folder / "HR").is_dir() else folder
    truths = listed(inside)
    if not truths:
        raise EvaluationError(f"{inside}: holds no pictures.")
    for before, after in pairwise(truths):
        if before.stem == after.stem:
            raise EvaluationError(
                f"{inside}: {before.name} and {after.name} have one name: keep one."
            )
    small = folder / "LR_bicubic" / f"X{scale}"
    if not small.is_dir():
        return Benchmark(folder.resolve().name, scale, "made", tuple((hr, None) for hr in truths))
    given = {path.stem: path for path in listed(small)}
    files: list[tuple[Path, Path | None]] = []
    for hr in truths:
        lr = given.get(f"{hr.stem}x{scale}") or given.get(hr.stem)
        if lr is None:
            raise EvaluationError(f"{small}: the LR of {hr.name} is missing.")
        files.append((hr, lr))
    return Benchmark(folder.resolve().name, scale, "given", tuple(files))


def results(folder: Path, benchmark: Benchmark) -> dict[str, Path]:
    """The pictures in ``folder`` that somebody made for a benchmark, by the truth's name.

    ``baby.png``, ``babyx2.png``, ``baby_x2_SR.png`` all stand for ``baby``, at x2.

    Raises:
        EvaluationError: when one is missing, or there are several for one.
    """
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: there is no such folder.")
    if (folder / benchmark.name).is_dir():
        folder = folder / benchmark.name
    names = [hr.stem for hr, _ in benchmark.files]
    found: dict[str, Path] = {}
    for path in listed(folder):
        fitting = [name for name in names if _stands_for(path.stem, name, benchmark.scale)]
        name = max(fitting, key=len, default=None)  # lenna_grey_x2 is not lenna's
        if name in found:
            raise EvaluationError(
                f"{folder}: {found[name].name} and {path.name} are both results for {name}:"
                " keep one."
            )
        if name is not None:
            found[name] = path
    missing = [name for name in names if name not in found]
    if missing:
        raise EvaluationError(f"{folder}: there is no result for {', '.join(missing)}.")
    return found


def _stands_for(stem: str, name: str, scale: int) -> bool:
    if not stem.startswith(name):
        return False
    ending = stem[len(name) :]
    said = {int(digit) for digit in ENDING_SCALE.findall(ending)}
    return ENDING.fullmatch(ending) is not None and said <= {scale}


def listed(folder: Path) -> list[Path]:
    """The pictures of a folder, sorted."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in pictures.SUFFIXES)


def read8(path: Path) -> Picture8:
    """A picture of 8 bits; 16 are rounded."""
    pixels = pictures.read(path).pixels_HWC
    if pixels.dtype == np.uint16:
        pixels = (pixels.astype(np.uint32) + 128) // 257
    return pixels.astype(np.uint8)


def small_of(hr_HWC: Picture8, scale: int) -> tuple[Picture8, Picture8]:
    """HR cut to a multiple of ``scale``, and its LR by the exact bicubic.

    Raises:
        EvaluationError: for a picture with a side below ``scale``.
    """
    height, width = (side // scale * scale for side in hr_HWC.shape[:2])
    if min(height, width) == 0:
        raise EvaluationError(
            f"a picture of {hr_HWC.shape[1]}x{hr_HWC.shape[0]} is too small for x{scale}."
        )
    hr = hr_HWC[:height, :width]
    return hr, bicubic.resize(hr, Fraction(1, scale)).astype(np.uint8)


def _pair(hr_path: Path, lr_path: Path | None, scale: int) -> Pair:
    hr = read8(hr_path)
    if lr_path is None:
        cut, lr = small_of(hr, scale)
        return Pair(hr_path.stem, cut, lr)
    lr = read8(lr_path)
    height, width = lr.shape[0] * scale, lr.shape[1] * scale
    spare = hr.shape[0] - height, hr.shape[1] - width
    if not (0 <= spare[0] < scale and 0 <= spare[1] < scale):
        raise EvaluationError(
            f"{lr_path} is {lr.shape[1]}x{lr.shape[0]}: at x{scale} it cannot belong to"
            f" {hr_path.name} of {hr.shape[1]}x{hr.shape[0]}."
        )
    return Pair(hr_path.stem, hr[:height, :width], lr)
