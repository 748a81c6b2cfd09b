"""Scores: the field's own figures, the product through its front door, anyone's pictures."""

from math import inf
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from evaluation.folders import Put
from fakes import Repeating
from rgtsr import weights
from rgtsr.errors import EvaluationError
from rgtsr.evaluation import benchmarks, metrics, score
from rgtsr.pictures import pairs
from rgtsr.upscaler import Settings, Upscaler
from rgtsr.variants import find

Picture8 = NDArray[np.uint8]


def repeating(lr_HWC: Picture8) -> Picture8:
    """What ``Repeating`` does, as a function of arrays, at x2."""
    return lr_HWC.repeat(2, axis=0).repeat(2, axis=1)


@pytest.mark.parametrize(
    ("name", "scale", "psnr_y", "ssim_y"),
    [
        ("Set5", 2, 33.673, 0.9303),
        ("Set5", 3, 30.403, 0.8689),
        ("Set5", 4, 28.429, 0.8111),
        ("Set14", 2, 30.325, 0.8699),
        ("Set14", 3, 27.631, 0.7759),
        ("Set14", 4, 26.088, 0.7048),
    ],
)
def test_bicubic_scores_what_the_field_says(
    benchmark_dir: Path, name: str, scale: int, psnr_y: float, ssim_y: float
) -> None:
    benchmark = benchmarks.find(benchmark_dir / name, scale)
    result = score.score(benchmark, score.enlarging_bicubic(scale), model="bicubic")
    assert round(result.psnr_y, 3) == psnr_y
    assert round(result.ssim_y, 4) == ssim_y
    assert result.notes == ()


@pytest.mark.parametrize("resample", [Image.Resampling.BICUBIC, Image.Resampling.BILINEAR])
def test_lr_that_is_not_matlabs_bicubic_is_named(
    demo_dir: Path, tmp_path: Path, resample: Image.Resampling
) -> None:
    """Also Pillow's bicubic, whose kernel is nearly the same."""
    (tmp_path / "Set/HR").mkdir(parents=True)
    (tmp_path / "Set/LR_bicubic/X2").mkdir(parents=True)
    photo = Image.open(demo_dir / "demo-brushes.png").convert("RGB").crop((0, 0, 160, 120))
    photo.save(tmp_path / "Set/HR/a.png")
    photo.resize((80, 60), resample).save(tmp_path / "Set/LR_bicubic/X2/ax2.png")
    result = score.score(benchmarks.find(tmp_path / "Set", 2), repeating, model="m")
    is_other = resample is Image.Resampling.BILINEAR
    assert any("is not MATLAB's bicubic" in note for note in result.notes) == is_other


def test_a_set_scores_the_mean_of_its_pictures(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (40, 40), seed=1)
    put("Set/b.png", (30, 60), seed=2)
    result = score.score(benchmarks.find(tmp_path / "Set", 2), repeating, model="mine")
    assert (result.name, result.scale, result.model) == ("Set", 2, "mine")
    assert [row.name for row in result.pictures] == ["a", "b"]
    assert result.psnr_y == pytest.approx(sum(row.psnr_y for row in result.pictures) / 2)
    assert result.ssim_y == pytest.approx(sum(row.ssim_y for row in result.pictures) / 2)


def test_the_product_is_scored_on_what_a_file_would_hold(put: Put, tmp_path: Path) -> None:
    put("Set/color.png", (40, 46))
    put("Set/grey.png", (44, 40), channels=1)
    benchmark = benchmarks.find(tmp_path / "Set", 2)
    upscaler = Upscaler(
        weights.random(find("tiny")), runtime=Repeating(2), settings=Settings(whole=True)
    )
    product = score.score(benchmark, score.enlarging(upscaler), model="m")
    assert product == score.score(benchmark, repeating, model="m")


def test_bicubic_gives_bytes_of_the_right_size() -> None:
    lr = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    enlarged = score.enlarging_bicubic(3)(lr)
    assert (enlarged.shape, enlarged.dtype) == ((21, 27, 3), np.uint8)


def test_finished_pictures_score_as_they_did_when_they_were_made(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (40, 47), seed=1)
    put("Set/b.png", (31, 60), seed=2)
    benchmark = benchmarks.find(tmp_path / "Set", 2)
    for pair in benchmark.pairs():
        put(f"made/{pair.name}_x2.png", repeating(pair.lr_HWC))
    result = score.score_results(benchmark, tmp_path / "made", model="m")
    assert result == score.score(benchmark, repeating, model="m")


def test_a_result_equal_to_the_truth_is_infinitely_good(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (40, 40))
    result = score.score_results(benchmarks.find(tmp_path / "Set", 2), tmp_path / "Set", model="m")
    assert result.psnr_y == inf


def test_a_grey_result_of_a_grey_truth_scores_as_its_rgb_form(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (40, 40), channels=1)
    benchmark = benchmarks.find(tmp_path / "Set", 2)
    (pair,) = benchmark.pairs()
    made = repeating(pair.lr_HWC)
    put("grey/a.png", made)
    put("rgb/a.png", made.repeat(3, axis=2))
    results = [score.score_results(benchmark, tmp_path / f, model="m") for f in ("grey", "rgb")]
    assert results[0].psnr_y == pytest.approx(results[1].psnr_y, abs=1e-9)


def test_a_result_of_another_size_is_refused_naming_both(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (40, 41))
    put("made/a.png", (40, 41))
    with pytest.raises(EvaluationError, match=r"a\.png is 41x40, but a at x2 is 40x40"):
        score.score_results(benchmarks.find(tmp_path / "Set", 2), tmp_path / "made", model="m")


def test_a_picture_too_small_to_score_is_named(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (14, 40))
    with pytest.raises(EvaluationError, match=r"^a: a picture of 40x14 is too small to score"):
        score.score(benchmarks.find(tmp_path / "Set", 2), repeating, model="m")


def test_the_baseline_protocol_takes_whole_crops_from_the_top_left(
    put: Put, tmp_path: Path
) -> None:
    hr = pairs.read8(put("Set/a.png", (140, 300)))
    result = score.score_by_baseline_protocol(
        benchmarks.find(tmp_path / "Set", 2), repeating, model="m"
    )
    wanted = [
        metrics.by_baseline_protocol(repeating(pairs.made(crop, 2)[1]), crop)
        for crop in (hr[:128, :128], hr[:128, 128:256])
    ]
    assert [row.name for row in result.pictures] == ["a/0", "a/1"]
    assert [(row.psnr_y, row.ssim_y) for row in result.pictures] == [
        (quality.psnr, quality.ssim) for quality in wanted
    ]


def test_a_picture_without_a_crop_is_named(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (127, 300))
    put("Set/b.png", (128, 128))
    found = benchmarks.find(tmp_path / "Set", 2)
    result = score.score_by_baseline_protocol(found, repeating, model="m")
    assert result.notes == ("a: no crop of 128 px, not scored",)


def test_the_baseline_protocol_needs_a_crop(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (127, 300))
    with pytest.raises(EvaluationError, match=r"^Set: no picture holds a crop of 128 px"):
        score.score_by_baseline_protocol(benchmarks.find(tmp_path / "Set", 2), repeating, model="m")
