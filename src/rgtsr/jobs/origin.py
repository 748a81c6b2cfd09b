"""What tells files apart, and of what a result was made, as the journal writes it down."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Origin:
    """A wish, and the source with its stamp; its name, which journals of before did not note."""

    wish: str
    stamp: str
    source: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """From what ``str`` made of one."""
        made, _, source = text.partition("\n")
        wish, _, stamp = made.rpartition(" ")
        return cls(wish, stamp, source)

    def __str__(self) -> str:
        return f"{self.wish} {self.stamp}\n{self.source}"

    def is_of(self, other: Self) -> bool:
        """Whether the other's source is this one, which may have been changed, or moved."""
        return not self.source or self.source == other.source or self.stamp == other.stamp


def stamp(path: Path) -> str | None:
    """What tells a file from another of its name: size, time and inode; None where there is none.

    A rename changes none of them.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}"


def full(source: Path) -> bytes:
    """A source's whole path; links stay as they were named."""
    return os.fsencode(os.path.abspath(source))  # noqa: PTH100 -- which resolves them


def name(source: bytes) -> str:
    """The same as text, whatever bytes are in it."""
    return source.decode("utf-8", "backslashreplace")
