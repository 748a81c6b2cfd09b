from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from rgtsr import pictures
from rgtsr.errors import TrainingError
from rgtsr.pictures import Picture, bicubic
from rgtsr.training import photos
from rgtsr.training.photos import Crops


def test_lr_is_made_from_the_whole_photo_by_the_exact_bicubic(photo_folder: Path) -> None:
    pairs = photos.load(photos.paths([photo_folder]), scale=2)
    for pair in pairs:
        whole = bicubic.resize(pair.hr_HWC.numpy(), Fraction(1, 2))
        assert np.array_equal(pair.lr_HWC.numpy(), whole)


def test_hr_is_cut_to_a_multiple_of_the_scale(photo_folder: Path) -> None:
    pair = photos.load(photos.paths([photo_folder]), scale=4)[0]
    assert tuple(pair.hr_HWC.shape) == (148, 168, 3)
    assert tuple(pair.lr_HWC.shape) == (37, 42, 3)


def test_folders_of_lr_pictures_are_left_out(tmp_path: Path) -> None:
    picture = Picture.from_array(np.zeros((8, 8, 3), np.uint8))
    for folder in ("DIV2K_train_HR", "DIV2K_train_LR_bicubic/X2", "Flickr2K/Flickr2K_HR"):
        (tmp_path / folder).mkdir(parents=True)
        pictures.write(picture, tmp_path / folder / "0001.png")
    found = [str(p.relative_to(tmp_path)) for p in photos.paths([tmp_path])]
    assert found == ["DIV2K_train_HR/0001.png", "Flickr2K/Flickr2K_HR/0001.png"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no pictures"):
        photos.paths([tmp_path])


def test_damaged_and_small_photos_are_named_and_left_out(
    photo_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    pictures.write(Picture.from_array(np.zeros((8, 8, 3), np.uint8)), tmp_path / "small.png")
    said: list[str] = []
    files = photos.paths([photo_folder, tmp_path])
    pairs = photos.load(files, scale=2, patch_px=64, on_skip=said.append)
    assert len(pairs) == 3
    assert "damaged.png" in said[0] and "small.png" in said[1]


def test_no_photo_left_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    with pytest.raises(TrainingError, match="no photo is left"):
        photos.load(photos.paths([tmp_path]), scale=2)


def test_grey_and_16_bit_photos_become_rgb_of_8_bits() -> None:
    deep = Picture.from_array(np.array([[0, 65535], [257 * 100, 257 * 100 + 200]], np.uint16))
    rgb = photos.rgb8(deep)
    assert rgb.shape == (2, 2, 3)
    assert rgb[..., 0].tolist() == [[0, 255], [100, 101]]


def crops(folder: Path, **changes: object) -> Crops:
    pairs = photos.load(photos.paths([folder]), scale=2, patch_px=64)
    settings = {"batch": 6, "patch_px": 64, "permute_rgb": True, "seed": 0} | changes
    return Crops(pairs, **settings)


def test_crops_of_lr_and_hr_show_the_same_place(photo_folder: Path) -> None:
    lr, hr = crops(photo_folder).draw()
    assert lr.shape == (6, 3, 64, 64) and hr.shape == (6, 3, 128, 128)
    for small, large in zip(lr, hr, strict=True):
        again = bicubic.resize(large.permute(1, 2, 0).numpy(), Fraction(1, 2))
        inside = np.abs(again - small.permute(1, 2, 0).numpy())[4:-4, 4:-4]
        assert inside.max() <= 1.5 / 255  # LR is rounded twice, so is not exactly this


def test_the_same_seed_draws_the_same_crops(photo_folder: Path) -> None:
    first, second, other = (crops(photo_folder, seed=seed).draw()[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_crops_are_flipped_turned_and_recoloured(tmp_path: Path) -> None:
    corner = np.zeros((64, 64, 3), np.uint8)
    corner[:32, :32] = (200, 100, 50)
    pictures.write(Picture.from_array(corner), tmp_path / "corner.png")
    pairs = photos.load([tmp_path / "corner.png"], scale=1, patch_px=64)
    drawn = Crops(pairs, batch=200, patch_px=64, permute_rgb=True, seed=0).draw()[1]
    places = {tuple(int(p[0, y, x] > 0) for y in (0, 63) for x in (0, 63)) for p in drawn}
    colours = {tuple((p.amax((1, 2)) * 255).round().int().tolist()) for p in drawn}
    assert len(places) == 4
    assert len(colours) == 6
