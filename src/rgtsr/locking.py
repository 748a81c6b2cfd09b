"""Files that one at a time has, which the system knows across containers and shared folders.

It ends a lock with the process that has it, whatever kills that. Where a file system has no locks,
nobody can have a file.
"""

import errno
import os
import sys
from io import FileIO
from pathlib import Path

from rgtsr import atomic

TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
LOCKED_BYTE = 1 << 62  # on Windows, where nobody else can read what is locked


def lock(file: FileIO) -> None:
    """Have a file until it is closed. Raises OSError where another has it, or nobody can."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def held(path: Path) -> FileIO | None:
    """A file to add to, made where it is not there; None where another has it, or nobody can.

    Raises OSError where it cannot be made.
    """
    while True:
        try:
            file = FileIO(path, "a+")
        except PermissionError:  # another user's; or whoever writes beside it is told why not
            return None
        try:
            lock(file)
        except OSError as error:
            if error.errno not in TAKEN and not path.stat().st_size:
                atomic.remove(path)  # nobody can have one there: it is ours
            file.close()
            return None
        if _is_there(file, path):
            return file
        file.close()  # who had it has just removed it: there may be another of that name


def drop(file: FileIO, path: Path) -> None:
    """Remove a file that is held, and let go of it then, where the system allows that order."""
    if sys.platform == "win32":
        file.close()
    atomic.remove(path)
    file.close()


def _is_there(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
