"""Files through the line or a crew, and what is said of each. Knows the terminal, no options."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgtsr import atomic
from rgtsr.cli import files
from rgtsr.cli.files import PassedOver
from rgtsr.cli.terminal import OnProgress, Steps, complain, steps
from rgtsr.errors import DiskFullError, NoRoomError, PictureError, RgtsrError, UndecodedError

if TYPE_CHECKING:
    from rgtsr.jobs import Job, Journal, Outcome, Wish
    from rgtsr.upscaler import Report, Upscaler

JOURNAL = "jobs.sqlite"
MOST_FULL = 3  # files that found no room, one after the other
AUTO = "--restore auto does it"


@dataclass(frozen=True)
class Run:
    """Everything that a run of files has; ``todo`` and ``jobs`` are the same files, in order.

    ``pixels``: how much there is to do on each; ``workers``: processes, for more than one opened by
    ``reopen``.
    """

    todo: Sequence[files.Job]
    jobs: "Sequence[Job]"
    passed_over: PassedOver
    journal: "Journal"
    upscaler: "Upscaler"
    wish: "Wish"
    pixels: Sequence[float]
    overwrite: bool
    workers: int
    reopen: "Callable[[], Upscaler]"


@contextlib.contextmanager
def journal(*, is_kept: bool) -> "Generator[Journal]":
    """The user's journal; one that is gone afterwards where none is, or can be, kept."""
    from rgtsr.jobs import Journal
    from rgtsr.runtimes import cache

    with contextlib.ExitStack() as stack:
        opened = None
        if is_kept:
            try:
                opened = Journal(cache.place(JOURNAL, make=True))
            except OSError as error:
                complain(
                    f"no journal can be kept ({error.strerror or error}): results that are there"
                    " are passed over, whatever options made them."
                )
        if opened is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rgtsr-"))
            opened = Journal(Path(folder) / JOURNAL)
        yield stack.enter_context(opened)


def enlarge(run: Run, *, report: Path | None, is_quiet: bool) -> int:
    """All files of a run; what fails is said and passed over. Returns the exit status.

    What has no decoder here and was found in a folder is only counted in ``passed_over``.
    """
    with steps(len(run.todo), run.pixels, is_quiet=is_quiet) as say:
        told = Told(run, say, is_reported=report is not None)
        if report is not None:
            write_report(report, run, told)  # nobody works for hours to learn that it cannot be
        try:
            through(run, told)
        except (KeyboardInterrupt, SystemExit):
            say.stopped(f"{told}, {told.left} to do; the same command goes on{told.begun}")
            raise
        finally:
            if report is not None:
                write_report(report, run, told)
    if len(run.todo) != 1:
        say.say(str(told))
    return 1 if told.failed or not say.is_heard else 0


def through(run: Run, told: "Told") -> None:
    """Every job to its end."""
    from rgtsr.jobs import Crew, Line, Order, Task, room

    if run.workers == 1:
        line = Line(
            run.journal,
            lambda _: Order(run.upscaler, run.wish),
            on_progress=told.on_progress,
            on_end=told.on_end,
            on_wait=told.on_wait,
            overwrite=run.overwrite,
            room_px=room(run.upscaler.settings.max_memory_bytes),
        )
        line.run(run.jobs)
        return
    assert run.journal.path is not None  # processes share it
    task = Task(run.journal.path, run.reopen, run.wish, run.overwrite)
    crew = Crew(
        task,
        run.workers,
        on_progress=told.on_progress,
        on_end=told.on_end,
        on_wait=told.on_wait,
        say=told.say.say,
    )
    crew.run(run.jobs)


