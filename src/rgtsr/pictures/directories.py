"""Directories of tags, the skeleton that EXIF and TIFF share. Knows bytes only.

Values are held little-endian whatever their file used. A BigTIFF is added to, never made.

Sources: TIFF 6.0, section 2; "BigTIFF Design" of libtiff.
"""

import itertools
import os
import struct
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import BinaryIO, NamedTuple

import numpy as np

Bytes = bytes | bytearray | mmap

TYPE_SHORT = 3
TYPE_LONG = 4
TYPE_RATIONAL = 5
TYPE_DOUBLE = 12
TYPE_IFD8 = 18
# bytes a value, bytes a number within it: a fraction is two numbers
_ONES, _TWOS, _FOURS = (1, 2, 6, 7), (3, 8), (4, 9, 11, 13)
_TYPE_BYTES = {
    **dict.fromkeys(_ONES, (1, 1)),
    **dict.fromkeys(_TWOS, (2, 2)),
    **dict.fromkeys(_FOURS, (4, 4)),
    **dict.fromkeys((5, 10), (8, 4)),
    **dict.fromkeys((12, 16, 17, 18), (8, 8)),
}
_CODES = {1: "B", 3: "H", 4: "I", 5: "II", 8: "h", 9: "i", 10: "ii", 13: "I", 16: "Q", 18: "Q"}
ENTRY_BYTES = 12
HEADER_BYTES = 8
LIMIT_BYTES = 2**20  # of all values of a directory; a thousand tags may share the same bytes
MOST_TAGS = 2**16 - 1  # TIFF's own limit; BigTIFF has none


@dataclass(frozen=True)
class Value:
    """What a tag says: ``count`` values of the type number ``kind``, packed little-endian."""

    kind: int
    count: int
    data: bytes

    @classmethod
    def long(cls, number: int) -> "Value":
        """One 32 bit number."""
        return cls(TYPE_LONG, 1, struct.pack("<I", number))

    def numbers(self) -> tuple[int, ...]:
        """The values as whole numbers, two for each fraction. Empty for types that are not."""
        code = _CODES.get(self.kind, "")
        return struct.unpack("<" + code * self.count, self.data) if code else ()


Tags = dict[int, Value]


class _Numbers(NamedTuple):
    """How a file writes numbers: their order, the code of how many tags, and that of a place."""

    order: str
    many: str
    place: str

    @property
    def place_bytes(self) -> int:
        return struct.calcsize(self.place)

    def pointer(self, at: int) -> Value:
        """What a tag says that points to a directory."""
        return Value.long(at) if self.place == "I" else Value(TYPE_IFD8, 1, struct.pack("<Q", at))

    @property
    def entry_bytes(self) -> int:
        return 4 + 2 * self.place_bytes

    def many_at(self, body: Bytes, at: int) -> int:
        return struct.unpack_from(self.order + self.many, body, at)[0]

    def place_at(self, body: Bytes, at: int) -> int:
        return struct.unpack_from(self.order + self.place, body, at)[0]


CLASSIC = _Numbers("<", "H", "I")
_STARTS = {
    b"II*\0": CLASSIC,
    b"MM\0*": _Numbers(">", "H", "I"),
    b"II+\0": _Numbers("<", "Q", "Q"),
    b"MM\0+": _Numbers(">", "Q", "Q"),
}


def _numbers(body: Bytes) -> _Numbers:
    try:
        return _STARTS[bytes(body[:4])]
    except KeyError:
        raise ValueError("neither II nor MM stands at the start of these tags.") from None


def byte_order(body: Bytes) -> str:
    """``<`` or ``>`` as ``struct`` says it. Raises ValueError for BigTIFF, and for no header."""
    numbers = _numbers(body)
    if numbers.place == "Q":
        raise ValueError("this is a BigTIFF.")
    return numbers.order


def first(body: Bytes) -> int:
    """Where the first directory begins."""
    numbers = _numbers(body)
    return numbers.place_at(body, numbers.place_bytes)


def of_page(body: Bytes, page: int) -> int:
    """Where the directory of a page, from 0, begins."""
    return next(itertools.islice(pages(body), page, None), 0)


def pages(body: Bytes) -> Iterator[int]:
    """Where the directory of each page begins; for ever, where they lead in a circle."""
    numbers, directory = _numbers(body), first(body)
    while directory:
        yield directory
        count = numbers.many_at(body, directory)
        after = directory + struct.calcsize(numbers.many) + count * numbers.entry_bytes
        directory = numbers.place_at(body, after)


def places(body: Bytes, directory: int) -> dict[int, int]:
    """Where each tag's entry begins. Raises struct.error beyond the end, ValueError for too many.

    ``directory`` is a place in the body, as in all these functions.
    """
    numbers = _numbers(body)
    count = numbers.many_at(body, directory)
    if count > MOST_TAGS:
        raise ValueError(f"{count} tags are more than a directory holds.")
    begin = directory + struct.calcsize(numbers.many)
    starts = [begin + numbers.entry_bytes * index for index in range(count)]
    return {struct.unpack_from(numbers.order + "H2x", body, start)[0]: start for start in starts}


