"""EXIF bytes kept true: orientation, thumbnail, pixel sizes; and EXIF in TIFF. Knows no libvips.

A block is patched, not rewritten, so that everything else in it, a camera's private notes with
their absolute offsets included, stays where it is. TIFF has no block: its own tags are EXIF's.

Source: Exif 2.32, section 4.5.
"""

import contextlib
import mmap
import struct
from pathlib import Path
from typing import BinaryIO

from rgtsr.pictures import directories
from rgtsr.pictures.directories import TYPE_LONG, TYPE_RATIONAL, TYPE_SHORT, Tags

PREFIX = b"Exif\0\0"
UNREAD = "its EXIF block cannot be understood: it was left out."
INCH = 2
MM_PER_UNIT = {INCH: 25.4, 3: 10.0}

TAG_IMAGE_WIDTH = 0x0100
TAG_IMAGE_LENGTH = 0x0101
TAG_ORIENTATION = 0x0112
TAG_X_RESOLUTION = 0x011A
TAG_Y_RESOLUTION = 0x011B
TAG_RESOLUTION_UNIT = 0x0128
TAG_EXIF = 0x8769
TAG_GPS = 0x8825
TAG_INTEROPERABILITY = 0xA005
TAG_THUMBNAIL = 0x0201
TAG_THUMBNAIL_BYTES = 0x0202
TAG_MAKER_NOTE = 0x927C
TAG_PIXEL_X = 0xA002
TAG_PIXEL_Y = 0xA003
# Description, Make, Model, Software, DateTime, Artist, HostComputer, Rating (two), Copyright
_PLAIN = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298)
_WINDOWS = range(0x9C9B, 0x9CA0)  # title, comment, author, keywords, subject
_PRINTING = (0x013E, 0x013F, 0xC4A5)  # white point, primaries, print image matching
DESCRIBING = frozenset((*_PLAIN, *_WINDOWS, *_PRINTING))
# what a photo's block says of how it was stored, or what is carried in another way
_STORED = (0x00FE, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x010A, 0x0111, 0x0112, 0x0115, 0x0116)
_LAID = (0x0117, 0x011A, 0x011B, 0x011C, 0x0128, 0x012D, 0x0201, 0x0202, 0x0211, 0x0212, 0x0213)
_BLOCKS = (0x0214, 0x02BC, 0x83BB, 0x8649, 0x8773, 0xEA1C)
STORING = frozenset((*_STORED, *_LAID, *_BLOCKS))
# cameras' private notes whose inner offsets count from their own start
MOVABLE_NOTES = (b"Nikon\0\2", b"OLYMPUS\0", b"OM SYSTEM\0", b"FUJIFILM", b"Apple iOS\0")


def corrected(exif: bytes, size: tuple[int, int] | None = None) -> bytes | None:
    """EXIF for the upright picture, without thumbnail; None when it cannot be understood.

    ``size``: (height, width) to write where the block already speaks of pixel sizes.
    """
    body = bytearray(exif.removeprefix(PREFIX))
    try:
        _correct(body, size)
    except (struct.error, ValueError):
        return None
    return PREFIX + bytes(body)


def resolution_per_mm(exif: bytes) -> tuple[float, float] | None:
    """(vertical, horizontal) pixels per millimetre, if the block says so."""
    body = exif.removeprefix(PREFIX)
    try:
        tags = directories.parse(body, directories.first(body))
        unit = tags[TAG_RESOLUTION_UNIT].numbers()[0]
        vertical, below = tags[TAG_Y_RESOLUTION].numbers()
        horizontal, beneath = tags[TAG_X_RESOLUTION].numbers()
        return vertical / below / MM_PER_UNIT[unit], horizontal / beneath / MM_PER_UNIT[unit]
    except (struct.error, ValueError, LookupError, ZeroDivisionError):
        return None


def with_resolution(exif: bytes, per_mm: tuple[float, float]) -> bytes:
    """EXIF that gives a resolution, (vertical, horizontal), where the block gave none.

    Its first directory is written anew at its end, so that all else stays where it was.
    """
    if resolution_per_mm(exif) is not None:
        return exif
    body = bytearray(exif.removeprefix(PREFIX))
    order = directories.byte_order(body)
    entries = {
        tag: bytes(body[place : place + directories.ENTRY_BYTES])
        for tag, place in directories.places(body, directories.first(body)).items()
    }
    at = len(body) + len(body) % 2
    new = {TAG_X_RESOLUTION, TAG_Y_RESOLUTION, TAG_RESOLUTION_UNIT}
    behind = at + 2 + directories.ENTRY_BYTES * len(entries.keys() | new) + 4
    for index, tag in enumerate((TAG_Y_RESOLUTION, TAG_X_RESOLUTION)):
        entries[tag] = struct.pack(order + "HHII", tag, TYPE_RATIONAL, 1, behind + 8 * index)
    entries[TAG_RESOLUTION_UNIT] = struct.pack(
        order + "HHIH2x", TAG_RESOLUTION_UNIT, TYPE_SHORT, 1, INCH
    )
    fractions = (round(side * MM_PER_UNIT[INCH] * 1000) for side in per_mm)
    table = b"".join(entry for _, entry in sorted(entries.items()))
    values = b"".join(struct.pack(order + "II", above, 1000) for above in fractions)
    body[4:8] = struct.pack(order + "I", at)
    count = struct.pack(order + "H", len(entries))
    return PREFIX + bytes(body.ljust(at, b"\0") + count + table + bytes(4) + values)


