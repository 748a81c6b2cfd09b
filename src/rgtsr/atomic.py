"""Files that appear whole or not at all. Knows nothing of what is in them.

Drafts that a killed process left in a folder are removed by the next that writes into it.
"""

import contextlib
import errno
import functools
import hashlib
import os
import platform
import re
import shutil
import stat
import time
import zlib
from collections.abc import Generator
from pathlib import Path

import psutil

LINKLESS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EMLINK)  # of file systems without links
HIDDEN = ".rgtsr-"
DRAFT = re.compile(re.escape(HIDDEN) + r"([0-9a-f]{8})-([0-9]{1,9})-[0-9a-f]+[._]\w+")
KEPT = re.compile(re.escape(HIDDEN) + r"kept-[0-9a-f]{16}\.\w+")
KEPT_S = 30 * 86_400.0  # after which nobody is going to go on with what was begun
FORSAKEN_S = 86_400.0  # after which a draft that was not written to is nobody's


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


def create(path: Path, content: bytes) -> None:
    """A new file, whole or not at all. Raises FileExistsError, and OSError."""
    draft = beside(path, "part")
    try:
        draft.write_bytes(content)
        try:
            os.link(draft, path)
        except OSError as error:
            if error.errno not in LINKLESS:
                raise
            _create_there(path, content)
    finally:
        remove(draft)


def _create_there(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        try:
            file.write(content)
            file.flush()
        except BaseException:
            remove(path)
            raise


def beside(path: Path, suffix: str) -> Path:
    """A free hidden name in the folder of ``path``: only within one file system is a rename whole.

    Behind a link it is the folder of the file that is linked to. The first time in each folder,
    what killed processes left there is removed.
    """
    final = _behind_links(path)
    _sweep_once(final.parent)
    return final.with_name(draft_name(suffix))


def draft_name(suffix: str, of: str | None = None) -> str:
    """A hidden name that says whose it is: a free one, or this process's for what ``of`` names."""
    own = os.urandom(4) if of is None else hashlib.sha256(os.fsencode(of)).digest()[:4]
    return f"{HIDDEN}{this_machine()}-{os.getpid()}-{own.hex()}.{suffix}"


def is_left(name: str) -> bool:
    """Whether a file of that name is the draft of a process of this machine that has ended."""
    named = DRAFT.fullmatch(name)
    return named is not None and has_ended(named[1], int(named[2]))


def kept(path: Path, suffix: str) -> Path:
    """The hidden name beside ``path`` of what a later process goes on with: always the same."""
    final = _behind_links(path)
    _sweep_once(final.parent)
    name = hashlib.sha256(os.fsencode(final.name)).hexdigest()[:16]
    return final.with_name(f"{HIDDEN}kept-{name}.{suffix}")


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
    """Whatever is left of a draft, which may be a folder."""
    with contextlib.suppress(OSError):
        if draft.is_dir() and not draft.is_symlink():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the drafts in a folder whose process was killed.

    Those of this machine go when their process has ended. Of others, which may write into the same
    folder, nobody here knows that: theirs go when they were not written to for a day. What is
    ``kept`` to go on with goes after a month.
    """
    with contextlib.suppress(OSError):
        for draft in folder.glob(f"{HIDDEN}*"):
            is_old = KEPT.fullmatch(draft.name) and _is_older(draft, KEPT_S)
            is_forsaken = DRAFT.fullmatch(draft.name) and _is_older(draft, FORSAKEN_S)
            if is_old or is_forsaken or is_left(draft.name):
                remove(draft)


@functools.lru_cache(maxsize=256)
def _sweep_once(folder: Path) -> None:
    sweep(folder)


def has_ended(machine: str, process: int) -> bool:
    """Whether a process is known to be gone."""
    return machine == this_machine() and not psutil.pid_exists(process)


def _is_older(draft: Path, age_s: float) -> bool:
    try:
        return time.time() - draft.stat().st_mtime > age_s
    except OSError:  # it is gone
        return False


@functools.cache
def this_machine() -> str:
    """A short name of where a process id means the same: this machine since it was started.

    Containers count as machines of their own, whatever they are called.
    """
    about = [platform.node(), f"{psutil.boot_time():.0f}"[:-1]]  # which a set clock moves a little
    with contextlib.suppress(OSError):  # Linux alone has it
        about.append(str(Path("/proc/self/ns/pid").readlink()))
    return f"{zlib.crc32(repr(about).encode()):08x}"


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
