"""The folder in which pictures lie while they are served: nothing in it outlives the service."""

import asyncio
import contextlib
import os
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Generator
from io import FileIO
from pathlib import Path

from rgtsr import atomic, locking, temporary
from rgtsr.errors import RgtsrError

OWNER = "owner"
KIND = "rgtsr-serve"  # of temporary folders
PREFIX = "p-"  # of the folders of pictures


class Spool:
    """One folder of our own for each picture."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._readers: Counter[Path] = Counter()
        self._doomed: set[Path] = set()

    def make(self) -> Path:
        """A new folder, whose name nobody guesses. Raises OSError."""
        made = self.folder / f"{PREFIX}{secrets.token_hex(16)}"
        made.mkdir(mode=0o700)
        return made

    def drop(self, folder: Path) -> None:
        """Remove a picture's folder and all that is in it, once nobody reads there."""
        with self._lock:
            if self._readers[folder]:
                self._doomed.add(folder)
                return
        shutil.rmtree(folder, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def reading(self, folders: Collection[Path]) -> AsyncGenerator[None]:
        """Those folders stay meanwhile, whoever drops them."""
        with self._lock:
            self._readers.update(folders)
        try:
            yield
        finally:
            with self._lock:
                self._readers.subtract(folders)
                free = {folder for folder in folders if not self._readers[folder]}
                left = free & self._doomed
                self._readers, self._doomed = +self._readers, self._doomed - left
            for folder in left:
                await asyncio.to_thread(self.drop, folder)

    def used_bytes(self) -> dict[Path, int]:
        """What the files of each picture take; some may go meanwhile."""
        return {folder: _size(folder) for folder in self.folder.glob(f"{PREFIX}*")}


@contextlib.contextmanager
def opened(folder: Path | None) -> Generator[Spool]:
    """That folder, or a temporary one, for this process alone; emptied before and afterwards.

    What a killed process left in a folder goes when the next one starts there. A file in it is
    locked as long as it is ours, which the system knows across containers and ends with us.

    Raises:
        RgtsrError: when another process serves from it, or it cannot be written.
    """
    if folder is None:
        own = temporary.folder(KIND)
        try:
            yield Spool(own)
        finally:
            atomic.remove(own)
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark = os.open(folder / OWNER, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RgtsrError(
            f"{folder}: pictures cannot be kept there ({error.strerror}): give another --folder."
        ) from error
    with os.fdopen(mark, "r+b", buffering=0) as file:  # it stays, so that no two ever lock two
        _lock(folder, file)
        try:
            _empty(folder)
            yield Spool(folder)
        finally:
            _empty(folder)


def _lock(folder: Path, mark: FileIO) -> None:
    """Until it is closed. Raises RgtsrError where another process has it."""
    try:
        locking.lock(mark)
    except OSError as error:
        mark.seek(0)
        number = mark.read(20).decode("ascii", "replace").strip()
        who = f" (process {number})" if number.isdecimal() else ""
        raise RgtsrError(
            f"{folder}: another service{who} keeps its pictures there, or it cannot be locked"
            f" ({error.strerror}): give another --folder, or stop it."
        ) from error
    with contextlib.suppress(OSError):  # it is for people: a full disk may lack it
        mark.seek(0)
        mark.truncate()
        mark.write(f"{os.getpid()}\n".encode())


def _size(folder: Path) -> int:
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(above, name).stat().st_size
    return total


def _empty(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
