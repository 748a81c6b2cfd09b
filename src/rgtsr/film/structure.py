"""Whether the parts of a film follow one another without a gap, in Matroska (RFC 9559) and AVI.

Where they do not, players look for the next part that they know, and say nothing of what was lost.
"""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

EBML, SEGMENT, CLUSTER, CHECKSUM = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xBF
OF_ANY = {CHECKSUM, 0xEC}  # padding
# what is where, facts, tracks, chapters, clusters of pictures
HEADS = {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1043A770, CLUSTER}
OF_SEGMENT = OF_ANY | HEADS | {0x1C53BB6B, 0x1941A469, 0x1254C367}  # cues, attachments, tags
# time, silent tracks, position, size of the one before, blocks and groups of them
OF_CLUSTER = OF_ANY | {0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF}
HEAD_BYTES = 12  # of an element, at most
AT_ONCE = 2**20
UNSAID = 2**32 - 1  # length of an AVI that was written into a pipe
SUM_BYTES = 4
CHUNK_BYTES = 8  # of its head
OPENED = (b"movi", b"rec ")  # lists in which pictures are


class Gap(Exception):
    """Where the parts do not follow one another; the message says so."""


def damage(path: Path, container: str, on_moment: Callable[[], object]) -> str | None:
    """What is wrong, in words; ``container``: FFmpeg's name, of which two are looked into.

    ``on_moment`` is called again and again meanwhile; what it raises ends that. Raises OSError.
    """
    look = {"matroska,webm": _look_at_matroska, "avi": _look_at_avi}.get(container)
    if look is not None:
        with path.open("rb") as file:
            try:
                look(file, os.fstat(file.fileno()).st_size, on_moment)
            except Gap as gap:
                return str(gap)
    return None


@dataclass(frozen=True)
class Element:
    """A part of Matroska. ``end`` is None where it ends with what cannot be in it."""

    ident: int
    begin: int
    end: int | None


def _look_at_matroska(file: BinaryIO, size: int, on_moment: Callable[[], object]) -> None:
    head = _element(file, 0)
    segment = _element(file, head.end or 0)
    if head.ident != EBML or segment.ident != SEGMENT:
        return  # what precedes it is passed over by players too
    end = _checked_end(size, segment.end)
    where, is_open = segment.begin, False  # in a cluster that does not say where it ends
    while where < end:
        on_moment()
        part = _element(file, where)
        if part.ident == EBML and segment.end is None:
            return  # another film follows, which players do not show
        if is_open and part.ident in OF_CLUSTER:
            where = _end_within(part, where, end)
            continue
        if part.ident not in OF_SEGMENT:
            raise _broken(where)
        is_open = part.ident == CLUSTER and part.end is None
        if is_open:
            where = part.begin
            continue
        where = _end_within(part, where, end)
        if part.ident == CLUSTER:
            _look_at_cluster(file, part.begin, where, on_moment)


def _look_at_cluster(file: BinaryIO, begin: int, end: int, on_moment: Callable[[], object]) -> None:
    where = begin
    while where < end:
        on_moment()
        part = _element(file, where)
        after = _end_within(part, where, end)
        is_sum = part.ident == CHECKSUM
        if part.ident not in OF_CLUSTER or (is_sum and after - part.begin != SUM_BYTES):
            raise _broken(where)
        if where == begin and is_sum:
            file.seek(part.begin)
            told = int.from_bytes(file.read(SUM_BYTES), "little")
            if told != _sum(file, after, end, on_moment):
                raise Gap(f"what lies in bytes {begin:,} to {end:,} is damaged")
        where = after


def _element(file: BinaryIO, where: int) -> Element:
    file.seek(where)
    head = file.read(HEAD_BYTES)
    ident_bytes = 9 - head[0].bit_length() if head else 9
    if ident_bytes > 4 or len(head) <= ident_bytes:
        raise _broken(where)
    size_bytes = 9 - head[ident_bytes].bit_length()
    stop = ident_bytes + size_bytes
    if size_bytes > 8 or len(head) < stop:
        raise _broken(where)
    unknown = 2 ** (7 * size_bytes) - 1
    size = int.from_bytes(head[ident_bytes:stop], "big") & unknown
    end = None if size == unknown else where + stop + size
    return Element(int.from_bytes(head[:ident_bytes], "big"), where + stop, end)


def _end_within(part: Element, where: int, end: int) -> int:
    if part.end is None or part.end > end:
        raise _broken(where)
    return part.end


def _sum(file: BinaryIO, begin: int, end: int, on_moment: Callable[[], object]) -> int:
    file.seek(begin)
    found, left = 0, end - begin
    while left and (some := file.read(min(AT_ONCE, left))):
        on_moment()
        found, left = zlib.crc32(some, found), left - len(some)
    return found


def _look_at_avi(file: BinaryIO, size: int, on_moment: Callable[[], object]) -> None:
    where = end = 0
    is_told = False  # where it ends
    while where < size:
        on_moment()
        name, length = _chunk(file, where)
        if where >= end:
            if name != b"RIFF":
                return
            is_told = length != UNSAID
            end = _checked_end(size, where + CHUNK_BYTES + length if is_told else None)
            where += 12
        elif name == b"LIST" and _chunk(file, where + CHUNK_BYTES)[0] in OPENED:
            where += 12
        elif is_told and end - where < CHUNK_BYTES:
            where = end  # a rest that is no chunk
        else:
            after = where + CHUNK_BYTES + length
            if not _is_chunk(name) or after > end:
                raise _broken(where)
            is_unpadded = after % 2 and not _is_chunk(_chunk(file, after + 1)[0])
            where = after if is_unpadded else after + after % 2


def _chunk(file: BinaryIO, where: int) -> tuple[bytes, int]:
    file.seek(where)
    head = file.read(CHUNK_BYTES)
    return head[:4], int.from_bytes(head[4:], "little")


def _is_chunk(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _checked_end(size: int, end: int | None) -> int:
    if end is not None and end > size:
        raise Gap(f"{size:,} of its {end:,} bytes are there")
    return size if end is None else end


def _broken(where: int) -> Gap:
    return Gap(f"from byte {where:,} on nothing follows that belongs there")
