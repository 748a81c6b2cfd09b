"""``rgtsr batch``: pictures by the million, on any file system, on one machine or a cluster."""

import functools
import importlib.util
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rgtsr import signals
from rgtsr.cli import options
from rgtsr.cli.files import PassedOver
from rgtsr.cli.network import AUTO, opened
from rgtsr.cli.outlook import duration
from rgtsr.cli.sizes import factor, share, size_bytes
from rgtsr.cli.terminal import complain, tell, visible
from rgtsr.errors import RuntimeUnavailableError, UsageError

if TYPE_CHECKING:
    from rgtsr.batch import Count, Row, Shard, Task
    from rgtsr.batch import Source as Listed
    from rgtsr.batch.drive import Hands

NEEDED = ("fsspec", "pyarrow")
SHARD = re.compile(r"(\d+)/(\d+)")
SAID_S = 10.0  # between lines that say how far it is

Source = Annotated[
    str,
    typer.Argument(
        help="A folder, a list (.parquet with a column path), or tar files (a-{000..123}.tar), on"
        " this machine or at any URL that fsspec knows, such as s3://bucket/photos."
    ),
]
Destination = Annotated[
    str, typer.Argument(metavar="DEST", help="A folder, here or at a URL; the manifest goes there.")
]
ShardOf = Annotated[
    str | None,
    typer.Option("--shard", metavar="K/N", help="The K-th of N parts; 1/N to N/N are the whole."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Processes, each with a network. Default: 1; with --ray as many as there are cores"
        " for.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Of each worker. Default: its share of the cores; with --ray 4, or what the smallest"
        " machine has.",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Work on a Ray cluster: its address, auto for the one that this machine is part of, or"
        " local for one of this machine alone.",
    ),
]
ManifestAt = Annotated[
    str | None,
    typer.Option(
        "--manifest", metavar="PLACE", help="A folder or URL. Default: _manifest in DEST."
    ),
]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry", help="Try again what failed because of the picture itself, or killed its worker."
    ),
]
Rehearsal = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Make nothing: list what would be enlarged, and count what would not."
    ),
]


def batch(
    source: Source,
    destination: Destination,
    *,
    scale: options.Scale = None,
    width: options.Width = None,
    height: options.Height = None,
    long_side: options.LongSide = None,
    model: options.Model = None,
    restore: options.Restore = None,
    tile: options.Tile = None,
    overlap: options.Overlap = None,
    max_memory: options.MaxMemory = None,
    ensemble: options.Ensemble = False,
    precision: options.Precision = "auto",
    runtime: options.RuntimeName = "auto",
    device: options.Device = "auto",
    strip: options.Strip = False,
    quality: options.Quality = None,
    form: options.Format = None,
    max_pixels: options.MaxPixels = None,
    salvage: options.Salvage = False,
    pyramid: options.Pyramid = False,
    shard: ShardOf = None,
    workers: Workers = None,
    threads: Threads = None,
    ray: Ray = None,
    manifest: ManifestAt = None,
    retry: Retry = False,
    dry_run: Rehearsal = False,
    quiet: options.Quiet = False,
) -> int:
    """Enlarge pictures by the million: folders, lists and tar files, here or in object stores.

    What became of each stands in a manifest (Parquet). The same command goes on where it was.
    """
    if quiet and dry_run:
        raise UsageError("--quiet excludes --dry-run: leave it out.")
    check_installed(with_ray=ray is not None)
    from rgtsr.batch import Source as Listed
    from rgtsr.batch import Task, places
    from rgtsr.batch.manifest import NAME
    from rgtsr.jobs import Wish
    from rgtsr.pictures import MAX_PIXELS

    place = places.at(destination)
    listed = Listed(source, place, form and f".{form}", part(shard))
    times = None if scale is None else factor(scale)
    usual = AUTO if model in (None, AUTO) else 0.0
    wish = Wish(
        scale=times,
        width_px=width,
        height_px=height,
        long_side_px=long_side,
        strip=strip,
        quality=quality,
        max_pixels=MAX_PIXELS if max_pixels is None else max_pixels,
        salvage=salvage,
        pyramid=pyramid,
    )
    shared = 1 if ray else workers or 1
    reopen = functools.partial(
        opened,
        str(Path(model).absolute()) if model and Path(model).is_file() else model,
        repeated=True,
        restore=usual if restore is None else share(restore),
        scale=times,
        tile_px=tile,
        overlap_px=overlap,
        max_memory_bytes=None if max_memory is None else size_bytes(max_memory) // shared,
        ensemble=ensemble,
        precision=precision,
        runtime=runtime,
        device=device,
    )
    with reopen() as upscaler:
        wish = replace(wish, scale=None if times == upscaler.scale else times)
        key = wish.identity(upscaler)
    task = Task(reopen, wish, place.url(), key)
    manner = Manner(workers, threads, ray, manifest or place.url(NAME), retry, quiet)
    return rehearse(listed, task, manner) if dry_run else through(listed, task, manner)


