"""Noise, measured in pictures to which a known amount was added."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pictures.made import photo
from rgtsr.pictures import blocking, color
from rgtsr.pictures.noise import noise


def plane(height: int, width: int) -> np.ndarray:
    down, right = np.mgrid[:height, :width]
    return (60 + 0.3 * down + 0.2 * right).astype(np.float32)


@pytest.mark.parametrize("sigma", [1.0, 4.0, 10.0])
def test_white_noise_on_a_plane_is_told_to_a_tenth(sigma: float) -> None:
    rng = np.random.default_rng(0)
    found = noise((plane(256, 256) + rng.normal(0, sigma, (256, 256))).astype(np.float32))
    assert found == pytest.approx(sigma, rel=0.1)


def test_edges_and_texture_beside_a_plane_are_no_noise() -> None:
    luma = plane(256, 256)
    luma[:, 40:160] += 50 * (np.arange(120) % 5 < 2)
    assert noise(luma) < 0.01


@pytest.mark.parametrize("size", [8, 12])
def test_text_on_paper_is_no_noise(size: int) -> None:
    """Neither with smooth letters nor with those of one bit."""
    page = Image.new("L", (300, 300), 255)
    pen = ImageDraw.Draw(page)
    for line in range(4, 290, size + 4):
        pen.text((4, line), "The quick brown fox jumps over the lazy dog 0123456789", fill=0)
    assert noise(np.asarray(page, np.float32)) < 0.5
    assert noise(np.asarray(page.convert("1").convert("L"), np.float32)) < 0.5


def test_what_is_too_small_or_clipped_says_nothing() -> None:
    assert noise(np.zeros((1, 1), np.float32)) == 0
    assert noise(np.zeros((9, 200), np.float32)) == 0
    assert noise(np.full((64, 64), 255, np.float32)) == 0
    assert blocking.blocking(np.zeros((1, 1), np.float32)) == 0


def test_lines_of_a_drawing_are_no_blocks() -> None:
    drawing = np.full((256, 256), 230, np.float32)
    drawing[40:200, 64] = drawing[64, 40:200] = drawing[40:200, 128] = drawing[128, 40:200] = 0
    assert blocking.blocking(drawing) == 0


def test_no_blocks_are_found_in_small_lossless_pictures() -> None:
    luma = color.luma(photo())
    assert blocking.blocking(luma[:63]) == 0
    tiles = np.tile(np.random.default_rng(0).integers(0, 256, (8, 8)), (7, 7))
    assert blocking.blocking(tiles.astype(np.float32)) == 0
