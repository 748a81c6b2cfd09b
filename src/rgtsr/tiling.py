"""Geometry of tiles and of bands. Knows no pixels, no network.

Lengths are input pixels unless a name says otherwise; an axis is one side of the picture.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import UsageError

TILE_LIMIT_PX = 1024  # from this side on RG-SA recurses deeper than any training patch did
SMALLEST_TILE_PX = 16
MARGIN_PX = 8  # of mirrored pixels around a picture: more of them change nothing (docs/speed.md)
SIDES_PX = (64, 96, 128, 192)  # of tiles: a graph is compiled for each shape, so there are few


@dataclass(frozen=True)
class Axis:
    """Equal tiles along one side: where each starts, and where neighbours are faded together.

    Tiles may begin before the picture and end after it: there it is mirrored. ``fades[i]`` is the
    (start, stop) in which tile i + 1 takes over from tile i. It lies in the middle of their
    overlap, so that the borders of tiles, which see least, are not used; fades never meet, so at
    most two tiles make a pixel.
    """

    length: int
    tile: int
    starts: tuple[int, ...]
    fades: tuple[tuple[int, int], ...]

    def samples(self, index: int) -> NDArray[np.intp]:
        """Which pixels of the picture a tile is made of, mirrored beyond the border: (tile,)."""
        place = (self.starts[index] + np.arange(self.tile)) % (2 * self.length)
        return np.minimum(place, 2 * self.length - 1 - place)

    def inside(self, index: int) -> tuple[int, int]:
        """The (start, stop) of the picture's own pixels in a tile."""
        start = self.starts[index]
        return max(0, start), min(self.length, start + self.tile)

    def part(self, index: int, scale: int) -> slice:
        """Where the picture's own pixels lie in what a tile became."""
        start, stop = self.inside(index)
        return slice((start - self.starts[index]) * scale, (stop - self.starts[index]) * scale)

    def weights(self, index: int, scale: int) -> NDArray[np.float32]:
        """How much each output pixel of this tile inside the picture counts, 0..1.

        At every pixel of the picture the weights of all tiles sum to 1.
        """
        start, stop = self.inside(index)
        positions = (np.arange((stop - start) * scale) + 0.5) / scale + start
        weights = np.ones(len(positions))
        if index > 0:
            weights = _rise(positions, *self.fades[index - 1])
        if index < len(self.fades):
            weights = weights - _rise(positions, *self.fades[index])
        return weights.astype(np.float32)

    def finished(self, index: int) -> int:
        """Pixels from the start of the axis that no tile after this one changes."""
        return self.fades[index][0] if index < len(self.fades) else self.length


@dataclass(frozen=True)
class Plan:
    """The tiles of one picture, all of one shape: every row position with every column position."""

    rows: Axis
    columns: Axis

    @property
    def tile(self) -> tuple[int, int]:
        """(height, width) of every tile."""
        return self.rows.tile, self.columns.tile

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self.rows.starts) * len(self.columns.starts)


def plan(
    height: int, width: int, *, tile_px: int, overlap_px: int, margin_px: int = MARGIN_PX
) -> Plan:
    """Cover a picture with equal tiles that overlap by at least ``overlap_px``, evenly spread.

    ``margin_px`` of mirrored pixels surround the picture, since a network sees nothing beyond a
    tile. Tiles have the next larger of a few sides that their number asks for.

    Raises:
        UsageError: for a tile below 16 or at 1024 and above (RG-SA would recurse deeper than in
            training), and an overlap that is negative or above half a tile.
    """
    if tile_px < SMALLEST_TILE_PX:
        raise UsageError(
            f"tile_px={tile_px} is too small: this network needs at least {SMALLEST_TILE_PX}."
        )
    if tile_px >= TILE_LIMIT_PX:
        raise UsageError(
            f"tile_px={tile_px} is too large: from {TILE_LIMIT_PX} on the network recurses deeper"
            " than it was trained to. Use less, or the whole picture."
        )
    if not 0 <= overlap_px <= tile_px // 2:
        raise UsageError(f"overlap_px={overlap_px} must lie in 0..{tile_px // 2}, half a tile.")
    return Plan(*(_axis(side, tile_px, overlap_px, margin_px) for side in (height, width)))


def whole(height: int, width: int) -> Plan:
    """The picture as one tile, of whatever size, and nothing around it."""
    return Plan(*(Axis(side, side, (0,), ()) for side in (height, width)))


def _axis(length: int, tile: int, overlap: int, margin: int) -> Axis:
    if length < 1:
        raise ValueError(f"a side of {length} pixels cannot be tiled.")
    margin = min(margin, tile // 4)
    covered = length + 2 * margin
    count = max(1, math.ceil((covered - overlap) / (tile - overlap)))
    needed = math.ceil((covered + (count - 1) * overlap) / count)
    tile = min(tile, next((side for side in SIDES_PX if side >= needed), tile))
    if count == 1:
        return Axis(length, tile, (-margin,), ())
    spread = covered - tile
    starts = tuple(round(i * spread / (count - 1)) - margin for i in range(count))
    steps = [after - before for before, after in pairwise(starts)]
    fade = min(overlap, *steps)  # or the fades of tiles this close would meet
    fades = tuple(_fade(after, before + tile, fade) for before, after in pairwise(starts))
    return Axis(length, tile, starts, fades)


def _fade(start: int, stop: int, width: int) -> tuple[int, int]:
    margin = (stop - start - width) // 2
    return start + margin, start + margin + width


def _rise(positions: NDArray[np.float64], start: int, stop: int) -> NDArray[np.float64]:
    """0 before ``start``, 1 after ``stop``, linear between."""
    if start == stop:
        return (positions >= start).astype(np.float64)
    return np.clip((positions - start) / (stop - start), 0, 1)


@dataclass(frozen=True)
class Band:
    """Rows ``[top, bottom)`` of a map, and how to read them with their neighbours."""

    top: int
    bottom: int
    height: int

    @property
    def own(self) -> slice:
        """The band without neighbours."""
        return slice(self.top, self.bottom)

    def around(self, halo: int) -> slice:
        """The band and up to ``halo`` rows on either side, as far as the map goes."""
        return slice(max(0, self.top - halo), min(self.height, self.bottom + halo))

    def inside(self, halo: int, factor: int = 1) -> slice:
        """Where the band lies in what was read, or in what is ``factor`` times as high."""
        above = min(self.top, halo)
        return slice(above * factor, (above + self.bottom - self.top) * factor)


OnShare = Callable[[float], object]  # of what is to be done, the share that is: 0..1


def unheard(_share: float) -> None:
    """Shares that nobody follows."""


def stepping(count: int, on_share: OnShare) -> Callable[[], object]:
    """To be called after each of ``count`` steps of one length."""
    done = itertools.count(1)
    return lambda: on_share(next(done) / count)


def bands(height: int, step: int, start: int = 0) -> Iterator[Band]:
    """Cut the rows from ``start`` on into bands of at most ``step``."""
    for top in range(start, height, step):
        yield Band(top, min(top + step, height), height)
