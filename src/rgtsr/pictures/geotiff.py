"""Where a picture lies on the earth, as TIFF says it, and how that stays true. Knows bytes only.

Sources: OGC GeoTIFF 1.1, sections 7.1 and B.6; GDAL's "GTiff" for the value of what is no data.
"""

import contextlib
import mmap
import struct
from dataclasses import dataclass
from typing import BinaryIO

from rgtsr.pictures import directories
from rgtsr.pictures.directories import TYPE_DOUBLE, Tags, Value

TAG_PIXEL_SCALE, TAG_TIEPOINTS, TAG_TRANSFORMATION = 33_550, 33_922, 34_264
TAG_KEYS, TAG_DOUBLES, TAG_TEXTS, TAG_NO_DATA = 34_735, 34_736, 34_737, 42_113
MEASURES = (TAG_PIXEL_SCALE, TAG_TIEPOINTS, TAG_TRANSFORMATION)
TAGS = frozenset((*MEASURES, TAG_KEYS, TAG_DOUBLES, TAG_TEXTS, TAG_NO_DATA))
KEY_RASTER_TYPE, PIXEL_IS_POINT = 1025, 2

Axis = tuple[float, float]  # a coordinate i becomes i * first + second


@dataclass(frozen=True)
class Place:
    """The tags of a picture that has ``size``, (height, width)."""

    tags: tuple[tuple[int, Value], ...]
    size: tuple[int, int]

    @property
    def no_data(self) -> str | None:
        """The value of what is no data, as it is written there."""
        value = dict(self.tags).get(TAG_NO_DATA)
        return None if value is None else value.data.rstrip(b"\0 ").decode("ascii", "replace")

    def sized(self, height: int, width: int) -> Tags:
        """The tags of the picture once it has this size; of another shape it was cropped evenly."""
        tags = dict(self.tags)
        factors = height / self.size[0], width / self.size[1]
        covered = self.size[0] * max(factors), self.size[1] * max(factors)
        borders = (0.0, 0.0)
        if abs(covered[0] - height) >= 1 or abs(covered[1] - width) >= 1:
            factors = max(factors), max(factors)
            borders = (covered[0] - height) // 2, (covered[1] - width) // 2
        shifts = tuple((f - 1) / 2 if _is_point(tags) else 0.0 for f in factors)
        down, across = (
            (factor, shift - border)
            for factor, shift, border in zip(factors, shifts, borders, strict=True)
        )
        for tag, change in (
            (TAG_PIXEL_SCALE, _scale),
            (TAG_TIEPOINTS, _tiepoints),
            (TAG_TRANSFORMATION, _transformation),
        ):
            if tag in tags:
                tags[tag] = _doubles(change(_numbers(tags[tag]), across, down))
        return tags


def read(file: BinaryIO, page: int, size: tuple[int, int]) -> Place | None:
    """Where a TIFF's page, from 0, lies on the earth; None where nothing is said of it."""
    with contextlib.suppress(struct.error, ValueError, OSError):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            tags = directories.parse(body, directories.of_page(body, page), TAGS)
        if tags and all(tags[tag].kind == TYPE_DOUBLE for tag in MEASURES if tag in tags):
            return Place(tuple(sorted(tags.items())), size)
    return None


def _is_point(tags: Tags) -> bool:
    """Whether coordinates are those of pixels' centres, not of their corners."""
    keys = tags[TAG_KEYS].numbers() if TAG_KEYS in tags else ()
    return any(
        keys[at] == KEY_RASTER_TYPE and keys[at + 3] == PIXEL_IS_POINT
        for at in range(4, len(keys) - 3, 4)
    )


def _scale(values: list[float], across: Axis, down: Axis) -> list[float]:
    return [values[0] / across[0], values[1] / down[0], *values[2:]]


def _tiepoints(values: list[float], across: Axis, down: Axis) -> list[float]:
    for at in range(0, len(values) - 5, 6):
        values[at] = values[at] * across[0] + across[1]
        values[at + 1] = values[at + 1] * down[0] + down[1]
    return values


def _transformation(values: list[float], across: Axis, down: Axis) -> list[float]:
    """Rows of four: what i, j and k count for, and what is added."""
    for row in range(0, len(values) - 3, 4):
        values[row] /= across[0]
        values[row + 1] /= down[0]
        values[row + 3] -= values[row] * across[1] + values[row + 1] * down[1]
    return values


def _numbers(value: Value) -> list[float]:
    return list(struct.unpack(f"<{value.count}d", value.data))


def _doubles(values: list[float]) -> Value:
    return Value(TYPE_DOUBLE, len(values), struct.pack(f"<{len(values)}d", *values))
