from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rgtsr import pictures
from rgtsr.errors import TrainingError
from rgtsr.pictures import Picture, bicubic
from rgtsr.pictures.pairs import Pair
from rgtsr.training import folders, photos, recipe


def of(folder: Path, *keys: str, **options: object) -> list[Pair]:
    return list(photos.of(recipe.load("small-x2", (f"photos={folder}", *keys)), **options))


def test_lr_is_made_from_the_whole_photo_by_the_exact_bicubic(photo_folder: Path) -> None:
    for pair in of(photo_folder):
        whole = bicubic.resize(pair.hr_HWC, Fraction(1, 2))
        assert np.array_equal(pair.lr_HWC, whole)


def test_hr_is_cut_to_a_multiple_of_the_scale(photo_folder: Path) -> None:
    pair = of(photo_folder, "scale=4")[0]
    assert tuple(pair.hr_HWC.shape) == (148, 168, 3)
    assert tuple(pair.lr_HWC.shape) == (37, 42, 3)


def test_folders_of_lr_pictures_are_left_out(tmp_path: Path) -> None:
    picture = Picture.from_array(np.zeros((8, 8, 3), np.uint8))
    for folder in ("DIV2K_train_HR", "DIV2K_train_LR_bicubic/X2", "Flickr2K/Flickr2K_HR"):
        (tmp_path / folder).mkdir(parents=True)
        pictures.write(picture, tmp_path / folder / "0001.png")
    found = [str(p.relative_to(tmp_path)) for p in folders.paths([tmp_path])]
    assert found == ["DIV2K_train_HR/0001.png", "Flickr2K/Flickr2K_HR/0001.png"]


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no pictures"):
        folders.paths([tmp_path])


def test_damaged_and_small_photos_are_named_and_left_out(
    photo_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    pictures.write(Picture.from_array(np.zeros((8, 8, 3), np.uint8)), tmp_path / "small.png")
    said: list[str] = []
    both = f"photos={photo_folder},{tmp_path}"
    found = list(photos.of(recipe.load("small-x2", (both,)), crop_px=64, on_skip=said.append))
    assert len(found) == 3
    assert "damaged.png" in said[0] and "small.png" in said[1]


def test_a_photo_of_one_row_is_named_and_left_out(photo_folder: Path, tmp_path: Path) -> None:
    pictures.write(Picture.from_array(np.zeros((1, 40, 3), np.uint8)), tmp_path / "row.png")
    said: list[str] = []
    assert len(of(tmp_path, f"photos={photo_folder},{tmp_path}", on_skip=said.append)) == 3
    assert said == ["row.png is too small: 40x1, but a side needs 2 px."]


def test_no_photo_left_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    with pytest.raises(TrainingError, match="no photo is left"):
        of(tmp_path)
