"""Metadata put into encoded files byte for byte. Knows bytes and open files.

libvips would take an EXIF block apart and leave out the tags that it does not know.

Source: ISO/IEC 10918-5 (JFIF), Exif 2.32 section 4.7.2; RFC 9649, section 2.7.1.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

JFIF_START = b"\xff\xd8\xff\xe0"
JFIF_BYTES = 20  # the file's start and JFIF's own segment, behind which EXIF's belongs
RIFF_BYTES = 12


class Rewriter:
    """Passes an encoder's bytes on to a file, with its head changed.

    ``changed`` is given what has come so far, and answers with what to write instead, or None for
    as long as it needs more.
    """

    def __init__(self, file: BinaryIO, changed: Callable[[bytes], bytes | None]) -> None:
        self.file, self.changed = file, changed
        self.error: str | None = None
        self._head: bytes | None = b""

    def write(self, some: bytes | bytearray | memoryview) -> int:
        """Take the next bytes; -1 when they could not be written, with ``error`` set."""
        data = bytes(some)
        try:
            self._pass_on(data)
        except OSError as error:
            self.error = error.strerror or str(error)
            return -1
        return len(data)

    def _pass_on(self, data: bytes) -> None:
        if self._head is None:
            self.file.write(data)
            return
        self._head += data
        changed = self.changed(self._head)
        if changed is not None:
            self.file.write(changed)
            self._head = None


def jpeg_head(head: bytes, exif: bytes | None, comment: bytes | None) -> bytes | None:
    """The start of a JPEG with what there is where it belongs; None while it is too short."""
    if len(head) < JFIF_BYTES:
        return None
    at = JFIF_BYTES if head.startswith(JFIF_START) else 2
    added = [(b"\xff\xe1", exif), (b"\xff\xfe", comment)]
    segments = [mark + struct.pack(">H", 2 + len(body)) + body for mark, body in added if body]
    return head[:at] + b"".join(segments) + head[at:]


def into_webp(path: Path, exif: bytes) -> None:
    """Replace the EXIF of a WebP file, which has one. Raises OSError."""
    with path.open("r+b") as file:
        place = RIFF_BYTES
        while len(head := _at(file, place, 8)) == 8:
            kind, size = struct.unpack("<4sI", head)
            if kind == b"EXIF":
                _replace(file, place, 8 + size + size % 2, exif)
                return
            place += 8 + size + size % 2


def _replace(file: BinaryIO, place: int, old_bytes: int, exif: bytes) -> None:
    rest = _at(file, place + old_bytes, -1)
    file.seek(place)
    file.write(struct.pack("<4sI", b"EXIF", len(exif)) + exif + bytes(len(exif) % 2) + rest)
    file.truncate()
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(4)
    file.write(struct.pack("<I", size_bytes - 8))


def _at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)