def from_tiff(file: BinaryIO, page: int = 0) -> tuple[bytes | None, tuple[str, ...]]:
    """The EXIF that the own tags of a TIFF file's page amount to, as one block; None without any.

    And a line if there are tags that were left out.
    """
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            tags, inner, lost = _describing(body, directories.of_page(body, page))
    except (struct.error, ValueError, OSError):
        return None, (UNREAD,)
    notes = (left_out(lost),) if lost else ()
    if not tags and not inner:
        return None, notes
    block = directories.laid_out(tags, inner, directories.HEADER_BYTES)
    return PREFIX + struct.pack("<4sI", b"II*\0", directories.HEADER_BYTES) + block, notes


def into_tiff(path: Path, exif: bytes) -> int:
    """Add EXIF to a TIFF file: a new directory at its end, with the old tags and these.

    Returns how many of its tags were left out. Raises OSError, and ValueError or struct.error where
    that cannot be done: the file is big-endian or full, or the EXIF makes no sense.
    """
    block = exif.removeprefix(PREFIX)
    tags, inner, lost = _describing(block, directories.first(block), every=True)
    with path.open("r+b") as file:
        directories.append(file, tags, inner)
    return lost


def left_out(count: int) -> str:
    """A line about tags that were left out."""
    return f"{count} EXIF tags were left out: damaged, too large, or true only where they stood."


def _describing(
    body: directories.Bytes, directory: int, every: bool = False
) -> tuple[Tags, dict[int, Tags], int]:
    """What tags say of the photo rather than of its storage: their own, and inner directories.

    And how many were left out; ``every``: of those of storage that are no TIFF's, too. An inner
    directory that is not where it should be counts as one.
    """
    places = directories.places(body, directory)
    tags = directories.parse(body, directory, DESCRIBING | {TAG_EXIF, TAG_GPS})
    known = DESCRIBING if not every else places.keys() - STORING - {TAG_EXIF, TAG_GPS}
    lost = len((known & places.keys()) - tags.keys())
    inner: dict[int, Tags] = {}
    for pointer in {TAG_EXIF, TAG_GPS} & places.keys():
        try:
            (start,) = tags.pop(pointer).numbers()
            inner[pointer], left_out = _inner(body, start)
        except (struct.error, LookupError, ValueError):
            left_out = 1
        lost += left_out
    return tags, inner, lost


def _inner(body: directories.Bytes, directory: int) -> tuple[Tags, int]:
    """The tags of an inner directory, and how many of its were left out."""
    tags = directories.parse(body, directory)
    note = tags.get(TAG_MAKER_NOTE)
    if note is not None and not note.data.startswith(MOVABLE_NOTES):
        del tags[TAG_MAKER_NOTE]
    lost = len(directories.places(body, directory).keys() - tags.keys() - {TAG_INTEROPERABILITY})
    tags.pop(TAG_INTEROPERABILITY, None)
    return tags, lost


def _correct(body: bytearray, size: tuple[int, int] | None) -> None:
    order, first = directories.byte_order(body), directories.first(body)
    entries = directories.places(body, first)
    if TAG_ORIENTATION in entries:
        _put(body, entries[TAG_ORIENTATION], TYPE_SHORT, 1)
    end = first + 2 + directories.ENTRY_BYTES * struct.unpack_from(order + "H", body, first)[0]
    _wipe_thumbnail(body, struct.unpack_from(order + "I", body, end)[0])
    struct.pack_into(order + "I", body, end, 0)  # no second directory: it holds the thumbnail
    if size is None:
        return
    if TAG_EXIF in entries:
        (inner,) = struct.unpack_from(order + "I", body, entries[TAG_EXIF] + 8)
        entries = directories.places(body, inner) | entries
    heights, widths = (TAG_IMAGE_LENGTH, TAG_PIXEL_Y), (TAG_IMAGE_WIDTH, TAG_PIXEL_X)
    for side, tags in zip(size, (heights, widths), strict=True):
        for tag in tags:
            if tag in entries:
                _put(body, entries[tag], TYPE_LONG, side)


def _wipe_thumbnail(body: bytearray, directory: int) -> None:
    """Zeros where a thumbnail stood: it would show what may have been cut away since."""
    with contextlib.suppress(struct.error, IndexError):
        tags = directories.parse(body, directory, {TAG_THUMBNAIL, TAG_THUMBNAIL_BYTES})
        if directory and len(tags) == 2:
            (start,), (size,) = (tags[tag].numbers() for tag in sorted(tags))
            end = min(start + size, len(body))
            body[start:end] = bytes(max(0, end - start))


def lost_between(before: bytes, after: bytes | None) -> int:
    """How many tags of a block are not as they were in another that was made of it."""
    try:
        old, new = _everything(before), _everything(after) if after else {}
    except (struct.error, ValueError):
        return 0
    return sum(new.get(place) != value for place, value in old.items())


def _everything(exif: bytes) -> dict[tuple[int, int], bytes]:
    """Each tag's bytes, by the tag that points to its directory, and its own number."""
    body = exif.removeprefix(PREFIX)
    tags, found = directories.parse(body, directories.first(body)), dict[tuple[int, int], bytes]()
    for pointer in (TAG_EXIF, TAG_GPS):
        if pointer in tags:
            inner = directories.parse(body, tags.pop(pointer).numbers()[0])
            found |= {(pointer, tag): value.data for tag, value in inner.items()}
    return found | {(0, tag): value.data for tag, value in tags.items() if tag not in STORING}


def _put(body: bytearray, place: int, kind: int, value: int) -> None:
    """One number as the entry's only value, left-aligned in its four bytes."""
    order = directories.byte_order(body)
    struct.pack_into(order + "HI", body, place + 2, kind, 1)
    struct.pack_into(order + ("H2x" if kind == TYPE_SHORT else "I"), body, place + 8, value)
