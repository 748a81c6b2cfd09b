"""The examples, in processes that know no rgtsr, against what rgtsr itself makes of the picture."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rgtsr import exporting, pictures, runtimes, weights
from rgtsr.pictures import Picture

FOLDER = Path(__file__).parents[2] / "examples"
MOST_LINES = 25
WITHOUT_US = """
import runpy, sys
sys.modules |= dict.fromkeys(("rgtsr", "onnx", "openvino", "torch"))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model exported, and a small photo."""
    folder = tmp_path_factory.mktemp("examples")
    exporting.export(weights.load(weights.DEFAULT_NAME), folder / "model.onnx")
    photo = pictures.read(FOLDER.parent / "demo" / "demo-astronaut.png").pixels_HWC
    pictures.write(Picture.from_array(photo[40:87, 120:181]), folder / "photo.png")
    return folder


@pytest.fixture(scope="module")
def expected_HWC(folder: Path) -> NDArray[np.uint8]:
    """The same photo by the static graph."""
    tiles = pictures.read(folder / "photo.png").pixels_HWC.transpose(2, 0, 1)[None] / 255
    runtime = runtimes.open_runtime(weights.load(weights.DEFAULT_NAME), name="onnxruntime")
    enlarged = runtime.upscale_tiles(np.ascontiguousarray(tiles, np.float32))[0]
    return np.round(255 * np.clip(enlarged.transpose(1, 2, 0), 0, 1)).astype(np.uint8)


def assert_enlarged(path: Path, expected_HWC: NDArray[np.uint8]) -> None:
    found = pictures.read(path).pixels_HWC
    assert found.shape == expected_HWC.shape == (94, 122, 3)
    off = np.abs(found.astype(int) - expected_HWC)
    assert off.max() <= 1, "more than a rounding"
    assert (off > 0).mean() < 0.01


@pytest.mark.parametrize("name", ["enlarge.py", "enlarge.mjs"])
def test_an_example_is_short(name: str) -> None:
    assert len((FOLDER / name).read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_python_example_enlarges_a_photo_without_rgtsr(
    folder: Path, expected_HWC: NDArray[np.uint8]
) -> None:
    command = [sys.executable, "-I", "-c", WITHOUT_US, FOLDER / "enlarge.py"]
    done = subprocess.run(
        [*command, "model.onnx", "photo.png", "large.png"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert_enlarged(folder / "large.png", expected_HWC)


@pytest.fixture(scope="module")
def installed(folder: Path) -> Path:
    """The folder with the example for node and what it needs from npm."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    for name in ("package.json", "enlarge.mjs"):
        shutil.copy(FOLDER / name, folder)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm install failed: {done.stderr.strip()[-300:]}")
    return folder


def test_the_node_example_enlarges_a_photo_with_onnxruntime_web(
    installed: Path, expected_HWC: NDArray[np.uint8]
) -> None:
    done = subprocess.run(
        ["node", "enlarge.mjs", "model.onnx", "photo.png", "web.png"],
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert_enlarged(installed / "web.png", expected_HWC)


def test_a_wrong_channel_count_is_said_in_node_too(installed: Path) -> None:
    program = """
    import * as ort from "onnxruntime-web";
    import { readFileSync } from "node:fs";
    const session = await ort.InferenceSession.create(readFileSync("model.onnx"));
    const grey = new ort.Tensor("float32", new Float32Array(64 * 64), [1, 1, 64, 64]);
    await session.run({ tiles: grey }).catch((error) => console.log(error.message));
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "index: 1 Got: 1 Expected: 3" in done.stdout, done.stderr
