"""Folders of pictures in the field's layout, made for each test."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.folders import Put
from rgtsr import pictures
from rgtsr.pictures import Picture


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a picture: put("Set/HR/a.png", (40, 50), channels=1, seed=3); returns its path."""

    def write(
        name: str, size: tuple[int, int] | NDArray[np.generic], *, channels: int = 3, seed: int = 0
    ) -> Path:
        pixels = size
        if isinstance(size, tuple):
            pixels = np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures.write(Picture.from_array(pixels), path)
        return path

    return write
