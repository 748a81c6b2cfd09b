"""Directories of tags, the skeleton that EXIF and TIFF share. Knows bytes only.

Values are held little-endian whatever their file used.

Source: TIFF 6.0, section 2.
"""

import struct
from collections.abc import Container, Mapping
from dataclasses import dataclass
from mmap import mmap

import numpy as np

Bytes = bytes | bytearray | mmap

TYPE_SHORT = 3
TYPE_LONG = 4
TYPE_RATIONAL = 5
# bytes a value, bytes a number within it: a fraction is two numbers
_ONES, _TWOS, _FOURS = (1, 2, 6, 7), (3, 8), (4, 9, 11, 13)
_TYPE_BYTES = {
    **dict.fromkeys(_ONES, (1, 1)),
    **dict.fromkeys(_TWOS, (2, 2)),
    **dict.fromkeys(_FOURS, (4, 4)),
    **dict.fromkeys((5, 10), (8, 4)),
    12: (8, 8),
}
ENTRY_BYTES = 12
HEADER_BYTES = 8
LIMIT_BYTES = 2**20  # of all values of a directory; a thousand tags may share the same bytes


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
        code = {1: "B", 3: "H", 4: "I", 5: "II", 8: "h", 9: "i", 10: "ii"}.get(self.kind, "")
        return struct.unpack("<" + code * self.count, self.data) if code else ()


Tags = dict[int, Value]


def byte_order(body: Bytes) -> str:
    """``<`` or ``>`` as ``struct`` says it. Raises ValueError when no header stands here."""
    try:
        return {b"II*\0": "<", b"MM\0*": ">"}[bytes(body[:4])]
    except KeyError:
        raise ValueError("neither II nor MM stands at the start of these tags.") from None


def first(body: Bytes) -> int:
    """Where the first directory begins."""
    return struct.unpack_from(byte_order(body) + "I", body, 4)[0]


def places(body: Bytes, directory: int) -> dict[int, int]:
    """Where each tag's 12 bytes begin. Raises struct.error beyond the end."""
    order = byte_order(body)
    (count,) = struct.unpack_from(order + "H", body, directory)
    starts = [directory + 2 + ENTRY_BYTES * index for index in range(count)]
    return {struct.unpack_from(order + "HHII", body, start)[0]: start for start in starts}


def parse(body: Bytes, directory: int, wanted: Container[int] | None = None) -> Tags:
    """The tags of a directory that can be read, all or those ``wanted``, to 1 MiB together.

    Raises struct.error beyond the end.
    """
    order, tags, left_bytes = byte_order(body), Tags(), LIMIT_BYTES
    for tag, place in places(body, directory).items():
        if wanted is not None and tag not in wanted:
            continue
        kind, count = struct.unpack_from(order + "HI", body, place + 2)
        value_bytes, number_bytes = _TYPE_BYTES.get(kind, (0, 1))
        size = value_bytes * count
        start = place + 8
        if size > 4:
            (start,) = struct.unpack_from(order + "I", body, place + 8)
        if 0 < size <= min(left_bytes, len(body) - start):
            data = bytes(body[start : start + size])
            tags[tag] = Value(kind, count, _little(data, number_bytes, order))
            left_bytes -= size
    return tags


def laid_out(tags: Tags, inner: Mapping[int, Tags], at: int) -> bytes:
    """A directory as it stands in a file from byte ``at``, its values and inner ones behind it.

    ``inner``: directories by the tag that points to them.
    """
    tags = tags | {tag: Value.long(0) for tag in inner}
    end = at + len(_packed(tags, at))
    blocks: list[bytes] = []
    for tag, block in inner.items():
        tags[tag] = Value.long(end)
        blocks.append(_packed(block, end))
        end += len(blocks[-1])
    return b"".join([_packed(tags, at), *blocks])


def _packed(tags: Tags, at: int) -> bytes:
    head, tail = bytearray(struct.pack("<H", len(tags))), bytearray()
    behind = at + len(head) + ENTRY_BYTES * len(tags) + 4
    for tag, value in sorted(tags.items()):
        data = value.data
        if len(data) > 4:
            data = struct.pack("<I", behind + len(tail))
            tail += value.data + b"\0" * (len(value.data) % 2)
        head += struct.pack("<HHI", tag, value.kind, value.count) + data.ljust(4, b"\0")
    return bytes(head + bytes(4) + tail)


def _little(data: bytes, number_bytes: int, order: str) -> bytes:
    if order == "<" or number_bytes == 1:
        return data
    return np.frombuffer(data, f">u{number_bytes}").astype(f"<u{number_bytes}").tobytes()
