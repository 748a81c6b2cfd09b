"""torch, on a GPU or a CPU: the network as it trains, and whole pictures of any size."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from rgtsr import network
from rgtsr.errors import OutOfMemoryError, RuntimeUnavailableError
from rgtsr.network import bounded
from rgtsr.runtimes import memory
from rgtsr.weights import Weights

REDUCED = {"bf16": torch.bfloat16, "float16": torch.float16}
FEW = 16  # tiles: more of them at once do not make a GPU faster

Shape = tuple[int, ...]


class TorchRuntime:
    """Runs ``network.RGT`` without gradients; bf16 and float16 by autocast of the products.

    The residual stream, norms and the softmax stay in float32, so float16 has nothing to overflow.
    What does not fit into memory at once runs band by band, with the same result.
    """

    name = "torch"

    def __init__(
        self, weights: Weights, precision: str, device: torch.device, max_memory_bytes: int | None
    ) -> None:
        self.scale = weights.variant.scale
        self.precision = precision
        self._variant = weights.variant
        self._device = device
        self._limit_bytes = max_memory_bytes
        self._network = network.from_weights(weights).to(device).freeze()

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Runtime``: what does not fit at once runs in bands here as well."""
        return self.upscale_whole(tiles_NCHW)

    def upscale_whole(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Runtime``."""
        shape = tiles_NCHW.shape
        band_px = memory.band_px(
            shape,
            self.room_bytes(),
            plain_bytes=self._plain_bytes(shape),
            banded_bytes=lambda rows: self._bounded_bytes(shape, rows),
            smallest_px=bounded.smallest_band(self._variant),
        )
        reduced = REDUCED.get(self.precision)
        with (
            memory_errors(),
            torch.inference_mode(),
            torch.autocast(self._device.type, reduced, enabled=reduced is not None),
        ):
            tiles = torch.from_numpy(np.ascontiguousarray(tiles_NCHW)).to(self._device)
            if band_px is None:
                enlarged = self._network(tiles)
            else:
                enlarged = bounded.forward(self._network, tiles, band_px=band_px)
            return enlarged.float().contiguous().cpu().numpy()

    def batch_tiles(self, shape_NCHW: Shape) -> int:
        """See ``Runtime``."""
        if self._device.type == "cpu":
            return 1
        return max(1, min(FEW, self.room_bytes() // self._plain_bytes(shape_NCHW)))

    def needed_bytes(self, shape_NCHW: Shape) -> int:
        """See ``Runtime``: at least this much, band by band."""
        banded = self._bounded_bytes(shape_NCHW, bounded.smallest_band(self._variant))
        return min(self._plain_bytes(shape_NCHW), banded)

    def room_bytes(self) -> int:
        """See ``Runtime``: of a GPU's memory where it runs there."""
        if self._device.type != "cuda":
            return memory.room_bytes(self._limit_bytes)
        free, _ = torch.cuda.mem_get_info(self._device)
        free += torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        if self._limit_bytes is None:
            return free
        return min(free, self._limit_bytes - torch.cuda.memory_allocated(self._device))

    def _plain_bytes(self, shape_NCHW: Shape) -> int:
        kind = "torch float32" if self.precision == "float32" else "torch bf16"
        return memory.needed_bytes(kind, self._variant, shape_NCHW)

    def _bounded_bytes(self, shape_NCHW: Shape, band_px: int) -> int:
        held = bounded.held_bytes(self._variant, shape_NCHW)
        return memory.banded_bytes(
            "bounded float32", self._variant, shape_NCHW, band_px, held_bytes=held
        )


@contextmanager
def memory_errors() -> Generator[None]:
    """torch's ways of saying that memory is out, as OutOfMemoryError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(str(error)) from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise OutOfMemoryError(str(error)) from error


def best_precision() -> str:
    """float32: what less of it gains on a GPU has not been measured yet."""
    return "float32"


def open_runtime(
    weights: Weights, *, precision: str, device: str, max_memory_bytes: int | None
) -> TorchRuntime:
    """These weights on the device asked for; ``auto`` takes a GPU where there is one.

    Raises:
        RuntimeUnavailableError: when a GPU was asked for and torch finds none.
    """
    gpu = gpu_device()
    if device == "gpu" and gpu is None:
        raise RuntimeUnavailableError("torch finds no GPU on this machine: use --device cpu.")
    chosen = gpu if gpu is not None and device != "cpu" else torch.device("cpu")
    return TorchRuntime(weights, precision, chosen, max_memory_bytes)


def gpu_device() -> torch.device | None:
    """The GPU that torch can use, if any."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator if accelerator is not None and accelerator.type != "cpu" else None
