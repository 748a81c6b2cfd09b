"""The ONNX graph, through OpenVINO and ONNX Runtime, against spandrel's port."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from parity.table import FAMILIES, SIZES, family, oddities
from port import spandrel_rgt
from rgtsr import runtimes, weights
from rgtsr.variants import Variant

TOLERANCE = 2e-5

both_runtimes = pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])


def tiles(height: int, width: int, *, batch: int = 1) -> NDArray[np.float32]:
    rng = np.random.default_rng(height * 10_000 + width)
    return rng.random((batch, 3, height, width), dtype=np.float32)


def difference(variant: Variant, runtime: str, x: NDArray[np.float32]) -> float:
    shared = weights.random(variant, seed=2)
    ours = runtimes.open_runtime(shared, name=runtime, precision="float32").upscale_tiles(x)
    with torch.inference_mode():
        theirs = spandrel_rgt(shared)(torch.from_numpy(x)).numpy()
    assert theirs.std() > 0.02, "the picture must not be flat for parity to mean anything"
    return float(np.abs(ours - theirs).max())


@both_runtimes
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_equals_spandrel(name: str, runtime: str) -> None:
    assert difference(family(name), runtime, tiles(40, 72)) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_size_equals_spandrel(size: tuple[int, int], runtime: str) -> None:
    assert difference(family("small"), runtime, tiles(*size)) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("connection", ["1conv", "3conv"])
def test_every_scale_and_connection_equals_spandrel(
    scale: int, connection: str, runtime: str
) -> None:
    variant = replace(family("small", scale=scale), resi_connection=connection)
    assert difference(variant, runtime, tiles(35, 45)) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize("oddity", oddities().values(), ids=oddities().keys())
def test_every_hyper_parameter_equals_spandrel(oddity: Variant, runtime: str) -> None:
    assert difference(oddity, runtime, tiles(37, 52)) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize("size", [(32, 64), (20, 33)])
def test_a_batch_equals_spandrel(size: tuple[int, int], runtime: str) -> None:
    x = tiles(*size, batch=3)
    assert difference(family("light"), runtime, x) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize("size", [(1, 1), (10, 64), (40, 1024)])
def test_a_short_side_equals_spandrel_on_the_mirrored_picture(
    size: tuple[int, int], runtime: str
) -> None:
    shared = weights.random(family("tiny"), seed=2)
    x = tiles(*size)
    short = 64 if max(size) >= 1024 else 16
    pads = [(0, max(0, short - side)) for side in size]
    mirrored = np.pad(x, [(0, 0), (0, 0), *pads], mode="symmetric")
    with torch.inference_mode():
        theirs = spandrel_rgt(shared)(torch.from_numpy(mirrored)).numpy()
    ours = runtimes.open_runtime(shared, name=runtime, precision="float32").upscale_tiles(x)
    assert np.abs(ours - theirs[..., : 2 * size[0], : 2 * size[1]]).max() <= TOLERANCE
