"""Random weights in which every part matters: for tests and for measurements. Knows no files."""

import numpy as np
from numpy.typing import NDArray

from rgtsr.variants import Variant
from rgtsr.weights.shapes import parameter_shapes
from rgtsr.weights.weights import Card, Weights


def random(variant: Variant, *, seed: int = 0) -> Weights:
    """Weights of a network that does something everywhere, and nothing too large anywhere.

    No tensor is trivial: norms scale and shift, HAI adds, position biases differ between offsets
    by about 1; yet activations stay of order 1 and pictures come out as pictures.
    """
    rng = np.random.default_rng(seed)
    tensors = {
        name: _tensor(name, shape, rng).astype(np.float32)
        for name, shape in parameter_shapes(variant).items()
    }
    return Weights(variant, tensors, Card(name=f"random-{variant.name}-x{variant.scale}"))


def _tensor(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    noise = rng.standard_normal(shape)
    if name.endswith("gamma"):
        return 0.2 * noise
    if ".pos." in name and not _is_norm(name):
        return noise if name.endswith("weight") else 0.5 * noise
    if _is_norm(name):
        return 1 + 0.2 * noise if name.endswith("weight") else 0.3 * noise
    if name.endswith("bias"):
        return 0.05 * noise
    fan_in = int(np.prod(shape[1:]))
    gain = 0.5 if name.startswith(("conv_after_body", "conv_last")) else 1.0
    return gain * noise / np.sqrt(fan_in)


def _is_norm(name: str) -> bool:
    parts = name.split(".")
    return "norm" in name or (".pos." in name and parts[-2] == "0") or name.startswith("before_RG")
