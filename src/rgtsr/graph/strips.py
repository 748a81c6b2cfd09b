"""Graphs of parts of the network for strips of a picture, made and opened when they are needed.

Knows no layers, and no runtime: what opens a graph comes in as an argument.
Shapes: a map is (H, W, C), H the rows of the whole picture; a strip is some of its rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from rgtsr.graph.builder import Builder
from rgtsr.graph.fixed import Fixed
from rgtsr.graph.layers import Site
from rgtsr.tiling import bands
from rgtsr.weights import Weights

Map = NDArray[np.float32]
Run = Callable[[Sequence[Map]], Sequence[Map]]  # a graph's inputs -> its outputs, in order
Open = Callable[[onnx.ModelProto], Run]
Part = Callable[..., str | tuple[str, ...]]  # (site, inputs, settings) -> what it makes of them


class Strips:
    """Runs parts of one network over maps, about ``band_px`` rows at a time."""

    def __init__(self, weights: Weights, open_graph: Open, band_px: int) -> None:
        self.variant = weights.variant
        self.band_px = band_px
        self._weights = weights
        self._open = open_graph
        self._opened: dict[object, Run] = {}

    def run(
        self, part: Part, size: tuple[int, int], *inputs: Map, **settings: Any
    ) -> Sequence[Map]:  # Any: each part has its own
        """What a part makes of a strip of that (height, width); a graph is opened once."""
        shapes = tuple(each.shape for each in inputs)
        key = part, size, shapes, tuple(settings.items())
        if key not in self._opened:
            self._opened[key] = self._open(self._graph(part, size, shapes, settings))
        return self._opened[key](inputs)

    def rows(self, part: Part, *strips: Map, **settings: Any) -> Map:  # Any: as above
        """Strips (h, W, C) through a part whose result has as many rows: (h, W, C')."""
        height, width = strips[0].shape[:2]
        flat = (np.ascontiguousarray(strip).reshape(height * width, -1) for strip in strips)
        return self.run(part, (height, width), *flat, **settings)[0].reshape(height, width, -1)

    def fill(
        self, out: Map, part: Part, *sources: Map, halo: int, add: bool = False, **settings: Any
    ) -> None:  # Any: as above
        """``out`` = what a part, which looks ``halo`` rows up and down, makes of maps; or += it."""
        for band in bands(len(out), self.band_px):
            strips = (source[band.around(halo)] for source in sources)
            made = self.rows(part, *strips, **settings)[band.inside(halo)]
            out[band.own] = out[band.own] + made if add else made

    def forget(self) -> None:
        """Close what is open: the next parts are others."""
        self._opened.clear()

    def _graph(
        self,
        part: Part,
        size: tuple[int, int],
        shapes: Sequence[tuple[int, ...]],
        settings: dict[str, Any],  # Any: as above
    ) -> onnx.ModelProto:
        b, weights = Builder(), self._weights
        geometry = Fixed(b, weights.variant, 1, size, mirrored=False)
        inputs = [(f"strip{place}", shape) for place, shape in enumerate(shapes)]
        site = Site(b, weights.tensors, weights.variant, geometry)
        made = part(site, *(name for name, _ in inputs), **settings)
        outputs = (made,) if isinstance(made, str) else made
        return b.model(inputs=inputs, outputs=[(name, None) for name in outputs])
