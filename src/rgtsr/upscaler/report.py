"""What became of one file, in figures and in lines worth telling. Knows no files, no samples."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from rgtsr.pictures.wear import Wear
from rgtsr.upscaler.banding import Way
from rgtsr.upscaler.tally import Tally


@dataclass(frozen=True)
class Report:
    """What became of one file: output (height, width), seconds, and lines worth telling.

    ``models`` are the names of the weights that ran, in order; ``wear`` is what the picture had
    been through, ``restored`` how far that was made good, 0..1.
    """

    size: tuple[int, int]
    seconds: float
    notes: tuple[str, ...]
    models: tuple[str, ...]
    wear: Wear
    restored: float


def of(
    way: Way, *, size: tuple[int, int], wear: Wear, started: float, lost: tuple[str, ...]
) -> Report:
    """Of a picture at the end of its way. ``started``: by the performance counter; ``lost``: what
    its format could not hold."""
    return Report(
        size=size,
        seconds=time.perf_counter() - started - way.tally.waited_s,
        notes=(*way.picture.notes, *lost, *notes(way.tally), *_reduced(way.picture.size, size)),
        models=way.family.names(way.scales),
        wear=wear,
        restored=way.share,
    )


def notes(tally: Tally) -> Iterator[str]:
    """What memory or rounding made of tiles."""
    if tally.redone:
        yield f"{tally.redone} of {tally.total} tiles were redone in float32"
    if tally.cut_px:
        yield f"memory was short: tiles of {tally.cut_px} px from there on"


def _reduced(before: tuple[int, int], after: tuple[int, int]) -> Iterator[str]:
    if max(after) < max(before):
        yield f"it was {before[1]} x {before[0]}, so this made it smaller"
