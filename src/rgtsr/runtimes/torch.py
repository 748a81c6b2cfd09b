"""torch, on a GPU or a CPU: the network as it trains, and whole pictures of any size."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import copy
import threading
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._triton import has_triton

from rgtsr import network
from rgtsr.errors import OutOfMemoryError, RuntimeUnavailableError
from rgtsr.network import bounded
from rgtsr.network.compiling import compile_blocks
from rgtsr.runtimes import memory
from rgtsr.runtimes.replay import TOGETHER, Replay
from rgtsr.tiling import OnShare, unheard
from rgtsr.weights import Weights

REDUCED = {"bf16": torch.bfloat16, "float16": torch.float16}
FEW = 4 * TOGETHER  # tiles: more of them at once do not make a GPU faster
# tiles of one size that have come before passes are recorded, and before blocks are compiled as
# well: about what that costs has been spent by then
RECORDED_FROM, COMPILED_FROM = 64, 4000

Shape = tuple[int, ...]


class TorchRuntime:
    """Runs ``network.RGT`` without gradients; bf16 and float16 by autocast of the products.

    The residual stream, norms and the softmax stay in float32, so float16 has nothing to overflow.
    What does not fit into memory at once runs band by band, with the same result. On a CUDA GPU
    passes are recorded once many tiles of one size have come, in the end with compiled blocks.
    """

    name = "torch"

    def __init__(
        self, weights: Weights, precision: str, device: torch.device, max_memory_bytes: int | None
    ) -> None:
        self.scale = weights.variant.scale
        self.precision = precision
        self._variant = weights.variant
        self._device = device
        self.is_on_gpu = device.type == "cuda"
        self._limit_bytes = max_memory_bytes
        self._network = network.from_weights(weights).to(device).freeze()
        self._lock = threading.Lock()  # of the recording and the tiles that it is counted for
        self._replays = self.is_on_gpu
        self._replay: Replay | None = None
        self._pass: Shape = (0, 3, 0, 0)
        self._count = 0

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Runtime``: what does not fit at once runs in bands here as well."""
        if self._replays:
            with self._lock:
                replay = self.replay_of(tiles_NCHW)
                if replay is not None:
                    with self._running():
                        return replay(tiles_NCHW)
        return self.upscale_whole(tiles_NCHW)

    def replay_of(self, tiles_NCHW: NDArray[np.float32]) -> Replay | None:
        """Once many tiles of one size have come, and as long as others do not, a recording.

        Its passes are for as many tiles as have come at once, up to ``TOGETHER``.
        """
        count, *image = tiles_NCHW.shape
        shape = (min(count, TOGETHER), *image)
        if shape[0] > self._pass[0] or shape[1:] != self._pass[1:]:
            self._pass, self._count, self._replay = shape, 0, None
        before, self._count = self._count, self._count + count
        for threshold, compiled in ((RECORDED_FROM, False), (COMPILED_FROM, has_triton())):
            if before < threshold <= self._count:
                self._replay = None  # its memory first
                self._replay = self._recorded(compiled=compiled)
        return self._replay

    def _recorded(self, *, compiled: bool) -> Replay:
        """Of a copy: the network stays as it is, for other sizes."""
        copied = copy.deepcopy(self._network)
        if compiled:
            compile_blocks(copied)
        streams = torch.get_device_module(self._device)
        with self._running():
            return Replay(lambda tiles: copied(tiles).float(), self._pass, self._device, streams)

    def upscale_whole(
        self, tiles_NCHW: NDArray[np.float32], on_share: OnShare = unheard
    ) -> NDArray[np.float32]:
        """See ``Runtime``."""
        shape = tiles_NCHW.shape
        band_px = memory.band_px(
            shape,
            self.room_bytes(),
            held=self.held_bytes(),
            plain_bytes=self._plain_bytes(shape),
            banded_bytes=lambda rows: self._bounded_bytes(shape, rows),
            smallest_px=bounded.smallest_band(self._variant),
        )
        with self._running():
            tiles = torch.from_numpy(np.ascontiguousarray(tiles_NCHW)).to(self._device)
            if band_px is None:
                enlarged = self._network(tiles)
            else:
                enlarged = bounded.forward(self._network, tiles, band_px=band_px, on_share=on_share)
            return enlarged.float().contiguous().cpu().numpy()

    @contextmanager
    def _running(self) -> Generator[None]:
        """The network's mode and precision; float32 is that, not TF32, in convolutions as well."""
        reduced = REDUCED.get(self.precision)
        with (
            memory_errors(),
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            torch.autocast(
                self._device.type, reduced, enabled=reduced is not None, cache_enabled=False
            ),
        ):
            yield

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
        if not self.is_on_gpu:
            return memory.room_bytes(self._limit_bytes)
        free, _ = torch.cuda.mem_get_info(self._device)
        free += torch.cuda.memory_reserved(self._device) - self.held_bytes()
        if self._limit_bytes is not None:
            free = min(free, self._limit_bytes - self.held_bytes())
        return int(free / memory.MARGIN)

    def held_bytes(self) -> int:
        """See ``Runtime``."""
        if not self.is_on_gpu:
            return memory.used_bytes()
        return torch.cuda.memory_allocated(self._device)

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


def best_precision(device: str) -> str:
    """bf16 on a GPU that multiplies it in hardware, float32 elsewhere."""
    gpu = gpu_device()
    if device == "cpu" or gpu is None or gpu.type != "cuda":
        return "float32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"


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
