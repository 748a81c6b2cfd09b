"""What is imported when: torch is only for training, and --help is quick."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from cli.running import environment, rgtsr
from rgtsr import pictures
from rgtsr.pictures import Picture

ENLARGE = """
import sys
sys.modules["torch"] = None
import rgtsr
enlarged = rgtsr.upscale(rgtsr.Picture.from_file(sys.argv[1]))
assert enlarged.size == (40, 60), enlarged.size
"""

HELP = """
import sys
from rgtsr.cli import run
assert run(["--help"]) == 0
assert run(["upscale", "--help"]) == 0
heavy = {"torch", "openvino", "onnx", "onnxruntime", "tensorboard"} & set(sys.modules)
assert not heavy, heavy
"""


def in_a_fresh_interpreter(code: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_picture_is_enlarged_without_torch(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    pictures.write(Picture.from_array(noise), tmp_path / "small.png")
    in_a_fresh_interpreter(ENLARGE, tmp_path / "small.png")
    done = rgtsr("upscale", tmp_path / "small.png", without=("torch", "onnxruntime"))
    done.assert_done()
    assert pictures.read(tmp_path / "small_x2.png").size == (40, 60)


def test_help_imports_nothing_heavy() -> None:
    in_a_fresh_interpreter(HELP)
