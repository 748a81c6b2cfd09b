"""PNG's chunks: what libvips passes over, garbles or invents. Knows bytes and open files.

Source: PNG, third edition, sections 5 and 11.
"""

import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from rgtsr.pictures import profiles
from rgtsr.pictures.exif import PREFIX

SIGNATURE_BYTES = 8
LIMIT_BYTES = 2**20  # of a text or block, and of all texts together
MOST_CHUNKS = 2**18
XMP_NAME = b"XML:com.adobe.xmp"
RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
COLORS = (b"iCCP", b"cICP", b"sRGB", b"gAMA", b"cHRM")
WANTED = frozenset((b"IHDR", b"eXIf", b"acTL", *TEXTS, *COLORS))
SRGB_GAMMA = 45455
CODED_PRIMARIES = {1: profiles.SRGB_CHROMATICITIES, 12: profiles.P3_CHROMATICITIES}
CODED_SRGB_CURVE = 13


@dataclass(frozen=True)
class Said:
    """What a PNG file says beside its pixels; ``texts``: its text chunks, kind and data."""

    exif: bytes | None
    xmp: bytes | None
    icc: bytes | None
    texts: tuple[bytes, ...]
    notes: tuple[str, ...]


def read(file: BinaryIO) -> Said:
    """All that stands before and behind the pixels; what is damaged is passed over."""
    found: dict[bytes, bytes] = {}
    texts: list[bytes] = []
    exif = xmp = None
    for kind, data in _chunks(file):
        if kind not in TEXTS:
            found.setdefault(kind, data)
            continue
        name, text = _text(kind, data)
        if name == XMP_NAME:
            xmp = text
        elif name in RAW_EXIF:
            exif = _from_hex(text)
        else:
            texts.append(kind + data)
    if b"eXIf" in found:
        exif = PREFIX + found[b"eXIf"].removeprefix(PREFIX)
    (frames,) = struct.unpack(">I", found.get(b"acTL", b"").ljust(4, b"\0")[:4])
    icc, notes = _profile(found)
    if frames > 1:
        notes += (f"it is an animation of {frames} frames: the first was read; into .png all go.",)
    return Said(exif, xmp, icc, tuple(texts), notes)


def names(texts: tuple[bytes, ...]) -> str:
    """The texts' names, for a note."""
    words = (text[4:].split(b"\0")[0].decode("latin-1") for text in texts)
    return ", ".join(dict.fromkeys(words))


def written(exif: bytes | None, xmp: bytes | None, texts: tuple[bytes, ...]) -> bytes:
    """The chunks that hold these, to stand before the pixels."""
    chunks = [chunk(b"eXIf", exif.removeprefix(PREFIX))] if exif else []
    if xmp:
        chunks.append(chunk(b"iTXt", XMP_NAME + bytes(5) + xmp))
    return b"".join(chunks + [chunk(text[:4], text[4:]) for text in texts])


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk, with its length and sum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def head(start: bytes, chunks: bytes, dropped: frozenset[bytes]) -> bytes | None:
    """The start of a PNG with these chunks before the pixels; None before the pixels begin."""
    kept, place = start[:SIGNATURE_BYTES], SIGNATURE_BYTES
    while len(start) >= place + 8:
        size, kind = struct.unpack_from(">I4s", start, place)
        if kind == b"IDAT":
            return kept + chunks + start[place:]
        if kind not in dropped:
            kept += start[place : place + 12 + size]
        place += 12 + size
    return None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks that are wanted and whole, texts up to a MiB together."""
    place, left_bytes = SIGNATURE_BYTES, LIMIT_BYTES
    for _ in range(MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        if kind in WANTED and size <= (left_bytes if kind in TEXTS else LIMIT_BYTES):
            data, total = file.read(size), file.read(4)
            if total == struct.pack(">I", zlib.crc32(kind + data)):
                left_bytes -= size if kind in TEXTS else 0
                yield kind, data
        place += 12 + size


def _text(kind: bytes, data: bytes) -> tuple[bytes, bytes]:
    """A text's name and its bytes; none where they cannot be unpacked."""
    name, _, rest = data.partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].split(b"\0", 2)[-1]
    elif packed:
        rest = rest[1:]
    if packed:
        try:
            rest = zlib.decompressobj().decompress(rest, LIMIT_BYTES)
        except zlib.error:
            rest = b""
    return name, rest


def _from_hex(text: bytes) -> bytes | None:
    """A block as ImageMagick writes it: a name, a length, and figures by the line."""
    with contextlib.suppress(ValueError):
        figures = b"".join(text.split()[2:])
        return PREFIX + bytes.fromhex(figures.decode("ascii")).removeprefix(PREFIX)
    return None


def _profile(found: dict[bytes, bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile that the colour chunks amount to, unless one stands in the file."""
    if b"iCCP" in found:
        return None, ()
    curve, chromaticities = profiles.SRGB_CURVE, profiles.SRGB_CHROMATICITIES
    coded = found.get(b"cICP", b"")
    if len(coded) == 4:
        if coded[0] not in CODED_PRIMARIES or coded[1] != CODED_SRGB_CURVE:
            numbers = ", ".join(map(str, coded))
            return None, (f"its colours are of a coded kind ({numbers}), taken as they stand.",)
        chromaticities = CODED_PRIMARIES[coded[0]]
    elif b"sRGB" not in found:
        gamma, primaries = found.get(b"gAMA", b""), found.get(b"cHRM", b"")
        if len(gamma) != 4:
            return None, ()
        (power,) = struct.unpack(">I", gamma)
        if not 10_000 <= power <= 1_000_000:
            return None, ()
        if len(primaries) == 32:
            chromaticities = tuple(value / 100_000 for value in struct.unpack(">8I", primaries))
        near = np.allclose(chromaticities, profiles.SRGB_CHROMATICITIES, atol=0.002)
        curve = curve if power == SRGB_GAMMA and near else (100_000 / power,)
    is_grey = found.get(b"IHDR", bytes(13))[9] in (0, 4)
    with contextlib.suppress(ValueError, struct.error):
        return profiles.made(curve, chromaticities, is_grey=is_grey), ()
    return None, ()
