"""Temporary folders of one process each, which whoever comes next removes when it was killed."""

import os
import tempfile
from pathlib import Path

from rgtsr import atomic


def folder(kind: str) -> Path:
    """A new one of this process, nobody else's to read; those of dead processes are removed."""
    above, own = Path(tempfile.gettempdir()), f"{kind}-{atomic.this_machine()}-"
    for left in above.glob(f"{own}*"):
        number = left.name.removeprefix(own).partition("-")[0]
        if number.isdecimal() and atomic.has_ended(atomic.this_machine(), int(number)):
            atomic.remove(left)
    return Path(tempfile.mkdtemp(prefix=f"{own}{os.getpid()}-"))


def remove(kind: str, process: int) -> None:
    """Those that a process has, or left."""
    own = f"{kind}-{atomic.this_machine()}-{process}-"
    for left in Path(tempfile.gettempdir()).glob(f"{own}*"):
        atomic.remove(left)
