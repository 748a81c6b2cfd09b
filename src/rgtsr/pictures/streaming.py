"""Pictures that are decoded from top to bottom, and never held. Knows libvips; knows no colours.

H height, W width, C channels.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyvips
from numpy.typing import NDArray

from rgtsr.pictures import opening, samples
from rgtsr.pictures.color import Samples
from rgtsr.pictures.decoding import Encoded
from rgtsr.pictures.formats import JPEG, PNG, TIFF

STREAMED = (JPEG, PNG, TIFF)  # the other decoders hold a picture whole
STRIP_ROWS = 64
UNNAMED = Path()  # in errors that were raised before, at the first look
ONE_BY_ONE = ("interlaced", "jpeg-multiscan")  # libvips' names of what must be held whole


class NotStreamedError(Exception):
    """A picture must be held whole after all; the message says why, as in ``it is ...``."""


@dataclass(frozen=True)
class Passed:
    """What is known of a picture that went by once.

    ``alpha``: its transparency, which is the same everywhere; None without. ``is_flat``: all of it
    is of one colour.
    """

    encoded: Encoded
    shape_HWC: tuple[int, int, int]
    dtype: np.dtype[np.uint8 | np.uint16]
    alpha: int | None
    is_flat: bool


def passed(image: pyvips.Image, encoded: Encoded) -> Passed:
    """Decode all of it, so that damage is known before work begins.

    Raises:
        NotStreamedError: for what cannot be decoded from top to bottom, or is transparent in parts.
        pyvips.Error: for damage.
    """
    check(image, encoded)
    coming, is_flat = strips(image), True
    top_HWC = next(coming)
    first_C, dtype = top_HWC[0, 0], top_HWC.dtype
    for strip_HWC in itertools.chain([top_HWC], coming):
        is_same_C = (strip_HWC == first_C).all((0, 1))
        if image.bands % 2 == 0 and not is_same_C[-1]:
            raise NotStreamedError("it is transparent in parts")
        is_flat = is_flat and bool(is_same_C.all())
    alpha = None if image.bands % 2 else int(first_C[-1])
    return Passed(encoded, (image.height, image.width, image.bands), dtype, alpha, is_flat)


def check(image: pyvips.Image, encoded: Encoded) -> None:
    """Raise NotStreamedError for what cannot be decoded from top to bottom."""
    if encoded.form not in STREAMED or encoded.body is not None:
        raise NotStreamedError(f"it is {encoded.form.name}, which is decoded whole")
    if any(image.get_typeof(name) and image.get(name) for name in ONE_BY_ONE):
        raise NotStreamedError(f"it is {encoded.form.name} that comes in several passes")


def strips(image: pyvips.Image, start: int = 0) -> Iterator[Samples]:
    """The rows from ``start`` on, (h, W, C). Raises pyvips.Error."""
    region = pyvips.Region.new(image)
    dtype = np.uint8 if image.format == "uchar" else np.uint16
    for top in range(start, image.height, STRIP_ROWS):
        high = min(STRIP_ROWS, image.height - top)
        fetched = region.fetch(0, top, image.width, high)
        strip = np.frombuffer(fetched, dtype)
        yield samples.stretched(strip.reshape(high, image.width, image.bands), image)


class Rows:
    """Rows of samples that come when they are asked for: in order, or from the top again.

    It stands in for an array (H, W, C) of which whole rows are wanted. ``strips`` yields from a row
    on, of which the first C channels are taken.
    """

    def __init__(
        self,
        strips: Callable[[int], Iterator[Samples]],
        shape_HWC: tuple[int, int, int],
        dtype: np.dtype[np.uint8 | np.uint16],
    ) -> None:
        self.shape, self.dtype = shape_HWC, dtype
        self._strips = strips
        self._begin(0)

    def __getitem__(self, rows: NDArray[np.intp]) -> Samples:
        """Those rows, in any order; what lies above the first of them is let go."""
        first, stop = int(rows.min()), int(rows.max()) + 1
        if first < self._top or first > self._top + len(self._held_HWC):
            self._begin(first)
        parts = [self._held_HWC[first - self._top :]]
        there = sum(map(len, parts))
        while first + there < stop:
            parts.append(next(self._coming)[:, :, : self.shape[2]])
            there += len(parts[-1])
        self._top, self._held_HWC = first, np.concatenate(parts)
        return self._held_HWC[rows - first]

    def _begin(self, row: int) -> None:
        self._coming = self._strips(row)
        self._top, self._held_HWC = row, np.zeros((0, *self.shape[1:]), self.dtype)


def lay_out(passed: Passed, file: BinaryIO, orientation: int) -> None:
    """Write a picture, turned upright, as bare samples of its colours.

    Raises OSError, and pyvips.Error.
    """
    height, width, channels = passed.shape_HWC
    is_across = orientation >= 5  # rows become columns
    is_backward = orientation in (3, 4, 6, 7)
    pixel_bytes = colours(channels) * passed.dtype.itemsize
    top = 0
    for strip_HWC in opened_strips(passed)(0):
        block_HWC = samples.turned(strip_HWC[:, :, : colours(channels)], orientation)
        place = height - top - len(strip_HWC) if is_backward else top
        if is_across:
            for row, part in enumerate(block_HWC):
                file.seek((row * height + place) * pixel_bytes)
                opening.put(np.ascontiguousarray(part).data, file)
        else:
            file.seek(place * width * pixel_bytes)
            opening.put(np.ascontiguousarray(block_HWC).data, file)
        top += len(strip_HWC)


def bare_strips(
    file: BinaryIO, shape_HWC: tuple[int, int, int], dtype: np.dtype[np.uint8 | np.uint16]
) -> Callable[[int], Iterator[Samples]]:
    """Strips of what ``lay_out`` wrote, from a row on."""
    height, width, channels = shape_HWC
    row_bytes = width * channels * dtype.itemsize

    def strips(start: int) -> Iterator[Samples]:
        for top in range(start, height, STRIP_ROWS):
            file.seek(top * row_bytes)
            body = file.read(min(STRIP_ROWS, height - top) * row_bytes)
            yield np.frombuffer(body, dtype).reshape(-1, width, channels)

    return strips


def opened_strips(passed: Passed) -> Callable[[int], Iterator[Samples]]:
    """Strips of what went by once: nothing is asked any more of how sound it is."""

    def strips_from(start: int) -> Iterator[Samples]:
        encoded = passed.encoded
        image = encoded.image("none")
        yield from strips(samples.as_rgb_or_grey(UNNAMED, image, encoded.stored.is_icclab), start)

    return strips_from


def colours(channels: int) -> int:
    """How many channels are no transparency."""
    return channels - (channels + 1) % 2
