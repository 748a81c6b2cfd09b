import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from rgtsr import pictures
from rgtsr.pictures import Picture, bicubic
from rgtsr.pictures.pairs import Pair
from rgtsr.training import photos, recipe
from rgtsr.training.crops import Crops
from rgtsr.training.distributed import Rank


def crops(folder: Path, **changes: object) -> Crops:
    pairs = photos.of(recipe.load("small-x2", (f"photos={folder}",)), crop_px=64)
    settings = {"batch": 6, "patch_px": 64, "permute_rgb": True, "seed": 0} | changes
    return Crops(pairs, **settings)


def test_crops_of_lr_and_hr_show_the_same_place(photo_folder: Path) -> None:
    lr, hr = crops(photo_folder).draw(0)
    assert lr.shape == (6, 3, 64, 64) and hr.shape == (6, 3, 128, 128)
    for small, large in zip(lr, hr, strict=True):
        again = bicubic.resize(large.permute(1, 2, 0).numpy(), Fraction(1, 2))
        inside = np.abs(again - small.permute(1, 2, 0).numpy())[4:-4, 4:-4]
        assert inside.max() <= 1.5 / 255  # LR is rounded twice, so is not exactly this


def test_the_same_seed_draws_the_same_crops(photo_folder: Path) -> None:
    first, second, other = (crops(photo_folder, seed=seed).draw(0)[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_each_step_draws_other_crops_whatever_was_drawn_before(photo_folder: Path) -> None:
    one = crops(photo_folder)
    drawn = [one.draw(step)[0] for step in range(3)]
    assert not torch.equal(drawn[1], drawn[2])
    assert torch.equal(crops(photo_folder).draw(2)[0], drawn[2])


def test_the_parts_of_all_ranks_are_the_batch(photo_folder: Path) -> None:
    whole = crops(photo_folder).draw(7)
    parts = [crops(photo_folder, rank=Rank(index, 3)).draw(7) for index in range(3)]
    for side in (0, 1):
        joined = torch.stack([part[side] for part in parts], dim=1).flatten(0, 1)
        assert torch.equal(joined, whole[side])


def test_of_all_photos_one_at_a_time_is_held_twice() -> None:
    handed_out: list[weakref.ref[np.ndarray]] = []

    def pairs() -> Iterator[Pair]:
        for number in range(4):
            assert not [photo for photo in handed_out[:-1] if photo() is not None]
            hr = np.full((128, 128, 3), number, np.uint8)
            handed_out.append(weakref.ref(hr))
            yield Pair(str(number), hr, np.ascontiguousarray(hr[::2, ::2]))
            del hr

    drawn = Crops(pairs(), batch=40, patch_px=64, permute_rgb=True, seed=0).draw(0)[1]
    assert len(handed_out) == 4
    assert set((255 * drawn).unique().round().int().tolist()) == {0, 1, 2, 3}


def test_crops_are_flipped_turned_and_recoloured(tmp_path: Path) -> None:
    corner = np.zeros((64, 64, 3), np.uint8)
    corner[:32, :32] = (200, 100, 50)
    pictures.write(Picture.from_array(corner), tmp_path / "corner.png")
    pairs = photos.of(recipe.load("small-x2", (f"photos={tmp_path}", "scale=1")))
    drawn = Crops(pairs, batch=200, patch_px=64, permute_rgb=True, seed=0).draw(0)[1]
    places = {tuple(int(p[0, y, x] > 0) for y in (0, 63) for x in (0, 63)) for p in drawn}
    colours = {tuple((p.amax((1, 2)) * 255).round().int().tolist()) for p in drawn}
    assert len(places) == 4
    assert len(colours) == 6


def test_all_eight_symmetries_are_drawn(tmp_path: Path) -> None:
    marked = np.zeros((64, 64, 3), np.uint8)
    marked[0, 1:8] = 255  # its eight images differ
    pictures.write(Picture.from_array(marked), tmp_path / "marked.png")
    pairs = photos.of(recipe.load("small-x2", (f"photos={tmp_path}", "scale=1")))
    drawn = Crops(pairs, batch=100, patch_px=64, permute_rgb=False, seed=0).draw(0)[0]
    images = {tuple(map(tuple, np.argwhere(crop[0].numpy() > 0))) for crop in drawn}
    assert len(images) == 8
