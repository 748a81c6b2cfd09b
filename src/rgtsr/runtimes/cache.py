"""Compiled graphs kept between starts. Knows neither graphs nor runtimes.

They lie in a folder of the user's: ``$RGTSR_CACHE_DIR``, or ``rgtsr`` in ``$XDG_CACHE_HOME`` or
``~/.cache``. A runtime trusts what it finds there, so others must not be able to write into it.
Several processes may read and write it at once. An entry is its content and, in the last 32 bytes,
the content's SHA-256.
"""

import contextlib
import functools
import hashlib
import os
import stat
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
    """Where compiled graphs are kept. Raises OSError where the user has no home."""
    if own := os.environ.get("RGTSR_CACHE_DIR"):
        return Path(own)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rgtsr"
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from error


def place(name: str, *, make: bool = False) -> Path:
    """Where the entry of that name is, or will be.

    Warns (UserWarning), once a process, of a folder that others may write.

    Raises:
        OSError: where there is no folder, or others may write it.
    """
    kept = folder()
    if make:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = kept.stat()
    if hasattr(os, "geteuid"):  # Windows has no owners; a user's profile is private there
        strange = status.st_uid not in (0, os.geteuid())
        if strange or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            what = f"{kept}: others may write it"
            _say(
                f"no cache: {what}, so nothing in it is used: chmod go-w it, or name another in"
                " RGTSR_CACHE_DIR."
            )
            raise PermissionError(what)
    return kept / name


@functools.cache
def _say(what: str) -> None:
    warnings.warn(what, stacklevel=4)


def read(key: str) -> Bytes | None:
    """The entry of that key, mapped from its file; None where there is none.

    Warns (UserWarning) of a damaged entry, and drops it.
    """
    try:
        path = place(key + SUFFIX)
        os.utime(path)
        entry = np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.empty(0, "u1")
    except OSError:  # absent, or not to be read
        return None
    content, digest = entry[:-DIGEST_BYTES], entry[-DIGEST_BYTES:]
    if hashlib.sha256(content.data).digest() == digest.tobytes():
        return content
    warnings.warn(f"{path} was damaged: the compiled graph is made again.", stacklevel=2)
    atomic.remove(path)
    return None


def write(key: str, content: bytes | memoryview) -> None:
    """Keep an entry, if the folder can be written; it appears whole or not at all."""
    with contextlib.suppress(OSError):
        path = place(key + SUFFIX, make=True)
        _drop(path.parent, LIMIT_BYTES - len(content))
        with atomic.replacing(path) as draft, draft.open("xb") as file:
            file.write(content)
            file.write(hashlib.sha256(content).digest())


def _drop(kept: Path, room_bytes: int) -> None:
    """Remove the entries that were not used for longest until the rest fits into the room."""
    entries = sorted(
        ((path.stat(), path) for path in kept.glob(f"*{SUFFIX}")),
        key=lambda entry: entry[0].st_mtime_ns,
        reverse=True,
    )
    for status, path in entries:
        room_bytes -= status.st_size
        if room_bytes < 0:
            atomic.remove(path)
