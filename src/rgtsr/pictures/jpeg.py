"""What the head of a JPEG file says: its segments, and how strongly it was compressed.

Knows bytes and open files. Source: ITU-T T.81, sections B.1.1.4, B.2.2 and B.2.4.1, annex K.1.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

HEAD_BYTES = 2**20
APP_2, QUANTISERS, SCAN, COMMENT = 0xE2, 0xDB, 0xDA, 0xFE
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the others are tables

# table K.1 in zigzag order: the steps of the lowest frequencies of luma at quality 50
LOWEST = 15
STEPS_AT_50 = (16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24)


@dataclass(frozen=True)
class Compression:
    """How strongly a JPEG was compressed.

    ``coarseness``: the steps of luma's lowest frequencies, as a share of those of quality 50.
    ``halved``: whether colours have half the (height, width) of luma.
    """

    coarseness: float
    halved: tuple[bool, bool] = (False, False)

    @property
    def quality(self) -> float:
        """1..100 in libjpeg's scale."""
        share = self.coarseness
        return max(1.0, 50 / share if share > 1 else 100 - 50 * share)


def segments(head: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker and the content of each segment up to the first scan, as far as they are there."""
    place = 2
    while place + 4 <= len(head) and head[place] == 0xFF:
        marker = head[place + 1]
        if marker == 0xFF:  # may be repeated
            place += 1
            continue
        (size,) = struct.unpack_from(">H", head, place + 2)
        if marker == SCAN or place + 2 + size > len(head):
            return
        yield marker, head[place + 4 : place + 2 + size]
        place += 2 + size


def compression(file: BinaryIO) -> Compression | None:
    """How strongly a JPEG was compressed; None where its head does not say."""
    file.seek(0)
    steps: dict[int, tuple[int, ...]] = {}
    for marker, body in segments(file.read(HEAD_BYTES)):
        if marker == QUANTISERS:
            steps |= _tables(body)
        elif marker in FRAMES:
            return _of_frame(body, steps)
    return None


def comment(file: BinaryIO) -> bytes | None:
    """What people wrote into a JPEG, in whatever encoding; None where it has no comment."""
    file.seek(0)
    found = [body for marker, body in segments(file.read(HEAD_BYTES)) if marker == COMMENT]
    return b"\n".join(found) or None


def _tables(body: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The number and the lowest steps of each table of a segment."""
    while body:
        precision, number = divmod(body[0], 16)
        form = ">64H" if precision else ">64B"
        if len(body) < 1 + struct.calcsize(form):
            return
        yield number, struct.unpack_from(form, body, 1)[:LOWEST]
        body = body[1 + struct.calcsize(form) :]


def _of_frame(body: bytes, steps: dict[int, tuple[int, ...]]) -> Compression | None:
    """Of a frame header: each component is its name, its sampling factors, its table."""
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        return None
    components = [body[6 + 3 * index : 9 + 3 * index] for index in range(body[5])]
    if not components or components[0][2] not in steps:
        return None
    found = steps[components[0][2]]
    coarseness = sum(found) / sum(STEPS_AT_50)
    factors = [divmod(component[1], 16) for component in components]
    if len(factors) != 3:
        return Compression(coarseness)
    wide, high = (factors[0][axis] > factors[1][axis] for axis in (0, 1))
    return Compression(coarseness, (high, wide))
