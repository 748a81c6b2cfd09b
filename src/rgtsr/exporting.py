"""The network as a file that runs without rgtsr: ONNX, or OpenVINO's own. Knows no pictures.

Nothing is written before what is in the file has been run, at other sizes than any it was made
for, and has done what the static graph of that size does.
"""

# onnxruntime and openvino are typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from rgtsr import atomic, graph, runtimes
from rgtsr.errors import ExportError, RuntimeUnavailableError, UsageError
from rgtsr.weights import Weights

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
CHECKED_SHAPES = ((1, 24, 41), (2, 33, 16))  # (batch, height, width): odd, padded, several
TOLERANCE = 2e-5  # between an exported file and the static graph, as the parity tests have it

Format = Literal["onnx", "openvino"]
Tiles = NDArray[np.float32]
Run = Callable[[Tiles], Tiles]


def export(weights: Weights, path: Path, *, to: Format = "onnx") -> float:
    """Write a graph for tiles of any number, height and width; returns how exact it is.

    ``openvino`` writes two files: the second, with the numbers, ends in ``.bin``. The figure is
    the largest difference from the static graph; it is at most 2e-5.

    Raises:
        UsageError: for a suffix that is not the format's.
        RuntimeUnavailableError: when what writes or verifies the file is not installed.
        ExportError: when the file cannot be written, or does not do what the network does.
    """
    if path.suffix != SUFFIXES[to]:
        raise UsageError(f"{path}: a file for {to} must end in {SUFFIXES[to]}.")
    runtime = _runtime(to)
    if not path.parent.is_dir():
        raise ExportError(f"{path}: the folder {path.parent} does not exist: make it first.")
    model = graph.build_any_size(weights)
    onnx.helper.set_model_props(model, description(weights))
    write = _onnx if to == "onnx" else _openvino
    try:
        with write(model, path) as draft:
            return verified(weights, draft, runtime)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error}.") from error


def description(weights: Weights) -> dict[str, str]:
    """What an exported file says about itself: what a program needs to know, and a reader."""
    card, variant = weights.card, weights.variant
    source = weights.path.name if weights.path else card.name
    return {
        "name": card.name,
        "variant": variant.name,
        "scale": str(variant.scale),
        "licence": card.licence or "not stated",
        "colour": "RGB",
        "range": "0..1, the output not clipped",
        "layout": "NCHW",
        "mean": "subtracted and added inside",
        "purpose": card.purpose or "not stated",
        "training_data": card.training_data or "not stated",
        "source": f"{source}, exported by rgtsr",
    }


def verified(weights: Weights, path: Path, runtime: str) -> float:
    """The largest difference between the file and static graphs, in that runtime.

    Raises:
        ExportError: when it is more than the tolerance, or the runtime does not take the file.
    """
    try:
        run = opened(path if path.suffix == ".xml" else path.read_bytes(), runtime)
        off = max(_difference(weights, run, shape, runtime) for shape in CHECKED_SHAPES)
    except Exception as error:  # each runtime has kinds of its own
        raise ExportError(
            f"{runtime} cannot run the exported graph, nothing was written: {error}"
        ) from error
    if not off <= TOLERANCE:
        raise ExportError(
            f"the exported graph differs by {off:.1e} from the network in {runtime}, more than"
            f" {TOLERANCE}: nothing was written."
        )
    return off


def _difference(weights: Weights, run: Run, shape: tuple[int, int, int], runtime: str) -> float:
    """Between an exported file and the static graph on tiles of that shape; infinite for NaN."""
    batch, height, width = shape
    static = graph.build(weights, batch=batch, height=height, width=width)
    tiles_NCHW = np.random.default_rng(0).random((batch, 3, height, width), dtype=np.float32)
    expected = opened(static.SerializeToString(), runtime)(tiles_NCHW)
    found = run(tiles_NCHW)
    if found.shape != expected.shape:
        return np.inf
    return float(np.nan_to_num(np.abs(found - expected), nan=np.inf).max())


def opened(model: Path | bytes, runtime: str) -> Run:
    """An OpenVINO file, or the content of an ONNX file, ready to run in float32 on the CPU."""
    if runtime == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return lambda tiles_NCHW: np.asarray(session.run(None, {graph.INPUT: tiles_NCHW})[0])
    from rgtsr.runtimes.openvino import core

    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    request = core().compile_model(core().read_model(model), "CPU", exact).create_infer_request()
    return lambda tiles_NCHW: request.infer({0: tiles_NCHW})[0].copy()


def _runtime(to: Format) -> str:
    """What can verify that format here."""
    fitting = ("onnxruntime", "openvino") if to == "onnx" else ("openvino",)
    for name in fitting:
        if runtimes.is_installed(name):
            return name
    raise RuntimeUnavailableError(
        f"a file for {to} is run before it is written, and {' or '.join(fitting)} is not"
        f" installed: pip install '{runtimes.EXTRAS[fitting[0]]}'."
    )


@contextlib.contextmanager
def _onnx(model: onnx.ModelProto, path: Path) -> Generator[Path]:
    """The file under a hidden name, which becomes ``path`` at the end."""
    with atomic.replacing(path) as draft:
        draft.write_bytes(model.SerializeToString())
        yield draft


@contextlib.contextmanager
def _openvino(model: onnx.ModelProto, path: Path) -> Generator[Path]:
    """Both files likewise; the one that is opened comes last."""
    import openvino

    from rgtsr.runtimes.openvino import core

    draft = atomic.beside(path, "xml")
    numbers = draft.with_suffix(".bin")
    try:
        read = core().read_model(model.SerializeToString())
        try:
            openvino.save_model(read, draft, compress_to_fp16=False)
        except RuntimeError as error:  # so openvino says that the disk is full
            raise OSError(str(error)) from error
        yield draft
        atomic.publish(numbers, path.with_suffix(".bin"))
        atomic.publish(draft, path)
    finally:
        atomic.remove(numbers)
        atomic.remove(draft)
