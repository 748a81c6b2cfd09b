"""Files that appear whole or not at all. Knows nothing of what is in them."""

import contextlib
import os
import platform
import shutil
import stat
import zlib
from collections.abc import Generator
from pathlib import Path

import psutil

HIDDEN = ".rgtsr-"


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A hidden name beside ``path`` to write to: it becomes ``path`` at the end, or goes.

    A link stays a link: the file behind it is replaced. Raises OSError.
    """
    draft = beside(path, "part")
    try:
        yield draft
        publish(draft, path)
    finally:
        remove(draft)


def beside(path: Path, suffix: str) -> Path:
    """A free hidden name in the folder of ``path``: only within one file system is a rename whole.

    Behind a link it is the folder of the file that is linked to.
    """
    name = f"{HIDDEN}{_machine()}-{os.getpid()}-{os.urandom(4).hex()}.{suffix}"
    return _behind_links(path).with_name(name)


def publish(draft: Path, path: Path) -> None:
    """On the disk first, under its name then, with the rights of the file that it replaces."""
    final = _behind_links(path)
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    if final.exists():
        shutil.copymode(final, draft)
    else:
        draft.chmod(_usual_mode(draft))  # some libraries make files for their owner alone
    draft.replace(final)


def remove(draft: Path) -> None:
    """Whatever is left of a draft."""
    with contextlib.suppress(OSError):
        draft.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what processes of this machine left in a folder when they were killed."""
    for draft in folder.glob(f"{HIDDEN}{_machine()}-*"):
        process = draft.name.removeprefix(HIDDEN).split("-")[1]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            remove(draft)


def _machine() -> str:
    """A short name of this machine: others may write into the same folder."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _behind_links(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _usual_mode(draft: Path) -> int:
    """The rights of a new file in that folder; the umask cannot be asked without changing it."""
    fresh = draft.with_suffix(".new")
    try:
        with fresh.open("xb") as file:
            return stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    finally:
        remove(fresh)
