"""HR and LR: read, made and matched in one place."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rgtsr import pictures
from rgtsr.errors import PictureError
from rgtsr.pictures import Picture, bicubic, pairs
from rgtsr.pictures.pairs import Files


def photo(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(height, width, channels), dtype=np.uint8)


def write(path: Path, pixels_HWC: np.ndarray) -> Path:
    pictures.write(Picture.from_array(pixels_HWC), path)
    return path


def test_lr_is_made_of_what_the_scale_divides(tmp_path: Path) -> None:
    whole = photo(22, 33)
    pair = Files(write(tmp_path / "a.png", whole)).read(4)
    assert pair.name == "a"
    assert np.array_equal(pair.hr_HWC, whole[:20, :32])
    assert np.array_equal(pair.lr_HWC, bicubic.resize(whole[:20, :32], Fraction(1, 4)))


def test_lr_that_is_given_cuts_its_hr(tmp_path: Path) -> None:
    whole, small = photo(31, 41), photo(10, 13)
    files = Files(write(tmp_path / "a.png", whole), write(tmp_path / "ax3.png", small))
    pair = files.read(3)
    assert np.array_equal(pair.hr_HWC, whole[:30, :39])
    assert np.array_equal(pair.lr_HWC, small)


@pytest.mark.parametrize("size", [(9, 13), (11, 13), (10, 14)])
def test_lr_of_another_size_is_refused_naming_both(tmp_path: Path, size: tuple[int, int]) -> None:
    files = Files(write(tmp_path / "a.png", photo(31, 41)), write(tmp_path / "b.png", photo(*size)))
    with pytest.raises(PictureError, match=rf"b\.png is {size[1]}x{size[0]}: .*a\.png of 41x31"):
        files.read(3)


@pytest.mark.parametrize("size", [(1, 40), (40, 1)])
def test_a_picture_with_less_than_the_scale_is_refused(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with pytest.raises(PictureError, match=rf"row\.png of {size[1]}x{size[0]} is too small for x2"):
        Files(write(tmp_path / "row.png", photo(*size))).read(2)


def test_grey_pictures_stay_grey_unless_networks_are_trained_on_them(tmp_path: Path) -> None:
    grey = photo(8, 8, 1)
    path = write(tmp_path / "grey.png", grey)
    assert np.array_equal(pairs.read8(path), grey)
    assert np.array_equal(pairs.read8(path, rgb=True), np.repeat(grey, 3, axis=2))
    assert Files(path).read(2, rgb=True).lr_HWC.shape == (4, 4, 3)


def test_16_bits_are_rounded_to_8() -> None:
    deep = Picture.from_array(np.array([[0, 65535], [257 * 100, 257 * 100 + 200]], np.uint16))
    assert pairs.eight_bits(deep, rgb=True)[..., 0].tolist() == [[0, 255], [100, 101]]
