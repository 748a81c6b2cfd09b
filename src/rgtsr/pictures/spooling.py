"""Samples on their way to an encoder, bare, in a file beside the target. Knows no libvips.

Those of a large picture are kept when work on it is broken off: the next goes on with them.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from rgtsr import atomic, locking
from rgtsr.errors import DiskFullError, RgtsrError
from rgtsr.pictures import opening
from rgtsr.pictures.color import Samples

SYNC_S = 10.0  # what a machine that fails may cost; a process that is killed costs nothing


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
    file: FileIO
    rows: int = 0
    synced_s: float = 0.0
    keep: Keep | None = None
    state: Path | None = None

    def add(self, band: Samples) -> None:
        """Write the next rows. Raises OSError."""
        opening.put(np.ascontiguousarray(band).data, self.file)
        self.rows += band.shape[0]
        if self.state and time.monotonic() - self.synced_s > SYNC_S:
            os.fsync(self.file.fileno())
            self.note()
            self.synced_s = time.monotonic()

    def note(self) -> None:
        """Say on the disk what this is, where, and how far it is."""
        assert self.state is not None
        assert self.keep is not None
        said = {
            "identity": self.keep.identity,
            "machine": atomic.this_machine(),
            "rows": self.rows,
        }
        with atomic.replacing(self.state) as draft:
            draft.write_text(json.dumps(said), encoding="utf-8")

    def remove(self) -> None:
        """Leave nothing."""
        if self.state is not None:
            atomic.remove(self.state)
        locking.drop(self.file, self.path)


@contextlib.contextmanager
def opened(target: Path, row_bytes: int, keep: Keep | None) -> Generator[Spool]:
    """A place for the samples of a picture; gone afterwards, unless work on it was broken off.

    A full disk breaks it off too; what failed for another reason is not kept. Where somebody else
    is at the same target, on whatever machine, nothing is shared and nothing kept. Raises OSError.
    """
    path = atomic.kept(target, "raw")
    held = locking.held(path) if keep is not None else None
    if keep is None or held is None:
        path = atomic.beside(target, "raw")
        spool = Spool(path, FileIO(path, "x"))
    else:
        state = atomic.kept(target, "json")
        rows = keep.finished(_rows_there(state, keep, path.stat().st_size // row_bytes))
        spool = Spool(path, held, rows, time.monotonic(), keep, state)
    is_over = True
    try:
        if spool.state is not None:
            spool.file.truncate(spool.rows * row_bytes)
            spool.note()
        yield spool
    except BaseException as error:
        has_failed = isinstance(error, RgtsrError | OSError | ValueError)
        is_broken_off = not has_failed or isinstance(error, DiskFullError)
        is_over = spool.state is None or not spool.rows or not is_broken_off
        raise
    finally:
        if is_over:
            spool.remove()
        spool.file.close()


def is_kept(target: Path) -> bool:
    """Whether work on a target was begun, and can go on."""
    return atomic.kept(target, "json").exists()


def _rows_there(state: Path, keep: Keep, written: int) -> int:
    """All that was written, but after a restart of the machine only what is sure to be on disk."""
    said = said_in(state)
    if said.get("identity") != keep.identity:
        return 0
    return written if said["machine"] == atomic.this_machine() else min(written, said["rows"])


def said_in(state: Path) -> dict[str, Any]:
    """What is kept there of work that was begun; nothing if there is none."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(state.read_text(encoding="utf-8"))
    return {}
