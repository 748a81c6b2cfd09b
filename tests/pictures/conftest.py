"""Fixtures of the picture tests."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from pictures.made import FORMATS, Save, labelled, lossless


@pytest.fixture(params=FORMATS)
def suffix(request: pytest.FixtureRequest) -> str:
    """Each format's suffix in turn."""
    return request.param


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write an array with libvips: save(array, "name.png", orientation=6, icc=..., exif={...})."""

    def save_file(array: NDArray[np.generic], name: str, **labels: object) -> Path:
        path = tmp_path / name
        image = labelled(pyvips.Image.new_from_array(array), **labels)
        image.write_to_file(str(path), **lossless(path.suffix))
        return path

    return save_file
