import json
from pathlib import Path

import pytest

from rgtsr import weights
from rgtsr.errors import UnknownWeightsError
from rgtsr.weights import Weights, catalog


@pytest.fixture
def folder(small: Weights, tmp_path: Path) -> Path:
    """A catalog of four weights, two of them of one variant."""
    rows: list[dict[str, object]] = []
    for name, variant, scale in (
        ("small-x2", "small", 2),
        ("small-x4", "small", 4),
        ("light-x2", "light", 2),
        ("swift-x4", "swift", 4),
    ):
        path = tmp_path / f"{name}.safetensors"
        weights.save(small, path)
        rows.append(
            {
                "name": name,
                "variant": variant,
                "scale": scale,
                "purpose": "tests",
                "licence": "Apache-2.0",
                "parameters": 1,
                "minutes": 1.0,
                "scores": {},
                "sha256": catalog.sha256(path),
            }
        )
    (tmp_path / "catalog.json").write_text(json.dumps({"weights": rows}))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "parts", "family"),
    [
        ("small-x2", ("small", 2, False), "small"),
        ("small-x2-photo", ("small", 2, True), "small-photo"),
        ("rgt-s-x4", ("rgt-s", 4, False), "rgt-s"),
        ("small", ("small", None, False), "small"),
        ("small-photo", ("small", None, True), "small-photo"),
        ("my-xray-x2-new", ("my-xray-x2-new", None, False), "my-xray-x2-new"),
        ("", ("", None, False), ""),
    ],
)
def test_a_name_says_variant_scale_and_purpose(
    text: str, parts: tuple[str, int | None, bool], family: str
) -> None:
    name = catalog.Name.of(text)
    assert tuple(name) == parts
    assert (name.family, str(name)) == (family, text)


def test_the_catalogs_names_say_what_its_rows_say() -> None:
    for entry in catalog.listing():
        assert catalog.Name.of(entry.name) == (entry.variant, entry.scale, entry.for_photos)
        assert entry.for_photos == ("photos" in entry.purpose)


def test_the_default_comes_first(folder: Path) -> None:
    names = [entry.name for entry in catalog.listing(folder)]
    assert names == ["swift-x4", "light-x2", "small-x2", "small-x4"]


@pytest.mark.parametrize(
    ("name", "scale", "found"),
    [
        ("small-x2", None, "small-x2"),
        ("small-x2", 2, "small-x2"),
        ("small-x2", 4, "small-x4"),
        ("small", 4, "small-x4"),
        ("light", 2, "light-x2"),
    ],
)
def test_weights_are_found_by_name_or_by_variant_and_scale(
    name: str, scale: int | None, found: str, folder: Path
) -> None:
    assert catalog.find(name, scale=scale, folder=folder).name == found


@pytest.mark.parametrize(
    ("name", "scale", "words"),
    [
        ("smal-x2", None, "Did you mean 'small-x2'"),
        ("zzz", None, "There are: swift-x4"),
        ("light", 3, "light has x2"),
        ("small-x2", 3, "small has x2, x4"),
    ],
)
def test_unknown_weights_are_refused_with_what_there_is(
    name: str, scale: int | None, words: str, folder: Path
) -> None:
    with pytest.raises(UnknownWeightsError, match=words):
        catalog.find(name, scale=scale, folder=folder)


def test_a_changed_or_missing_file_is_not_whole(folder: Path) -> None:
    first, second, third, *_ = catalog.listing(folder)
    second.path.write_bytes(second.path.read_bytes() + b"x")
    third.path.unlink()
    assert [entry.is_whole() for entry in (first, second, third)] == [True, False, False]


def test_every_packaged_file_is_whole_and_says_what_its_row_says() -> None:
    entries = catalog.listing()
    assert entries[0].name == weights.DEFAULT_NAME
    for entry in entries:
        assert entry.is_whole()
        loaded = weights.load(entry.name)
        assert (loaded.card.name, loaded.variant.scale) == (entry.name, entry.scale)
        assert loaded.variant.name == entry.variant
        assert loaded.card.licence == entry.licence
        assert loaded.card.training_data
        assert sum(t.size for t in loaded.tensors.values()) == entry.parameters
