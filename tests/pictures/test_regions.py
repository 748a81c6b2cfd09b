"""Pictures that are not held: the same, bit for bit, as those that are."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from pictures.made import Save, photo, profile
from rgtsr.errors import OutOfMemoryError, PictureError
from rgtsr.pictures import Limits, Picture, opened, read
from rgtsr.pictures.regions import Large
from rgtsr.pictures.wear import wear

NONE_HELD = Limits(held_px=0, most_px=0)


def unheld(path: Path, limits: Limits = NONE_HELD, salvage: bool = False):
    return opened(
        path,
        limits=lambda _: limits,
        beside=path.with_name("result.png"),
        max_pixels=10**6,
        page=None,
        salvage=salvage,
    )


def assert_same(path: Path) -> None:
    held = read(path)
    with unheld(path) as large:
        assert isinstance(large, Large)
        assert (large.size, large.is_grey, large.peak) == (held.size, held.is_grey, held.peak)
        assert (large.metadata, large.compression) == (held.metadata, held.compression)
        assert np.array_equal(large.middle(50), held.middle(50))
        assert wear(large) == wear(held)
        for rows in np.arange(40)[::-1], np.arange(30, 100), np.r_[90:170, 170:150:-1]:
            assert np.array_equal(large.pixels_HWC[rows], held.pixels_HWC[rows])
        if held.alpha_HW is not None:
            assert np.array_equal(large.alpha_HW, held.alpha_HW)
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]


def deep(array: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return array.astype(np.uint16) * 257 - 100


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_every_format_that_can_be_decoded_in_order(suffix: str, channels: int, save: Save) -> None:
    assert_same(save(photo(171, 130, channels), f"a{suffix}", xmp=b"<x/>", icc=profile("p3")))


def test_sixteen_bits_tiles_and_a_transparency_that_is_the_same_everywhere(save: Save) -> None:
    array = deep(photo(171, 130, 4))
    array[..., 3] = 65535
    path = save(array, "a.png", interpretation="rgb16")
    assert_same(path)
    pyvips.Image.new_from_file(str(path)).tiffsave(
        str(path.with_name("b.tif")), tile=True, tile_width=64, tile_height=64, bigtiff=True
    )
    path.unlink()
    assert_same(path.with_name("b.tif"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_stored_turned_is_copied_upright_meanwhile(orientation: int, save: Save) -> None:
    path = save(photo(171, 171 + 10), "a.jpg", orientation=orientation)
    assert_same(path)
    with unheld(path) as large:
        assert any("stood upright" in note for note in large.notes) == (orientation > 1)


def test_cmyk_becomes_srgb(save: Save) -> None:
    assert_same(save(photo(171, 130, 4), "a.jpg", interpretation="cmyk", icc=profile("cmyk")))


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("a.png", {"interlace": True}, "several passes"),
        ("a.jpg", {"interlace": True}, "several passes"),
        ("a.webp", {}, "it is WebP, which is decoded whole"),
    ],
)
def test_what_must_be_held_is_held_or_refused_before_work_begins(
    name: str, options: dict[str, object], why: str, tmp_path: Path
) -> None:
    pyvips.Image.new_from_array(photo()).write_to_file(str(tmp_path / name), **options)
    with unheld(tmp_path / name, Limits(0, 10**6)) as picture:
        assert isinstance(picture, Picture)
    with pytest.raises(OutOfMemoryError, match=why), unheld(tmp_path / name):
        pass


def test_so_is_what_is_transparent_in_parts(save: Save) -> None:
    path = save(photo(171, 130, 4), "a.png")
    with unheld(path, Limits(0, 10**6)) as picture:
        assert isinstance(picture, Picture)
    with pytest.raises(OutOfMemoryError, match="transparent in parts"), unheld(path):
        pass


def test_damage_is_found_before_work_begins_and_what_is_left_can_be_taken(save: Save) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (171, 130, 3), np.uint8)
    path = save(noise, "a.png")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(PictureError, match="damaged"), unheld(path):
        pass
    held = read(path, salvage=True)
    with unheld(path, salvage=True) as large:
        assert large.notes == held.notes
        assert np.array_equal(large.pixels_HWC[np.arange(171)], held.pixels_HWC)
