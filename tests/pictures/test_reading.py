"""Real files of every format, read. The files are libvips' own work, not this package's."""

import numpy as np
import pytest
import pyvips

from pictures.made import XMP, Save, photo, profile
from rgtsr.pictures import Picture, directories, read

LOSSY = {".jpg": 4, ".webp": 0, ".avif": 1}
KEEPS_GREY = (".png", ".jpg", ".tif")


def test_eight_bit_colours_arrive_as_they_are(save: Save, suffix):
    picture = read(save(photo(), "photo" + suffix))
    assert picture.pixels_HWC.dtype == np.uint8
    assert picture.alpha_HW is None
    difference = picture.pixels_HWC.astype(int) - photo()
    assert np.abs(difference).max() <= LOSSY.get(suffix, 0)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_colours_arrive_as_they_are(save: Save, suffix):
    array = photo().astype(np.uint16) * 257 + 1
    assert np.array_equal(read(save(array, "deep" + suffix)).pixels_HWC, array)


def test_ten_and_twelve_bits_are_spread_over_all_of_sixteen(tmp_path):
    for bits in (10, 12):
        ramp = np.linspace(0, 2**bits - 1, 64 * 8).astype(np.uint16).reshape(8, 64, 1)
        image = pyvips.Image.new_from_array((ramp << (16 - bits)).repeat(3, axis=2))
        image.heifsave(str(tmp_path / "a.avif"), compression="av1", lossless=True, bitdepth=bits)
        picture = read(tmp_path / "a.avif")
        assert picture.bits == 16
        expected = ramp.astype(float) * 65535 / (2**bits - 1)
        assert np.abs(picture.pixels_HWC - expected).max() <= 0.5
        assert picture.pixels_HWC.max() == 65535


def test_grey_stays_grey_where_the_format_has_it(save: Save, suffix):
    picture = read(save(photo(channels=1)[:, :, 0], "grey" + suffix))
    assert picture.is_grey == (suffix in KEEPS_GREY)
    difference = picture.pixels_HWC.astype(int) - photo(channels=1)
    assert np.abs(difference).max() <= LOSSY.get(suffix, 0)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("channels", [2, 4])
def test_transparency_is_set_apart(save: Save, suffix, channels):
    array = photo(channels=channels)
    array[:, :, -1] |= 1  # where alpha is 0, WebP may lose the colour
    picture = read(save(array, "clear" + suffix))
    assert np.array_equal(picture.alpha_HW, array[:, :, -1])
    difference = picture.pixels_HWC.astype(int) - array[:, :, :-1]
    assert np.abs(difference).max() <= LOSSY.get(suffix, 0)


def test_premultiplied_transparency_is_undone(tmp_path):
    array = photo(channels=4)
    array[:, :, 3] |= 64
    share = array[:, :, 3:] / 255
    stored = np.concatenate([np.round(array[:, :, :3] * share), array[:, :, 3:]], axis=2)
    image = pyvips.Image.new_from_array(stored.astype(np.uint8))
    image.tiffsave(str(tmp_path / "associated.tif"), premultiply=True)  # only sets the tag
    picture = read(tmp_path / "associated.tif")
    assert np.array_equal(picture.alpha_HW, array[:, :, 3])
    assert np.abs(picture.pixels_HWC.astype(int) - array[:, :, :3]).max() <= 4


def test_a_palette_becomes_colours(tmp_path):
    array = np.zeros((8, 8, 3), np.uint8)
    array[:4] = (250, 10, 30)
    pyvips.Image.new_from_array(array).pngsave(str(tmp_path / "p.png"), palette=True, dither=0)
    assert np.array_equal(read(tmp_path / "p.png").pixels_HWC, array)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_one_bit_becomes_black_and_white(tmp_path, suffix):
    array = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = pyvips.Image.new_from_array(array)
    image.write_to_file(str(tmp_path / f"bits{suffix}"), bitdepth=1)
    picture = read(tmp_path / f"bits{suffix}")
    assert np.array_equal(picture.pixels_HWC[:, :, 0], array)
    assert picture.bits == 8


@pytest.mark.parametrize("with_profile", [True, False])
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_srgb(tmp_path, suffix, with_profile):
    colors = np.full((16, 16, 3), (200, 120, 60), np.uint8)
    cmyk = pyvips.Image.new_from_array(colors).icc_transform(
        "cmyk", input_profile="srgb", black_point_compensation=True
    )
    if not with_profile:
        cmyk.remove("icc-profile-data")
    cmyk.write_to_file(str(tmp_path / f"print{suffix}"))
    picture = read(tmp_path / f"print{suffix}")
    assert np.abs(picture.pixels_HWC.astype(int) - colors).max() <= 6
    assert picture.metadata.icc == profile("srgb")
    assert picture.notes == ("its CMYK was converted to sRGB.",)


