"""PSNR and SSIM: against values by hand, and a window moved by hand."""

from math import inf, log10

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from rgtsr.evaluation import metrics

Picture8 = NDArray[np.uint8]


def flat(*rgb: int, side: int = 20) -> Picture8:
    """A picture of one colour."""
    return np.full((side, side, len(rgb)), rgb, np.uint8)


def noise(*shape: int, seed: int = 0) -> Picture8:
    """A picture of nothing in particular."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def ssim_by_hand(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The definition, window by window: weighted mean, variance and covariance about the mean."""
    offsets = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5]
    window = np.array(
        [[2.718281828459045 ** (-(y * y + x * x) / 4.5) for x in offsets] for y in offsets]
    )
    window /= window.sum()
    values: list[float] = []
    for top in range(first.shape[0] - 10):
        for left in range(first.shape[1] - 10):
            a, b = (p[top : top + 11, left : left + 11] for p in (first, second))
            m, n = (window * a).sum(), (window * b).sum()
            va, vb = (window * (a - m) ** 2).sum(), (window * (b - n) ** 2).sum()
            cov = (window * (a - m) * (b - n)).sum()
            c1, c2 = 6.5025, 58.5225  # (0.01 * 255)^2, (0.03 * 255)^2
            values.append(
                (2 * m * n + c1) * (2 * cov + c2) / ((m * m + n * n + c1) * (va + vb + c2))
            )
    return sum(values) / len(values)


@pytest.mark.parametrize(
    ("rgb", "y"),
    [
        ((0, 0, 0), 16),
        ((255, 255, 255), 235),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
        ((51, 102, 153), 16 + 65.481 * 0.2 + 128.553 * 0.4 + 24.966 * 0.6),
    ],
)
def test_the_luma_of_a_colour(rgb: tuple[int, int, int], y: float) -> None:
    assert metrics.studio_luma(flat(*rgb))[3, 4] == pytest.approx(y, abs=1e-9)


def test_luma_is_not_rounded() -> None:
    assert metrics.studio_luma(flat(1, 1, 1))[0, 0] == pytest.approx(16 + 219 / 255, abs=1e-9)


def test_a_grey_picture_counts_as_equal_red_green_and_blue() -> None:
    grey = noise(20, 20, 1)
    assert np.array_equal(metrics.studio_luma(grey), metrics.studio_luma(grey.repeat(3, axis=2)))


def test_psnr_of_an_even_difference_is_known_by_hand() -> None:
    quality = metrics.on_luma(flat(100, 100, 100), flat(110, 110, 110), shave=2)
    assert quality.psnr == pytest.approx(20 * log10(255 / (10 * 219 / 255)), abs=1e-9)


def test_ssim_of_two_flat_pictures_is_known_by_hand() -> None:
    a, b = 16 + 219 * 100 / 255, 16 + 219 * 110 / 255
    wanted = (2 * a * b + 6.5025) / (a * a + b * b + 6.5025)
    quality = metrics.on_luma(flat(100, 100, 100), flat(110, 110, 110), shave=2)
    assert quality.ssim == pytest.approx(wanted, abs=1e-12)


def test_ssim_is_the_definition_window_by_window() -> None:
    # more rows than are taken at a time
    rows = metrics.STRIP + 17
    first, second = (noise(rows, 14, 1, seed=s)[..., 0].astype(float) for s in (1, 2))
    assert metrics.ssim(first, second) == pytest.approx(ssim_by_hand(first, second), abs=1e-12)


def test_ssim_of_a_slightly_damaged_picture_is_the_definition_too() -> None:
    first = noise(15, 15, 1)[..., 0].astype(float)
    second = first + noise(15, 15, 1, seed=3)[..., 0] % 7
    assert metrics.ssim(first, second) == pytest.approx(ssim_by_hand(first, second), abs=1e-12)


def test_an_equal_picture_has_infinite_psnr_and_ssim_one() -> None:
    picture = noise(21, 19, 3)
    quality = metrics.on_luma(picture, picture, shave=3)
    assert quality.psnr == inf
    assert quality.ssim == pytest.approx(1, abs=1e-12)


@given(arrays.arrays(np.uint8, (16, 13, 3)), arrays.arrays(np.uint8, (16, 13, 3)))
def test_the_order_of_two_pictures_does_not_matter(first: Picture8, second: Picture8) -> None:
    one, other = metrics.on_luma(first, second, shave=1), metrics.on_luma(second, first, shave=1)
    assert one.psnr == other.psnr
    assert one.ssim == pytest.approx(other.ssim, abs=1e-12)


@given(st.integers(1, 4))
def test_the_border_that_is_shaved_does_not_count(shave: int) -> None:
    truth = noise(24, 22, 3)
    damaged = 255 - truth
    damaged[shave:-shave, shave:-shave] = truth[shave:-shave, shave:-shave]
    assert metrics.on_luma(damaged, truth, shave=shave).psnr == inf


@given(st.integers(1, 4))
def test_the_first_pixel_within_the_border_counts(shave: int) -> None:
    truth = noise(24, 22, 3)
    damaged = truth.copy()
    damaged[shave, shave] ^= 255
    assert metrics.on_luma(damaged, truth, shave=shave).psnr < inf


def test_the_baseline_protocol_takes_full_range_luma() -> None:
    quality = metrics.by_baseline_protocol(flat(110, 100, 100), flat(100, 100, 100))
    assert quality.psnr == pytest.approx(20 * log10(255 / 2.99), abs=1e-9)


def test_the_baseline_protocol_shaves_nothing() -> None:
    truth = noise(16, 16, 3)
    damaged = truth.copy()
    damaged[0, 0] ^= 255
    assert metrics.by_baseline_protocol(damaged, truth).psnr < inf


def test_the_baseline_protocol_takes_the_mean_ssim_of_three_channels() -> None:
    first, second = noise(13, 15, 3), noise(13, 15, 3, seed=1)
    each = [
        ssim_by_hand(first[..., c].astype(float), second[..., c].astype(float)) for c in range(3)
    ]
    quality = metrics.by_baseline_protocol(first, second)
    assert quality.ssim == pytest.approx(sum(each) / 3, abs=1e-12)


def test_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="20x20 cannot be scored against one of 21x21"):
        metrics.on_luma(flat(1, 2, 3), flat(1, 2, 3, side=21), shave=2)


def test_a_picture_too_small_to_score_is_refused() -> None:
    with pytest.raises(ValueError, match="14x14 is too small to score: 15 px"):
        metrics.on_luma(noise(14, 14, 3), noise(14, 14, 3), shave=2)


def test_a_plane_smaller_than_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="12x10 is too small for SSIM: 11 px"):
        metrics.by_baseline_protocol(noise(10, 12, 3), noise(10, 12, 3))
