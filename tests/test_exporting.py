"""Exported files: what they say about themselves, and that a wrong one is never written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from rgtsr import exporting, graph, runtimes, variants, weights
from rgtsr.errors import ExportError
from rgtsr.runtimes.openvino import core
from rgtsr.weights import Card, Weights

TINY = replace(
    weights.random(replace(variants.find("tiny", scale=3), depths=(3, 2)), seed=0),
    card=Card(name="tiny-x3", licence="CC0-1.0", purpose="tests"),
)
TOLD = {
    "name": "tiny-x3",
    "scale": "3",
    "licence": "CC0-1.0",
    "colour": "RGB",
    "range": "0..1, the output not clipped",
    "layout": "NCHW",
    "mean": "subtracted and added inside",
    "purpose": "tests",
    "training_data": "not stated",
}
NAMES = {"onnx": "tiny.onnx", "openvino": "tiny.xml"}

both_formats = pytest.mark.parametrize("to", ["onnx", "openvino"])


def test_an_onnx_file_says_what_a_program_needs_to_know(tmp_path: Path) -> None:
    exporting.export(TINY, tmp_path / "tiny.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "tiny.onnx")
    told = session.get_modelmeta().custom_metadata_map
    assert {key: told[key] for key in TOLD} == TOLD
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]
    assert session.get_outputs()[0].shape == ["batch", 3, "3*height", "3*width"]


def test_an_openvino_file_says_the_same_and_is_two_files(tmp_path: Path) -> None:
    exporting.export(TINY, tmp_path / "tiny.xml", to="openvino")
    model = core().read_model(tmp_path / "tiny.xml")
    told = model.get_rt_info("framework")
    assert {key: str(told[key]) for key in TOLD} == TOLD
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.xml", "tiny.bin"}


@both_formats
def test_the_figure_is_the_files_difference_from_the_static_graph(
    to: exporting.Format, tmp_path: Path
) -> None:
    path = tmp_path / NAMES[to]
    off = exporting.export(TINY, path, to=to)
    assert 0 <= off <= exporting.TOLERANCE
    runtime = "onnxruntime" if to == "onnx" else "openvino"
    run = exporting.opened(path, runtime)
    tiles = np.random.default_rng(1).random((2, 3, 50, 19), dtype=np.float32)
    static = runtimes.open_runtime(TINY, name=runtime, precision="float32").upscale_tiles(tiles)
    assert np.abs(run(tiles) - static).max() <= exporting.TOLERANCE


@both_formats
@pytest.mark.parametrize("size", [(24, 41), (33, 16)])
def test_a_graph_that_differs_at_one_size_is_not_written(
    to: exporting.Format, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = graph.build

    def other(given: Weights, *, batch: int, height: int, width: int) -> onnx.ModelProto:
        maimed = dict(given.tensors)
        if (height, width) == size:
            maimed["conv_last.bias"] = maimed["conv_last.bias"] + np.float32(1e-4)
        return build(replace(given, tensors=maimed), batch=batch, height=height, width=width)

    monkeypatch.setattr(graph, "build", other)
    with pytest.raises(ExportError, match=r"differs by 1\.0e-04 .* nothing was written"):
        exporting.export(TINY, tmp_path / NAMES[to], to=to)
    assert list(tmp_path.iterdir()) == []


@both_formats
def test_a_graph_that_gives_no_numbers_is_not_written(to: exporting.Format, tmp_path: Path) -> None:
    name = "conv_last.bias"
    broken = dict(TINY.tensors) | {name: np.full_like(TINY.tensors[name], np.nan)}
    with pytest.raises(ExportError, match="differs by inf"):
        exporting.export(replace(TINY, tensors=broken), tmp_path / NAMES[to], to=to)
    assert list(tmp_path.iterdir()) == []


@both_formats
def test_a_graph_that_the_runtime_refuses_is_not_written(
    to: exporting.Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = ((1, 24, 0),)  # no pixels: the static graph cannot be made
    monkeypatch.setattr(exporting, "CHECKED_SHAPES", shapes)
    with pytest.raises(ExportError, match="cannot run the exported graph, nothing was written"):
        exporting.export(TINY, tmp_path / NAMES[to], to=to)
    assert list(tmp_path.iterdir()) == []


def test_the_graph_for_any_size_is_verified_at_odd_sizes_and_in_a_batch() -> None:
    batches, heights, widths = zip(*exporting.CHECKED_SHAPES, strict=True)
    assert len(exporting.CHECKED_SHAPES) >= 2
    assert max(batches) > 1
    assert any(side % TINY.variant.multiple_px for side in (*heights, *widths))


@both_formats
def test_a_wrong_channel_count_is_refused_by_the_runtime(
    to: exporting.Format, tmp_path: Path
) -> None:
    exporting.export(TINY, tmp_path / NAMES[to], to=to)
    run = exporting.opened(tmp_path / NAMES[to], "onnxruntime" if to == "onnx" else "openvino")
    words = {
        "onnx": r"Got: \d Expected: 3",
        "openvino": r"3, .* incompatible",
    }
    for channels in (1, 4):
        with pytest.raises(Exception, match=words[to]):
            run(np.zeros((1, channels, 32, 32), np.float32))


@both_formats
def test_an_older_file_is_replaced_whole_or_stays(
    to: exporting.Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / NAMES[to]
    path.write_text("older")
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(ExportError):
        exporting.export(TINY, path, to=to)
    assert path.read_text() == "older"
    monkeypatch.undo()
    exporting.export(TINY, path, to=to)
    assert path.stat().st_size > 10_000
