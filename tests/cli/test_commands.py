"""The other commands, in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cli.conftest import picture, write_picture
from cli.running import command, environment, rgtsr
from rgtsr import pictures, weights
from rgtsr.cli import run
from rgtsr.cli.doctor import version_of
from rgtsr.evaluation import metrics
from rgtsr.pictures import Picture, pairs
from rgtsr.weights import Weights


def test_models_lists_what_is_packaged() -> None:
    lines = rgtsr("models").assert_done().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [entry.name for entry in weights.listing()]
    assert lines[1].split()[0] == weights.DEFAULT_NAME


def test_doctor_finds_everything_in_order() -> None:
    done = rgtsr("doctor").assert_done()
    for entry in weights.listing():
        assert f"weights {entry.name}" in done.out
    assert "openvino on the CPU     works" in done.out
    assert "torch on the GPU        not available" in done.out


def test_version_is_the_packages() -> None:
    assert rgtsr("--version").assert_done().out == f"rgtsr {version_of('rgtsr')}\n"


def test_convert_there_and_back_keeps_every_number(
    model: Path, network: Weights, tmp_path: Path
) -> None:
    original, back = tmp_path / "new" / "theirs.pth", tmp_path / "er" / "back.safetensors"
    rgtsr("convert", model, original, "--to", "original").assert_done()
    rgtsr("convert", original, back).assert_done()
    loaded = weights.load(back)
    assert loaded.variant.split == network.variant.split
    for name, tensor in network.tensors.items():
        assert np.array_equal(loaded.tensors[name], tensor), name


def test_convert_says_what_is_wrong(model: Path, tmp_path: Path) -> None:
    rgtsr("convert", model, model).assert_failed(2, "is the input itself")
    done = rgtsr("convert", model, tmp_path / "x" / "x.pth")
    done.assert_failed(2, "must end in .safetensors")
    (tmp_path / "cut.safetensors").write_bytes(model.read_bytes()[:5000])
    done = rgtsr("convert", tmp_path / "cut.safetensors", tmp_path / "x.safetensors")
    done.assert_failed(1, "cut.safetensors", "damaged")
    assert not list(tmp_path.glob("x*"))


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """Two truths without LR."""
    write_picture(tmp_path / "Set2" / "HR" / "one.png", 61, 80)
    write_picture(tmp_path / "Set2" / "HR" / "two.png", 48, 64)
    return tmp_path / "Set2"


def test_eval_scores_a_model_beside_bicubic(benchmark: Path, model: Path, tmp_path: Path) -> None:
    out, rows = tmp_path / "scores.json", tmp_path / "scores.csv"
    arguments = ("eval", "-m", model, "-m", "bicubic", "--data", benchmark)
    done = rgtsr(*arguments, "--json", out, "--csv", rows).assert_done()
    assert "protocol: name: paper" in done.out
    assert "untiled" in done.out
    written = json.loads(out.read_text())
    assert [(one["name"], one["scale"], one["model"]) for one in written["sets"]] == [
        ("Set2", 2, str(model)),
        ("Set2", 2, "bicubic"),
    ]
    truth, small = pairs.made(picture(48, 64).pixels_HWC, 2)
    expected = metrics.on_luma(_bicubic(small), truth, shave=2)
    assert written["sets"][1]["pictures"][1]["psnr_y"] == pytest.approx(expected.psnr, abs=1e-9)
    assert rows.read_text().count("\n") == 1 + 2 * 3


def _bicubic(small_HWC: np.ndarray) -> np.ndarray:
    from rgtsr.evaluation import score

    return score.enlarging_bicubic(2)(small_HWC)


def test_eval_scores_pictures_that_anyone_made(benchmark: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "made" / "onex2.png", 60, 80)
    write_picture(tmp_path / "made" / "two.png", 48, 64)
    done = rgtsr("eval", "--results", tmp_path / "made", "--data", benchmark)
    assert "made" in done.assert_done().out
    write_picture(tmp_path / "made" / "two.png", 40, 64)
    done = rgtsr("eval", "--results", tmp_path / "made", "--data", benchmark)
    done.assert_failed(1, "two.png is 64x40")


def test_eval_takes_several_folders_after_one_option(benchmark: Path) -> None:
    done = rgtsr("eval", "-m", "bicubic", "--data", benchmark, benchmark / "HR").assert_done()
    assert [line.split()[0] for line in done.out.splitlines() if " mean " in line] == ["Set2", "HR"]


def test_eval_by_the_starting_points_protocol_shows_bicubic_too(
    model: Path, tmp_path: Path
) -> None:
    write_picture(tmp_path / "crops" / "one.png", 140, 260)
    arguments = ("eval", "-m", model, "--protocol", "seed", "--data", tmp_path / "crops")
    done = rgtsr(*arguments).assert_done()
    assert "protocol: name: baseline" in done.out
    assert "bicubic" in done.out
    assert "one/1" in done.out


def test_eval_says_what_is_missing(benchmark: Path, tmp_path: Path) -> None:
    bicubic = ("eval", "-m", "bicubic", "--data")
    rgtsr(*bicubic, tmp_path / "nowhere").assert_failed(1, "there is no such folder")
    rgtsr("eval", "-m", "bicubic").assert_failed(2, "--data")
    done = rgtsr(*bicubic, benchmark, "--json", tmp_path / "no" / "scores.json")
    done.assert_failed(1, "does not exist")


def test_compare_shows_all_panels_in_one_picture(model: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "truth.png", 96, 121)
    write_picture(tmp_path / "other.png", 96, 121)
    arguments = ("compare", tmp_path / "truth.png", "-o", tmp_path / "out" / "compared.png")
    more = ("-m", model, "--panel", f"perfect={tmp_path / 'other.png'}")
    done = rgtsr(*arguments, *more, "--save-panels", tmp_path / "panels").assert_done()
    labels = [line.partition(":")[0] for line in done.out.splitlines()[:3]]
    assert labels == ["bicubic", "rgtsr random", "perfect"]
    assert "perfect: inf dB / 1.0000" in done.out
    compared = pictures.read(tmp_path / "out" / "compared.png")
    assert compared.width > 4 * 120
    assert compared.height > 96
    assert len(list((tmp_path / "panels").iterdir())) == 4


def test_compare_refuses_pictures_of_another_size(tmp_path: Path) -> None:
    write_picture(tmp_path / "truth.png", 96, 120)
    pictures.write(Picture.from_array(np.zeros((40, 40, 3), np.uint8)), tmp_path / "small.png")
    arguments = ("compare", tmp_path / "truth.png", "-o", tmp_path / "out.png", "--panel")
    rgtsr(*arguments, f"s={tmp_path / 'small.png'}").assert_failed(1, "small.png of 40x40")
    rgtsr(*arguments, "small.png").assert_failed(2, "write LABEL=FILE")
    assert not (tmp_path / "out.png").exists()


def test_compare_needs_a_photo_that_is_large_enough_to_score(model: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "truth.png", 12, 12)
    done = rgtsr("compare", tmp_path / "truth.png", "-o", tmp_path / "out.png", "-m", model)
    done.assert_failed(1, "truth.png is 12 x 12 pixels", "at least 15 a side")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("fault", ["int('x')", "numpy.concatenate([])", "numpy.ones(2).reshape(3)"])
def test_an_error_from_inside_is_no_misuse(
    fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = {"__name__": "rgtsr.weights", "numpy": np}
    monkeypatch.setattr(weights, "listing", eval(f"lambda: {fault}", inside))
    assert run(["models"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rgtsr: unexpected ValueError: ")


def test_train_without_torch_says_which_extra_is_missing(tmp_path: Path) -> None:
    done = rgtsr("train", "small-x2", cwd=tmp_path, without=("torch",))
    done.assert_failed(1, "torch", "pip install 'rgtsr[train]'")


def test_train_says_what_is_wrong_with_a_recipe(tmp_path: Path) -> None:
    rgtsr("train", "smal-x2", cwd=tmp_path).assert_failed(2, "Did you mean 'small-x2'?")
    done = rgtsr("train", "small-x2", "lerning_rate=1", cwd=tmp_path)
    done.assert_failed(2, "Did you mean 'learning_rate'?")
    assert list(tmp_path.iterdir()) == []


def test_compare_never_writes_over_what_it_reads(photo: Path, model: Path) -> None:
    before = photo.read_bytes()
    done = rgtsr("compare", photo, "-o", photo, "-m", model)
    done.assert_failed(2, "is an input itself")
    assert photo.read_bytes() == before


def test_eval_does_not_write_scores_into_a_picture(benchmark: Path, tmp_path: Path) -> None:
    picture_ = tmp_path / "photo.png"
    write_picture(picture_, 8, 8)
    before = picture_.read_bytes()
    done = rgtsr("eval", "--data", benchmark, "--json", picture_)
    done.assert_failed(2, "is the name of a picture")
    assert picture_.read_bytes() == before


def test_a_folder_of_a_models_name_is_not_the_model(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "small-x2").mkdir()
    rgtsr("upscale", photo, "-o", "large.png", cwd=tmp_path).assert_done()


def test_bench_times_every_runtime_and_says_what_is_missing(model: Path) -> None:
    done = rgtsr("bench", "-m", model, "--tile", "32").assert_done()
    rows = [line.split() for line in done.out.splitlines()[2:]]
    found = {(row[0], row[2]) for row in rows}
    assert {("openvino", "float32"), ("openvino", "bf16"), ("onnxruntime", "float32")} <= found
    assert all(float(row[3]) > 0 for row in rows)
    lacking = rgtsr("bench", "-m", model, "--tile", "32", without=("onnxruntime", "torch"))
    assert "onnxruntime is not installed: pip install 'rgtsr[onnxruntime]'" in lacking.out
    rgtsr("bench", "-m", model, "--tile", "5").assert_failed(2, "--tile=5 is too small")


def test_help_waits_for_no_heavy_package() -> None:
    program = (
        "import sys; from rgtsr.cli import run; run(['--help'])\n"
        "heavy = {'numpy', 'onnx', 'openvino', 'torch', 'pyvips', 'pydantic', 'rich'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "upscale" in done.stdout
    assert done.stderr == "heavy: []\n"


def test_what_failed_on_a_picture_is_shown_whole_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = subprocess.run(
        [*command(), "upscale", "broken.png"],
        cwd=tmp_path,
        env=environment(RGTSR_DEBUG="1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("rgtsr: ")
