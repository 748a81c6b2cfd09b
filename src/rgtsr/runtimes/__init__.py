"""Where networks run. Runtimes do not know each other; this is the one lazy door to them.

Shapes: N tiles, h, w their sides, S scale.
"""

import importlib
import importlib.util
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import RuntimeUnavailableError, UsageError
from rgtsr.tiling import OnShare, unheard
from rgtsr.weights import Weights

NAMES = ("openvino", "onnxruntime", "torch")
EXTRAS = {"openvino": "rgtsr", "onnxruntime": "rgtsr[onnxruntime]", "torch": "rgtsr[train]"}
PRECISIONS = ("float32", "bf16", "float16")
DEVICES = ("cpu", "gpu")

# OpenVINO imports it with itself where it is found: a third of our start, and nothing here converts
CONVERTER = "openvino.tools.ovc"

Floats = NDArray[np.float32]


class Runtime(Protocol):
    """One network, ready to run on one device; several threads may use it at once."""

    scale: int
    name: str
    precision: str
    is_on_gpu: bool  # and has its own memory then, of which the figures below speak

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 3, h, w) RGB in 0..1 -> (N, 3, h * S, w * S), not clipped; any h and w from 1 up.

        Raises:
            OutOfMemoryError: when these need more than there is, or more than the limit allows.
        """
        ...

    def upscale_whole(
        self, tiles_NCHW: NDArray[np.float32], on_share: OnShare = unheard
    ) -> NDArray[np.float32]:
        """``upscale_tiles`` of whole pictures: in bands of rows where they do not fit at once.

        ``on_share`` is told of the share of the work that is done, again and again, in bands; what
        it raises ends the work.

        Raises:
            OutOfMemoryError: when not even bands fit.
        """
        ...

    def batch_tiles(self, shape_NCHW: tuple[int, ...]) -> int:
        """How many tiles of that shape at once are worth while, and fit."""
        ...

    def needed_bytes(self, shape_NCHW: tuple[int, ...]) -> int:
        """What tiles of that shape take, to within 15 %, beyond what the process holds."""
        ...

    def room_bytes(self) -> int:
        """What there is for them where the network runs, less by as much as a plan may be wrong."""
        ...

    def held_bytes(self) -> int:
        """What the process holds already where the network runs."""
        ...


def open_runtime(
    weights: Weights,
    *,
    name: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    max_memory_bytes: int | None = None,
) -> Runtime:
    """Make these weights ready to run.

    ``auto`` is OpenVINO on the CPU, or torch when ``device`` asks for a GPU; ``probe`` knows
    whether another is faster here. The precision is then bf16 where OpenVINO's CPU or torch's GPU
    multiplies it in hardware (it costs less than 0.01 dB, see docs/speed.md), float32 elsewhere.
    ``max_memory_bytes`` bounds what the process takes, or what is taken of a GPU's memory.

    Raises:
        UsageError: for an unknown name, precision or device.
        RuntimeUnavailableError: for a package or a device that this machine lacks.
    """
    _known("runtime", name, ("auto", *NAMES))
    _known("precision", precision, ("auto", *PRECISIONS))
    _known("device", device, ("auto", *DEVICES))
    if name == "auto":
        name = "torch" if device == "gpu" else "openvino"
    if not is_installed(name):
        raise RuntimeUnavailableError(
            f"the runtime {name!r} is not installed: pip install '{EXTRAS[name]}'."
        )
    with _absent(CONVERTER):
        module = importlib.import_module(f"rgtsr.runtimes.{name}")
    if precision == "auto":
        precision = module.best_precision(device)
    return module.open_runtime(
        weights, precision=precision, device=device, max_memory_bytes=max_memory_bytes
    )


@contextmanager
def _absent(module: str) -> Generator[None]:
    """Let what is imported inside believe that a module is not installed."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # pyright: ignore[reportArgumentType] -- Python's own mark for that
    try:
        yield
    finally:
        del sys.modules[module]


def is_installed(name: str) -> bool:
    """Whether the package of that runtime can be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _known(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"{what} {value!r} is not one of {', '.join(allowed)}.")
