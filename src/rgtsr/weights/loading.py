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


def load(name_or_path: str | Path, *, scale: int | None = None) -> Weights:
    """Load weights by packaged name, from our safetensors, or from the authors' ``.pth``.

    A safetensors file without our header is read as the authors' tensors. Nothing in any file is
    ever run. ``scale`` asserts what is expected of it.

    Raises:
        UnknownWeightsError: no such name or file, or no such scale of it.
        WeightsError: a file that is damaged, unsafe, or another network's.
    """
    path = Path(name_or_path)
    if not path.is_file() and (len(path.parts) == 1 or not path.exists()):
        if path.suffix in (".safetensors", ".pth", ".pt") or len(path.parts) > 1:
            raise UnknownWeightsError(f"{path}: there is no such file.")
        path = catalog.find(str(name_or_path), scale=scale).path
    weights = from_file(path)
    if scale not in (None, weights.variant.scale):
        raise UnknownWeightsError(
            f"{path}: enlarges {weights.variant.scale} times, not {scale} times as asked."
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
    split = None
    if OFFSETS in tensors:
        largest = np.abs(tensors[OFFSETS].astype(np.float32)).max(axis=0)
        split = int(largest[0]) + 1, int(largest[1]) + 1
    try:
        variant = shapes.infer({name: t.shape for name, t in own.items()}, split=split)
        files.check(variant, {name: t.shape for name, t in own.items()}, path)
    except ValueError as error:
        raise WeightsError(f"{path}: {_what_it_looks_like(tensors)}{error}.") from error
    if "mean" in tensors:
        red, green, blue = (float(value) for value in tensors["mean"].astype(np.float64).ravel())
        variant = replace(variant, mean_rgb=(red, green, blue))
    return Weights(variant, files.as_float32(own), Card(name=path.stem), path)


def _what_it_looks_like(tensors: Mapping[str, NDArray[np.generic]]) -> str:
    if "layers.0.blocks.0.gamma" in tensors:
        return ""
    for name, network in RELATIVES.items():
        if name in tensors:
            return f"looks like {network} (it has {name}); "
    return f"its first tensors are {', '.join(list(tensors)[:2])}; "