@dataclass(frozen=True)
class Manner:
    """Who works, and what is said."""

    workers: int | None
    threads: int | None
    ray: str | None
    manifest: str
    retry: bool
    is_quiet: bool


def check_installed(*, with_ray: bool) -> None:
    """Raises RuntimeUnavailableError, which names the extra."""
    needed = (*NEEDED, "ray") if with_ray else NEEDED
    lacking = [name for name in needed if importlib.util.find_spec(name) is None]
    if lacking:
        raise RuntimeUnavailableError(
            f"batch needs {' and '.join(lacking)}: pip install 'rgtsr[cluster]'."
        )


def part(text: str | None) -> "Shard":
    """The shard in ``3/100``; all without one. Raises UsageError."""
    from rgtsr.batch import Shard

    if text is None:
        return Shard()
    found = SHARD.fullmatch(text)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count:
        raise UsageError(f"--shard={text} is none: write 3/100 for the third of a hundred.")
    return Shard(number, count)


def through(listed: "Listed", task: "Task", manner: Manner) -> int:
    """All of it; returns the exit status."""
    from rgtsr.batch import Batch

    hands, workers, task = hired(task, manner)
    batch = Batch(listed, task, manner.manifest, workers, retry=manner.retry)
    told = Told(manner.is_quiet)
    try:
        count = batch.run(hands, on_row=told.on_row, on_moment=told.on_moment, say=told.say)
    except (KeyboardInterrupt, SystemExit):
        told.say(f"stopped: {told.count}; the same command goes on")
        raise
    told.say_passed_over(listed)
    told.say(f"{count}; what became of each: {manner.manifest}")
    return 1 if count.failed or count.known or listed.closed else 0


def rehearse(listed: "Listed", task: "Task", manner: Manner) -> int:
    """What it would do; returns the exit status."""
    from rgtsr.batch import Batch, Item

    items = 0

    def on_item(item: Item) -> None:
        nonlocal items
        items += 1
        print(visible(f"{item.source} -> {listed.destination.url(item.output)}"))

    told = Told(manner.is_quiet)
    count = Batch(listed, task, manner.manifest, retry=manner.retry).rehearse(on_item, told.on_row)
    told.say_passed_over(listed)
    told.say(
        f"{items:,} would be enlarged, {count.there:,} are there already, {count.known:,} are known"
        f" to fail, {count.failed:,} cannot be; nothing was made: --dry-run"
    )
    return 1 if count.failed or count.known or listed.closed else 0


def hired(task: "Task", manner: Manner) -> "tuple[Hands, int, Task]":
    """Those who are going to work, how many, and what they are told."""
    from rgtsr.runtimes import memory

    if manner.ray is not None:
        from rgtsr.batch.actors import Actors

        actors = Actors(task, manner.ray, manner.threads)
        return actors, manner.workers or max(1, actors.cores // actors.threads), task
    from rgtsr.batch import Processes

    workers = manner.workers or 1
    task = replace(task, threads=manner.threads or max(1, memory.cores() // workers))
    return Processes(task), workers, task


class Told:
    """Failures as they come, and now and then how far it is."""

    def __init__(self, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._began = self._said = time.monotonic()
        self.count: Count | str = "nothing was enlarged yet"

    def say(self, line: str) -> None:
        """One line, unless nothing is to be said."""
        if not self._is_quiet:
            tell(line)

    def say_passed_over(self, source: "Listed") -> None:
        """The same of what a source has beside its pictures."""
        if line := str(PassedOver(source.passed_over, source.closed, source.links)):
            self.say(line)

    def on_row(self, row: "Row") -> None:
        """A picture has ended."""
        if row.error:
            complain(row.error)

    def on_moment(self, count: "Count") -> None:
        """Time has passed."""
        signals.check()
        self.count = count
        if time.monotonic() - self._said >= SAID_S:
            self._said = time.monotonic()
            seconds = self._said - self._began
            rate = count.pixels / 1e6 / seconds
            line = f"{count}; {rate:.2f} megapixels of results a second"
            if count.left is not None and (ended := count.done + count.failed):
                line += f"; {count.left:,} left, about {duration(seconds / ended * count.left)}"
            self.say(line)
