"""A file that is read by blocks, from wherever it lies. Knows no file systems."""

import io
import os
from collections.abc import Callable
from typing import BinaryIO

from rgtsr.batch.item import Span


def opened(read: Callable[[Span], bytes], size: int, block_bytes: int) -> BinaryIO:
    """A file of that size; ``read`` is asked for blocks of it, or at once for more than one."""
    return io.BufferedReader(Blocks(read, size), block_bytes)


class Blocks(io.RawIOBase):
    """The same without a buffer."""

    def __init__(self, read: Callable[[Span], bytes], size: int) -> None:
        self._read, self._size, self._at = read, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride] -- io gives one
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        read = self._read(Span(self._at, wanted))
        buffer[: len(read)] = read
        self._at += len(read)
        return len(read)
