"""One picture of a batch, and the row that says what became of it. Knows nothing."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """How a picture ended. ``MENDED``: it could not even be listed once, and can be now."""

    DONE = "done"
    FAILED = "failed"
    MENDED = "mended"


class Code(StrEnum):
    """Why a picture failed; these words stay the same."""

    PICTURE = "picture"  # it cannot be read, or enlarged, or written in that format
    DIED = "died"  # the process that had it, twice
    MISSING = "missing"
    FORBIDDEN = "forbidden"
    STORE = "store"  # it did not answer, or refused, again and again
    FULL = "full"  # the destination
    SPOOL = "spool"  # the worker's own disk, on which it keeps what comes from far
    MEMORY = "memory"
    UNEXPECTED = "unexpected"


# of which the same comes out again, until the picture is another
LASTING = frozenset({Code.PICTURE, Code.DIED})


class Span(NamedTuple):
    """Where a picture lies in a file of many."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Item:
    """One picture to make.

    ``source``: its URL, or path; in a tar file ``tar://MEMBER::URL``, and ``span`` is where.
    ``output``: where its result lies under the destination. ``stamp`` tells its content from
    another of that name, as far as the file system says. ``tar``: the URL of the file of many.
    """

    source: str
    output: str
    stamp: str = field(default="", compare=False)
    span: Span | None = None
    tar: str = ""

    @property
    def file(self) -> str:
        """The URL or path of the file that holds it."""
        return self.tar or self.source

    @property
    def name(self) -> str:
        """Its own name: of a file, or in one of many."""
        return self.source.removeprefix("tar://").removesuffix(f"::{self.tar}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of a picture: a row of the manifest.

    ``key`` names the options and weights; ``width``, ``height``, ``bytes_out`` and ``sha256`` are
    the result's.
    """

    source: str
    output: str
    state: str
    key: str
    stamp: str = ""
    code: str = ""
    error: str = ""
    width: int = 0
    height: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    sha256: str = ""
    seconds: float = 0.0
    notes: str = ""
    where: str = ""
    ended: float = 0.0
