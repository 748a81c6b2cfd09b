"""How a page of a TIFF file is stored, and which of its parts are damaged. Knows no libvips.

A part is a strip or a tile. Damaged Deflate can inflate to full length, and libtiff does not look
at its checksum then.

Source: TIFF 6.0, sections 8 and 15; RFC 1950 (zlib).
"""

import contextlib
import itertools
import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from rgtsr.pictures import directories

TAG_KIND, TAG_COMPRESSION, TAG_PHOTOMETRIC, TAG_FILL_ORDER, TAG_EXTRA = 254, 259, 262, 266, 338
TAG_STRIPS, TAG_STRIP_ROWS, TAG_STRIP_BYTES, TAG_TILES, TAG_TILE_BYTES = 273, 278, 279, 324, 325
_HOW = (TAG_COMPRESSION, TAG_PHOTOMETRIC, TAG_FILL_ORDER, TAG_EXTRA)
_PARTS = (TAG_STRIPS, TAG_STRIP_ROWS, TAG_STRIP_BYTES, TAG_TILES, TAG_TILE_BYTES)
_WANTED = frozenset((*_HOW, *_PARTS))
ICCLAB = 9
SMALLER_COPY, MASK = 1, 4  # bits of a page's kind
NO_PICTURE = SMALLER_COPY | MASK
UNSPECIFIED = 0  # what a channel beside the colours is
MIRRORED = 2  # a byte's bits begin with the lowest
DEFLATE = (8, 32_946)
WARNING_ONLY = (2, 3, 4, 6, 7, 32_773)  # fax, JPEG, PackBits: their decoders go on at damage
STEP_BYTES = 2**20


@dataclass(frozen=True)
class Stored:
    """What a page's tags say; ``parts`` are (start, bytes) of each strip or tile.

    ``extra``: what channels beside the colours are. ``is_overfull``: its tags claim more bytes than
    the file has, which libtiff would copy.
    """

    compression: int = 1
    is_icclab: bool = False
    is_mirrored: bool = False
    extra: tuple[int, ...] = ()
    is_overfull: bool = False
    parts: tuple[tuple[int, int], ...] = ()
    strip_rows: int = 2**32

    @property
    def warns_only(self) -> bool:
        """Whether its decoder only warns of damage."""
        return self.compression in WARNING_ONLY


UNKNOWN = Stored()


def stored(file: BinaryIO, page: int) -> Stored:
    """What can be read of how a page, from 0, is stored."""
    with contextlib.suppress(struct.error, ValueError, OSError):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            directory = directories.of_page(body, page)
            found = directories.parse(body, directory, _WANTED)
            is_overfull = directories.claimed_bytes(body, directory) > len(body)
        tags = {tag: value.numbers() for tag, value in found.items()}
        starts = tags.get(TAG_TILES) or tags.get(TAG_STRIPS) or ()
        sizes = tags.get(TAG_TILE_BYTES) or tags.get(TAG_STRIP_BYTES) or ()
        return Stored(
            compression=_first(tags, TAG_COMPRESSION, Stored.compression),
            is_icclab=_first(tags, TAG_PHOTOMETRIC, 0) == ICCLAB,
            is_mirrored=_first(tags, TAG_FILL_ORDER, 0) == MIRRORED,
            extra=tags.get(TAG_EXTRA, ()),
            is_overfull=is_overfull,
            parts=tuple(zip(starts, sizes, strict=False)),
            strip_rows=_first(tags, TAG_STRIP_ROWS, 0) or Stored.strip_rows,
        )
    return UNKNOWN


def kinds(file: BinaryIO, count: int) -> list[int]:
    """Of so many pages, what kind each is."""
    found: list[int] = []
    with (
        contextlib.suppress(struct.error, ValueError, OSError),
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body,
    ):
        for directory in itertools.islice(directories.pages(body), count):
            tags = directories.parse(body, directory, {TAG_KIND})
            found.append(_first({tag: kind.numbers() for tag, kind in tags.items()}, TAG_KIND, 0))
    return found + [0] * (count - len(found))


def _first(tags: dict[int, tuple[int, ...]], tag: int, default: int) -> int:
    return (tags.get(tag) or (default,))[0]


def broken(file: BinaryIO, page: Stored, limit_bytes: int) -> Iterator[int]:
    """The numbers of the parts that zlib says are damaged, as far as ``limit_bytes`` of pixels go.

    None for a page that is not compressed by Deflate. What merely ends too soon does not count.
    """
    if page.compression not in DEFLATE or page.is_mirrored:
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
        for number, (start, size_bytes) in enumerate(page.parts):
            stream, packed = zlib.decompressobj(), bytes(body[start : start + size_bytes])
            try:
                while packed and limit_bytes > 0 and not stream.eof:
                    limit_bytes -= len(stream.decompress(packed, STEP_BYTES))
                    packed = stream.unconsumed_tail
            except zlib.error:
                yield number
