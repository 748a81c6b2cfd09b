"""Photos and recipes small enough to train on in a test."""

from pathlib import Path

import numpy as np
import pytest

from rgtsr import pictures
from rgtsr.pictures import Picture


def waves(height: int, width: int, seed: int) -> np.ndarray:
    """A picture with structure at many scales: sums of random plane waves, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    values = np.zeros((height, width, 3))
    for _ in range(12):
        fy, fx, phase = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), rng.uniform(0, 6)
        values += np.sin(fy * y + fx * x + phase)[..., None] * rng.uniform(0.2, 1, 3)
    low, high = values.min(), values.max()
    return ((values - low) / (high - low) * 255).round().astype(np.uint8)


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        pictures.write(
            Picture.from_array(waves(150 + 10 * number, 170, number)), folder / f"{number}.png"
        )
    return folder
