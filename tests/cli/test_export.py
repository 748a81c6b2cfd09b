"""``rgtsr export`` as its users run it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from cli.running import rgtsr
from rgtsr import exporting, runtimes, weights
from rgtsr.weights import Weights


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_without_options_the_default_model_becomes_an_onnx_file_here(tmp_path: Path) -> None:
    done = rgtsr("export", cwd=tmp_path).assert_done()
    assert done.out.startswith("swift-x2.onnx: swift x2, tiles of any size; differs")
    assert written(tmp_path) == {"swift-x2.onnx"}
    model = onnx.load(tmp_path / "swift-x2.onnx")
    told = {prop.key: prop.value for prop in model.metadata_props}
    (entry,) = [one for one in weights.listing() if one.name == "swift-x2"]
    assert (told["name"], told["scale"], told["licence"]) == ("swift-x2", "2", entry.licence)


@pytest.mark.parametrize(
    ("to", "name", "runtime", "without"),
    [
        ("onnx", "own.onnx", "onnxruntime", ("torch",)),
        ("onnx", "own.onnx", "openvino", ("torch", "onnxruntime")),
        ("openvino", "own.xml", "openvino", ("torch", "onnxruntime")),
    ],
)
def test_a_file_does_what_the_network_does(
    to: str,
    name: str,
    runtime: str,
    without: tuple[str, ...],
    model: Path,
    network: Weights,
    tmp_path: Path,
) -> None:
    arguments = ("export", "-m", model, "--format", to, "-o", tmp_path / name)
    rgtsr(*arguments, without=without).assert_done()
    path = tmp_path / name
    run = exporting.opened(path if to == "openvino" else path.read_bytes(), runtime)
    tiles = np.random.default_rng(0).random((1, 3, 30, 45), dtype=np.float32)
    expected = runtimes.open_runtime(network, precision="float32").upscale_tiles(tiles)
    assert np.abs(run(tiles) - expected).max() <= 2e-5


def test_a_target_that_does_not_fit_is_refused(model: Path, tmp_path: Path) -> None:
    export = ("export", "-m", model, "-o")
    out = tmp_path / "out.onnx"
    rgtsr(*export, out, "--format", "openvino").assert_failed(2, "must end in .xml")
    rgtsr(*export, out, "--format", "pth").assert_failed(2, "pth is not one of")
    rgtsr(*export, tmp_path / "out.xml").assert_failed(2, "must end in .onnx")
    rgtsr(*export, out, "--format", "coreml").assert_failed(2, "coreml is not one of")
    rgtsr(*export, tmp_path).assert_failed(1, "is a folder")
    rgtsr(*export, tmp_path / "no" / "x.xml").assert_failed(2, "must end in .onnx")
    assert written(tmp_path) == set()


def test_a_folder_that_lacks_is_made(model: Path, tmp_path: Path) -> None:
    rgtsr("export", "-m", model, "-o", tmp_path / "new" / "er" / "x.onnx").assert_done()
    assert written(tmp_path / "new" / "er") == {"x.onnx"}
    done = rgtsr("export", "-m", model, "-o", tmp_path / "new" / "er" / "x.onnx" / "x.onnx")
    done.assert_failed(1, "its folder cannot be made (")


def test_an_unknown_model_or_scale_is_refused(model: Path, tmp_path: Path) -> None:
    done = rgtsr("export", "-m", "smal-x2", cwd=tmp_path)
    done.assert_failed(2, "Did you mean 'small-x2'?")
    rgtsr("export", "-m", model, "-s", "3", cwd=tmp_path).assert_failed(2, "enlarges 2 times")
    assert written(tmp_path) == set()


def test_the_file_of_another_network_is_refused(tmp_path: Path) -> None:
    state = {"conv_first.weight": torch.zeros(64, 3, 3, 3), "conv_last.bias": torch.zeros(3)}
    torch.save({"params": state}, tmp_path / "other.pth")
    done = rgtsr("export", "-m", "other.pth", cwd=tmp_path)
    done.assert_failed(1, "other.pth", "looks like another network")
    assert written(tmp_path) == {"other.pth"}


def test_an_exported_file_is_no_model_to_read(photo: Path, tmp_path: Path) -> None:
    for name in ("x.onnx", "x.xml"):
        (tmp_path / name).write_bytes(b"\x08\x0a")
        done = rgtsr("upscale", photo, "-m", tmp_path / name, "-o", tmp_path / "large.png")
        done.assert_failed(1, name, "is an exported graph: give the weights")


def test_a_runtime_that_is_not_installed_is_named_with_its_extra(
    model: Path, tmp_path: Path
) -> None:
    arguments = ("export", "-m", model, "--format")
    done = rgtsr(*arguments, "openvino", cwd=tmp_path, without=("openvino",))
    done.assert_failed(1, "openvino is not installed", "pip install 'rgtsr'")
    done = rgtsr(*arguments, "onnx", cwd=tmp_path, without=("openvino", "onnxruntime"))
    done.assert_failed(1, "pip install 'rgtsr[onnxruntime]'")
    assert written(tmp_path) == set()


@pytest.mark.parametrize(("to", "name"), [("onnx", "x.onnx"), ("openvino", "x.xml")])
def test_a_full_disk_leaves_nothing_behind(to: str, name: str, model: Path, tmp_path: Path) -> None:
    arguments = ("export", "-m", model, "--format", to, "-o", tmp_path / name)
    rgtsr(*arguments, file_limit_bytes=200_000).assert_failed(1, name)
    assert written(tmp_path) == set()


def test_the_model_itself_is_not_written_over(model: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(model.read_bytes())
    done = rgtsr("export", "-m", own, "-o", own)
    done.assert_failed(2, "is the input itself")
    assert own.read_bytes() == model.read_bytes()
