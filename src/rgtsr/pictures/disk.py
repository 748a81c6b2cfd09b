"""Whether there is room on the disk, before work begins. Knows no pictures."""

import errno
import shutil
from collections.abc import Mapping
from pathlib import Path

from rgtsr.errors import NoRoomError

FULL = (errno.ENOSPC, errno.EDQUOT)
SMALLEST_BYTES = 2**26  # less is just tried
GB = 1e9


def check(beside: Path, needed: Mapping[str, int]) -> None:
    """Raise NoRoomError where a file's folder has no room for all of ``needed``, by name.

    What cannot be asked is not there: whoever writes says why.
    """
    if sum(needed.values()) < SMALLEST_BYTES:
        return
    try:
        free = shutil.disk_usage(beside.parent).free
    except OSError:
        return
    if sum(needed.values()) > free:
        parts = " and ".join(f"{size / GB:.1f} GB for {name}" for name, size in needed.items())
        raise NoRoomError(
            f"{beside}: {parts} are needed, and {free / GB:.1f} GB are free in that folder: make"
            " room, or choose another place."
        )
