"""Weights in safetensors files that describe themselves. Knows no networks, no pictures.

The header's metadata holds ``rgtsr`` (the format's version), ``variant`` and ``card``, both JSON.
"""

# safetensors is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import json
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialized

from rgtsr import atomic, variants
from rgtsr.errors import WeightsError
from rgtsr.variants import Variant
from rgtsr.weights import shapes
from rgtsr.weights.weights import Card, Tensors, Weights

Fits = Callable[[object], bool]

FORMAT = "1"
UNREADABLE = (  # what a header can raise that holds other JSON than ours
    LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip
KINDS = {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"}
HEADER_BYTES = 4 << 20  # the largest RGT's is a twentieth
WINDOW_TOKENS = 1024  # the paper has 256; memory grows with the square


def save(
    weights: Weights, path: Path | str, *, dtype: Literal["float32", "float16"] = "float32"
) -> None:
    """Write weights with everything known about them into one file, whole or not at all.

    Raises:
        ValueError: when the tensors are not those of the variant.
        WeightsError: when the file cannot be written.
    """
    path = Path(path)
    try:
        check(weights.variant, {name: t.shape for name, t in weights.tensors.items()})
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from error
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
        with path.open("rb") as file:
            if int.from_bytes(file.read(8), "little") > HEADER_BYTES:
                raise ValueError(f"its header is longer than {HEADER_BYTES >> 20} MiB")
        with safe_open(path, framework="numpy") as file:
            names: list[str] = file.keys()
            kinds: set[str] = {file.get_slice(name).get_dtype() for name in names}
            if other := sorted(kinds - KINDS):
                raise WeightsError(
                    f"{path}: holds numbers of a kind that is not read here ({', '.join(other)}):"
                    " save them as float32 or float16."
                )
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: is damaged or no safetensors file: {error}.") from error


def described(
    path: Path, tensors: Mapping[str, NDArray[np.generic]], header: dict[str, str]
) -> Weights:
    """Weights from a file with our header. Raises WeightsError when the two do not agree."""
    try:
        numbers = _checked(header["variant"], VARIANT)
        numbers["name"] = variants.current_name(numbers["name"])
        variant = Variant(**numbers)
        card = Card(**_checked(header["card"], CARD))
    except UNREADABLE as error:
        raise WeightsError(
            f"{path}: its header (format {header['rgtsr'][:20]!r}) is not one that this version of"
            f" rgtsr reads: {error}."
        ) from error
    try:
        check(variant, {name: tensor.shape for name, tensor in tensors.items()})
        return Weights(variant, as_float32(tensors), card, path)
    except ValueError as error:
        raise WeightsError(f"{path}: {error}.") from error


def check(variant: Variant, found: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ValueError unless these are exactly the variant's tensors, and its windows sane."""
    if math.prod(variant.split) > WINDOW_TOKENS:
        raise ValueError(f"windows of {variant.split} have more than {WINDOW_TOKENS} tokens")
    belonging: set[str] = set()
    for name, shape in shapes.tensors(variant):  # ends at the first that is missing
        if name not in found:
            raise ValueError(f"tensor {name} of {variant.name} is missing")
        if shape != tuple(found[name]):
            raise ValueError(
                f"tensor {name} is {tuple(found[name])}, but {variant.name} at x{variant.scale} has"
                f" {shape}"
            )
        belonging.add(name)
    if other := next((name for name in found if name not in belonging), None):
        raise ValueError(f"tensor {other[:80]} does not belong to {variant.name}")


def as_float32(tensors: Mapping[str, NDArray[np.generic]]) -> Tensors:
    """Tensors in the precision that networks run from. Raises ValueError for what is not real."""
    for name, tensor in tensors.items():
        if tensor.dtype.kind != "f":
            raise ValueError(f"tensor {name} holds {tensor.dtype}, not real numbers")
    with np.errstate(over="ignore"):
        return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def _checked(text: str, fits: Mapping[str, Fits]) -> dict[str, Any]:  # Any: JSON
    """One JSON object of the header; lists are tuples. Raises ValueError for a wrong value."""
    values = {
        key: tuple(cast("list[Any]", value)) if isinstance(value, list) else value
        for key, value in json.loads(text).items()
    }
    if wrong := [key for key in values.keys() & fits.keys() if not fits[key](values[key])]:
        raise ValueError(f"{', '.join(sorted(wrong))}: not as it should be")
    return values


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 100


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(cast(float, value))


def _is_whole(value: object) -> bool:
    return type(value) is int and 0 < value < 1 << 20


def _are(fits: Fits, count: int | None = None) -> Fits:
    return lambda values: (
        isinstance(values, tuple)
        and count in (None, len(cast("tuple[object, ...]", values)))
        and all(map(fits, cast("tuple[object, ...]", values)))
    )


def _are_scores(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_number(score) for score in cast("dict[str, object]", value).values()
    )


VARIANT: dict[str, Fits] = {  # what a header may say of each field
    "name": _is_short,
    "scale": _is_whole,
    "channels": _is_whole,
    "depths": _are(_is_whole),
    "heads": _is_whole,
    "split": _are(_is_whole, 2),
    "mlp_ratio": _is_number,
    "c_ratio": _is_number,
    "resi_connection": lambda value: value in ("1conv", "3conv"),
    "mean_rgb": _are(_is_number, 3),
    "num_feat": _is_whole,
}
CARD: dict[str, Fits] = {
    "name": _is_short,
    "licence": _is_text,
    "training_data": _is_text,
    "recipe": _is_text,
    "minutes": lambda value: value is None or _is_number(value),
    "purpose": _is_text,
    "scores": _are_scores,
}
