"""The side-by-side picture: what it shows is where it should be, and is not made prettier."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rgtsr.evaluation import compare, lettering
from rgtsr.evaluation.compare import Panel

Picture8 = NDArray[np.uint8]
ALPHABET = string.ascii_letters + string.digits + ".,:-_/+()? "


def photo(height: int, width: int, channels: int = 3, seed: int = 0) -> Picture8:
    """A picture without two equal places."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def places(sheet: Picture8, part: Picture8) -> list[tuple[int, int]]:
    """Every (top, left) at which the part stands in the sheet."""
    h, w = part.shape[:2]
    corner = np.argwhere((sheet == part[0, 0]).all(axis=2))
    return [
        (int(y), int(x)) for y, x in corner if np.array_equal(sheet[y : y + h, x : x + w], part)
    ]


def spoilt(truth: Picture8, top: int, left: int, side: int = 12) -> Picture8:
    """The truth with one square turned into its negative."""
    result = truth.copy()
    result[top : top + side, left : left + side] ^= 255
    return result


def test_all_panels_stand_side_by_side_at_one_height() -> None:
    truth = photo(200, 300)
    panels = [Panel("a", spoilt(truth, 90, 140)), Panel("b", spoilt(truth, 90, 140, 6))]
    sheet = compare.side_by_side(panels, truth, scale=2)
    corners = [p[:40, :60] for p in (panels[0].pixels_HWC, panels[1].pixels_HWC, truth)]
    same = places(sheet, corners[0])
    plan = compare.layout(200, 300)
    assert [x for _, x in same] == [plan.margin + i * (300 + plan.margin) for i in range(3)]
    assert len({y for y, _ in same}) == 1


def test_the_detail_is_the_worst_place_and_is_enlarged_without_smoothing() -> None:
    truth = photo(200, 300)
    made = spoilt(truth, 100, 180)
    sheet = compare.side_by_side([Panel("a", made)], truth, scale=2)
    plan = compare.layout(200, 300)
    top, left = compare.worst(made, truth, plan.detail)
    assert top <= 100 <= top + plan.detail[0] - 12
    assert left <= 180 <= left + plan.detail[1] - 12
    (h, w), zoom = plan.detail, plan.zoom
    for pixels, column in ((made, 0), (truth, 1)):
        close = pixels[top : top + h, left : left + w].repeat(zoom, 0).repeat(zoom, 1)
        ((_, x),) = places(sheet, close[:200, :300])
        assert x == plan.margin + column * (300 + plan.margin)


@given(st.integers(16, 68), st.integers(24, 114))
@settings(max_examples=30)
def test_what_errs_stands_in_the_middle_of_the_detail(top: int, left: int) -> None:
    truth = photo(100, 150)
    y, x = compare.worst(spoilt(truth, top, left), truth, (40, 60))
    assert y + 10 <= top <= y + 30 - 12 or y in (0, 60)
    assert x + 15 <= left <= x + 45 - 12 or x in (0, 90)


def test_a_frame_marks_the_detail_in_the_whole_picture() -> None:
    truth = photo(200, 300)
    made = spoilt(truth, 90, 140)
    sheet = compare.side_by_side([Panel("a", made)], truth, scale=2)
    plan = compare.layout(200, 300)
    (top, left), (h, w) = compare.worst(made, truth, plan.detail), plan.detail
    yellow = np.argwhere((sheet[:, : plan.margin + 300] == compare.FRAME).all(axis=2))
    spread = yellow.max(axis=0) - yellow.min(axis=0) + 1
    assert spread.tolist() == [h, w]
    assert yellow[:, 1].min() == plan.margin + left
    assert len(yellow) == 2 * h + 2 * w - 4
    assert top > 0


def test_the_scores_are_written_on_each_panel() -> None:
    truth = photo(200, 300)
    sheet = compare.side_by_side([Panel("bicubic", spoilt(truth, 90, 140))], truth, scale=2)
    quality = compare.metrics.on_luma(spoilt(truth, 90, 140), truth, shave=2)
    stroke = compare.layout(200, 300).stroke
    for text, color in (
        ("bicubic", compare.INK),
        ("truth", compare.INK),
        (f"{quality.psnr:.2f} dB / {quality.ssim:.4f}", compare.FAINT),
        ("PSNR-Y / SSIM-Y", compare.FAINT),
    ):
        ink = lettering.rendered(text, size=stroke)
        line = np.where(ink[..., None], color, compare.BACKGROUND).astype(np.uint8)
        first = int(np.argmax(ink[0]))  # begin at a pixel with ink: fewer places to look at
        assert places(sheet, line[:, first:])


@pytest.mark.parametrize("size", [(64, 64), (16, 700), (700, 16), (37, 301), (999, 1001)])
def test_any_size_gives_a_sheet_of_two_equal_rows(size: tuple[int, int]) -> None:
    truth = photo(*size)
    panels = [Panel("a label that is longer than its panel is wide", photo(*size, seed=1))]
    sheet = compare.side_by_side(panels, truth, scale=2)
    plan = compare.layout(*size)
    letters = 2 * (lettering.HEIGHT + 3) * plan.stroke
    assert sheet.shape == (
        2 * plan.size[0] + letters + 3 * plan.margin,
        2 * plan.size[1] + 3 * plan.margin,
        3,
    )
    assert sheet.dtype == np.uint8


@given(st.integers(15, 6000), st.integers(15, 6000))
def test_whole_pictures_are_shown_neither_tiny_nor_huge(height: int, width: int) -> None:
    plan = compare.layout(height, width)
    assert compare.NARROWEST_PX <= plan.size[1] <= compare.WIDEST_PX
    assert plan.detail[0] <= height
    assert plan.detail[1] <= width


def test_grey_pictures_are_shown_as_grey() -> None:
    truth = photo(60, 300, channels=1)
    sheet = compare.side_by_side([Panel("a", photo(60, 300, 1, seed=1))], truth, scale=2)
    assert places(sheet, truth.repeat(3, axis=2)[:8, :12])


def test_the_panels_are_left_as_they_are() -> None:
    truth, made = photo(60, 300), photo(60, 300, seed=1)
    before = truth.copy(), made.copy()
    compare.side_by_side([Panel("a", made)], truth, scale=2)
    assert np.array_equal(truth, before[0])
    assert np.array_equal(made, before[1])


def test_a_panel_of_another_size_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^mine is 31x20, but the truth is 30x20"):
        compare.side_by_side([Panel("mine", photo(20, 31))], photo(20, 30), scale=2)


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="give at least one panel"):
        compare.side_by_side([], photo(20, 30), scale=2)


def test_letters_differ_from_each_other() -> None:
    shapes = {lettering.rendered(letter, size=1).tobytes() for letter in ALPHABET}
    assert len(shapes) == len(ALPHABET)


def test_a_letter_that_we_do_not_have_is_a_question_mark() -> None:
    assert np.array_equal(lettering.rendered("§", size=2), lettering.rendered("?", size=2))


@given(st.text(ALPHABET, max_size=20), st.integers(1, 4))
def test_a_line_has_the_size_that_its_letters_make(text: str, size: int) -> None:
    width = max(0, len(text) * (lettering.WIDTH + 1) - 1)
    assert lettering.rendered(text, size=size).shape == (lettering.HEIGHT * size, width * size)