def parse(body: Bytes, directory: int, wanted: Container[int] | None = None) -> Tags:
    """The tags of a directory that can be read, all or those ``wanted``, to 1 MiB together.

    Raises struct.error beyond the end, ValueError for too many.
    """
    numbers, tags, left_bytes = _numbers(body), Tags(), LIMIT_BYTES
    for tag, place in places(body, directory).items():
        if wanted is not None and tag not in wanted:
            continue
        (kind,) = struct.unpack_from(numbers.order + "H", body, place + 2)
        count = numbers.place_at(body, place + 4)
        value_bytes, number_bytes = _TYPE_BYTES.get(kind, (0, 1))
        size = value_bytes * count
        start = place + 4 + numbers.place_bytes
        if size > numbers.place_bytes:
            start = numbers.place_at(body, start)
        if 0 < size <= min(left_bytes, len(body) - start):
            data = bytes(body[start : start + size])
            tags[tag] = Value(kind, count, _little(data, number_bytes, numbers.order))
            left_bytes -= size
    return tags


def claimed_bytes(body: Bytes, directory: int) -> int:
    """How many bytes the values of a directory claim together. Raises as ``parse``."""
    numbers, claimed = _numbers(body), 0
    for place in places(body, directory).values():
        (kind,) = struct.unpack_from(numbers.order + "H", body, place + 2)
        claimed += numbers.place_at(body, place + 4) * _TYPE_BYTES.get(kind, (0, 1))[0]
    return claimed


def laid_out(
    tags: Tags,
    inner: Mapping[int, Tags],
    at: int,
    numbers: _Numbers = CLASSIC,
    own: Mapping[int, bytes] | None = None,
    following: int = 0,
) -> bytes:
    """A directory as it stands in a file from byte ``at``, its values and inner ones behind it.

    ``inner``: directories by the tag that points to them; ``own``: entries that are there as they
    are to stand; ``following``: where the next directory begins.
    """
    own = own or {}
    tags = {tag: value for tag, value in tags.items() if tag not in own}
    tags |= {tag: numbers.pointer(0) for tag in inner}
    end = at + len(_packed(tags, at, numbers, own, following))
    blocks: list[bytes] = []
    for tag, block in inner.items():
        tags[tag] = numbers.pointer(end)
        blocks.append(_packed(block, end, numbers, {}, 0))
        end += len(blocks[-1])
    return b"".join([_packed(tags, at, numbers, own, following), *blocks])


def _packed(
    tags: Tags, at: int, numbers: _Numbers, own: Mapping[int, bytes], following: int
) -> bytes:
    many, place = "<" + numbers.many, "<" + numbers.place
    head, tail = bytearray(struct.pack(many, len(tags) + len(own))), bytearray()
    behind = at + len(head) + numbers.entry_bytes * (len(tags) + len(own)) + numbers.place_bytes
    for tag in sorted(tags.keys() | own.keys()):
        if tag in own:
            head += own[tag]
            continue
        value, data = tags[tag], tags[tag].data
        if len(data) > numbers.place_bytes:
            data = struct.pack(place, behind + len(tail))
            tail += value.data + b"\0" * (-len(value.data) % 8)
        head += struct.pack("<HH" + numbers.place, tag, value.kind, value.count)
        head += data.ljust(numbers.place_bytes, b"\0")
    return bytes(head + struct.pack(place, following) + tail)


def append(file: BinaryIO, tags: Tags, inner: Mapping[int, Tags]) -> None:
    """Add tags to a TIFF's first directory, which is written anew at the end of the file.

    Tags that are there already stay as they are, and so do directories behind it. Raises OSError;
    ValueError or struct.error, before anything is written, for a file that is big-endian or full.
    """
    with mmap(file.fileno(), 0, access=ACCESS_READ) as body:
        numbers = _numbers(body)
        if numbers.order != "<":
            raise ValueError("the file is big-endian.")
        found = places(body, first(body))
        own = {tag: body[start : start + numbers.entry_bytes] for tag, start in found.items()}
        entries = numbers.many_at(body, first(body)) * numbers.entry_bytes
        end = first(body) + struct.calcsize("<" + numbers.many) + entries
        following = numbers.place_at(body, end)
    at = file.seek(0, os.SEEK_END)
    at += -at % 8
    block = laid_out(tags, inner, at, numbers, own, following)
    start = struct.pack("<" + numbers.place, at)
    struct.pack("<" + numbers.place, at + len(block))  # raises where the file would be too long
    file.write(bytes(at - file.tell()) + block)
    file.seek(numbers.place_bytes)
    file.write(start)


def _little(data: bytes, number_bytes: int, order: str) -> bytes:
    if order == "<" or number_bytes == 1:
        return data
    return np.frombuffer(data, f">u{number_bytes}").astype(f"<u{number_bytes}").tobytes()
