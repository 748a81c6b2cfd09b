"""Each measure on the real photos of demo/, sound and with the fault put in."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rgtsr.pictures import blocking, color, enlargement, pairs
from rgtsr.pictures.pairs import Pixels
from rgtsr.training import inspection
from training import faults

DEMO = sorted((Path(__file__).parents[2] / "demo").glob("*.png"))
NAMES = [path.stem for path in DEMO]


@pytest.fixture(params=DEMO, ids=NAMES)
def photo(request: pytest.FixtureRequest) -> Pixels:
    pixels = pairs.read8(request.param, rgb=True)
    height, width = (side // 24 * 24 for side in pixels.shape[:2])
    return pixels[:height, :width]


def test_there_are_photos() -> None:
    assert len(DEMO) == 4


def test_a_sharp_photo_is_not_blurred_and_a_blurred_one_is(photo: Pixels) -> None:
    limit = inspection.SHARPNESS_LIMIT_DB
    assert inspection.sharpness_db(color.luma(photo)) > limit
    assert inspection.sharpness_db(color.luma(faults.blurred(photo, 1))) < limit
    assert inspection.sharpness_db(color.luma(faults.blurred(photo, 2))) < limit


def test_blur_in_one_direction_is_blur(photo: Pixels) -> None:
    luma = color.luma(photo)
    weights = np.exp(-(np.arange(-6, 7) ** 2) / 8)  # a shaken hand: standard deviation 2 px
    shaken = [weight * np.roll(luma, step, 1) for step, weight in enumerate(weights)]
    moved = np.sum(shaken, axis=0, dtype=np.float32) / weights.sum()
    for way in (moved.astype(np.float32), moved.T.astype(np.float32)):
        assert inspection.sharpness_db(way) < inspection.SHARPNESS_LIMIT_DB


def test_a_soft_background_is_no_blur(photo: Pixels) -> None:
    half = photo.copy()
    half[:, : photo.shape[1] // 2] = faults.blurred(photo, 3)[:, : photo.shape[1] // 2]
    assert inspection.sharpness_db(color.luma(half)) > inspection.SHARPNESS_LIMIT_DB


def test_jpegs_blocks_are_found_wherever_their_grid_begins(photo: Pixels) -> None:
    limit = blocking.LIMIT
    assert blocking.blocking(color.luma(photo)) < limit
    assert blocking.blocking(color.luma(faults.compressed(photo, 30))) > limit
    assert blocking.blocking(color.luma(faults.compressed(photo, 30)[3:, 5:])) > limit


@pytest.mark.parametrize("factor", [2, 3, 4, Fraction(3, 2), Fraction(17, 10), Fraction(5, 2)])
def test_an_enlarged_photo_is_found(photo: Pixels, factor: int | Fraction) -> None:
    limit = enlargement.LIMIT
    assert enlargement.enlargement(color.luma(photo)) < limit
    assert enlargement.enlargement(color.luma(faults.enlarged(photo, factor))) > limit


@pytest.mark.parametrize("quality", [10, 30, 75, 95])
def test_jpegs_blocks_are_no_enlargement(photo: Pixels, quality: int) -> None:
    found = enlargement.enlargement(color.luma(faults.compressed(photo, quality)))
    assert found < enlargement.LIMIT


def test_an_enlarged_photo_is_found_in_a_good_jpeg(photo: Pixels) -> None:
    saved = faults.compressed(faults.enlarged(photo, Fraction(3, 2)), 95)
    assert enlargement.enlargement(color.luma(saved)) > enlargement.LIMIT


def test_a_flat_picture_has_no_fault_of_these() -> None:
    flat = np.full((100, 100), 77, np.float32)
    assert inspection.sharpness_db(flat) > inspection.SHARPNESS_LIMIT_DB
    assert blocking.blocking(flat) == 0
    assert enlargement.enlargement(flat) < enlargement.LIMIT


def bits_between(first: Pixels, second: Pixels) -> int:
    one, other = (inspection.fingerprint(color.luma(each)) for each in (first, second))
    return int(np.bitwise_count(one ^ other).sum())


def test_copies_share_a_fingerprint(photo: Pixels) -> None:
    limit = inspection.DUPLICATE_LIMIT_BITS
    assert bits_between(photo, photo.copy()) == 0
    assert bits_between(photo, faults.reduced(photo, 2)) <= limit
    assert bits_between(photo, faults.compressed(photo, 20)) <= limit
    assert bits_between(photo, np.clip(photo * 0.9 + 10, 0, 255).astype(np.uint8)) <= limit


def test_photos_do_not_share_a_fingerprint() -> None:
    pixels = [pairs.read8(path, rgb=True) for path in DEMO]
    for index, one in enumerate(pixels):
        for other in pixels[:index]:
            assert bits_between(one, other) > 2 * inspection.DUPLICATE_LIMIT_BITS


def test_each_picture_is_held_against_the_earlier_ones() -> None:
    numbers = ((0b1111, 1), (0, 1), ((1 << 40) - 1, 1), (0b0111, 0))
    prints = [np.array(pair, np.uint64) for pair in numbers]
    assert inspection.alike(prints, 2) == [(0, 3, 2)]
    assert (0, 1, 4) in inspection.alike(prints, 4)
    assert inspection.alike([], 2) == []


@pytest.mark.parametrize("scale", [2, 3])
def test_lr_lies_on_its_hr(photo: Pixels, scale: int) -> None:
    lr = faults.reduced(photo, scale)
    found = inspection.alignment(color.luma(photo), color.luma(lr), scale)
    assert found.distance_px < 0.01
    assert found.likeness > 0.99


@pytest.mark.parametrize("side", [1, 15, 16, 20])
def test_small_lr_has_an_alignment(side: int) -> None:
    lr, other = np.random.default_rng(0).uniform(0, 255, (2, side, side)).astype(np.float32)
    found = inspection.alignment(np.kron(lr, np.ones((2, 2), np.float32)), other, 2)
    assert np.isfinite(found.distance_px)
    assert found.likeness < inspection.LIKENESS_LIMIT or side < 16


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (-2, 3)])
def test_a_shifted_lr_is_found_with_its_shift(photo: Pixels, shift: tuple[int, int]) -> None:
    lr = np.roll(faults.reduced(photo, 2), shift, axis=(0, 1))
    found = inspection.alignment(color.luma(photo), color.luma(lr), 2)
    assert found.shift_px == pytest.approx(shift, abs=0.05)
    assert found.distance_px > inspection.SHIFT_LIMIT_PX


def test_a_shift_of_one_hr_pixel_is_found(photo: Pixels) -> None:
    lr = faults.reduced(photo[1:-1, 1:-1], 2)
    found = inspection.alignment(color.luma(photo[:-2, :-2]), color.luma(lr), 2)
    assert found.distance_px > inspection.SHIFT_LIMIT_PX


def test_a_spoilt_lr_is_not_a_shifted_one(photo: Pixels) -> None:
    lr = faults.reduced(photo, 2)
    noise = np.random.default_rng(0).normal(0, 10, lr.shape)
    noisy = np.clip(lr * 0.8 + noise, 0, 255).astype(np.uint8)
    for spoilt in (noisy, faults.compressed(lr, 30), faults.blurred(lr, 1.5)):
        found = inspection.alignment(color.luma(photo), color.luma(spoilt), 2)
        assert found.distance_px < inspection.SHIFT_LIMIT_PX
        assert found.likeness > inspection.LIKENESS_LIMIT


def test_another_photos_lr_is_none_of_this() -> None:
    first, second = (pairs.read8(path, rgb=True)[:400, :500] for path in DEMO[:2])
    found = inspection.alignment(color.luma(first), color.luma(faults.reduced(second, 2)), 2)
    assert found.likeness < inspection.LIKENESS_LIMIT


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (1, 1)])
def test_a_photo_of_one_row_has_a_fingerprint(size: tuple[int, int]) -> None:
    row = np.full(size, 100, np.float32)
    assert inspection.alike([inspection.fingerprint(row)] * 2, 0) == [(0, 1, 0)]
