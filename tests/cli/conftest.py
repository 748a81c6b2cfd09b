"""A small network with random weights, and small pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rgtsr import pictures, variants, weights
from rgtsr.pictures import Picture
from rgtsr.weights import Card, Weights


@pytest.fixture(scope="session")
def network() -> Weights:
    """Random weights of the smallest variant, x2."""
    return replace(weights.random(variants.find("tiny")), card=Card(name="random"))


@pytest.fixture(scope="session")
def model(network: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their file."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    weights.save(network, path)
    return path


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 40 x 24 pixels."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    write_picture(path, 24, 40)
    return path


def picture(height: int, width: int) -> Picture:
    """Waves of colour with some noise."""
    y, x = np.mgrid[:height, :width]
    waves = [127 + 80 * np.sin(y / (2 + c)) * np.cos(x / (3 + c)) for c in range(3)]
    noise = np.random.default_rng(0).normal(0, 8, (height, width, 3))
    return Picture.from_array(np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8))


def write_picture(path: Path, height: int, width: int) -> None:
    """That picture as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.write(picture(height, width), path)


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: two photos, one below in a folder whose name is not ASCII, and no picture."""
    folder = tmp_path_factory.mktemp("album")
    write_picture(folder / "first.jpg", 20, 32)
    write_picture(folder / "Wörter 写真" / "zweites.png", 20, 32)
    (folder / "notes.txt").write_text("no picture")
    return folder
