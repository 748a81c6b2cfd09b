"""The geometry of a graph for tiles of any number and size: it is computed from the input.

Shapes: N tiles, H, W their sides, S scale; P = N * H * W rows.
"""

import onnx

from rgtsr.graph.builder import Builder
from rgtsr.graph.geometry import Attend, Heads, Step
from rgtsr.graph.order import Order, Window, computed_order
from rgtsr.graph.repetition import in_chunks, repeated
from rgtsr.variants import LEAST_RECURSIONS, REDUCTION, Variant

SMALLEST_TOKENS = 16  # of the side after the recursion, RGT's code
MOST_RECURSIONS = 8  # sides of a million pixels
SCORES = 1 << 20  # of one head and picture at a time


class AnySize:
    """Sizes are names of what the graph computes; it does so first, once for all blocks."""

    def __init__(self, b: Builder, variant: Variant, tiles: str) -> None:
        self._builder, self._channels = b, variant.channels
        self.batch, self._high, self._wide = (
            b.op("Shape", name, tiles, start=axis, end=axis + 1)
            for name, axis in (("batch", 0), ("height", 2), ("width", 3))
        )
        self._more = _more_recursions(b, self._high, self._wide)
        least = b.integers([REDUCTION**LEAST_RECURSIONS])
        shortest = b.op("Mul", "shortest", least, b.computed("Pow", REDUCTION, self._more))
        self.height = b.computed("Max", self._high, shortest)
        self.width = b.computed("Max", self._wide, shortest)
        self._orders = _orders(b, variant, (self.batch, self.height, self.width))

    def order(self, window: Window, *, shifted: bool) -> Order:
        return self._orders[window, shifted]

    def recurred(self, name: str, value: str, step: Step) -> tuple[str, tuple[str, str]]:
        b = self._builder
        for before in range(LEAST_RECURSIONS):
            value = step(f"{name}{before}", value, before)
        value = repeated(
            b,
            f"{name}/more",
            self._more,
            value,
            lambda map_: step(f"{name}/step", map_, LEAST_RECURSIONS),
        )
        return value, (
            b.op("Shape", f"{name}/height", value, start=2, end=3),
            b.op("Shape", f"{name}/width", value, start=3, end=4),
        )

    def keys(self, name: str, k: str, v: str) -> tuple[str, str]:
        """Two at least: a single one is doubled, which changes no mean.

        OpenVINO 2026.4 attends wrongly at later sizes when the first that it saw had a single key.
        """
        b = self._builder
        count = b.op("Shape", f"{name}/keys", k, start=1, end=2)
        places = b.op("Mod", f"{name}/places", b.counted(b.computed("Max", count, 2)), count)
        return (
            b.op("Gather", f"{name}/k/two", k, places, axis=1),
            b.op("Gather", f"{name}/v/two", v, places, axis=1),
        )

    def attended(self, name: str, queries: str, keys: str, heads: Heads, attend: Attend) -> str:
        """In a loop, so that the scores of a large picture need not be there at once."""
        b, split = self._builder, (self.batch, -1, *heads)
        count = b.computed("Mul", self.height, self.width)
        gist = b.op("Shape", f"{name}/k/count", keys, start=3, end=4)
        most = b.op("Div", f"{name}/most", b.integers([SCORES]), gist)
        q = b.reshape(f"{name}/q/pictures", queries, (self.batch, -1, heads[0] * heads[1]))
        value = in_chunks(
            b,
            f"{name}/chunks",
            q,
            count,
            lambda rows: attend(b.reshape(f"{name}/q/split", rows, split)),
            most=most,
        )
        value = b.transpose(f"{name}/pictures", value, (1, 0, 2, 3, 4))
        value = b.reshape(f"{name}/repeated", value, (self.batch, -1, self._channels))
        limits = b.integers([0]), count, b.integers([1])
        return b.op("Slice", f"{name}/once", value, *limits)

    def entered(self, tiles: str) -> str:
        b = self._builder
        lengths, sides = (self._high, self._wide), (self.height, self.width)
        for axis, length, side in zip((2, 3), lengths, sides, strict=True):
            places = _mirrored(b, length, side)
            tiles = b.op("Gather", f"mirrored.{axis}", tiles, places, axis=axis)
        return tiles

    def left(self, output: str, value: str, scale: int) -> str:
        b = self._builder
        ends = b.integers([b.computed("Mul", side, scale) for side in (self._high, self._wide)])
        return b.op("Slice", output, value, b.integers([0, 0]), ends, b.integers([2, 3]))

    def shape(self, channels: int, scale: int = 1) -> tuple[str | int, ...]:
        times = f"{scale}*" if scale > 1 else ""
        return ("batch", channels, f"{times}height", f"{times}width")


def _orders(
    b: Builder, variant: Variant, shape: tuple[str, str, str]
) -> dict[tuple[Window, bool], Order]:
    return {
        (window, shifted): computed_order(
            b, shape, window, multiple=variant.multiple_px, shifted=shifted
        )
        for window in dict.fromkeys(variant.windows)
        for shifted in (False, True)
    }


def _more_recursions(b: Builder, height: str, width: str) -> str:
    """T beyond the least: as ``variants.recursions``."""
    steps = range(LEAST_RECURSIONS + 1, MOST_RECURSIONS + 1)
    limits = b.integers([SMALLEST_TOKENS * REDUCTION**step for step in steps])
    longest = b.computed("Max", height, width)
    reached = b.op("GreaterOrEqual", "reached", longest, limits)
    reached = b.op("Cast", "reached.integers", reached, to=onnx.TensorProto.INT64)
    return b.op("ReduceSum", "more_recursions", reached, keepdims=1)


def _mirrored(b: Builder, length: str, side: str) -> str:
    """Indices up to ``side``, mirrored back and forth within ``length``."""
    period = b.computed("Mul", length, 2)
    place = b.computed("Mod", b.counted(side), period)
    last = b.computed("Sub", period, 1)
    return b.computed("Min", place, b.computed("Sub", last, place))
