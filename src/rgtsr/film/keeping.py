"""The packets of finished segments, beside the target under a hidden name, until they are a film.

Whatever kills the process, the next goes on behind the last segment that was finished. Knows files;
knows no codecs.
"""

import contextlib
import json
import os
import struct
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

from rgtsr import atomic, locking
from rgtsr.film.encoding import Record
from rgtsr.film.passing import Times
from rgtsr.pictures import spooling
from rgtsr.pictures.opening import put

HEAD = struct.Struct("<qqBI")  # of a record: start, length, whether it is a key, bytes
SUFFIX = "film"


@dataclass
class Kept:
    """A file of packets and what is known of them.

    ``done``: pictures that are in it; ``facts``: what else the next process wants to know of the
    work so far; ``state``: where all that is written down, None for work that is not gone on with.
    """

    path: Path
    file: FileIO
    identity: str
    state: Path | None
    done: int = 0
    size_bytes: int = 0
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    times: Times | None = None

    def begin(self, times: Times) -> None:
        """Write down when pictures are shown, before the first of them. Raises OSError."""
        line = json.dumps(asdict(times)).encode() + b"\n"
        put(line, self.file)
        self.times, self.size_bytes = times, len(line)
        self.note()

    def add(self, records: Iterable[Record], done: int) -> None:
        """A segment, whole or not at all; so many pictures are there then. Raises OSError."""
        size = self.size_bytes
        for record in records:
            head = HEAD.pack(record.start, record.length, record.is_key, len(record.body))
            put(head + record.body, self.file)
            size += HEAD.size + len(record.body)
        self.done, self.size_bytes = done, size
        self.note()

    def records(self) -> Iterator[Record]:
        """All packets, in the order in which they were made."""
        with self.path.open("rb") as file:
            file.readline()
            while file.tell() < self.size_bytes:
                start, length, is_key, count = HEAD.unpack(file.read(HEAD.size))
                yield Record(start, length, bool(is_key), file.read(count))

    def starts(self) -> Iterator[int]:
        """When each of them is shown; their bodies stay where they are."""
        with self.path.open("rb") as file:
            file.readline()
            while file.tell() < self.size_bytes:
                start, _, _, count = HEAD.unpack(file.read(HEAD.size))
                yield start
                file.seek(count, os.SEEK_CUR)

    def remove(self) -> None:
        """Leave nothing."""
        if self.state is not None:
            atomic.remove(self.state)
        locking.drop(self.file, self.path)

    def note(self) -> None:
        """On the disk first; then it is said how far that is."""
        os.fsync(self.file.fileno())
        if self.state is None:
            return
        said = {
            "identity": self.identity,
            "done": self.done,
            "bytes": self.size_bytes,
            "facts": self.facts,
        }
        with atomic.replacing(self.state) as draft:
            draft.write_text(json.dumps(said), encoding="utf-8")


@contextlib.contextmanager
def opened(target: Path, identity: str) -> Generator[Kept]:
    """What is there of a film, to go on with.

    It is gone when the work is done, or failed before a segment was finished; else it stays, for
    days of work stand in it. Where somebody else is at the same target, on whatever machine,
    nothing is shared and nothing kept. Raises OSError.
    """
    path = atomic.kept(target, SUFFIX)
    if held := locking.held(path):
        kept = _found(Kept(path, held, identity, atomic.kept(target, "json")))
    else:
        path = atomic.beside(target, SUFFIX)
        kept = Kept(path, FileIO(path, "x"), identity, None)
    is_over = False
    try:
        yield kept
        is_over = True
    finally:
        if is_over or kept.state is None or not kept.done:
            kept.remove()
        kept.file.close()


def _found(kept: Kept) -> Kept:
    assert kept.state is not None
    said, there = spooling.said_in(kept.state), kept.path.stat().st_size
    size = said.get("bytes", 0) if said.get("identity") == kept.identity else 0
    if there < size:
        size = 0
    if not size:
        atomic.remove(kept.state)
    kept.file.truncate(size)
    if size:
        kept.done, kept.size_bytes, kept.facts = said["done"], size, said["facts"]
        with kept.path.open("rb") as file:
            kept.times = Times(**json.loads(file.readline()))
    return kept
