"""Pictures one behind the other: while one is enlarged, the next is read and the last is written.

Threads take jobs from one row; only one at a time has the network, of films picture by picture.
Knows the journal and the upscaler; knows no terminal, no network of computers.
"""

import functools
import hashlib
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rgtsr import atomic, film, folders
from rgtsr.errors import PictureError
from rgtsr.jobs.job import Job, Standing, State, of_another
from rgtsr.jobs.journal import Journal
from rgtsr.jobs.wish import Wish
from rgtsr.pictures import formats, headers
from rgtsr.runtimes import memory
from rgtsr.upscaler import Report, Upscaler

THREADS = 3  # one reads, one has the network, one writes
MOMENT_S = 0.05  # between looks at what others here are at
OTHERS_S = 0.25  # and at what other processes are
PIXEL_BYTES = 16  # of a picture that was read, until its result is written
SHARE = 4  # of the memory that there is: what pictures may take of it together


class Cancelled(Exception):
    """Nobody wants this picture any more."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a report, or an error.

    ``standing``: what had been there before, where it was left as it is; ``copied_from``: the
    result of another job whose source was equal, byte for byte; ``is_replaced``: a former result,
    of another wish or source, had to go.
    """

    job: Job
    state: State
    report: Report | None = None
    error: Exception | None = None
    standing: Standing | None = None
    copied_from: Path | None = None
    is_replaced: bool = False


@dataclass(frozen=True)
class Order:
    """What is to become of a picture, and what makes it so; ``is_still``: of one frame alone."""

    upscaler: Upscaler
    wish: Wish
    is_still: bool = False


OnProgress = Callable[[Job, float, int], object]  # (job, parts done, parts in all)
OnEnd = Callable[[Outcome], object]
OnWait = Callable[[Job], object]
Content = Callable[[Path], str | None]  # SHA-256 of a file


