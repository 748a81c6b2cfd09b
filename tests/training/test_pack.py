"""Packs: the same photos as in folders, in one file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from rgtsr import pictures
from rgtsr.errors import PictureError, TrainingError
from rgtsr.pictures import Picture
from rgtsr.pictures import pairs as hr_lr
from rgtsr.pictures.pairs import Files
from rgtsr.training import folders, pack, photos, recipe
from rgtsr.training.crops import Crops
from rgtsr.training.validation import Holdout
from training.conftest import waves
from training.faults import reduced


def packed(folder: Path, path: Path, scale: int | None = None) -> Path:
    assert pack.write(path, folders.photos([folder]), scale=scale) == 3
    return path


@pytest.mark.parametrize("kept", [None, 2, 3])
def test_a_pack_trains_as_its_folder_does(
    photo_folder: Path, tmp_path: Path, kept: int | None
) -> None:
    sources = (photo_folder, packed(photo_folder, tmp_path / "photos.safetensors", kept))
    drawn = []
    for source in sources:
        pairs = photos.of(recipe.load("small-x2", (f"photos={source}",)))
        crops = Crops(pairs, batch=8, patch_px=64, permute_rgb=True, seed=1)
        drawn.append((*crops.draw(0), *crops.draw(1)))
    assert all(torch.equal(one, other) for one, other in zip(*drawn, strict=True))


def test_a_pack_stays_in_its_file_until_it_is_used(photo_folder: Path, tmp_path: Path) -> None:
    opened = pack.read(packed(photo_folder, tmp_path / "photos.safetensors", 2))
    pixels = opened.photos[0].hr_HWC
    assert not pixels.flags.owndata
    assert not pixels.flags.writeable
    file_bytes = (tmp_path / "photos.safetensors").read_bytes()
    assert file_bytes.count(pixels.tobytes()) == 1


def test_other_programs_read_a_pack_as_safetensors(photo_folder: Path, tmp_path: Path) -> None:
    tensors = load_file(packed(photo_folder, tmp_path / "photos.safetensors", 2))
    assert sorted(tensors) == ["hr.0", "hr.1", "hr.2", "lr.0", "lr.1", "lr.2"]
    for index, path in enumerate(folders.paths([photo_folder])):
        hr = hr_lr.read8(path, rgb=True)
        assert np.array_equal(tensors[f"hr.{index}"], hr)
        assert np.array_equal(tensors[f"lr.{index}"], reduced(hr, 2))


def test_given_lr_is_packed_and_serves_its_own_scale_alone(tmp_path: Path) -> None:
    hr = waves(140, 160, 0)
    lr = 255 - reduced(hr, 2)
    pictures.write(Picture.from_array(hr), tmp_path / "a.png")
    pictures.write(Picture.from_array(lr), tmp_path / "ax2.png")
    path = tmp_path / "photos.safetensors"
    pack.write(path, [Files(tmp_path / "a.png", tmp_path / "ax2.png")], scale=2)
    (pair,) = pack.read(path).pairs(2)
    assert np.array_equal(pair.lr_HWC, lr)
    with pytest.raises(TrainingError, match="holds LR pictures at x2, not x3"):
        list(pack.read(path).pairs(3))


def test_lr_photos_beside_a_pack_are_refused(photo_folder: Path, tmp_path: Path) -> None:
    path = packed(photo_folder, tmp_path / "photos.safetensors")
    mine = recipe.load("small-x2", (f"photos={path}", f"lr_photos={photo_folder}"))
    with pytest.raises(TrainingError, match="leave lr_photos out"):
        list(photos.of(mine))


def test_a_hold_out_may_be_a_pack(photo_folder: Path, tmp_path: Path) -> None:
    path = packed(photo_folder, tmp_path / "photos.safetensors")
    of_folder, of_pack = (Holdout.load(each, 2, "cpu").benchmark for each in (photo_folder, path))
    for one, other in zip(of_folder.pairs(), of_pack.pairs(), strict=True):
        assert np.array_equal(one.hr_HWC, other.hr_HWC)
        assert np.array_equal(one.lr_HWC, other.lr_HWC)


def test_a_damaged_photo_is_named_and_left_out(photo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    files = [Files(tmp_path / "damaged.png"), *folders.photos([photo_folder])]
    said: list[str] = []
    assert pack.write(tmp_path / "p.safetensors", files, on_skip=said.append) == 3
    assert [photo.name for photo in pack.read(tmp_path / "p.safetensors").photos] == [
        "0.png",
        "1.png",
        "2.png",
    ]
    assert "damaged.png" in said[0]


def test_a_photo_of_one_row_is_packed_where_it_can_be(photo_folder: Path, tmp_path: Path) -> None:
    pictures.write(Picture.from_array(np.zeros((1, 40, 3), np.uint8)), tmp_path / "row.png")
    files = [Files(tmp_path / "row.png"), *folders.photos([photo_folder])]
    said: list[str] = []
    assert pack.write(tmp_path / "x2.safetensors", files, scale=2, on_skip=said.append) == 3
    assert said == ["row.png is too small: 40x1, but a side needs 2 px."]
    assert pack.write(tmp_path / "all.safetensors", files) == 4
    mine = recipe.load("small-x2", (f"photos={tmp_path / 'all.safetensors'}",))
    assert len(list(photos.of(mine, on_skip=said.append))) == 3
    assert said[1:] == said[:1]
    with pytest.raises(
        PictureError, match=r"all\.safetensors: row\.png of 40x1 is too small for x2"
    ):
        list(pack.read(tmp_path / "all.safetensors").pairs(2))


def test_given_lr_that_does_not_match_is_refused(tmp_path: Path) -> None:
    for name, side in (("a", 20), ("b", 9)):
        pictures.write(
            Picture.from_array(np.zeros((side, side, 3), np.uint8)), tmp_path / f"{name}.png"
        )
    files = [Files(tmp_path / "a.png", tmp_path / "b.png")]
    with pytest.raises(PictureError, match=r"b\.png is 9x9: at x2 it cannot belong to \S+a\.png"):
        pack.write(tmp_path / "p.safetensors", files, scale=2)


def test_a_pack_that_cannot_be_finished_leaves_the_old_one(
    photo_folder: Path, tmp_path: Path
) -> None:
    path = packed(photo_folder, tmp_path / "photos.safetensors")
    before = path.read_bytes()
    (tmp_path / "damaged.png").write_bytes(b"no picture")
    with pytest.raises(TrainingError, match="no photo is left"):
        pack.write(path, [Files(tmp_path / "damaged.png")])
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def of_another_shape(whole: bytes) -> bytes:
    assert b'"shape": [150, 170, 3]' in whole
    return whole.replace(b'"shape": [150, 170, 3]', b'"shape": [150, 171, 3]')


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1000],
        lambda whole: whole[:-1],  # of the last LR
        lambda _: b"nothing of the kind, in no way at all",
        lambda _: b"",
        lambda whole: whole[:8] + b"{" * (len(whole) - 8),
        lambda whole: whole.replace(b'"hr.1"', b'"hr.9"'),
        of_another_shape,
    ],
)
def test_a_file_that_is_no_pack_is_refused(
    photo_folder: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = packed(photo_folder, tmp_path / "photos.safetensors", 2)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TrainingError, match=r"photos\.safetensors is (no|a) pack"):
        pack.read(path)


def test_other_safetensors_are_no_pack(tmp_path: Path) -> None:
    save_file({"x": np.zeros(3)}, tmp_path / "run.safetensors", {"format": "rgtsr-run-1"})
    with pytest.raises(TrainingError, match=r"its format is 'rgtsr-run-1'"):
        pack.read(tmp_path / "run.safetensors")


def test_a_pack_has_a_name_and_a_folder(photo_folder: Path, tmp_path: Path) -> None:
    files = folders.photos([photo_folder])
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        pack.write(tmp_path / "photos", files)
    with pytest.raises(TrainingError, match="does not exist"):
        pack.write(tmp_path / "none" / "photos.safetensors", files)
