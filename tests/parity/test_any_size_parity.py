"""The graph for any size, through OpenVINO and ONNX Runtime, against spandrel's port."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from parity.table import family, oddities
from port import spandrel_rgt
from rgtsr import exporting, graph, weights
from rgtsr.variants import Variant

TOLERANCE = 2e-5
SMALL = replace(family("small"), depths=(2, 2))  # L-SA, RG-SA; shifted L-SA, RG-SA
SIZES = ((16, 16), (17, 23), (31, 64), (1, 1), (10, 70), (300, 200), (64, 1024), (40, 1030))

both_runtimes = pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])


@functools.cache
def opened(variant: Variant, runtime: str) -> exporting.Run:
    model = graph.build_any_size(weights.random(variant, seed=2))
    return exporting.opened(model.SerializeToString(), runtime)


@functools.cache
def theirs(variant: Variant, batch: int, height: int, width: int) -> NDArray[np.float32]:
    """spandrel's result; where a side is too short for it, of the mirrored picture."""
    short = 64 if max(height, width) >= 1024 else 16
    pads = [(0, max(0, short - side)) for side in (height, width)]
    x = np.pad(tiles(batch, height, width), [(0, 0), (0, 0), *pads], mode="symmetric")
    with torch.inference_mode():
        enlarged = spandrel_rgt(weights.random(variant, seed=2))(torch.from_numpy(x)).numpy()
    assert enlarged.std() > 0.02, "the picture must not be flat for parity to mean anything"
    return enlarged[..., : variant.scale * height, : variant.scale * width]


def tiles(batch: int, height: int, width: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(height * 10_000 + width)
    return rng.random((batch, 3, height, width), dtype=np.float32)


def difference(variant: Variant, runtime: str, height: int, width: int, *, batch: int = 1) -> float:
    ours = opened(variant, runtime)(tiles(batch, height, width))
    expected = theirs(variant, batch, height, width)
    assert ours.shape == expected.shape
    return float(np.abs(ours - expected).max())


@both_runtimes
@pytest.mark.parametrize("name", ["tiny", "light", "rgt-s"])
def test_every_family_equals_spandrel(name: str, runtime: str) -> None:
    assert difference(family(name), runtime, 40, 72) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_one_graph_equals_spandrel_at_every_size(size: tuple[int, int], runtime: str) -> None:
    assert difference(SMALL, runtime, *size) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize("size", [(32, 64), (20, 33)])
def test_the_same_graph_takes_a_batch(size: tuple[int, int], runtime: str) -> None:
    assert difference(SMALL, runtime, *size, batch=3) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize(
    ("scale", "connection"), [(1, "3conv"), (2, "3conv"), (3, "1conv"), (4, "1conv")]
)
def test_every_scale_and_connection_equals_spandrel(
    scale: int, connection: str, runtime: str
) -> None:
    variant = replace(family("small", scale=scale), resi_connection=connection)
    assert difference(variant, runtime, 35, 45) <= TOLERANCE


@pytest.mark.parametrize("oddity", oddities().values(), ids=oddities().keys())
def test_every_hyper_parameter_equals_spandrel(oddity: Variant) -> None:
    assert difference(oddity, "onnxruntime", 37, 52) <= TOLERANCE


@both_runtimes
@pytest.mark.parametrize("first", [(1, 1), (16, 16), (16, 32), (64, 64)])
def test_no_size_spoils_a_later_one(first: tuple[int, int], runtime: str) -> None:
    fresh = opened.__wrapped__(replace(family("tiny"), depths=(2,)), runtime)
    fresh(tiles(1, *first))
    for size in [(64, 64), (1, 1), (33, 70)]:
        x = tiles(1, *size)
        expected = theirs(replace(family("tiny"), depths=(2,)), 1, *size)
        assert np.abs(fresh(x) - expected).max() <= TOLERANCE


@both_runtimes
def test_queries_in_several_rounds_give_the_same(
    runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rgtsr.graph.any_size.SCORES", 1000)
    model = graph.build_any_size(weights.random(SMALL, seed=2))
    ours = exporting.opened(model.SerializeToString(), runtime)(tiles(3, 20, 33))
    assert np.abs(ours - theirs(SMALL, 3, 20, 33)).max() <= TOLERANCE
