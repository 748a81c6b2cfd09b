"""Picture: arrays in, arrays out."""

import numpy as np
import pytest

from rgtsr.pictures import Metadata, Picture


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("channels", "grey", "alpha"), [(1, 1, 0), (2, 1, 1), (3, 0, 0), (4, 0, 1)]
)
def test_an_array_comes_back_as_it_went_in(dtype, channels, grey, alpha):
    array = np.arange(5 * 7 * channels, dtype=dtype).reshape(5, 7, channels)
    picture = Picture.from_array(array)
    assert np.array_equal(picture.to_array(), array)
    assert (picture.is_grey, picture.alpha_HW is not None) == (bool(grey), bool(alpha))
    assert picture.size == (picture.height, picture.width) == (5, 7)
    assert (picture.bits, picture.peak) == ((8, 255) if dtype == np.uint8 else (16, 65535))


def test_a_flat_array_is_grey():
    picture = Picture.from_array(np.zeros((3, 4), np.uint8))
    assert picture.is_grey
    assert picture.to_array().shape == (3, 4, 1)


def test_metadata_travels_with_the_array():
    metadata = Metadata(icc=b"profile")
    assert Picture.from_array(np.zeros((1, 1), np.uint8), metadata).metadata == metadata


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (2, 3, 4, 3), (3, 4, 0), (0, 4, 3), (4, 0)])
def test_a_shape_that_is_no_picture_is_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        Picture.from_array(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.bool_, np.int64, ">u2"])
def test_samples_that_are_neither_8_nor_16_bit_are_refused(dtype):
    with pytest.raises(ValueError, match="neither uint8 nor uint16"):
        Picture.from_array(np.zeros((3, 4, 3), dtype))


def test_alpha_that_does_not_fit_the_pixels_is_refused():
    pixels = np.zeros((3, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="does not fit"):
        Picture(pixels, np.zeros((4, 3), np.uint8))
    with pytest.raises(ValueError, match="does not fit"):
        Picture(pixels, np.zeros((3, 4), np.uint16))
