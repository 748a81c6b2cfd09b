"""Compiled graphs kept between starts. Knows neither graphs nor runtimes.

They lie in a folder of the user's: ``$RGTSR_CACHE_DIR``, or ``rgtsr`` in ``$XDG_CACHE_HOME`` or
``~/.cache``. Several processes may read and write it at once. An entry is its content and, in the
last 32 bytes, the content's SHA-256.
"""

import contextlib
import hashlib
import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr import atomic

SUFFIX = ".graph"
LIMIT_BYTES = 1 << 30  # of all entries; those that were not used for longest go first
DIGEST_BYTES = hashlib.sha256().digest_size

Bytes = NDArray[np.uint8]


def folder() -> Path:
    """Where compiled graphs are kept."""
    if own := os.environ.get("RGTSR_CACHE_DIR"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rgtsr"


def read(key: str) -> Bytes | None:
    """The entry of that key, mapped from its file; None where there is none.

    Warns (UserWarning) of a damaged entry, and drops it.
    """
    path = folder() / (key + SUFFIX)
    try:
        os.utime(path)
        entry = np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.empty(0, "u1")
    except OSError:  # absent, or not to be read
        return None
    content, digest = entry[:-DIGEST_BYTES], entry[-DIGEST_BYTES:]
    if hashlib.sha256(content.data).digest() == digest.tobytes():
        return content
    warnings.warn(f"{path} was damaged: the compiled graph is made again.", stacklevel=2)
    path.unlink(missing_ok=True)
    return None


def write(key: str, content: bytes | memoryview) -> None:
    """Keep an entry, if the folder can be written; it appears whole or not at all."""
    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        _drop(LIMIT_BYTES - len(content))
        with atomic.replacing(folder() / (key + SUFFIX)) as draft, draft.open("xb") as file:
            file.write(content)
            file.write(hashlib.sha256(content).digest())


def _drop(room_bytes: int) -> None:
    """Remove the entries that were not used for longest until the rest fits into the room."""
    entries = sorted(
        ((path.stat(), path) for path in folder().glob(f"*{SUFFIX}")),
        key=lambda entry: entry[0].st_mtime_ns,
        reverse=True,
    )
    for status, path in entries:
        room_bytes -= status.st_size
        if room_bytes < 0:
            path.unlink(missing_ok=True)
