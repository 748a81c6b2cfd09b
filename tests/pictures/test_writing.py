"""Pictures written to real files, judged by libvips reading them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pictures.made import photo
from rgtsr.errors import PictureError
from rgtsr.pictures import Picture, read, write, write_bands

LOSSY = {".jpg": 8, ".webp": 16, ".avif": 12}


def stored(path: Path) -> NDArray[np.generic]:
    """What libvips finds in the file, (H, W, C)."""
    image = pyvips.Image.new_from_file(str(path))
    return image.numpy().reshape(image.height, image.width, image.bands)


@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bit_pictures_are_written(tmp_path, suffix, channels):
    notes = write(Picture.from_array(photo(channels=channels)), tmp_path / f"out{suffix}")
    difference = stored(tmp_path / f"out{suffix}").astype(int) - photo(channels=channels)
    assert np.abs(difference).max() <= LOSSY.get(suffix, 0)
    assert notes == ()


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_transparency_and_sixteen_bits_are_written_exactly(tmp_path, suffix, channels, dtype):
    array = photo(channels=channels).astype(dtype) * (1 if dtype == np.uint8 else 257)
    assert write(Picture.from_array(array), tmp_path / f"out{suffix}") == ()
    assert np.array_equal(stored(tmp_path / f"out{suffix}"), array)


@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_transparency_survives_lossy_formats(tmp_path, suffix):
    array = photo(channels=4)
    array[:, :, 3] |= 128
    assert write(Picture.from_array(array), tmp_path / f"out{suffix}", quality=100) == ()
    assert np.abs(stored(tmp_path / f"out{suffix}").astype(int) - array).max() <= 14


def test_jpeg_lays_transparency_on_white_and_says_so(tmp_path):
    array = np.zeros((16, 16, 4), np.uint8)
    array[:, 8:, 3] = 255
    (note,) = write(Picture.from_array(array), tmp_path / "out.jpg")
    assert "laid on white" in note
    assert stored(tmp_path / "out.jpg")[0, 0].min() > 250
    assert stored(tmp_path / "out.jpg")[0, 15].max() < 5


def test_avif_keeps_twelve_bits_of_sixteen_and_says_so(tmp_path):
    array = np.full((16, 16, 3), 30_011, np.uint16)
    (note,) = write(Picture.from_array(array), tmp_path / "out.avif", quality=100)
    assert "reduced to 12" in note
    assert pyvips.Image.new_from_file(str(tmp_path / "out.avif")).get("bits-per-sample") == 12
    assert np.abs(read(tmp_path / "out.avif").pixels_HWC.astype(int) - array).max() <= 48


@pytest.mark.parametrize("value", [0, 1, 128, 129, 257, 30_000, 65_406, 65_407, 65_535])
def test_sixteen_bits_are_rounded_to_eight_not_cut(tmp_path, value):
    array = np.full((8, 8, 1), value, np.uint16)
    (note,) = write(Picture.from_array(array), tmp_path / "out.jpg", quality=100)
    assert "reduced to 8" in note
    assert np.all(stored(tmp_path / "out.jpg") == round(value / 257))


def test_colours_in_jpeg_and_avif_are_not_subsampled(tmp_path):
    array = np.zeros((32, 32, 3), np.uint8)
    array[:, ::2] = (255, 0, 0)
    array[:, 1::2] = (0, 0, 255)
    for name in ("out.jpg", "out.avif"):
        write(Picture.from_array(array), tmp_path / name)
        assert np.abs(stored(tmp_path / name).astype(int) - array).mean() < 12


def test_quality_makes_files_larger_or_smaller(tmp_path):
    picture = Picture.from_array(photo(200, 200))
    for suffix in (".jpg", ".webp", ".avif"):
        sizes = []
        for quality in (20, None, 100):
            write(picture, tmp_path / f"out{suffix}", quality=quality)
            sizes.append((tmp_path / f"out{suffix}").stat().st_size)
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2]


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_out_of_range_is_refused(tmp_path, quality):
    with pytest.raises(ValueError, match=r"1 .* to 100"):
        write(Picture.from_array(photo()), tmp_path / "out.jpg", quality=quality)


def test_a_gif_is_written_where_it_is_asked_for_and_its_colours_are_told(tmp_path):
    (note,) = write(Picture.from_array(photo()), tmp_path / "out.gif")
    assert "256 colours" in note
    assert read(tmp_path / "out.gif").size == (40, 60)


@pytest.mark.parametrize("name", ["out.bmp", "out", "out.heic", "out.jpgg"])
def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.png, \.jpg, .*\.avif"):
        write(Picture.from_array(photo()), tmp_path / name)


@pytest.mark.parametrize(
    "name", ["Größe 1.png", "写真 🌄.png", "a[1].png", "a.tif[Q=5].png", "%d.PNG"]
)
def test_any_name_will_do(tmp_path, name):
    write(Picture.from_array(photo()), str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert read(tmp_path / name).size == (40, 60)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (5000, 1)])
def test_tiny_and_long_pictures_are_written(tmp_path, suffix, height, width):
    write(Picture.from_array(photo(height, width)), tmp_path / f"out{suffix}")
    assert stored(tmp_path / f"out{suffix}").shape == (height, width, 3)


def test_a_side_that_the_format_cannot_hold_is_refused_before_the_work(tmp_path):
    def bands() -> Iterator[NDArray[np.uint8]]:
        raise AssertionError("no band is asked for")
        yield

    like = Picture.from_array(photo())
    with pytest.raises(PictureError, match=r"WebP holds at most 16383 .* use \.png"):
        write_bands(bands(), tmp_path / "out.webp", like=like, size=(8, 16_384))
    with pytest.raises(PictureError, match="does not exist"):
        write_bands(bands(), tmp_path / "no" / "out.png", like=like, size=(8, 8))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match="is a folder"):
        write_bands(bands(), tmp_path / "folder.png", like=like, size=(8, 8))


@given(heights=st.lists(st.integers(1, 9), min_size=1, max_size=6), channels=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_bands_of_any_heights_make_the_same_picture(tmp_path_factory, heights, channels):
    path = tmp_path_factory.mktemp("bands") / "out.png"
    picture = Picture.from_array(photo(sum(heights), 11, channels))
    cuts = np.cumsum(heights)[:-1]
    bands = iter(np.split(picture.to_array(), cuts))
    write_bands(bands, path, like=picture, size=picture.size)
    assert np.array_equal(stored(path), picture.to_array())


@pytest.mark.parametrize(
    "bands",
    [
        [np.zeros((4, 6, 3), np.uint8)],
        [np.zeros((8, 5, 3), np.uint8)],
        [np.zeros((8, 6, 4), np.uint8)],
        [np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 3), np.uint16)],
        [np.zeros((8, 6, 3), np.float32)],
        [],
    ],
)
def test_bands_that_do_not_fit_are_refused(tmp_path, bands):
    like = Picture.from_array(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"fit|rows|neither"):
        write_bands(bands, tmp_path / "out.png", like=like, size=(8, 6))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "final", [(33, 50), (20, 30), (39, 60), (40, 59), (7, 101), (90, 20), (1, 1)]
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_final_size_is_exact(tmp_path, final, channels):
    picture = Picture.from_array(photo(channels=channels))
    write_bands(
        [picture.to_array()], tmp_path / "out.png", like=picture, size=(40, 60), final_size=final
    )
    assert stored(tmp_path / "out.png").shape == (*final, channels)


def test_a_final_size_keeps_what_is_seen_in_place(tmp_path):
    ramp = np.linspace(0, 255, 600).round().astype(np.uint8)
    array = np.stack([np.tile(ramp, (400, 1)), np.tile(ramp[:400, None], (1, 600))] * 2, axis=2)
    picture = Picture.from_array(array)
    write_bands([array], tmp_path / "out.png", like=picture, size=(400, 600), final_size=(40, 60))
    means = array[:, :, :2].reshape(40, 10, 60, 10, 2).mean(axis=(1, 3))
    seen = array[:, :, 3].reshape(40, 10, 60, 10).mean(axis=(1, 3)) > 128
    result = stored(tmp_path / "out.png")[:, :, :2]
    assert np.abs(result - means)[seen][3:-3].max() < 3


def test_another_shape_is_covered_and_cropped_evenly(tmp_path):
    array = np.zeros((40, 60, 3), np.uint8)
    array[:, 10:50] = 200
    picture = Picture.from_array(array)
    write_bands([array], tmp_path / "out.png", like=picture, size=(40, 60), final_size=(20, 20))
    assert stored(tmp_path / "out.png").min() >= 180  # the dark sides are gone, nothing is squeezed


def test_a_constant_picture_stays_constant_when_resized(tmp_path):
    for dtype, value in ((np.uint8, 77), (np.uint16, 54_321)):
        array = np.full((30, 30, 4), value, dtype)
        picture = Picture.from_array(array)
        write_bands([array], tmp_path / "out.png", like=picture, size=(30, 30), final_size=(17, 17))
        assert np.all(stored(tmp_path / "out.png") == value)


def test_what_is_clear_does_not_darken_what_is_seen(tmp_path):
    array = np.zeros((40, 40, 4), np.uint8)
    array[:, 20:] = 255
    picture = Picture.from_array(array)
    write_bands([array], tmp_path / "out.png", like=picture, size=(40, 40), final_size=(13, 13))
    result = stored(tmp_path / "out.png")
    assert result[:, :, :3][result[:, :, 3] > 8].min() >= 250
