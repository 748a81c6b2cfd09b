"""How many pictures a JPEG file holds one behind the other. Knows bytes and open files.

Source: CIPA DC-007 (Multi-Picture Format), sections 5.2.2 and 5.2.3.
"""

import struct
from typing import BinaryIO

from rgtsr.pictures import directories

NAME = b"MPF\0"
SEGMENT = 0xE2
TAG_ENTRIES = 0xB002
ENTRY_BYTES = 16
PREVIEW = 0x01  # the upper byte of an entry's type: the same picture, smaller
HEAD_BYTES = 2**20


def count(file: BinaryIO) -> int:
    """The pictures in a JPEG, previews of the first left out; 1 where it does not say."""
    file.seek(0)
    head, place = file.read(HEAD_BYTES), 2
    while place + 4 <= len(head) and head[place] == 0xFF and 0xE0 <= head[place + 1] <= 0xFE:
        (size,) = struct.unpack_from(">H", head, place + 2)
        body = head[place + 4 : place + 2 + size]
        if head[place + 1] == SEGMENT and body.startswith(NAME):
            return max(1, _listed(body[len(NAME) :]))
        place += 2 + size
    return 1


def _listed(body: bytes) -> int:
    try:
        order = directories.byte_order(body)
        tags = directories.parse(body, directories.first(body), {TAG_ENTRIES})
        entries = tags[TAG_ENTRIES].data
    except (struct.error, ValueError, LookupError):
        return 1
    starts = range(0, len(entries) - ENTRY_BYTES + 1, ENTRY_BYTES)
    types = [struct.unpack_from(order + "I", entries, start)[0] >> 16 & 0xFF for start in starts]
    return sum(kind != PREVIEW for kind in types)
