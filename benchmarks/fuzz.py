"""Mutated files against the readers, within limits of memory and time."""

from pathlib import Path

import psutil

STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """The most memory that this process has held so far.

    Not ``ru_maxrss``: a child of a large process inherits that process's.
    """
    if STATUS.exists():
        return int(STATUS.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    held = psutil.Process().memory_info()
    return getattr(held, "peak_wset", held.rss)
