"""Weights files whose values are not those of an RGT: one line each, no traceback."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from rgtsr import variants, weights
from rgtsr.errors import WeightsError
from rgtsr.variants import Variant
from rgtsr.weights import Card, Weights, files
from rgtsr.weights.converting import window_buffers


def with_buffers(small: Weights, path: Path, **others: np.ndarray) -> Path:
    tensors = dict(small.tensors) | dict(window_buffers(small))
    torch.save(
        {name: torch.from_numpy(np.array(t)) for name, t in (tensors | others).items()}, path
    )
    return path


@pytest.mark.parametrize(
    "offsets",
    [
        np.zeros((0, 2)),
        np.zeros(()),
        np.zeros(3),
        np.zeros((5, 1)),
        np.full((465, 2), np.nan),
        np.full((465, 2), np.inf),
        np.full((465, 2), 1e30),
        np.full((465, 2), -3.0),
    ],
    ids=repr,
)
def test_wrong_offsets_are_refused(offsets: np.ndarray, small: Weights, tmp_path: Path) -> None:
    name = "layers.0.blocks.0.attn.attns.0.rpe_biases"
    path = with_buffers(small, tmp_path / "x.pth", **{name: offsets})
    with pytest.raises(WeightsError, match=r"x\.pth: layers.* does not hold the offsets"):
        weights.load(path)


@pytest.mark.parametrize(
    "mean", [np.zeros(2), np.zeros(()), np.zeros((3, 3)), np.array([0, 0, np.nan])], ids=repr
)
def test_a_mean_that_is_not_one_of_three_colours_is_refused(
    mean: np.ndarray, small: Weights, tmp_path: Path
) -> None:
    path = with_buffers(small, tmp_path / "x.pth", mean=mean)
    with pytest.raises(WeightsError, match=r"x\.pth: its mean of .* is not one of red, green"):
        weights.load(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", {"a": 1}), ("name", "x" * 5000), ("scale", True), ("scale", "2"),
        ("channels", 0), ("channels", 1e308), ("channels", 10**30), ("channels", "64"),
        ("depths", 3), ("depths", []), ("depths", [1.5]), ("depths", [[1]]), ("depths", [0]),
        ("heads", 0), ("heads", -2), ("split", [8]), ("split", [8, 16, 2]), ("split", "ab"),
        ("split", [1_000, 1_000]), ("mlp_ratio", 1e308), ("mlp_ratio", None),
        ("c_ratio", float("nan")), ("c_ratio", -1), ("resi_connection", 7),
        ("mean_rgb", [0.5]), ("mean_rgb", [0, 0, float("inf")]), ("mean_rgb", ["a", "b", "c"]),
        ("unknown", 1),
    ],
)  # fmt: skip
def test_a_header_of_wrong_values_is_refused(field: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tiny = weights.random(variants.find("tiny"))
    header = {
        "rgtsr": "1",
        "variant": json.dumps(asdict(tiny.variant) | {field: value}),
        "card": json.dumps(asdict(tiny.card)),
    }
    save_file(dict(tiny.tensors), path, header)
    with pytest.raises(WeightsError, match=r"x\.safetensors: "):
        weights.load(path)


@pytest.mark.parametrize(
    "card",
    [[], {"name": 3}, {"name": "x", "scores": [1]}, {"name": "x", "scores": {"Set5": "37"}},
     {"name": "x", "minutes": "long"}, {"name": "x", "licence": {}}],
    ids=repr,
)  # fmt: skip
def test_a_card_of_wrong_values_is_refused(card: object, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tiny = weights.random(variants.find("tiny"))
    header = {
        "rgtsr": "1",
        "variant": json.dumps(asdict(tiny.variant)),
        "card": json.dumps(card),
    }
    save_file(dict(tiny.tensors), path, header)
    with pytest.raises(WeightsError, match=r"x\.safetensors: its header"):
        weights.load(path)


def test_every_field_of_a_header_is_checked() -> None:
    assert files.VARIANT.keys() == {field.name for field in fields(Variant)}
    assert files.CARD.keys() == {field.name for field in fields(Card)}


def test_weights_that_are_no_real_numbers_are_refused(small: Weights, tmp_path: Path) -> None:
    whole = {"norm.bias": np.zeros(64, np.int64)}
    path = with_buffers(small, tmp_path / "x.pth", **whole)
    with pytest.raises(WeightsError, match=r"norm\.bias holds int64, not real numbers"):
        weights.load(path)


def test_kinds_of_numbers_that_are_not_read_are_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file as save_torch

    save_torch({"x": torch.zeros(4, dtype=torch.bfloat16)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"not read here \(BF16\): save them as float32"):
        weights.load(tmp_path / "x.safetensors")
