"""What each process does with a picture: read it, enlarge it, put the result on its place, tell.

The same in a process here and in an actor of Ray's. Knows the upscaler; knows nobody who asks.
"""

import contextlib
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rgtsr import atomic, folders, temporary
from rgtsr.batch import failures, places
from rgtsr.batch.failures import PATIENT, Patience
from rgtsr.batch.item import Code, Item, Row, State
from rgtsr.errors import PictureError, RgtsrError
from rgtsr.jobs import Wish, room
from rgtsr.jobs.crew import GROWTH_BYTES, Growth
from rgtsr.jobs.line import Cancelled, Room, Turn
from rgtsr.pictures import headers
from rgtsr.runtimes import memory
from rgtsr.upscaler import Report, Upscaler

AT_ONCE = 3  # one is read, one has the network, one is written
SPOOL = "rgtsr-batch"  # of folders for what comes from far


@dataclass(frozen=True)
class Task:
    """What each worker is told. ``upscaler`` opens one; all of it is pickled.

    ``key`` names the options and weights; ``threads``: on how many the network runs;
    ``grown_bytes``: by how much a worker may grow before it is replaced.
    """

    upscaler: Callable[[], Upscaler]
    wish: Wish
    destination: str
    key: str
    threads: int = 1
    patience: Patience = PATIENT
    grown_bytes: int = GROWTH_BYTES


class Worker:
    """One network, and pictures on their way through it; ``AT_ONCE`` threads may bring them."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._is_stopped = False
        self._network = Turn()
        self._opening = threading.Lock()
        self._upscaler: Upscaler | None = None
        self._growth = Growth(task.grown_bytes)

    def open(self) -> None:
        """Have the network, so that what is wrong with it is known.

        Raises RgtsrError where it is not the driver's, and as Upscaler.
        """
        os.environ[memory.THREADS] = str(self._task.threads)
        with self._opening:
            if self._upscaler is None:
                self._upscaler = self._task.upscaler()
                if self._task.wish.identity(self._upscaler) != self._task.key:
                    raise RgtsrError(
                        f"{socket.gethostname()} would make something else of pictures than the"
                        " driver: have the same rgtsr and the same weights on all machines."
                    )
                self._room = Room(room(self._upscaler.settings.max_memory_bytes))
                self._place = places.at(self._task.destination, self._task.patience)
                self._spool = temporary.folder(SPOOL)

    def stop(self) -> None:
        """End all within a tile."""
        self._is_stopped = True

    def enlarge(self, item: Item) -> Row | None:
        """The picture to its end; None if it was stopped. Raises nothing that a picture may do."""
        began = time.perf_counter()
        about = {"source": item.source, "output": item.output, "stamp": item.stamp}
        about |= {"key": self._task.key, "where": f"{socket.gethostname()}:{os.getpid()}"}
        try:
            made = self._made(item)
        except Cancelled:
            return None
        except Exception as error:  # whatever it is, the other pictures can be made
            line = failures.reason(error)
            if item.source not in line and self._task.destination not in line:
                line = f"{item.source}: {line.rstrip('.')}."
            made = {"state": State.FAILED, "code": failures.code(error), "error": line}
        seconds = time.perf_counter() - began
        return Row(**about, **made, seconds=seconds, ended=time.time())  # pyright: ignore[reportArgumentType] -- of its fields

    def has_grown(self) -> bool:
        """Whether it holds so much more than it used to that it is to go. Asked once a picture."""
        return self._growth.is_too_much(memory.used_bytes())

    def _made(self, item: Item) -> dict[str, object]:
        """What the row says of the result."""
        self.open()
        file = places.at(item.file, self._task.patience)
        with contextlib.ExitStack() as stack:
            source = Path(file.root)
            if not file.is_local or item.span is not None:
                source = stack.enter_context(self._kept(PurePosixPath(item.name).suffix))
                with self._spooling():
                    file.fetch(source, item.span)
            size = _bytes(source)  # later it may have gone
            target = Path(self._place.full(item.output))
            if self._place.is_local:
                folders.make_for(target)
            else:
                target = stack.enter_context(self._kept(PurePosixPath(item.output).suffix))
            try:
                with contextlib.nullcontext() if self._place.is_local else self._spooling():
                    made = self._through(source, target)
            except Exception as error:
                _rename(error, {source: item.source, target: self._place.url(item.output)})
                raise
            if not self._place.is_local:
                try:
                    self._place.put(target, item.output)
                except FileNotFoundError as error:  # of which some clients say no name
                    url = self._place.url(item.output)
                    raise FileNotFoundError(f"{url}: {failures.reason(error)}") from error
            return made | {"bytes_in": size}

    def _through(self, source: Path, target: Path) -> dict[str, object]:
        assert self._upscaler is not None
        digests: list[tuple[int, str]] = []

        def whole(draft: Path, _: Report) -> None:
            with draft.open("rb") as file:
                digests.append(
                    (draft.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
                )

        with self._room.of(_pixels(source), self._heed):
            report = self._task.wish.enlarge(
                self._upscaler,
                source,
                target,
                on_progress=lambda _done, _total: self._heed(),
                on_whole=whole,
                turn=lambda: self._network.of(self._heed),
            )
        [(size, digest)] = digests
        height, width = report.size
        restored = f"restored by {report.restored:g} ({report.wear})" if report.restored else ""
        return {
            "state": State.DONE,
            "width": width,
            "height": height,
            "bytes_out": size,
            "sha256": digest,
            "notes": "; ".join(note.rstrip(".") for note in (restored, *report.notes) if note),
        }

    @contextlib.contextmanager
    def _kept(self, suffix: str) -> Generator[Path]:
        """A name in the spool; the file, and what was kept of work on it, is gone afterwards."""
        folder = self._spool / os.urandom(8).hex()
        folder.mkdir()
        try:
            yield folder / f"picture{suffix}"
        finally:
            atomic.remove(folder)

    @contextlib.contextmanager
    def _spooling(self) -> Generator[None]:
        """Raises SpoolFullError where no room is left for what is written meanwhile."""
        try:
            yield
        except (OSError, PictureError) as error:
            if failures.code(error) != Code.FULL:
                raise
            raise failures.SpoolFullError(
                f"{self._spool}: no space is left there, on {socket.gethostname()}: make room, or"
                " have TMPDIR name another folder."
            ) from error

    def _heed(self) -> None:
        if self._is_stopped:
            raise Cancelled


def _bytes(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError:  # who decodes it says why
        return 0


def _pixels(source: Path) -> int:
    try:
        height, width = headers.size(source)
    except PictureError:  # who decodes it says why
        return 0
    return height * width


def _rename(error: Exception, names: dict[Path, str]) -> None:
    """Have an error speak of files as the user calls them."""
    if len(error.args) == 1 and isinstance(error.args[0], str):
        text = error.args[0]
        for path, name in names.items():
            text = text.replace(str(path), name)
        error.args = (text,)
