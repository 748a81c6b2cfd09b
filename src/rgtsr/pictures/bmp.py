"""Windows bitmaps, which libvips does not read: bytes in, samples out. Knows no files.

Nothing that inference installs reads them: libvips leaves them to ImageMagick, which it does not
trust and which its binary wheel lacks; Pillow comes with the training extra alone.

Uncompressed ones of 1 to 32 bits, with palettes, bit masks, transparency, profile and resolution.
H height, W width, C channels.

Source: Microsoft, "Bitmap Storage", "BITMAPV5HEADER structure".
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FILE_HEADER_BYTES = 14
RGB, BIT_FIELDS, ALPHA_BIT_FIELDS = 0, 3, 6
RUN_LENGTHS = (1, 2)
WRAPPED = {4: "JPEG", 5: "PNG"}
OLD_HEADER_BYTES, ALPHA_HEADER_BYTES, PROFILE_HEADER_BYTES = 12, 56, 124
EMBEDDED = b"DEBM"
MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
BITS = (1, 4, 8, 16, 24, 32)


@dataclass(frozen=True)
class Bitmap:
    """What a bitmap's header says; ``masks`` are red's, green's, blue's and alpha's."""

    height: int
    width: int
    is_upward: bool
    bits: int
    start: int
    palette_BGR: NDArray[np.uint8]
    masks: tuple[int, int, int, int]
    resolution_per_mm: tuple[float, float] | None
    icc: bytes | None

    @property
    def row_bytes(self) -> int:
        """Bytes a row, filled up to fours."""
        return (self.width * self.bits + 31) // 32 * 4


def header(body: bytes) -> Bitmap:
    """Read all but the pixels. Raises ValueError or struct.error for what is no such bitmap.

    Raises NotImplementedError, which says what it is, for a kind that is not read here.
    """
    start, header_bytes = struct.unpack_from("<II", body, 10)
    if header_bytes == OLD_HEADER_BYTES:
        width, height, _, bits = struct.unpack_from("<HHHH", body, 18)
        packing, across, down, used = RGB, 0, 0, 0
    else:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", body, 18)
        across, down, used = struct.unpack_from("<iiI", body, 38)
    if packing in RUN_LENGTHS:
        raise NotImplementedError("run-length coded")
    if packing in WRAPPED:
        raise NotImplementedError(f"{WRAPPED[packing]} in a bitmap")
    if bits not in BITS or packing not in (RGB, BIT_FIELDS, ALPHA_BIT_FIELDS):
        raise ValueError(f"{bits} bits a pixel, compressed in way {packing}, are not read here")
    if width < 1 or height == 0:
        raise ValueError(f"{width} x {height} is no picture's size")
    return Bitmap(
        height=abs(height),
        width=width,
        is_upward=height > 0,
        bits=bits,
        start=start,
        palette_BGR=_palette(body, header_bytes, bits, used),
        masks=_masks(body, header_bytes, bits, packing),
        resolution_per_mm=(down / 1000, across / 1000) if down > 0 and across > 0 else None,
        icc=_icc(body, header_bytes),
    )


def rows_there(body: bytes, bitmap: Bitmap) -> int:
    """How many rows the file really holds."""
    return min(bitmap.height, max(0, len(body) - bitmap.start) // bitmap.row_bytes)


def samples(body: bytes, bitmap: Bitmap) -> NDArray[np.uint8]:
    """All pixels, (H, W, 3), or (H, W, 4) with alpha; black where rows are missing."""
    there = rows_there(body, bitmap)
    rows = np.zeros((bitmap.height, bitmap.row_bytes), np.uint8)
    data = np.frombuffer(body, np.uint8, there * bitmap.row_bytes, bitmap.start)
    rows[:there] = data.reshape(there, bitmap.row_bytes)
    if bitmap.is_upward:
        rows = rows[::-1]
    if bitmap.bits == 24:
        return rows[:, : bitmap.width * 3].reshape(bitmap.height, bitmap.width, 3)[:, :, ::-1]
    if bitmap.bits <= 8:
        return _painted(rows, bitmap)
    return _unmasked(rows, bitmap)


def _painted(rows: NDArray[np.uint8], bitmap: Bitmap) -> NDArray[np.uint8]:
    """Palette colours for the numbers in the rows; black for those that the palette lacks."""
    if bitmap.bits < 8:
        single = np.unpackbits(rows, axis=1).reshape(len(rows), -1, bitmap.bits)
        rows = np.packbits(single, axis=2)[:, :, 0] >> np.uint8(8 - bitmap.bits)
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(bitmap.palette_BGR)] = bitmap.palette_BGR[:, ::-1]
    return colors[rows[:, : bitmap.width]]


def _unmasked(rows: NDArray[np.uint8], bitmap: Bitmap) -> NDArray[np.uint8]:
    values = rows.view(f"<u{bitmap.bits // 8}")[:, : bitmap.width].astype(np.uint32)
    planes: list[NDArray[np.uint8]] = []
    for mask in bitmap.masks:
        if mask:
            low = mask & -mask
            scale = 255 / (mask // low)
            planes.append(np.floor((values & mask) // low * scale + 0.5).astype(np.uint8))
        elif len(planes) < 3:
            planes.append(np.zeros(values.shape, np.uint8))
    return np.stack(planes, axis=2)


def _palette(body: bytes, header_bytes: int, bits: int, used: int) -> NDArray[np.uint8]:
    if bits > 8:
        return np.zeros((0, 3), np.uint8)
    entry_bytes = 3 if header_bytes == OLD_HEADER_BYTES else 4
    count = min(used or 2**bits, 2**bits)
    start = FILE_HEADER_BYTES + header_bytes
    table = body[start : start + count * entry_bytes]
    whole = np.frombuffer(table, np.uint8, len(table) // entry_bytes * entry_bytes)
    return whole.reshape(-1, entry_bytes)[:, :3]


def _masks(body: bytes, header_bytes: int, bits: int, packing: int) -> tuple[int, int, int, int]:
    if packing == RGB or bits not in MASKS:
        return MASKS.get(bits, (0, 0, 0, 0))
    red, green, blue = struct.unpack_from("<III", body, 54)
    has_alpha = packing == ALPHA_BIT_FIELDS or header_bytes >= ALPHA_HEADER_BYTES
    (alpha,) = struct.unpack_from("<I", body, 66) if has_alpha else (0,)
    return red, green, blue, alpha


def _icc(body: bytes, header_bytes: int) -> bytes | None:
    if header_bytes < PROFILE_HEADER_BYTES or body[70:74] != EMBEDDED:
        return None
    offset, size_bytes = struct.unpack_from("<II", body, FILE_HEADER_BYTES + 112)
    block = body[FILE_HEADER_BYTES + offset :][:size_bytes]
    return block or None
