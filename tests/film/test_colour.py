"""Luma and chroma to RGB and back, by every matrix, range and depth."""

import numpy as np
import pytest

from rgtsr.film import colour
from rgtsr.film.colour import WEIGHTS, Coding

MATRICES = [*WEIGHTS.values(), None]


@pytest.mark.parametrize("weights", MATRICES, ids=str)
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("is_full", [False, True], ids=["limited", "full"])
def test_colours_that_there_are_come_back_as_they_were(
    weights: tuple[float, float] | None, bits: int, is_full: bool
) -> None:
    coding = Coding(bits=bits, is_full=is_full, weights=weights)
    rgb = np.random.default_rng(0).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    planes = colour.from_rgb(rgb, coding)
    again = colour.from_rgb(colour.to_rgb(planes, coding), coding)
    assert planes[0].dtype == (np.uint8 if bits == 8 else np.uint16)
    # what rounding took out of RGB is clipped on the way back: a step, and rarely
    differences = [np.abs(a.astype(int) - b) for a, b in zip(planes, again, strict=True)]
    assert max(map(np.max, differences)) <= (0 if weights is None else 1)
    inside = np.all((rgb > 4096) & (rgb < 61440), axis=2)
    assert not any(difference[inside].any() for difference in differences)


BLACK, WHITE, RED = (0, 0, 0), (1, 1, 1), (1, 0, 0)
LIMITED = {BLACK: (16, 128, 128), WHITE: (235, 128, 128)}
CODES = {  # ITU-R BT.709, BT.601, BT.2020 in 8 bit, by matrix and range
    (1, False): LIMITED | {RED: (63, 102, 240)},
    (6, False): LIMITED | {RED: (81, 90, 240)},
    (9, False): LIMITED | {RED: (74, 97, 240)},
    (6, True): {BLACK: (0, 128, 128), WHITE: (255, 128, 128), RED: (76, 85, 255)},
}


@pytest.mark.parametrize(("matrix", "is_full"), CODES)
def test_black_white_and_red_have_the_codes_of_the_standards(matrix: int, is_full: bool) -> None:
    coding = Coding(bits=8, is_full=is_full, weights=WEIGHTS[matrix], down=2, across=2)
    for rgb, wanted in CODES[matrix, is_full].items():
        pixels = np.full((4, 4, 3), rgb, np.uint16) * np.uint16(65535)
        planes = colour.from_rgb(pixels, coding)
        assert tuple(int(plane[0, 0]) for plane in planes) == wanted
        assert all((plane == plane[0, 0]).all() for plane in planes)
        back = colour.to_rgb(planes, coding)
        assert np.abs(back.astype(int) - pixels).max() < 700  # a step of 8 bit


@pytest.mark.parametrize("is_centred", [False, True])
@pytest.mark.parametrize(("down", "across"), [(2, 2), (1, 2), (1, 1)])
def test_a_slope_of_chroma_keeps_its_place(down: int, across: int, is_centred: bool) -> None:
    coding = Coding(8, False, WEIGHTS[1], down=down, across=across, is_centred=is_centred)
    y, x = np.mgrid[:24, :32].astype(np.float32)
    slope = x / 64 + y / 48
    again = colour.upsampled(colour.downsampled(slope, coding), slope.shape, coding)
    assert np.abs(again - slope)[2:-2, 2:-2].max() < 1e-6


def test_odd_sides_have_a_chroma_sample_more() -> None:
    coding = Coding(8, False, WEIGHTS[1], down=2, across=2)
    pixels = np.full((5, 7, 3), 30_000, np.uint16)
    planes = colour.from_rgb(pixels, coding)
    assert [plane.shape for plane in planes] == [(5, 7), (3, 4), (3, 4)]
    assert colour.to_rgb(planes, coding).shape == pixels.shape
