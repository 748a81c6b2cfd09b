"""Small pictures, a small network, and whole runs of a batch over them."""

import functools
import io
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

from fakes import POISON, Leaking, Poisoned, Repeating
from rgtsr import pictures, variants, weights
from rgtsr.batch import (
    Batch,
    Count,
    Patience,
    Processes,
    Row,
    Shard,
    Source,
    Task,
    places,
)
from rgtsr.batch.drive import Hands
from rgtsr.batch.manifest import NAME
from rgtsr.jobs import Wish
from rgtsr.pictures import Picture
from rgtsr.upscaler import Report, Settings, Upscaler


class Killed(Upscaler):
    """Is killed at one picture, as where memory is out.

    At once: where Ray has put a handler behind SIGSEGV, other threads go on for a while.
    """

    def upscale_file(self, source: Any, target: Any, **options: Any) -> Report:
        if source.name == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().upscale_file(source, target, **options)


class Vanishing(Upscaler):
    """Its sources go as soon as their results are there."""

    def upscale_file(self, source: Any, target: Any, **options: Any) -> Report:
        report = super().upscale_file(source, target, **options)
        source.unlink()
        return report


TINY = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=0)

opened = functools.partial(Upscaler, TINY, runtime=Repeating(), settings=Settings(tile_px=32))
real = functools.partial(Upscaler, TINY, settings=Settings(tile_px=32))
poisoned = functools.partial(Poisoned, *opened.args, **opened.keywords)
EIGHT = tuple(f"{number}.png" for number in range(8))
ALL = Shard()
killed = functools.partial(Killed, *opened.args, **opened.keywords)
vanishing = functools.partial(Vanishing, *opened.args, **opened.keywords)
leaking = functools.partial(Leaking, *opened.args, **opened.keywords)
hasty = Patience(tries=8, first_s=0.01, most_s=0.1)


@dataclass
class Told:
    """What a run said."""

    rows: list[Row] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    count: Count = field(default_factory=Count)

    def states(self) -> dict[str, str]:
        """By the output's path; a row that comes twice is an error."""
        assert len({row.output for row in self.rows}) == len(self.rows), "ended twice"
        return {row.output: row.state for row in self.rows}


def noise(seed: int, height: int = 40, width: int = 50) -> Picture:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Picture.from_array(values)


def make_folder(folder: Path, names: Iterable[str] = EIGHT) -> Path:
    """Pictures of noise, each another."""
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pictures.write(noise(seed), folder / name)
    return folder


def task(
    destination: str | Path,
    upscaler: Callable[[], Upscaler] = opened,
    patience: Patience = hasty,
    *,
    salvage: bool = False,
) -> Task:
    wish = Wish(salvage=salvage)
    with upscaler() as one:
        key = wish.identity(one)
    url = places.at(str(destination)).url()
    return Task(upscaler, wish, url, key, patience=patience)


def through(
    source: str | Path,
    destination: str | Path,
    upscaler: Callable[[], Upscaler] = opened,
    *,
    hands: Callable[[Task], Hands] = Processes,
    workers: int = 1,
    shard: Shard = ALL,
    suffix: str | None = None,
    on_row: Callable[[Row], object] = lambda _: None,
    told: Told | None = None,
    patience: Patience = hasty,
    salvage: bool = False,
    **more: object,
) -> Told:
    """A whole run with processes, or with other hands."""
    told = told or Told()
    mine = task(destination, upscaler, patience, salvage=salvage)
    place = places.at(str(destination), patience)
    batch = Batch(
        Source(str(source), place, suffix, shard, patience),
        mine,
        place.url(NAME),
        workers,
        **more,
    )

    def heard(row: Row) -> None:
        told.rows.append(row)
        on_row(row)

    told.count = batch.run(hands(mine), on_row=heard, say=told.lines.append)
    return told


def results(folder: Path) -> dict[str, bytes]:
    """Every file below, but for the manifest."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "_manifest" not in path.parts
    }


def expected(
    folder: Path, out: Path, upscaler: Callable[[], Upscaler] = opened
) -> dict[str, bytes]:
    """What each picture becomes alone."""
    with upscaler() as one:
        for path in sorted(folder.rglob("[!.]*.png")):
            target = out / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            one.upscale_file(path, target)
    return results(out)


def manifest(destination: str | Path) -> dict[str, Row]:
    """By output: the row that holds."""
    place = places.at(places.at(str(destination)).url(NAME))
    newest: dict[str, Row] = {}
    for path in [found.path for found in place.files() if found.path.endswith(".parquet")]:
        for cells in parquet.read_table(io.BytesIO(place.read(path))).to_pylist():
            row = Row(**cells)
            if row.output not in newest or newest[row.output].ended <= row.ended:
                newest[row.output] = row
    return newest
