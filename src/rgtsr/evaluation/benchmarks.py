"""Benchmark folders: pairs of a picture and its LR. Knows no network and no metric.

Layouts: ``DIR/HR`` with ``DIR/LR_bicubic/X2/namex2.png`` (the field's), ``DIR/HR`` alone, or a
folder of pictures. LR is made from HR by the exact bicubic where it is absent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rgtsr import pictures
from rgtsr.errors import EvaluationError
from rgtsr.pictures.pairs import Files, Pair

# what people add to a picture's name: its LR's ending, then anything after a dash or underscore
ENDING = re.compile(r"(x[1-4])?([_-].*)?", re.IGNORECASE)
ENDING_SCALE = re.compile(r"(?:^|[_-])x([1-4])(?![0-9a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Benchmark:
    """A set of pictures at one scale. ``lr_source`` is ``given`` or ``made``."""

    name: str
    scale: int
    lr_source: str
    files: tuple[Files, ...]

    def pairs(self) -> Iterator[Pair]:
        """The pictures, read one by one. Raises PictureError for sizes that do not match."""
        for files in self.files:
            yield files.read(self.scale)


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
        return Benchmark(folder.resolve().name, scale, "made", tuple(map(Files, truths)))
    given = {path.stem: path for path in listed(small)}
    files: list[Files] = []
    for hr in truths:
        lr = given.get(f"{hr.stem}x{scale}") or given.get(hr.stem)
        if lr is None:
            raise EvaluationError(f"{small}: the LR of {hr.name} is missing.")
        files.append(Files(hr, lr))
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
    names = [files.hr.stem for files in benchmark.files]
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
