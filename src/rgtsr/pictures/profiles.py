"""Colour profiles made from numbers: primaries, white and a curve. Knows no files, no libvips.

Source: ICC.1:2022, sections 7.2, 9.2 and 10.
"""

import struct

import numpy as np
from numpy.typing import NDArray

Chromaticities = tuple[float, ...]  # x and y of white, red, green, blue

SRGB_CHROMATICITIES: Chromaticities = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3_CHROMATICITIES: Chromaticities = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # of parametric type 3
MOST_SKEWED = 1e4  # the widest gamuts in use stay below 100
D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

Matrix = NDArray[np.float64]


def made(curve: tuple[float, ...], chromaticities: Chromaticities, *, is_grey: bool) -> bytes:
    """A profile. ``curve``: one exponent, or the five numbers of a curve with a straight start.

    Raises ValueError for what are no primaries, struct.error for numbers out of range.
    """
    to_d50, colorants = _colorants(chromaticities)
    shape = b"para" + struct.pack(">IHH", 0, 0 if len(curve) == 1 else 3, 0) + _fixed(*curve)
    tags = {
        b"desc": _text("made from the numbers in a PNG file"),
        b"cprt": _text("no rights reserved"),
        b"wtpt": _xyz(D50),
        b"chad": b"sf32" + bytes(4) + _fixed(*to_d50.ravel()),
    }
    if is_grey:
        tags[b"kTRC"] = shape
    else:
        tags |= {name + b"TRC": shape for name in (b"r", b"g", b"b")}
        columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants.T, strict=True)
        tags |= {name: _xyz(column) for name, column in columns}
    return _laid_out(tags, b"GRAY" if is_grey else b"RGB ")


def _colorants(chromaticities: Chromaticities) -> tuple[Matrix, Matrix]:
    """What adapts the white to D50, and the primaries, (XYZ, RGB), adapted."""
    if min(chromaticities[1::2]) <= 0:
        raise ValueError(f"{chromaticities} are no primaries.")
    points = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in np.reshape(chromaticities, (4, 2))]
    white, primaries = points[0], np.stack(points[1:], axis=1)
    if not np.linalg.cond(primaries) < MOST_SKEWED:
        raise ValueError(f"{chromaticities} are no primaries.")
    primaries = primaries * np.linalg.solve(primaries, white)
    cones = (BRADFORD @ D50) / (BRADFORD @ white)
    to_d50 = np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD
    return to_d50, to_d50 @ primaries


def _laid_out(tags: dict[bytes, bytes], space: bytes) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    kinds = struct.pack(">4sI4s4s4s", bytes(4), 0x04300000, b"mntr", space, b"XYZ ")
    date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    white = _fixed(*D50)
    rest = kinds + date + b"acsp" + bytes(28) + white
    return struct.pack(">I", start + len(body)) + rest + bytes(128 - 4 - len(rest)) + table + body


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: Matrix) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(data), 28) + data
