"""Samples on their way to an encoder, bare, in a file beside the target. Knows no libvips.

Those of a large picture are kept when their process is killed: the next goes on with them.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rgtsr import atomic
from rgtsr.errors import RgtsrError
from rgtsr.pictures.color import Samples

SYNC_S = 10.0  # what a machine that fails may cost; a process that is killed costs nothing

IN_USE: set[Path] = set()  # what this process has itself


@dataclass(frozen=True)
class Keep:
    """What the samples are made of, in words that change when they would; and where work stops.

    ``finished``: of so many rows, how many are as they will be.
    """

    identity: str
    finished: Callable[[int], int]


@dataclass
class Spool:
    """A file of samples, and how many rows of them are there; ``state``: where that is kept."""

    path: Path
    file: BinaryIO
    rows: int = 0
    synced_s: float = 0.0
    keep: Keep | None = None
    state: Path | None = None

    def add(self, band: Samples) -> None:
        """Write the next rows. Raises OSError."""
        self.file.write(np.ascontiguousarray(band).data)
        self.file.flush()
        self.rows += band.shape[0]
        if self.state and time.monotonic() - self.synced_s > SYNC_S:
            os.fsync(self.file.fileno())
            self.note()
            self.synced_s = time.monotonic()

    def note(self) -> None:
        """Say on the disk what this is, whose, and how far it is."""
        assert self.state is not None
        assert self.keep is not None
        said = {
            "identity": self.keep.identity,
            "machine": atomic.this_machine(),
            "process": os.getpid(),
            "rows": self.rows,
        }
        with atomic.replacing(self.state) as draft:
            draft.write_text(json.dumps(said), encoding="utf-8")

    def remove(self) -> None:
        """Leave nothing."""
        atomic.remove(self.path)
        if self.state is not None:
            atomic.remove(self.state)


@contextlib.contextmanager
def opened(target: Path, row_bytes: int, keep: Keep | None) -> Generator[Spool]:
    """A place for the samples of a picture; gone afterwards, unless work on it was broken off.

    What failed for a reason is not kept. Raises OSError.
    """
    state = atomic.kept(target, "json")
    if keep is None or not is_free(state):
        path = atomic.beside(target, "raw")
        spool = Spool(path, path.open("xb"))
    else:
        IN_USE.add(state)
        rows = keep.finished(_rows_there(state, keep, row_bytes))
        path = atomic.kept(target, "raw")
        spool = Spool(path, path.open("ab"), rows, time.monotonic(), keep, state)
        spool.file.truncate(rows * row_bytes)
        spool.note()
    is_over = True
    try:
        yield spool
    except (RgtsrError, OSError, ValueError):
        raise
    except BaseException:
        is_over = spool.state is None
        raise
    finally:
        if spool.state is not None:
            IN_USE.discard(state)
        spool.file.close()
        if is_over:
            spool.remove()


def is_kept(target: Path) -> bool:
    """Whether work on a target was begun, and can go on."""
    return atomic.kept(target, "json").exists()


def is_free(state: Path) -> bool:
    """Whether nobody else is at it. What no process of this machine has is free."""
    if state in IN_USE:
        return False
    said = said_in(state)
    is_ours = said.get("process") == os.getpid() or said.get("machine") != atomic.this_machine()
    return not said or is_ours or atomic.has_ended(said["machine"], said["process"])


def _rows_there(state: Path, keep: Keep, row_bytes: int) -> int:
    """All that was written, but after a restart of the machine only what is sure to be on disk."""
    said, path = said_in(state), state.with_suffix(".raw")
    if said.get("identity") != keep.identity or not path.exists():
        return 0
    written = path.stat().st_size // row_bytes
    return written if said["machine"] == atomic.this_machine() else min(written, said["rows"])


def said_in(state: Path) -> dict[str, Any]:
    """What is kept there of work that was begun; nothing if there is none."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(state.read_text(encoding="utf-8"))
    return {}
