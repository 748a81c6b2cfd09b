"""ONNX Runtime on the CPU: a second opinion on the same graph. Knows no pictures."""

# onnxruntime is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rgtsr import graph
from rgtsr.errors import RuntimeUnavailableError
from rgtsr.runtimes import memory
from rgtsr.runtimes.shapes import PerShape, Shape
from rgtsr.tiling import OnShare, unheard
from rgtsr.weights import Weights


class ONNXRuntime:
    """Opens one session per tile shape when it first comes, and keeps the last few."""

    name = "onnxruntime"
    precision = "float32"
    is_on_gpu = False

    def __init__(self, weights: Weights, max_memory_bytes: int | None) -> None:
        self.scale = weights.variant.scale
        self._weights = weights
        self._limit_bytes = max_memory_bytes
        self._sessions = PerShape(self._open, self.needed_bytes, max_memory_bytes)

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Runtime``."""
        session = self._sessions[tiles_NCHW.shape]
        (enlarged,) = session.run([graph.OUTPUT], {graph.INPUT: tiles_NCHW})
        return np.asarray(enlarged)

    def upscale_whole(
        self, tiles_NCHW: NDArray[np.float32], _on_share: OnShare = unheard
    ) -> NDArray[np.float32]:
        """See ``Runtime``: there are no bands here."""
        return self.upscale_tiles(tiles_NCHW)

    def batch_tiles(self, shape_NCHW: Shape) -> int:
        """See ``Runtime``: a CPU is busy with one."""
        del shape_NCHW
        return 1

    def needed_bytes(self, shape_NCHW: Shape) -> int:
        """See ``Runtime``."""
        return memory.needed_bytes("onnxruntime float32", self._weights.variant, shape_NCHW)

    def room_bytes(self) -> int:
        """See ``Runtime``."""
        return memory.room_bytes(self._limit_bytes)

    def held_bytes(self) -> int:
        """See ``Runtime``."""
        return memory.used_bytes()

    def _open(self, shape: Shape) -> onnxruntime.InferenceSession:
        batch, _, height, width = shape
        model = graph.build(self._weights, batch=batch, height=height, width=width)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = memory.cores()
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def best_precision(_device: str) -> str:
    """float32: there is no other."""
    return "float32"


def open_runtime(
    weights: Weights, *, precision: str, device: str, max_memory_bytes: int | None
) -> ONNXRuntime:
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
    return ONNXRuntime(weights, max_memory_bytes)
