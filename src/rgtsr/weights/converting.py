"""Weights for other programs: the authors' ``.pth``, and files that spandrel recognises."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rgtsr import variants
from rgtsr.errors import UsageError
from rgtsr.variants import DIV2K_MEAN_RGB, NUM_FEAT, BlockPlan, Kind, Variant
from rgtsr.weights import files, original
from rgtsr.weights.weights import Weights

MASK_SIDE = 64  # pixels; for other sizes the authors' code makes its masks anew

Target = Literal["rgtsr", "original", "spandrel"]
Buffers = Iterator[tuple[str, NDArray[np.generic]]]


def convert(weights: Weights, path: Path, *, to: Target = "rgtsr", half: bool = False) -> None:
    """Write weights for rgtsr, for the authors' code, or for spandrel, chaiNNer and ComfyUI.

    ``rgtsr`` writes safetensors with our header (``half``: float16); the others write the authors'
    names, as ``.pth`` or ``.safetensors`` by the suffix. ``spandrel`` adds the buffers by which it
    recognises an RGT.

    Raises:
        UsageError: for a suffix that does not fit, and numbers that other programs do not know.
        WeightsError: when the file cannot be written.
    """
    suffixes = (".safetensors",) if to == "rgtsr" else (".pth", ".safetensors")
    if path.suffix not in suffixes:
        raise UsageError(f"{path}: a file for {to} must end in {' or '.join(suffixes)}.")
    if to == "rgtsr":
        files.save(weights, path, dtype="float16" if half else "float32")
        return
    if half:
        raise UsageError(f"half=True is for rgtsr's own files; {to} takes float32.")
    if weights.variant.mean_rgb != DIV2K_MEAN_RGB:
        raise UsageError(
            f"these weights subtract the mean {weights.variant.mean_rgb}; {to} knows only"
            f" {DIV2K_MEAN_RGB} and would shift all colors."
        )
    if weights.variant.num_feat != NUM_FEAT:
        raise UsageError(
            f"these weights have num_feat={weights.variant.num_feat}; {to} knows only {NUM_FEAT}."
        )
    tensors: dict[str, NDArray[np.generic]] = dict(weights.tensors)
    if to == "spandrel":
        tensors |= dict(window_buffers(weights))
    if path.suffix == ".pth":
        original.write(path, tensors)
    else:
        files.write(path, tensors)


def window_buffers(weights: Weights) -> Buffers:
    """What the authors' code keeps beside each L-SA: offsets, which pair has which, shift masks.

    Raises:
        UsageError: for windows that do not divide the 64 x 64 for which their code makes masks.
    """
    variant = weights.variant
    if MASK_SIDE % variant.multiple_px:
        raise UsageError(
            f"windows of {variant.split} do not divide {MASK_SIDE}: no masks of these."
        )
    for block in variants.blocks(variant):
        yield from BUFFERS[block.kind](variant, block)


def _of_windows(variant: Variant, block: BlockPlan) -> Buffers:
    for half, window in enumerate(variant.windows):
        offsets, pairs = _relative_positions(*window)
        yield f"{block.name}.attn.attns.{half}.rpe_biases", offsets
        yield f"{block.name}.attn.attns.{half}.relative_position_index", pairs
        if block.shifted:
            yield f"{block.name}.attn.attn_mask_{half}", _shift_mask(*window)


BUFFERS: dict[Kind, Callable[[Variant, BlockPlan], Buffers]] = {
    "local": _of_windows,
    "recursive": lambda _variant, _block: iter(()),
}


def _relative_positions(h: int, w: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All offsets in an h x w window, (pairs, 2), and which of them each pair of tokens has."""
    dh, dw = np.mgrid[1 - h : h, 1 - w : w]
    y, x = np.divmod(np.arange(h * w), w)
    rows, columns = y[:, None] - y + h - 1, x[:, None] - x + w - 1
    offsets = np.stack([dh, dw], -1).reshape(-1, 2).astype(np.float32)
    return offsets, (rows * (2 * w - 1) + columns).astype(np.int64)


def _shift_mask(h: int, w: int) -> NDArray[np.float32]:
    """-100 between tokens of different regions of the rolled 64 x 64: (windows, h * w, h * w)."""
    regions = [
        (np.arange(MASK_SIDE) >= MASK_SIDE - side).astype(int)
        + (np.arange(MASK_SIDE) >= MASK_SIDE - side // 2)
        for side in (h, w)
    ]
    labels = 3 * regions[0][:, None] + regions[1]
    cells = labels.reshape(MASK_SIDE // h, h, MASK_SIDE // w, w).swapaxes(1, 2).reshape(-1, h * w)
    return np.where(cells[:, None] == cells[:, :, None], 0, -100).astype(np.float32)
