"""Benchmark folders: what belongs together is found, and what does not is refused."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from evaluation.folders import Put
from rgtsr.errors import EvaluationError, PictureError
from rgtsr.evaluation import benchmarks
from rgtsr.pictures import bicubic, pairs


def test_the_fields_layout_gives_pairs_by_name(put: Put, tmp_path: Path) -> None:
    put("Set/HR/b.png", (30, 40))
    put("Set/HR/a.png", (20, 60))
    put("Set/LR_bicubic/X2/ax2.png", (10, 30))
    put("Set/LR_bicubic/X2/bx2.png", (15, 20))
    found = benchmarks.find(tmp_path / "Set", 2)
    assert (found.name, found.scale, found.lr_source) == ("Set", 2, "given")
    sizes = [(pair.name, pair.hr_HWC.shape, pair.lr_HWC.shape) for pair in found.pairs()]
    assert sizes == [("a", (20, 60, 3), (10, 30, 3)), ("b", (30, 40, 3), (15, 20, 3))]


def test_hr_is_cut_to_what_its_lr_covers(put: Put, tmp_path: Path) -> None:
    put("Set/HR/a.png", (31, 41))
    put("Set/LR_bicubic/X3/ax3.png", (10, 13))
    (pair,) = benchmarks.find(tmp_path / "Set", 3).pairs()
    whole = pairs.read8(tmp_path / "Set/HR/a.png")
    assert np.array_equal(pair.hr_HWC, whole[:30, :39])


@pytest.mark.parametrize("lr", [(10, 20), (15, 21), (16, 20), (16, 22)])
def test_sizes_that_do_not_match_are_refused_naming_both(
    put: Put, tmp_path: Path, lr: tuple[int, int]
) -> None:
    put("Set/HR/a.png", (32, 42))
    put("Set/LR_bicubic/X2/ax2.png", lr)
    with pytest.raises(PictureError, match=rf"ax2.png is {lr[1]}x{lr[0]}.*a.png of 42x32"):
        list(benchmarks.find(tmp_path / "Set", 2).pairs())


@pytest.mark.parametrize("inside", ["", "HR/"])
def test_without_lr_it_is_made_by_bicubic_from_what_the_scale_divides(
    put: Put, tmp_path: Path, inside: str
) -> None:
    hr = pairs.read8(put(f"Photos/{inside}a.png", (22, 33)))
    found = benchmarks.find(tmp_path / "Photos", 4)
    (pair,) = found.pairs()
    assert (found.name, found.lr_source) == ("Photos", "made")
    assert np.array_equal(pair.hr_HWC, hr[:20, :32])
    assert np.array_equal(pair.lr_HWC, bicubic.resize(hr[:20, :32], Fraction(1, 4)))


def test_every_lr_of_the_benchmarks_is_the_one_that_we_make(benchmark_dir: Path) -> None:
    given = benchmarks.find(benchmark_dir / "Set5", 3)
    for pair in given.pairs():
        assert np.array_equal(pairs.made(pair.hr_HWC, 3)[1], pair.lr_HWC)


def test_a_grey_picture_stays_grey(put: Put, tmp_path: Path) -> None:
    put("Photos/a.png", (20, 20), channels=1)
    (pair,) = benchmarks.find(tmp_path / "Photos", 2).pairs()
    assert (pair.hr_HWC.shape, pair.lr_HWC.shape) == ((20, 20, 1), (10, 10, 1))


def test_sixteen_bits_are_rounded_to_eight(put: Put) -> None:
    levels = np.array([0, 128, 129, 257, 65406, 65407, 65535], np.uint16)
    path = put("a.png", levels[None, :, None].repeat(3, axis=2))
    assert pairs.read8(path)[0, :, 0].tolist() == [0, 0, 1, 1, 254, 255, 255]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="nowhere: there is no such folder"):
        benchmarks.find(tmp_path / "nowhere", 2)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(EvaluationError, match="holds no pictures"):
        benchmarks.find(tmp_path, 2)


def test_a_missing_lr_is_refused(put: Put, tmp_path: Path) -> None:
    put("Set/HR/a.png", (20, 20))
    put("Set/LR_bicubic/X2/bx2.png", (10, 10))
    with pytest.raises(EvaluationError, match=r"the LR of a\.png is missing"):
        benchmarks.find(tmp_path / "Set", 2)


def test_two_pictures_of_one_name_are_refused(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (20, 20))
    put("Set/a.tif", (20, 20))
    with pytest.raises(EvaluationError, match=r"a\.png and a\.tif have one name"):
        benchmarks.find(tmp_path / "Set", 2)


def test_a_picture_below_the_scale_is_refused(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (2, 9))
    with pytest.raises(PictureError, match=r"a\.png of 9x2 is too small for x3"):
        list(benchmarks.find(tmp_path / "Set", 3).pairs())


@pytest.mark.parametrize(
    "result", ["a.png", "ax2.png", "a_x2.png", "a_SR.tif", "ax2_SR.png", "ax2_x2.png", "a-mine.png"]
)
def test_a_result_is_found_by_its_pictures_name(put: Put, tmp_path: Path, result: str) -> None:
    put("Set/a.png", (20, 20))
    path = put(f"made/{result}", (20, 20))
    assert benchmarks.results(tmp_path / "made", benchmarks.find(tmp_path / "Set", 2)) == {
        "a": path
    }


@pytest.mark.parametrize("other", ["b.png", "ab.png", "ax3.png", "a_x4_SR.png", "ax20.png"])
def test_a_result_of_another_picture_or_scale_is_none(put: Put, tmp_path: Path, other: str) -> None:
    put("Set/a.png", (20, 20))
    put(f"made/{other}", (20, 20))
    with pytest.raises(EvaluationError, match="there is no result for a"):
        benchmarks.results(tmp_path / "made", benchmarks.find(tmp_path / "Set", 2))


def test_the_longer_of_two_names_that_fit_wins(put: Put, tmp_path: Path) -> None:
    put("Set/lenna.png", (20, 20))
    put("Set/lenna_grey.png", (20, 20))
    color = put("made/lennax2.png", (20, 20))
    grey = put("made/lenna_greyx2.png", (20, 20))
    found = benchmarks.results(tmp_path / "made", benchmarks.find(tmp_path / "Set", 2))
    assert found == {"lenna": color, "lenna_grey": grey}


def test_results_may_lie_in_a_folder_named_after_the_set(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (20, 20))
    path = put("made/Set/a.png", (20, 20))
    assert benchmarks.results(tmp_path / "made", benchmarks.find(tmp_path / "Set", 2)) == {
        "a": path
    }


def test_two_results_for_one_picture_are_refused(put: Put, tmp_path: Path) -> None:
    put("Set/a.png", (20, 20))
    put("made/a.png", (20, 20))
    put("made/a_x2.png", (20, 20))
    with pytest.raises(EvaluationError, match=r"a\.png and a_x2\.png are both results for a"):
        benchmarks.results(tmp_path / "made", benchmarks.find(tmp_path / "Set", 2))