def test_black_survives_the_way_through_ink(tmp_path):
    black = pyvips.Image.new_from_array(np.zeros((8, 8, 3), np.uint8))
    ink = black.icc_transform("cmyk", input_profile="srgb", black_point_compensation=True)
    ink.tiffsave(str(tmp_path / "ink.tif"))
    assert read(tmp_path / "ink.tif").pixels_HWC.max() <= 8  # 39 without compensation


def test_lab_becomes_srgb(tmp_path):
    colors = np.full((16, 16, 3), (200, 120, 60), np.uint8)
    image = pyvips.Image.new_from_array(colors).colourspace("lab")
    image.tiffsave(str(tmp_path / "lab.tif"))
    picture = read(tmp_path / "lab.tif")
    assert np.abs(picture.pixels_HWC / 257 - colors).max() <= 1


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("big", [False, True])
def test_icc_s_encoding_of_lab_becomes_srgb(tmp_path, deep, big):
    colors = np.full((16, 16, 3), (200, 120, 60), np.uint8)
    lab = pyvips.Image.new_from_array(colors).colourspace("lab").numpy()
    stored = (lab + np.array([0, 128, 128])) * ((652.8, 256, 256) if deep else (2.55, 1, 1))
    array = np.round(stored).astype(np.uint16 if deep else np.uint8)
    whole = bytearray(pyvips.Image.new_from_array(array).tiffsave_buffer(bigtiff=big))
    place = directories.places(bytes(whole), directories.first(bytes(whole)))[262]
    place += 12 if big else 8
    whole[place : place + 2] = (9).to_bytes(2, "little")
    (tmp_path / "lab.tif").write_bytes(whole)
    picture = read(tmp_path / "lab.tif")
    assert picture.bits == 16
    assert np.abs(picture.pixels_HWC / 257 - colors).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_an_orientation_is_applied_once(save: Save, suffix, orientation):
    path = save(photo(), "turned" + suffix, orientation=orientation)
    upright = pyvips.Image.new_from_file(str(path)).autorot().numpy()
    picture = read(path)
    assert np.array_equal(picture.pixels_HWC, upright)
    assert picture.pixels_HWC.flags.c_contiguous


def test_resolution_turns_with_the_picture(tmp_path):
    image = pyvips.Image.new_from_array(photo()).copy(xres=10, yres=20)
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.tiffsave(str(tmp_path / "turned.tif"))
    assert read(tmp_path / "turned.tif").metadata.resolution_per_mm == pytest.approx((10, 20))


def test_a_wide_gamut_profile_is_kept_and_the_colours_are_not_touched(save: Save, suffix):
    picture = read(save(photo(), "wide" + suffix, icc=profile("p3")))
    assert picture.metadata.icc == profile("p3")
    assert np.array_equal(picture.pixels_HWC, read(save(photo(), "none" + suffix)).pixels_HWC)


def test_xmp_is_kept_and_upright(save: Save, suffix):
    picture = read(save(photo(), "xmp" + suffix, xmp=XMP))
    assert picture.metadata.xmp == XMP.replace(b'Orientation="6"', b'Orientation="1"')


def test_the_first_page_of_many_is_read(tmp_path):
    pages = [pyvips.Image.new_from_array(photo() // (1 + page)) for page in range(3)]
    stack = pyvips.Image.arrayjoin(pages, across=1)
    stack.set_type(pyvips.GValue.gint_type, "page-height", 40)
    for name in ("book.tif", "film.webp"):
        stack.write_to_file(str(tmp_path / name), **({"lossless": True} if "webp" in name else {}))
        assert np.array_equal(read(tmp_path / name).pixels_HWC, photo())


@pytest.mark.parametrize(
    "name",
    ["Größe 1.png", "写真.png", "🌄.png", "photo[1].png", "a.png[Q=5].png", "-x.png", "%d.png"],
)
def test_any_name_will_do(save: Save, tmp_path, name):
    made = save(photo(), "plain.png").rename(tmp_path / name)
    assert np.array_equal(read(made).pixels_HWC, photo())
    assert np.array_equal(read(str(made)).pixels_HWC, photo())


def test_a_name_that_is_no_unicode_will_do(save: Save, tmp_path):
    made = save(photo(), "plain.png").rename(
        tmp_path / b"caf\xe9.png".decode(errors="surrogateescape")
    )
    assert read(made).size == (40, 60)


def test_the_content_decides_and_not_the_suffix(save: Save):
    path = save(photo(), "really.png")
    assert np.array_equal(read(path.rename(path.with_suffix(".jpg"))).pixels_HWC, photo())


def test_a_file_that_has_changed_is_read_anew(save: Save):
    first = read(save(photo(), "same.png"))
    second = read(save(255 - photo(), "same.png"))
    assert np.array_equal(first.pixels_HWC, 255 - second.pixels_HWC)


def test_picture_from_file_is_read(save: Save):
    assert np.array_equal(Picture.from_file(save(photo(), "photo.png")).pixels_HWC, photo())


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_tiny_and_long_pictures_are_read(save: Save, suffix, height, width):
    assert read(save(photo(height, width), "thin" + suffix)).size == (height, width)
