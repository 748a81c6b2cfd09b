"""Weights for other programs: the authors' ``.pth``, and files that spandrel recognises."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rgtsr.variants import DIV2K_MEAN_RGB
from rgtsr.weights import files, original
from rgtsr.weights.weights import Weights

Target = Literal["rgtsr", "original", "spandrel"]
TARGETS: tuple[Target, ...] = get_args(Target)


def convert(weights: Weights, path: Path, *, to: Target = "rgtsr", half: bool = False) -> None:
    """Write weights for rgtsr, for the authors' code, or for spandrel, chaiNNer and ComfyUI.

    ``rgtsr`` writes safetensors with our header (``half``: float16); the others write the authors'
    names, as ``.pth`` or ``.safetensors`` by the suffix. ``spandrel`` adds the buffers by which it
    recognises an RGT.

    Raises:
        ValueError: for a suffix that does not fit, and a mean that other programs do not know.
        WeightsError: when the file cannot be written.
    """
    suffixes = (".safetensors",) if to == "rgtsr" else (".pth", ".safetensors")
    if path.suffix not in suffixes:
        raise ValueError(f"{path}: a file for {to} must end in {' or '.join(suffixes)}.")
    if to == "rgtsr":
        files.save(weights, path, dtype="float16" if half else "float32")
        return
    if half:
        raise ValueError(f"half=True is for rgtsr's own files; {to} takes float32.")
    if weights.variant.mean_rgb != DIV2K_MEAN_RGB:
        raise ValueError(
            f"these weights subtract the mean {weights.variant.mean_rgb}; {to} knows only"
            f" {DIV2K_MEAN_RGB} and would shift all colours."
        )
    tensors: dict[str, NDArray[np.generic]] = dict(weights.tensors)
    if to == "spandrel":
        tensors |= dict(window_buffers(weights))
    if path.suffix == ".pth":
        original.write(path, tensors)
    else:
        files.write(path, tensors)


def window_buffers(weights: Weights) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """What the authors' code keeps beside each bias MLP: its offsets, and which pair has which."""
    variant = weights.variant
    for group, depth in enumerate(variant.depths):
        for index in range(0, depth, 2):
            for half, (h, w) in enumerate((variant.split, variant.split[::-1])):
                at = f"layers.{group}.blocks.{index}.attn.attns.{half}"
                dh, dw = np.mgrid[1 - h : h, 1 - w : w]
                yield f"{at}.rpe_biases", np.stack([dh, dw], -1).reshape(-1, 2).astype(np.float32)
                y, x = np.divmod(np.arange(h * w), w)
                rows, cols = y[:, None] - y + h - 1, x[:, None] - x + w - 1
                yield f"{at}.relative_position_index", (rows * (2 * w - 1) + cols).astype(np.int64)
