import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rgtsr import variants, weights
from rgtsr.errors import UnknownWeightsError, WeightsError
from rgtsr.weights import Card, Weights

CARD = Card(
    name="mine-x2",
    licence="Apache-2.0",
    training_data="three photos",
    recipe="small-x2",
    minutes=1.5,
    purpose="tests",
    scores={"Set5": 33.7},
)


def same_tensors(first: Weights, second: Weights) -> bool:
    return first.tensors.keys() == second.tensors.keys() and all(
        np.array_equal(first.tensors[name], second.tensors[name]) for name in first.tensors
    )


def test_a_file_keeps_everything_known_about_its_weights(small: Weights, tmp_path: Path) -> None:
    variant = replace(small.variant, mean_rgb=(0.5, 0.5, 0.5), split=(4, 16))
    mine = Weights(variant, small.tensors, CARD)
    weights.save(mine, tmp_path / "mine.safetensors")
    loaded = weights.load(tmp_path / "mine.safetensors")
    assert (loaded.variant, loaded.card) == (variant, CARD)
    assert loaded.path == tmp_path / "mine.safetensors"
    assert same_tensors(loaded, mine)


def test_a_file_from_before_a_variant_had_its_name_and_its_features_loads(
    small: Weights, tmp_path: Path
) -> None:
    numbers = asdict(replace(small.variant, name="seed"))
    del numbers["num_feat"]
    header = {"rgtsr": "1", "variant": json.dumps(numbers), "card": json.dumps(asdict(CARD))}
    save_file(dict(small.tensors), tmp_path / "old.safetensors", header)
    assert weights.load(tmp_path / "old.safetensors").variant == replace(
        small.variant, name="baseline", num_feat=64
    )


@pytest.mark.parametrize("num_feat", [32, 48])
def test_a_file_keeps_the_features_before_its_upsampler(num_feat: int, tmp_path: Path) -> None:
    narrow = weights.random(replace(variants.find("tiny"), num_feat=num_feat))
    weights.save(narrow, tmp_path / "narrow.safetensors")
    assert weights.load(tmp_path / "narrow.safetensors").variant == narrow.variant


def test_half_precision_halves_the_file_and_loads_as_float32(
    small: Weights, tmp_path: Path
) -> None:
    weights.save(small, tmp_path / "full.safetensors")
    weights.save(small, tmp_path / "half.safetensors", dtype="float16")
    full, half = ((tmp_path / f"{n}.safetensors").stat().st_size for n in ("full", "half"))
    assert half < 0.6 * full
    loaded = weights.load(tmp_path / "half.safetensors")
    assert all(tensor.dtype == np.float32 for tensor in loaded.tensors.values())
    name = "conv_first.weight"
    assert np.abs(loaded.tensors[name] - small.tensors[name]).max() < 1e-3


def test_nothing_is_left_beside_the_file(small: Weights, tmp_path: Path) -> None:
    weights.save(small, tmp_path / "mine.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]


def test_an_unwritable_place_is_an_error_with_its_name(small: Weights, tmp_path: Path) -> None:
    (tmp_path / "taken.safetensors").mkdir()
    with pytest.raises(WeightsError, match=r"taken\.safetensors: cannot be written"):
        weights.save(small, tmp_path / "taken.safetensors")
    with pytest.raises(WeightsError, match=r"mine\.safetensors: the folder .* make it first"):
        weights.save(small, tmp_path / "nowhere" / "mine.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.safetensors"]


def test_tensors_that_are_not_the_variants_are_not_saved(small: Weights, tmp_path: Path) -> None:
    other = replace(small, variant=replace(small.variant, channels=96))
    with pytest.raises(ValueError, match=r"tensor conv_first\.weight is \(64, 3, 3, 3\)"):
        weights.save(other, tmp_path / "mine.safetensors")
    assert not list(tmp_path.iterdir())


def test_the_scale_that_is_asked_for_must_be_the_files(small: Weights, tmp_path: Path) -> None:
    weights.save(small, tmp_path / "mine.safetensors")
    assert weights.load(tmp_path / "mine.safetensors", scale=2).variant.scale == 2
    with pytest.raises(UnknownWeightsError, match=r"mine\.safetensors: enlarges 2 times, not 3"):
        weights.load(tmp_path / "mine.safetensors", scale=3)


@pytest.mark.parametrize("name", ["nothing.safetensors", "nothing.pth", "folder/nothing"])
def test_a_missing_file_is_said_to_be_missing(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownWeightsError, match="there is no such file"):
        weights.load(tmp_path / name)


@pytest.mark.parametrize("keep", [0, 4, 100, 5000, -1000])
def test_a_truncated_file_is_refused_by_name(small: Weights, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "mine.safetensors"
    weights.save(small, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"mine\.safetensors: is (empty|damaged)"):
        weights.load(path)


def test_garbage_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(WeightsError, match=r"mine\.safetensors"):
        weights.load(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is not a file"):
        weights.load(tmp_path)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"rgtsr": "1"}, "header"),
        ({"rgtsr": "1", "variant": "{}", "card": "{}"}, "header"),
        ({"rgtsr": "1", "variant": "nonsense", "card": "{}"}, "header"),
    ],
)
def test_a_header_that_we_cannot_read_is_refused(
    small: Weights, tmp_path: Path, header: dict[str, str], words: str
) -> None:
    path = tmp_path / "mine.safetensors"
    save_file(dict(small.tensors), path, header)
    with pytest.raises(WeightsError, match=words):
        weights.load(path)


def test_the_authors_tensors_load_from_safetensors_without_our_header(tmp_path: Path) -> None:

    light = weights.random(variants.find("tiny"), seed=0)
    save_file(dict(light.tensors), tmp_path / "theirs.safetensors")
    loaded = weights.load(tmp_path / "theirs.safetensors")
    assert loaded.variant == light.variant
    assert loaded.card.name == "theirs"
    assert same_tensors(loaded, light)
