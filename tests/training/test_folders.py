"""Folders of photos, and the LR that is given for them."""

from pathlib import Path

import numpy as np
import pytest

from rgtsr import pictures
from rgtsr.errors import PictureError, TrainingError
from rgtsr.pictures import Picture
from rgtsr.pictures.pairs import Pair
from rgtsr.training import folders, photos, recipe
from training.conftest import waves
from training.faults import reduced


def write(path: Path, pixels_HWC: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.write(Picture.from_array(pixels_HWC), path)
    return path


@pytest.fixture
def div2k(tmp_path: Path) -> Path:
    """Two photos in the layout in which DIV2K is downloaded; its LR is not our bicubic's."""
    for number in (1, 2):
        hr = waves(140, 160, number)
        write(tmp_path / "DIV2K_train_HR" / f"000{number}.png", hr)
        lr = tmp_path / "DIV2K_train_LR_bicubic" / "X2" / f"000{number}x2.png"
        write(lr, 255 - reduced(hr, 2))
    return tmp_path


def of(folder: Path, *overrides: str) -> list[Pair]:
    return list(photos.of(recipe.load("small-x2", (f"photos={folder}", *overrides))))


@pytest.mark.parametrize("inside", ["DIV2K_train_LR_bicubic", "DIV2K_train_LR_bicubic/X2"])
def test_lr_that_is_given_is_taken(div2k: Path, inside: str) -> None:
    pairs = of(div2k / "DIV2K_train_HR", f"lr_photos={div2k / inside}")
    assert [pair.name for pair in pairs] == ["0001", "0002"]
    for pair in pairs:
        assert np.array_equal(pair.lr_HWC, 255 - reduced(pair.hr_HWC, 2))


def test_lr_is_made_where_it_only_lies_beside(div2k: Path) -> None:
    (first, _) = of(div2k)
    assert np.array_equal(first.lr_HWC, reduced(first.hr_HWC, 2))


def test_lr_is_found_by_its_template_in_folders_below_and_by_any_suffix(tmp_path: Path) -> None:
    hr = waves(140, 140, 0)
    write(tmp_path / "hr" / "a" / "{}.png", hr)
    write(tmp_path / "small" / "a" / "{}_quarter2.webp", reduced(hr, 2))
    (pair,) = of(
        tmp_path / "hr", f"lr_photos={tmp_path / 'small'}", "filename_tmpl={}_quarter{scale}"
    )
    assert pair.lr_HWC.shape == (70, 70, 3)


def test_an_lr_of_a_wrong_size_is_refused_with_name_and_sizes(div2k: Path) -> None:
    small = div2k / "DIV2K_train_LR_bicubic" / "X2" / "0002x2.png"
    write(small, np.zeros((70, 79, 3), np.uint8))
    with pytest.raises(PictureError, match=r"0002x2\.png is 79x70.*0002\.png of 160x140"):
        of(div2k / "DIV2K_train_HR", f"lr_photos={small.parent}")


def test_a_missing_lr_is_refused(div2k: Path) -> None:
    small = div2k / "DIV2K_train_LR_bicubic" / "X2"
    (small / "0001x2.png").unlink()
    with pytest.raises(TrainingError, match=r"0001\.png: its LR 0001x2\.\* is not in \S+X2\.$"):
        of(div2k / "DIV2K_train_HR", f"lr_photos={small}")
    (small / "0002x2.png").unlink()
    with pytest.raises(TrainingError, match=r"0001\.png: .*; \S+0002\.png: its LR"):
        of(div2k / "DIV2K_train_HR", f"lr_photos={small}")


def test_of_many_missing_lr_five_are_named(tmp_path: Path) -> None:
    for number in range(7):
        write(tmp_path / "hr" / f"{number}.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(TrainingError, match=r"4x2\.\* is not in \S+; and 2 more\.$"):
        of(tmp_path / "hr", f"lr_photos={tmp_path / 'none'}")


def test_a_recipe_names_an_lr_folder_for_each_folder_and_one_place_for_the_name() -> None:
    with pytest.raises(ValueError, match="1 lr_photos for 2 photos"):
        recipe.load("small-x2", ("photos=a,b", "lr_photos=c"))
    with pytest.raises(ValueError, match=r"needs one \{\} for the name"):
        recipe.load("small-x2", ("filename_tmpl=x2",))
    with pytest.raises(ValueError, match="1 folders of LR for 2"):
        folders.photos([Path("a"), Path("b")], [Path("c")])
