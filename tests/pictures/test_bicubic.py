"""Bicubic resizing: MATLAB's, judged by the field's own pictures and by exact fractions."""

from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rgtsr.pictures import bicubic, read

BENCHMARK = Path(__file__).parents[2] / "../shared/benchmark"
HALF = Fraction(1, 2)


def keys(x: Fraction) -> Fraction:
    """Keys' kernel, a = -1/2, written out as in the paper's equation 15."""
    x = abs(x)
    if x < 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    if x < 2:
        return -HALF * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2
    return Fraction(0)


def resized(samples: list[int], scale: Fraction, border: str = "mirror") -> list[Fraction]:
    """One line, resized in exact fractions straight from the definition; shares no code."""
    side, shrink = len(samples), min(scale, Fraction(1))
    result = []
    for index in range(ceil(side * scale)):
        center = (index + HALF) / scale - HALF
        reach = ceil(2 / shrink) + 1
        total = weight_sum = Fraction(0)
        for position in range(floor(center) - reach, floor(center) + reach + 2):
            weight = keys((center - position) * shrink)
            inside = min(max(position, 0), side - 1)
            if border == "mirror":
                inside = position % (2 * side)
                inside = inside if inside < side else 2 * side - 1 - inside
            total += weight * samples[inside]
            weight_sum += weight
        result.append(total / weight_sum)
    return result


def round_half_up(value: Fraction) -> int:
    """MATLAB's uint8()."""
    return min(max(floor(value + HALF), 0), 255)


def test_the_weights_at_half_size_are_these():
    # sample 8 lies 7/4, 3/4, 1/4, 5/4 kernel widths from outputs 2..5; the kernel there is
    # -3/128, 29/128, 111/128, -9/128, halved because it is twice as wide
    impulse = np.zeros((1, 16))
    impulse[0, 8] = 256
    assert bicubic.resize(impulse, HALF).tolist() == [[0, 0, -3, 29, 111, -9, 0, 0]]


def test_the_weights_at_double_size_are_these():
    impulse = np.zeros((1, 8))
    impulse[0, 4] = 128
    expected = [0, 0, 0, 0, 0, -3, -9, 29, 111, 111, 29, -9, -3, 0, 0, 0]
    assert bicubic.resize(impulse, 2).tolist() == [expected, expected]


@pytest.mark.parametrize("border", ["mirror", "clamp"])
@pytest.mark.parametrize("scale", ["1/2", "1/3", "1/4", "2", "3", "4", "5/2", "3/7"])
@pytest.mark.parametrize("side", [1, 2, 3, 7, 24])
def test_floats_are_resized_as_exact_fractions_say(side, scale, border):
    samples = [(37 * index * index + 11 * index) % 256 for index in range(side)]
    expected = [float(value) for value in resized(samples, Fraction(scale), border)]
    column = np.array(samples, dtype=np.float64)[:, None]
    result = bicubic.resize(column, Fraction(scale), border=border)
    assert result.shape[0] == len(expected) == ceil(side * Fraction(scale))
    assert np.allclose(result[:, 0], expected, atol=1e-9)


@pytest.mark.parametrize("scale", ["1/2", "1/3", "2", "3"])
def test_bytes_are_rounded_after_the_rows_and_again_after_the_columns(scale):
    rng = np.random.default_rng(7)
    pixels = rng.choice(np.array([0, 3, 128, 252, 255], np.uint8), size=(9, 12))
    columns = [resized([int(v) for v in column], Fraction(scale)) for column in pixels.T]
    rows = zip(*[[round_half_up(value) for value in column] for column in columns], strict=True)
    expected = [[round_half_up(v) for v in resized(list(row), Fraction(scale))] for row in rows]
    result = bicubic.resize(pixels, Fraction(scale))
    assert result.dtype == np.uint8
    assert result.tolist() == expected


def test_without_rounding_nothing_is_rounded_or_clipped():
    pixels = np.array([[0, 0, 255, 255, 0, 0]], np.uint8)
    result = bicubic.resize(pixels, 2, rounding="none")
    assert result.dtype == np.float64
    assert result.min() < 0
    assert result.max() > 255
    assert bicubic.resize(pixels.astype(np.float32), 2).dtype == np.float32


def test_the_borders_differ_only_at_the_border():
    pixels = np.random.default_rng(1).random((40, 40))
    mirror = bicubic.resize(pixels, HALF)
    clamp = bicubic.resize(pixels, HALF, border="clamp")
    assert np.array_equal(mirror[2:-2, 2:-2], clamp[2:-2, 2:-2])
    assert not np.allclose(mirror[0], clamp[0])


SCALES = st.fractions(Fraction(1, 5), 4, max_denominator=12)
PICTURES = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3])),
    elements=st.integers(0, 255).map(float),
)


@given(PICTURES, SCALES)
@settings(deadline=None)
def test_sides_are_rounded_up(pixels, scale):
    height, width, channels = pixels.shape
    expected = (ceil(height * scale), ceil(width * scale), channels)
    assert bicubic.resize(pixels, scale).shape == expected


@given(st.integers(0, 255), st.integers(1, 12), st.integers(1, 12), SCALES)
@settings(deadline=None)
def test_a_constant_stays_constant(value, height, width, scale):
    assert np.all(bicubic.resize(np.full((height, width), value, np.uint8), scale) == value)


@given(PICTURES, st.sampled_from([Fraction(1, 2), Fraction(1, 3), Fraction(2), Fraction(3)]))
@settings(deadline=None)
def test_flipping_and_resizing_commute_when_the_scale_divides(pixels, scale):
    step = scale.denominator
    pixels = pixels.repeat(step, axis=0).repeat(step, axis=1)
    result = bicubic.resize(pixels, scale)
    for axis in (0, 1):
        flipped = bicubic.resize(np.flip(pixels, axis), scale)
        assert np.allclose(np.flip(flipped, axis), result, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [{"border": "wrap"}, {"rounding": "uint16"}, {"scale": 0}, {"scale": -2}],
)
def test_what_makes_no_sense_is_refused(options):
    with pytest.raises(ValueError, match=r"not one of|positive"):
        bicubic.resize(np.zeros((4, 4)), **{"scale": 2} | options)


def test_an_empty_array_is_refused():
    with pytest.raises(ValueError, match="not a picture"):
        bicubic.resize(np.zeros((0, 4)), 2)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_the_field_s_low_resolution_pictures_are_reproduced_exactly(name, scale):
    folder = BENCHMARK / name
    if not folder.is_dir():
        pytest.skip(f"the benchmark pictures are not part of the repository: no {folder}")
    for path in sorted((folder / "HR").glob("*.png")):
        low = read(folder / "LR_bicubic" / f"X{scale}" / f"{path.stem}x{scale}.png").pixels_HWC
        height, width = low.shape[0] * scale, low.shape[1] * scale
        high = read(path).pixels_HWC[:height, :width]  # the field crops to a multiple of the scale
        made = bicubic.resize(high, Fraction(1, scale))
        assert np.array_equal(np.broadcast_to(made, low.shape), low), path.name
