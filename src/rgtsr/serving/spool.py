"""The folder in which pictures lie while they are served: nothing in it outlives the service."""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

from rgtsr.errors import RgtsrError
from rgtsr.jobs.processes import lives, this_process

OWNER = "owner"
PREFIX = "p-"  # of the folders of pictures


class Spool:
    """One folder of our own for each picture."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> Path:
        """A new folder, whose name nobody guesses."""
        made = self.folder / f"{PREFIX}{secrets.token_hex(16)}"
        made.mkdir(mode=0o700)
        return made

    def drop(self, folder: Path) -> None:
        """Remove a picture's folder and all that is in it."""
        shutil.rmtree(folder, ignore_errors=True)

    def used_bytes(self) -> int:
        """What the files of all pictures take."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def opened(folder: Path | None) -> Generator[Spool]:
    """That folder, or a temporary one, for this process alone; emptied before and afterwards.

    What a killed process left in a folder goes when the next one starts there.

    Raises:
        RgtsrError: when another process serves from it, or it cannot be written.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="rgtsr-serve-") as temporary:
            yield Spool(Path(temporary))
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _own(folder)
    except OSError as error:
        raise RgtsrError(
            f"{folder}: pictures cannot be kept there ({error.strerror}): give another --folder."
        ) from error
    try:
        _empty(folder)
        yield Spool(folder)
    finally:
        _empty(folder)
        (folder / OWNER).unlink(missing_ok=True)


def _own(folder: Path) -> None:
    """Put our name there, unless a process that lives has its own there."""
    mark = folder / OWNER
    with contextlib.suppress(FileNotFoundError):
        if lives(owner := mark.read_text(encoding="ascii")):
            number = owner.partition("-")[0]
            raise RgtsrError(
                f"{folder}: another service (process {number}) keeps its pictures there: give"
                " another --folder, or stop it."
            )
        mark.unlink()
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(this_process())
        return
    raise RgtsrError(f"{folder}: another service starts there: give another --folder.")


def _empty(folder: Path) -> None:
    for left in folder.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
