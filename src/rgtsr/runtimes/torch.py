"""torch, on a GPU or a CPU: the network as it trains, and whole pictures of any size."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import numpy as np
import torch
from numpy.typing import NDArray

from rgtsr import network
from rgtsr.errors import RuntimeUnavailableError
from rgtsr.weights import Weights


class TorchRuntime:
    """Runs ``network.RGT`` without gradients; bf16 by autocast, the residual stream in float32."""

    name = "torch"

    def __init__(self, weights: Weights, precision: str, device: torch.device) -> None:
        self.scale = weights.variant.scale
        self.precision = precision
        self._device = device
        self._network = network.from_weights(weights).to(device)

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """See ``Runtime``."""
        reduced = self.precision == "bf16"
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, torch.bfloat16, enabled=reduced),
        ):
            tiles = torch.from_numpy(np.ascontiguousarray(tiles_NCHW)).to(self._device)
            return self._network(tiles).float().contiguous().cpu().numpy()


def open_runtime(weights: Weights, *, precision: str, device: str) -> TorchRuntime:
    """These weights on the device asked for; ``auto`` takes a GPU where there is one.

    Raises:
        RuntimeUnavailableError: when a GPU was asked for and torch finds none.
    """
    gpu = gpu_device()
    if device == "gpu" and gpu is None:
        raise RuntimeUnavailableError("torch finds no GPU on this machine: use --device cpu.")
    chosen = gpu if gpu is not None and device != "cpu" else torch.device("cpu")
    return TorchRuntime(weights, precision, chosen)


def gpu_device() -> torch.device | None:
    """The GPU that torch can use, if any."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator if accelerator is not None and accelerator.type != "cpu" else None
