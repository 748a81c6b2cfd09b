"""A picture from whatever holds one, and back."""

import io

import numpy as np
import pytest
from PIL import Image

from pictures.made import photo
from rgtsr.errors import PictureError
from rgtsr.pictures import Picture, read


@pytest.mark.parametrize("form", ["png", "jpg", "webp", "tif", "avif"])
def test_bytes_are_what_a_file_holds(tmp_path, form):
    picture = Picture.from_array(photo())
    content = picture.to_bytes(form, quality=80)
    assert picture.save(tmp_path / f"a.{form}", quality=80) == ()
    assert (tmp_path / f"a.{form}").read_bytes() == content
    again = read(tmp_path / f"a.{form}")
    assert np.array_equal(Picture.from_bytes(content).pixels_HWC, again.pixels_HWC)


def test_damaged_bytes_are_refused_in_words():
    content = Picture.from_array(photo()).to_bytes("png")
    with pytest.raises(PictureError, match="the picture: this PNG file is damaged"):
        Picture.from_bytes(content[: len(content) // 2])
    with pytest.raises(PictureError, match="the picture: is empty"):
        Picture.from_bytes(b"")
    with pytest.raises(PictureError, match="is no picture"):
        Picture.from_bytes(b"no picture at all")


def test_a_picture_is_taken_from_whatever_holds_one(tmp_path):
    array = photo()
    picture = Picture.from_array(array)
    picture.save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    holders = (tmp_path / "a.png", str(tmp_path / "a.png"), content, memoryview(content), array)
    for holder in (*holders, Image.fromarray(array), picture):
        assert np.array_equal(Picture.of(holder).pixels_HWC, array)


def test_floats_become_16_bit():
    floats = np.array([[0.0, 0.5], [1.0, 2.0]], np.float32)
    assert Picture.of(floats).pixels_HWC[..., 0].tolist() == [[0, 32768], [65535, 65535]]


@pytest.mark.parametrize("value", [255.0, -9.0, float("nan"), float("inf")])
def test_floats_that_were_not_meant_from_0_to_1_are_refused(value):
    floats = np.full((4, 4, 3), 0.5)
    floats[1, 2, 0] = value
    with pytest.raises(ValueError, match="are no picture: 0 to 1 are"):
        Picture.of(floats)


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr", "I;16", "L", "LA", "RGBA"])
def test_pils_pictures_of_any_mode_are_taken(mode):
    source = Image.fromarray(photo()).convert("L" if mode == "I;16" else "RGB").convert(mode)
    taken = Picture.of(source)
    assert taken.size == (40, 60)
    assert (taken.alpha_HW is not None) == mode.endswith("A")


def test_transparent_colours_of_a_palette_are_kept():
    source = Image.new("P", (4, 4), 0)
    source.putpalette([255, 0, 0, 0, 255, 0])
    source.info["transparency"] = 0
    saved = io.BytesIO()
    source.save(saved, "PNG")
    alpha = Picture.of(Image.open(saved)).alpha_HW
    assert alpha is not None
    assert (alpha == 0).all()


@pytest.mark.parametrize("nothing", [None, 3, [[1, 2]], object()])
def test_what_holds_no_picture_is_a_type_error(nothing):
    with pytest.raises(TypeError, match="is no picture"):
        Picture.of(nothing)
