"""The same network as one graph for tiles of any number and size, for other programs.

What ``rgt.build`` writes as constants for one shape, this graph computes from its input.
Shapes: N tiles, H, W their sides, S scale.
"""

import onnx

from rgtsr.graph.builder import Builder
from rgtsr.graph.layers import Site
from rgtsr.graph.order import Order, Window, computed_order
from rgtsr.graph.rgt import INPUT, OUTPUT, enlarged
from rgtsr.variants import LEAST_RECURSIONS, REDUCTION, Variant
from rgtsr.weights import Weights

SMALLEST_TOKENS = 16  # of the side after the recursion, RGT's code
MOST_RECURSIONS = 8  # sides of a million pixels


def build_any_size(weights: Weights) -> onnx.ModelProto:
    """The graph that enlarges tiles of any shape.

    Input ``tiles``: float32 (N, 3, H, W) in 0..1. Output ``enlarged``: (N, 3, H * S, W * S),
    unclipped. Any N, H and W from 1 up.
    """
    b, scale = Builder(), weights.variant.scale
    batch, height, width = (
        b.op("Shape", name, INPUT, start=axis, end=axis + 1)
        for name, axis in (("batch", 0), ("height", 2), ("width", 3))
    )
    more = _more_recursions(b, height, width)
    least = b.integers([REDUCTION**LEAST_RECURSIONS])
    shortest = b.op("Mul", "shortest", least, b.computed("Pow", REDUCTION, more))
    sides = b.computed("Max", height, shortest), b.computed("Max", width, shortest)
    orders = _orders(b, weights.variant, (batch, *sides))
    site = Site(b, weights.tensors, weights.variant, batch, *sides, orders, more)
    x = INPUT
    for axis, length, side in ((2, height, sides[0]), (3, width, sides[1])):
        x = b.op("Gather", f"mirrored.{axis}", x, _mirrored(b, length, side), axis=axis)
    x = enlarged(site, x)
    ends = b.integers([b.computed("Mul", side, scale) for side in (height, width)])
    b.op("Slice", OUTPUT, x, b.integers([0, 0]), ends, b.integers([2, 3]))
    out = ("batch", 3, f"{scale}*height", f"{scale}*width")
    return b.model(inputs=(INPUT, ("batch", 3, "height", "width")), outputs=(OUTPUT, out))


def _orders(
    b: Builder, variant: Variant, shape: tuple[str, str, str]
) -> dict[tuple[Window, bool], Order]:
    tall, wide = variant.split
    return {
        (window, shifted): computed_order(
            b, shape, window, multiple=variant.multiple_px, shifted=shifted
        )
        for window in {(tall, wide): 0, (wide, tall): 1}
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
