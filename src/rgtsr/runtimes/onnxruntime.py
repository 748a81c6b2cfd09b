"""ONNX Runtime on the CPU: a second opinion on the same graph. Knows no pictures."""

# onnxruntime is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections import OrderedDict

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rgtsr import graph
from rgtsr.errors import RuntimeUnavailableError
from rgtsr.weights import Weights

KEPT_SHAPES = 3

Shape = tuple[int, ...]


class ONNXRuntime:
    """Opens one session per tile shape when it first comes, and keeps the last few."""

    name = "onnxruntime"
    precision = "float32"

    def __init__(self, weights: Weights) -> None:
        self.scale = weights.variant.scale
        self._weights = weights
        self._sessions: OrderedDict[Shape, onnxruntime.InferenceSession] = OrderedDict()

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Runtime``."""
        shape = tiles_NCHW.shape
        if shape not in self._sessions:
            self._sessions[shape] = self._open(shape)
            if len(self._sessions) > KEPT_SHAPES:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(shape)
        (enlarged,) = self._sessions[shape].run([graph.OUTPUT], {graph.INPUT: tiles_NCHW})
        return np.asarray(enlarged)

    def _open(self, shape: Shape) -> onnxruntime.InferenceSession:
        batch, _, height, width = shape
        model = graph.build(self._weights, batch=batch, height=height, width=width)
        return onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )


def open_runtime(weights: Weights, *, precision: str, device: str) -> ONNXRuntime:
    """These weights on the CPU in float32. Raises RuntimeUnavailableError for anything else."""
    if device == "gpu":
        raise RuntimeUnavailableError(
            "the onnxruntime runtime is for the CPU here: use --runtime torch for a GPU."
        )
    if precision != "float32":
        raise RuntimeUnavailableError(
            f"the onnxruntime runtime has no {precision}: use --precision float32 or --runtime"
            " openvino."
        )
    return ONNXRuntime(weights)
