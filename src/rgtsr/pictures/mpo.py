"""How many pictures a JPEG file holds one behind the other. Knows bytes and open files.

Source: CIPA DC-007 (Multi-Picture Format), sections 5.2.2 and 5.2.3.
"""

import struct
from typing import BinaryIO

from rgtsr.pictures import directories, jpeg

NAME = b"MPF\0"
TAG_ENTRIES = 0xB002
ENTRY_BYTES = 16
PREVIEW = 0x01  # the upper byte of an entry's type: the same picture, smaller


def count(file: BinaryIO) -> int:
    """The pictures in a JPEG, previews of the first left out; 1 where it does not say."""
    file.seek(0)
    for marker, body in jpeg.segments(file.read(jpeg.HEAD_BYTES)):
        if marker == jpeg.APP_2 and body.startswith(NAME):
            return max(1, _listed(body[len(NAME) :]))
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
