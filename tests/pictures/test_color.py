"""Samples and floats, grey and RGB, transparency."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rgtsr.pictures import color

DTYPES = [np.uint8, np.uint16]
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=20)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_sample_survives_the_way_to_floats_and_back(dtype):
    every = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    floats = color.to_float(every)
    assert floats.dtype == np.float32
    assert (floats[0], floats[-1]) == (0, 1)
    assert np.array_equal(color.from_float(floats, dtype), every)


def test_floats_are_rounded_half_up_and_clipped():
    halves = np.array([-1, 0, 0.499 / 255, 0.5 / 255, 1.5 / 255, 254.5 / 255, 1, 7])
    assert color.from_float(halves, np.uint8).tolist() == [0, 0, 0, 1, 2, 255, 255, 255]


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int16])
def test_other_samples_are_refused(dtype):
    with pytest.raises(ValueError, match="neither uint8 nor uint16"):
        color.to_float(np.zeros(3, dtype))
    with pytest.raises(ValueError, match="neither uint8 nor uint16"):
        color.from_float(np.zeros(3), dtype)


def test_grey_becomes_rgb_and_grey_again():
    grey = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4, 1)
    rgb = color.to_rgb(grey)
    assert rgb.shape == (3, 4, 3)
    assert np.allclose(color.luma(rgb), grey[..., 0], atol=1e-6)
    assert color.to_rgb(rgb) is rgb
    assert np.array_equal(color.luma(grey), grey[..., 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_luma_weighs_green_most_in_the_pixels_own_steps(dtype):
    luma = color.luma(200 * np.eye(3, dtype=dtype)[None])
    assert luma.dtype == np.float32
    assert luma[0].tolist() == pytest.approx((59.8, 117.4, 22.8))


@given(st.data())
def test_solidify_keeps_what_is_seen_and_invents_no_new_extremes(data):
    height, width = data.draw(SHAPES)
    dtype = data.draw(st.sampled_from(DTYPES))
    pixels = data.draw(arrays.arrays(dtype, (height, width, 3)))
    alpha = data.draw(arrays.arrays(dtype, (height, width)))
    result = color.solidify(pixels, alpha)
    seen = alpha >= color.SOLID_ALPHA * color.peak(alpha.dtype)
    assert result.dtype == dtype
    assert np.array_equal(result[seen], pixels[seen])
    if seen.any():
        assert np.all(result.min(axis=(0, 1)) >= pixels[seen].min(axis=0))
        assert np.all(result.max(axis=(0, 1)) <= pixels[seen].max(axis=0))


def test_a_single_colour_is_extended_over_everything():
    pixels, alpha = np.zeros((37, 53, 3), np.uint8), np.zeros((37, 53), np.uint8)
    pixels[20, 30], alpha[20, 30] = (200, 100, 7), 255
    assert np.all(color.solidify(pixels, alpha) == (200, 100, 7))


def test_colours_are_extended_from_the_nearest():
    pixels, alpha = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    pixels[:, :8], alpha[:, :8] = (250, 0, 0), 255
    pixels[:, 56:], alpha[:, 56:] = (0, 0, 250), 255
    result = color.solidify(pixels, alpha).astype(int)
    assert np.all(result[:, 8:12, 0] > 215)
    assert np.all(result[:, 52:56, 2] > 215)
    assert np.all(result[:, :, 0] + result[:, :, 2] >= 249)  # never darker than either


def test_a_picture_without_holes_or_without_anything_is_left_alone():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for alpha in (np.full((4, 4), 255, np.uint8), np.zeros((4, 4), np.uint8)):
        assert color.solidify(pixels, alpha) is pixels
