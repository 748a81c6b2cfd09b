"""OpenVINO on the CPU: the fastest runtime there. Knows graphs, no pictures.

Compiled graphs are kept in a folder of the user's, so that the next start is quick:
``$RGTSR_CACHE_DIR``, or ``rgtsr`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.
"""

import os
import shutil
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from rgtsr import graph
from rgtsr.errors import RuntimeUnavailableError
from rgtsr.weights import Weights

KEPT_SHAPES = 3
HINTS = {"float32": "f32", "bf16": "bf16"}

Shape = tuple[int, ...]


class OpenVINORuntime:
    """Compiles one graph per tile shape when it first comes, and keeps the last few."""

    name = "openvino"

    def __init__(self, weights: Weights, precision: str) -> None:
        self.scale = weights.variant.scale
        self.precision = precision
        self._weights = weights
        self._core = openvino.Core()
        self._compiled: OrderedDict[Shape, openvino.InferRequest] = OrderedDict()

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Runtime``."""
        request = self._request(tiles_NCHW.shape)
        request.infer({graph.INPUT: tiles_NCHW})
        return request.get_output_tensor().data.copy()

    def _request(self, shape: Shape) -> openvino.InferRequest:
        if shape not in self._compiled:
            self._compiled[shape] = self._compile(shape).create_infer_request()
            if len(self._compiled) > KEPT_SHAPES:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(shape)
        return self._compiled[shape]

    def _compile(self, shape: Shape) -> openvino.CompiledModel:
        batch, _, height, width = shape
        onnx_model = graph.build(self._weights, batch=batch, height=height, width=width)
        model = self._core.read_model(onnx_model.SerializeToString())
        config = {
            "INFERENCE_PRECISION_HINT": HINTS[self.precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        folder = writable_cache()
        if folder is None:
            return self._core.compile_model(model, "CPU", config)
        try:
            return self._core.compile_model(model, "CPU", config | {"CACHE_DIR": str(folder)})
        except RuntimeError:
            warnings.warn(f"the compilation cache {folder} was damaged: rebuilt.", stacklevel=2)
            shutil.rmtree(folder, ignore_errors=True)
            return self._core.compile_model(model, "CPU", config)


def open_runtime(weights: Weights, *, precision: str, device: str) -> OpenVINORuntime:
    """These weights on the CPU. Raises RuntimeUnavailableError for a GPU."""
    if device == "gpu":
        raise RuntimeUnavailableError(
            "the openvino runtime is for the CPU: for a GPU, pip install 'rgtsr[train]' and use"
            " --runtime torch."
        )
    return OpenVINORuntime(weights, precision)


def cache_folder() -> Path:
    """Where compiled graphs are kept."""
    if own := os.environ.get("RGTSR_CACHE_DIR"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rgtsr"


def writable_cache() -> Path | None:
    """The cache folder, made if need be; None where nothing can be written."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
