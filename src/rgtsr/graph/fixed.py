"""The geometry of a graph for tiles of one shape: everything is a constant."""

from functools import cache

import numpy as np

from rgtsr.graph.builder import Builder
from rgtsr.graph.geometry import Attend, Heads, Step
from rgtsr.graph.order import Order, Window, ordered
from rgtsr.variants import REDUCTION, Variant, recursions, smallest_side, window_regions

CHUNK = 1024  # queries at a time; their rows are independent, and their scores stay in the cache


class Fixed:
    """N tiles of one (height, width); ``height`` and ``width`` are what it is after mirroring.

    Not ``mirrored``, the tile is a part of something larger, and as small as it likes.
    """

    def __init__(
        self,
        b: Builder,
        variant: Variant,
        batch: int,
        size: tuple[int, int],
        *,
        mirrored: bool = True,
    ) -> None:
        short = smallest_side(*size) if mirrored else 0
        self.batch, self.size = batch, size
        self.height, self.width = max(size[0], short), max(size[1], short)
        self._builder, self._multiple = b, variant.multiple_px
        self.order = cache(self._order)

    def _order(self, window: Window, *, shifted: bool) -> Order:
        size = self.height, self.width
        rows, columns = (
            window_regions(side + -side % self._multiple, length, shifted=shifted)
            for side, length in zip(size, window, strict=True)
        )
        return ordered(self._builder, (self.batch, *size), rows, columns)

    def recurred(self, name: str, value: str, step: Step) -> tuple[str, tuple[int, int]]:
        times = recursions(self.height, self.width)
        for before in range(times):
            value = step(f"{name}{before}", value, before)
        factor = REDUCTION**times
        return value, (self.height // factor, self.width // factor)

    def keys(self, _name: str, k: str, v: str) -> tuple[str, str]:
        return k, v

    def attended(self, name: str, queries: str, _keys: str, heads: Heads, attend: Attend) -> str:
        pixels = self.height * self.width
        chunk = CHUNK if self.batch == 1 and pixels % CHUNK == 0 else pixels
        return attend(self._builder.reshape(f"{name}/q/split", queries, (-1, chunk, *heads)))

    def entered(self, tiles: str) -> str:
        for axis, (length, side) in enumerate(
            zip(self.size, (self.height, self.width), strict=True), start=2
        ):
            if side > length:
                period = np.arange(side) % (2 * length)
                places = self._builder.integers(
                    np.minimum(period, 2 * length - 1 - period).tolist()
                )
                tiles = self._builder.op("Gather", f"mirrored.{axis}", tiles, places, axis=axis)
        return tiles

    def left(self, output: str, value: str, scale: int) -> str:
        b = self._builder
        if self.size != (self.height, self.width):
            ends = b.integers([side * scale for side in self.size])
            value = b.op("Slice", "cropped", value, b.integers([0, 0]), ends, b.integers([2, 3]))
        return b.op("Identity", output, value)

    def shape(self, channels: int, scale: int = 1) -> tuple[int, ...]:
        return (self.batch, channels, self.size[0] * scale, self.size[1] * scale)
