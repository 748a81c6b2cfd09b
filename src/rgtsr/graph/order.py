"""Where every row goes when windows become contiguous: as constants, or computed by the graph.

``ordered`` is for one shape; ``computed_order`` finds the same in a graph from its own shape, once
per run for all blocks.
Shapes: N pictures of H x W rows, padded to G x V; windows of h x w.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgtsr.graph.builder import Builder, Size
from rgtsr.variants import window_regions

Window = tuple[int, int]
Shape = tuple[str, str, str]  # N, H, W
Regions = tuple[tuple[int, int, int], ...]  # start, stop, window length


@dataclass(frozen=True)
class Order:
    """Which row of the (zero-padded) picture stands where when windows are contiguous.

    ``rows`` names a list: row i comes from there, P stands for a row of padding; ``back`` names
    another: row p went there; ``sizes`` says how many rows in windows of each shape follow each
    other, padding included.
    """

    rows: str
    back: str
    sizes: dict[Window, Size]
    is_padded: bool


@dataclass(frozen=True)
class Lines:
    """The rows, or the columns, of all windows of one height, or width; and how many they are."""

    places: str
    count: Size


def ordered(b: Builder, shape: tuple[int, int, int], rows: Regions, columns: Regions) -> Order:
    """The rows of all windows, windows of one shape together, for N pictures of H x W rows.

    ``rows`` and ``columns`` cut G x V, as ``variants.window_regions`` does: what lies beyond H x W
    is padding.
    """
    batch, *size = shape
    pixels = batch * size[0] * size[1]
    index = np.full((batch, rows[-1][1], columns[-1][1]), pixels, np.int64)
    index[:, : size[0], : size[1]] = np.arange(pixels).reshape(batch, *size)
    by_shape: dict[Window, list[NDArray[np.int64]]] = {}
    for (top, bottom, h), (left, right, w) in itertools.product(rows, columns):
        region = index[:, top:bottom, left:right]
        cells = region.reshape(batch, (bottom - top) // h, h, (right - left) // w, w)
        by_shape.setdefault((h, w), []).append(cells.transpose(0, 1, 3, 2, 4).ravel())
    shapes = {shape: np.concatenate(cells) for shape, cells in by_shape.items()}
    order = np.concatenate(list(shapes.values()))
    back = np.empty(pixels, np.int64)
    inside = order < pixels
    back[order[inside]] = np.flatnonzero(inside)
    return Order(
        rows=b.integers(order.tolist()),
        back=b.integers(back.tolist()),
        sizes={shape: len(cells) for shape, cells in shapes.items()},
        is_padded=len(order) > pixels,
    )


def computed_order(
    b: Builder, shape: Shape, window: Window, *, multiple: int, shifted: bool
) -> Order:
    """The rows of all windows, windows of one shape together, for pictures of any size.

    ``multiple``: of what the padded sides are, in pixels.
    """
    name = f"order/{window[0]}x{window[1]}{'/shifted' * shifted}"
    batch, *sides = shape
    down, across = (_padded(b, side, multiple) for side in sides)
    area = b.computed("Mul", down, across)
    first = b.computed("Mul", b.counted(batch), area)
    rows = _lines(b, f"{name}/rows", down, window[0], shifted=shifted)
    columns = _lines(b, f"{name}/columns", across, window[1], shifted=shifted)
    sizes: dict[Window, Size] = {}
    cells: list[str] = []
    for (h, high), (w, wide) in itertools.product(rows.items(), columns.items()):
        at = f"{name}/{h}x{w}"
        pictures = b.reshape(f"{at}/pictures", first, (-1, 1, 1, 1, 1))
        y = b.op("Mul", f"{at}/starts", high.places, across)
        y = b.reshape(f"{at}/rows", y, (1, -1, 1, h, 1))
        x = b.reshape(f"{at}/columns", wide.places, (1, 1, -1, 1, w))
        each = b.op("Add", f"{at}/cells", b.op("Add", f"{at}/lines", pictures, y), x)
        cells.append(b.reshape(at, each, (-1,)))
        sizes[h, w] = b.computed("Mul", batch, b.computed("Mul", high.count, wide.count))
    order = b.join(f"{name}/cells", cells)
    return Order(
        rows=b.op("Gather", f"{name}/sources", _sources(b, name, shape, (down, across)), order),
        back=_inverse(b, name, order, shape, (down, across)),
        sizes=sizes,
        is_padded=True,  # it may be
    )


def _padded(b: Builder, side: Size, multiple: int) -> str:
    count = b.computed("Div", b.computed("Add", side, multiple - 1), multiple)
    return b.computed("Mul", count, multiple)


def _lines(b: Builder, name: str, side: str, window: int, *, shifted: bool) -> dict[int, Lines]:
    """One axis cut as ``variants.window_regions`` says: only the middle grows with the picture."""
    regions = window_regions(2 * window, window, shifted=shifted)
    longer = b.computed("Sub", side, 2 * window)
    counts: list[Size] = [
        b.computed("Add", longer, stop - start) if length == window else stop - start
        for start, stop, length in regions
    ]
    parts = b.split(name, b.counted(side), counts)
    by_length: dict[int, Lines] = {}
    for (*_, length), part, count in zip(regions, parts, counts, strict=True):
        before = by_length.get(length)
        if before is None:
            by_length[length] = Lines(part, count)
        else:
            joined = b.join(f"{name}/{length}", [before.places, part])
            by_length[length] = Lines(joined, b.computed("Add", before.count, count))
    return by_length


def _sources(b: Builder, name: str, shape: Shape, padded: tuple[str, str]) -> str:
    """The row in which each cell of the padded pictures has its numbers, or P."""
    batch, *sides = shape
    pixels = b.computed("Mul", batch, b.computed("Mul", *sides))
    cells = b.reshape(f"{name}/unpadded", b.counted(pixels), shape)
    ends = [b.computed("Sub", full, side) for full, side in zip(padded, sides, strict=True)]
    pads, beyond = b.integers([0, 0, 0, 0, *ends]), b.computed("Squeeze", pixels)
    return b.reshape(f"{name}/flat", b.op("Pad", f"{name}/padded", cells, pads, beyond), (-1,))


def _inverse(b: Builder, name: str, order: str, shape: Shape, padded: tuple[str, str]) -> str:
    """Where each row of the pictures went."""
    batch, *sides = shape
    cells = b.computed("Mul", batch, b.computed("Mul", *padded))
    places = b.op("ScatterElements", f"{name}/places", order, order, b.counted(cells), axis=0)
    places = b.reshape(f"{name}/places/NHW", places, (batch, *padded))
    limits = b.integers([0, 0]), b.integers(sides), b.integers([1, 2])
    return b.reshape(f"{name}/back", b.op("Slice", f"{name}/inside", places, *limits), (-1,))