@dataclass
class Told:
    """What was said of files as they ended, and counted; rows are kept of what is reported."""

    run: Run
    say: Steps
    is_reported: bool
    made: int = 0
    skipped: int = 0
    failed: int = 0
    undecoded: int = 0
    full: int = 0  # failures for lack of room, one after the other
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def __post_init__(self) -> None:
        self._numbers = {job.id: number for number, job in enumerate(self.run.jobs)}
        self._at_work: dict[int, OnProgress] = {}
        self._waiting: set[int] = set()

    def __str__(self) -> str:
        return f"{self.made} enlarged, {self.skipped} skipped, {self.failed} failed"

    @property
    def left(self) -> int:
        """How many have not ended."""
        return len(self.run.todo) - self.made - self.skipped - self.failed - self.undecoded

    @property
    def begun(self) -> str:
        """What becomes of files that are not finished."""
        from rgtsr.pictures import spooling

        targets = [self.run.todo[number].target for number in self._at_work]
        ways = [
            f"{target.name} {'where it was' if spooling.is_kept(target) else 'anew'}"
            for target in targets
        ]
        return f", {' and '.join(ways)}" if ways else ""

    def on_progress(self, job: "Job", done: float, total: int) -> None:
        """Part of a file is done."""
        from rgtsr import film

        number = self._numbers[job.id]
        if number not in self._at_work:
            part = "picture" if film.is_film(job.source) else None
            self._at_work[number] = self.say.start(job.source.name, number, part)
        self._at_work[number](done, total)

    def on_wait(self, job: "Job") -> None:
        """Another process is at a file."""
        if job.id not in self._waiting:
            self._waiting.add(job.id)
            self.say.say(
                f"{self.run.todo[self._numbers[job.id]].target}: another run is at it: waiting"
            )

    def on_end(self, outcome: "Outcome") -> None:
        """A file has ended: one line, and one row of the report if there is one."""
        number = self._numbers[outcome.job.id]
        self._at_work.pop(number, None)
        if self.is_reported:
            self.rows.append(row(outcome))
        if outcome.error is not None:
            self._fail(number, outcome.error)
        elif outcome.standing is not None:
            self.skipped += 1
            line = f"{self.run.todo[number].target}: is there already, skipped"
            self.say.finish(f"{line} (--overwrite replaces it)", number)
        else:
            self.made += 1
            self.say.finish(self._line(self.run.todo[number], outcome), number)
        self._stop_where_all_would_fail(outcome.error)

    def _stop_where_all_would_fail(self, error: Exception | None) -> None:
        if isinstance(error, NoRoomError):  # there may be for others
            return
        self.full = self.full + 1 if isinstance(error, DiskFullError) else 0
        if self.full == MOST_FULL and self.left:
            raise RgtsrError(
                f"the last {MOST_FULL} found no room on the disk: make room; the same command goes"
                f" on with the {self.left} that are left."
            )

    def _fail(self, number: int, error: Exception) -> None:
        job = self.run.todo[number]
        if isinstance(error, UndecodedError) and job.folder is not None:
            self.run.passed_over.add(job)
            self.undecoded += 1
            self.say.finish(number=number)
        else:
            self.failed += 1
            is_missing = not job.source.exists()
            self.say.fail(files.missing(job.source) if is_missing else error, number)

    def _line(self, job: files.Job, outcome: "Outcome") -> str:
        way = f"{job.source} -> {job.target}"
        notes = ("in place of what other options had made",) if outcome.is_replaced else ()
        if outcome.report is None:
            done = f"copied from {outcome.copied_from}, whose source is the same, byte for byte"
        else:
            height, width = outcome.report.size
            models = ", then ".join(outcome.report.models)
            done = f"{width} x {height}, {outcome.report.seconds:.1f} s, {models}"
            notes = (*restored(outcome.report, self.run.upscaler), *notes, *outcome.report.notes)
        return f"{way}: {done}" + "".join(f"; {note.rstrip('.')}" for note in notes)


def restored(report: "Report", upscaler: "Upscaler") -> tuple[str, ...]:
    """How far the picture was restored, or that it would be by default; why."""
    from rgtsr.pictures.wear import ENLARGED
    from rgtsr.upscaler import restoring

    if report.restored:
        return (f"restored by {report.restored:g} ({report.wear})",)
    if not restoring.asked_for(report.wear, upscaler.weights.card.name):
        return (ENLARGED,) * report.wear.enlarged
    has_none = f"{report.models[0]} has no weights for that"
    return (f"not restored ({report.wear}): {has_none if upscaler.restores else AUTO}",)


def row(outcome: "Outcome") -> dict[str, Any]:
    """What the report says of a file."""
    said: dict[str, Any] = {
        "source": str(outcome.job.source),
        "target": str(outcome.job.target),
        "state": "skipped" if outcome.standing else outcome.state,
    }
    if outcome.error is not None:
        said["why"] = str(outcome.error)
    if outcome.copied_from is not None:
        said["copied_from"] = str(outcome.copied_from)
    if outcome.report is not None:
        about = asdict(outcome.report) | {"wear": str(outcome.report.wear)}
        height, width = about.pop("size")
        said |= {"width": width, "height": height} | about
    return said


def write_report(path: Path, run: Run, told: Told) -> None:
    """What became of every file that has ended, as JSON. Raises PictureError."""
    from rgtsr.cli.doctor import version_of

    report = {
        "rgtsr": version_of("rgtsr"),
        "options": asdict(run.wish),
        "enlarged": told.made,
        "skipped": told.skipped,
        "failed": told.failed,
        "undecoded": told.undecoded,
        "left": told.left,
        "files": told.rows,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path) as draft:
            draft.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise PictureError(f"{path}: the report cannot be written ({error.strerror}).") from error
