"""A run's history in the header of its checkpoint, under today's name and the former one."""

import subprocess
import sys
from pathlib import Path

from safetensors import safe_open

from cli.running import environment
from rgtsr.training import history
from rgtsr.training.history import History, Point

OLD = Path(__file__).parents[2] / "checkpoints/small-x2.safetensors"


def test_what_is_written_is_read() -> None:
    past = History(90.5, [Point(step=5, minutes=1.5, loss=0.04, holdout_psnr_y=29.0)])
    assert history.from_header(history.as_header(past)) == past


def test_a_file_with_the_former_name_is_read() -> None:
    with safe_open(OLD, framework="np") as file:
        header = file.metadata()
    assert "progress" in header and "history" not in header
    past = history.from_header(header)
    assert past.elapsed_s > 20_000
    assert past.curve[0].step == 177 and past.curve[0].holdout_psnr_y > 29


def test_reading_needs_no_torch() -> None:
    program = "import sys, rgtsr.training.history; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)