class Line:
    """Jobs, one network at a time.

    ``order_of`` is asked when a job's turn has come, ``on_progress`` and ``on_end`` are told, all
    by the line's threads, ``on_end`` by one at a time; ``on_wait`` again and again while another
    process is at a job. ``overwrite``: results, and other files
    under their names, are made again. ``room_px``: how many pixels of sources are held at once; a
    larger picture goes alone.
    """

    def __init__(
        self,
        journal: Journal,
        order_of: Callable[[Job], Order],
        *,
        on_progress: OnProgress,
        on_end: OnEnd,
        on_wait: OnWait = lambda _: None,
        overwrite: bool = False,
        room_px: int | None = None,
    ) -> None:
        self._journal, self._order_of = journal, order_of
        self._on_progress, self._on_end, self._on_wait = on_progress, on_end, on_wait
        self._overwrite = overwrite
        self._row, self._ears = threading.Lock(), threading.Lock()
        self._network = Turn()
        self._room = Room(room_px or room())
        self._cancelled: set[int] = set()
        self._is_stopped = False

    def run(self, jobs: Iterable[Job]) -> None:
        """All of them, each to its end; whoever interrupts this stops them within a tile."""
        row = iter(jobs)
        with ThreadPoolExecutor(THREADS, "rgtsr-line") as pool:
            threads = [pool.submit(self._work, row) for _ in range(THREADS)]
            try:
                while (waited := wait(threads, MOMENT_S, FIRST_EXCEPTION)).not_done:
                    if any(thread.exception() for thread in waited.done):
                        break
            finally:
                self.stop()
        for thread in threads:
            thread.result()

    def cancel(self, job: Job) -> None:
        """End a job within a tile, or before it begins."""
        self._cancelled.add(job.id)

    def stop(self) -> None:
        """End all within a tile; what is not done waits for another time."""
        self._is_stopped = True

    def _work(self, row: Iterator[Job]) -> None:
        while not self._is_stopped and (job := self._next(row)) is not None:
            content = functools.cache(sha256)
            while (outcome := self._outcome(job, content)) is None and not self._is_stopped:
                time.sleep(OTHERS_S)  # it or its equal is at work, here or in another process
            if outcome is not None:
                with self._ears:
                    self._on_end(outcome)
                self._cancelled.discard(job.id)

    def _next(self, row: Iterator[Job]) -> Job | None:
        with self._row:
            return next(row, None)

    def _outcome(self, job: Job, content: Content) -> Outcome | None:
        """How a job ends; None if it has to wait."""
        try:
            self._heed(job)
            return self._through(job, content)
        except Cancelled:
            self._journal.end(job, State.QUEUED if self._is_stopped else State.CANCELLED)
            return None if self._is_stopped else Outcome(job, State.CANCELLED)
        except Exception as error:  # whatever it is, the other pictures can be made
            self._journal.end(job, State.FAILED, str(error))
            return Outcome(job, State.FAILED, error=error)

    def _through(self, job: Job, content: Content) -> Outcome | None:
        standing = self._journal.standing(job)
        if standing is not Standing.NOTHING and not self._overwrite and not job.target.is_dir():
            if standing is Standing.OTHERS:
                raise of_another(job.target)
            if standing is Standing.RESULT:
                self._journal.end(job, State.DONE)
            return Outcome(job, State.DONE, standing=standing)
        may_copy = not self._overwrite and job.target.suffix.lower() not in formats.DZI.suffixes
        claim = self._journal.claim(job, content(job.source), may_copy=may_copy)
        if not claim.is_taken:
            if claim.is_others:
                self._on_wait(job)
            return None
        is_replaced = not self._overwrite and job.target.is_file()
        if job.source.is_file():
            folders.make_for(job.target)
        if claim.equal is not None:
            self._copy(claim.equal, job)
            copied_from = claim.equal.target
            outcome = Outcome(job, State.DONE, copied_from=copied_from, is_replaced=is_replaced)
        else:
            report = self._enlarge(job)
            outcome = Outcome(job, State.DONE, report=report, is_replaced=is_replaced)
        self._journal.end(job, State.DONE)
        return outcome

    def _enlarge(self, job: Job) -> Report:
        def progressed(done: float, total: int) -> None:
            self._heed(job)
            self._on_progress(job, done, total)

        def whole(draft: Path, report: Report) -> None:
            self._journal.publishing(job, draft, asdict(report))

        def turn() -> AbstractContextManager[None]:
            return self._network.of(lambda: self._heed(job))

        order = self._order_of(job)
        pixels = 0 if film.is_film(job.source) else _pixels(job.source, order.wish)
        with self._room.of(pixels, lambda: self._heed(job)):
            return order.wish.enlarge(
                order.upscaler,
                job.source,
                job.target,
                on_progress=progressed,
                on_whole=whole,
                turn=turn,
                is_still=order.is_still,
            )

    def _copy(self, equal: Job, job: Job) -> None:
        with atomic.replacing(job.target) as draft:
            shutil.copyfile(equal.target, draft)
            self._journal.publishing(job, draft, self._journal.entry(equal.id).report)

    def _heed(self, job: Job) -> None:
        if self._is_stopped or job.id in self._cancelled:
            raise Cancelled


class Turn:
    """One at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._row: deque[object] = deque()
        self._left = threading.Condition()

    @contextmanager
    def of(self, heed: Callable[[], object]) -> Generator[None]:
        """Have it; ``heed`` is called while others do, and may raise."""
        me = object()
        with self._left:
            self._row.append(me)
        try:
            with self._left:
                while self._row[0] is not me:
                    self._left.wait(MOMENT_S)
                    heed()
            yield
        finally:
            with self._left:
                self._row.remove(me)
                self._left.notify_all()


class Room:
    """How many pixels may be held at once; whoever needs more waits until nobody else holds any."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._held: list[int] = []
        self._left = threading.Condition()

    @contextmanager
    def of(self, pixels: int, heed: Callable[[], object]) -> Generator[None]:
        """Hold so many; ``heed`` is called while there is no room, and may raise."""
        with self._left:
            while self._held and sum(self._held) + pixels > self._pixels:
                self._left.wait(MOMENT_S)
                heed()
            self._held.append(pixels)
        try:
            yield
        finally:
            with self._left:
                self._held.remove(pixels)
                self._left.notify_all()


def room(limit_bytes: int | None = None) -> int:
    """How many pixels a quarter of the memory holds: of that limit, or of what is free."""
    return (memory.free_bytes() if limit_bytes is None else limit_bytes) // SHARE // PIXEL_BYTES


def _pixels(source: Path, wish: Wish) -> int:
    """Of a picture by its header; 0 for what has none that can be read: who decodes it says why."""
    try:
        height, width = headers.size(source, page=wish.page)
    except PictureError:
        return 0
    return height * width


def sha256(path: Path) -> str | None:
    """Of a file's content; None for what is no file or cannot be read: who decodes it says why."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        pass
    return None
