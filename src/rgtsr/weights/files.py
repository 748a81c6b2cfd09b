"""Weights in safetensors files that describe themselves. Knows no networks, no pictures.

The header's metadata holds ``rgtsr`` (the format's version), ``variant`` and ``card``, both JSON.
"""

# safetensors is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import json
from collections.abc import Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialized

from rgtsr import atomic, variants
from rgtsr.errors import WeightsError
from rgtsr.variants import Variant
from rgtsr.weights.shapes import parameter_shapes
from rgtsr.weights.weights import Card, Tensors, Weights

FORMAT = "1"


def save(
    weights: Weights, path: Path | str, *, dtype: Literal["float32", "float16"] = "float32"
) -> None:
    """Write weights with everything known about them into one file, whole or not at all.

    Raises:
        ValueError: when the tensors are not those of the variant.
        WeightsError: when the file cannot be written.
    """
    path = Path(path)
    check(weights.variant, {n: t.shape for n, t in weights.tensors.items()}, path)
    header = {
        "rgtsr": FORMAT,
        "variant": json.dumps(asdict(weights.variant)),
        "card": json.dumps(asdict(weights.card)),
    }
    write(path, {name: t.astype(dtype) for name, t in weights.tensors.items()}, header)


def write(
    path: Path, tensors: Mapping[str, NDArray[np.generic]], header: dict[str, str] | None = None
) -> None:
    """One safetensors file, written beside and renamed. Raises WeightsError."""
    contiguous = {name: np.ascontiguousarray(t) for name, t in tensors.items()}
    with writing(path) as draft:
        draft.write_bytes(serialized(contiguous, header))


@contextlib.contextmanager
def writing(path: Path) -> Generator[Path]:
    """Where to write what shall become ``path``, whole or not at all. Raises WeightsError."""
    if not path.parent.is_dir():
        raise WeightsError(f"{path}: the folder {path.parent} does not exist: make it first.")
    try:
        with atomic.replacing(path) as draft:
            yield draft
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot be written: {error}.") from error


def read(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """Tensors and header of a safetensors file. Raises WeightsError for a damaged one."""
    try:
        with safe_open(path, framework="numpy") as file:
            names: list[str] = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: is damaged or no safetensors file: {error}.") from error


def described(
    path: Path, tensors: Mapping[str, NDArray[np.generic]], header: dict[str, str]
) -> Weights:
    """Weights from a file with our header. Raises WeightsError when the two do not agree."""
    try:
        variant = _variant(json.loads(header["variant"]))
        card = Card(**json.loads(header["card"]))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: its header (format {header['rgtsr']!r}) is not one that this version of"
            f" rgtsr reads: {error}."
        ) from error
    try:
        check(variant, {name: tensor.shape for name, tensor in tensors.items()}, path)
    except ValueError as error:
        raise WeightsError(str(error)) from error
    return Weights(variant, as_float32(tensors), card, path)


def check(variant: Variant, shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raise ValueError unless these are exactly the variant's tensors."""
    expected = parameter_shapes(variant)
    for name in sorted(expected.keys() | shapes.keys()):
        if name not in shapes:
            raise ValueError(f"{path}: tensor {name} of {variant.name} is missing.")
        if name not in expected:
            raise ValueError(f"{path}: tensor {name} does not belong to {variant.name}.")
        if expected[name] != tuple(shapes[name]):
            raise ValueError(
                f"{path}: tensor {name} is {tuple(shapes[name])}, but {variant.name} at"
                f" x{variant.scale} has {expected[name]}."
            )


def as_float32(tensors: Mapping[str, NDArray[np.generic]]) -> Tensors:
    """The same tensors in the precision that networks run from."""
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def _variant(values: dict[str, Any]) -> Variant:  # Any: JSON
    for key in ("depths", "split", "mean_rgb"):
        values[key] = tuple(values[key])
    values["name"] = variants.current_name(values["name"])
    return Variant(**values)
