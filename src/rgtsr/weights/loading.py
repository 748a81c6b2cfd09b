"""Any weights file, or name, to Weights. Knows each format's reader; runs nothing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import UnknownWeightsError, WeightsError
from rgtsr.weights import catalog, files, original, shapes
from rgtsr.weights.weights import Card, Weights

BUFFERS = (".attn_mask_0", ".attn_mask_1", ".rpe_biases", ".relative_position_index")
GRAPHS = (".onnx", ".xml")
OFFSETS = "layers.0.blocks.0.attn.attns.0.rpe_biases"
RELATIVES = {  # a tensor that tells another network's file from an RGT's
    "layers.0.residual_group.blocks.0.attn.relative_position_bias_table": "SwinIR or HAT",
    "body.0.weight": "a plain convolutional network (ESRGAN compact or similar)",
    "model.0.weight": "ESRGAN",
    "conv_first.weight": "another network with a first convolution",
}


def load(source: str | Path | Weights, *, scale: int | None = None) -> Weights:
    """Load weights by packaged name, from our safetensors, or from the authors' ``.pth``.

    A safetensors file without our header is read as the authors' tensors. Nothing in any file is
    ever run. ``scale`` takes that one of a packaged family, and asserts it of everything else.
    ``Weights`` come back as they are.

    Raises:
        UnknownWeightsError: no such name or file, or no such scale of it.
        WeightsError: a file that is damaged, unsafe, or another network's.
    """
    if isinstance(source, Weights):
        return _at_scale(source, scale, source.card.name)
    path = Path(source)
    if not path.is_file() and (len(path.parts) == 1 or not path.exists()):
        if path.suffix in (".safetensors", ".pth", ".pt") or len(path.parts) > 1:
            raise UnknownWeightsError(f"{path}: there is no such file.")
        path = catalog.find(str(source), scale=scale).path
    return _at_scale(from_file(path), scale, str(path))


def _at_scale(weights: Weights, scale: int | None, name: str) -> Weights:
    if scale not in (None, weights.variant.scale):
        raise UnknownWeightsError(
            f"{name}: enlarges {weights.variant.scale} times, not {scale} times as asked."
        )
    return weights


def from_file(path: Path) -> Weights:
    """Weights from a file in any format that is known. Raises WeightsError."""
    try:
        if not path.is_file() or path.stat().st_size == 0:
            raise WeightsError(f"{path}: is {'empty' if path.is_file() else 'not a file'}.")
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error}.") from error
    if path.suffix in GRAPHS:
        raise WeightsError(f"{path}: is an exported graph: give the weights that it was made from.")
    if start == b"PK" or path.suffix in (".pth", ".pt"):
        return from_tensors(original.read(path), path)
    tensors, header = files.read(path)
    if "rgtsr" in header:
        return files.described(path, tensors, header)
    return from_tensors(tensors, path)


def from_tensors(tensors: Mapping[str, NDArray[np.generic]], path: Path) -> Weights:
    """Weights from the authors' tensors: the network is inferred from their shapes.

    Raises:
        WeightsError: when they are not an RGT's.
    """
    own = {name: t for name, t in tensors.items() if not name.endswith(BUFFERS) and name != "mean"}
    try:
        split = _window(tensors[OFFSETS]) if OFFSETS in tensors else None
        variant = shapes.infer({name: t.shape for name, t in own.items()}, split=split)
        if "mean" in tensors:
            variant = replace(variant, mean_rgb=_mean(tensors["mean"]))
        files.check(variant, {name: t.shape for name, t in own.items()})
        return Weights(variant, files.as_float32(own), Card(name=path.stem), path)
    except ValueError as error:
        raise WeightsError(f"{path}: {_what_it_looks_like(tensors)}{error}.") from error


def _window(offsets: NDArray[np.generic]) -> tuple[int, int]:
    """(height, width) of the windows between whose tokens there are these offsets, (pairs, 2)."""
    pairs = len(offsets) if offsets.ndim == 2 and offsets.shape[1] == 2 else 0
    largest = offsets.astype(np.float64).max(axis=0) if pairs else np.zeros(2)
    if np.all(np.abs(largest) < pairs):  # false for what is no number, too
        height, width = (int(value) + 1 for value in largest)
        if pairs == (2 * height - 1) * (2 * width - 1):
            return height, width
    raise ValueError(f"{OFFSETS} of {offsets.shape} does not hold the offsets in a window")


def _mean(mean: NDArray[np.generic]) -> tuple[float, float, float]:
    if mean.size != 3 or not np.isfinite(mean.astype(np.float64)).all():
        raise ValueError(f"its mean of {mean.shape} is not one of red, green and blue")
    red, green, blue = (float(value) for value in mean.astype(np.float64).ravel())
    return red, green, blue


def _what_it_looks_like(tensors: Mapping[str, NDArray[np.generic]]) -> str:
    if "layers.0.blocks.0.gamma" in tensors:
        return ""
    for name, network in RELATIVES.items():
        if name in tensors:
            return f"looks like {network} (it has {name}); "
    return f"its first tensors are {', '.join(name[:80] for name in list(tensors)[:2])}; "
