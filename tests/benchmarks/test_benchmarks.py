"""The benchmarks run, and report what the documentation quotes. No figure is judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rgtsr import pictures

FOLDER = Path(__file__).parents[2] / "benchmarks"


def run(script: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, FOLDER / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_inference_is_compared_with_spandrel_in_time_memory_and_start_up(tmp_path: Path) -> None:
    table = run(
        "inference.py",
        *("--variants", "tiny", "--sides", "32", "--precisions", "float32", "--rounds", "1"),
        *("--json", tmp_path / "report.json"),
    )
    report = json.loads((tmp_path / "report.json").read_text())
    (row,) = report["tiles"]
    assert (row["variant"], row["side_px"], row["precision"]) == ("tiny", 32, "float32")
    for what in ("wall_s", "cpu_s"):
        ratio = row["spandrel"][what] / row["ours"][what]
        assert row[f"{what}_ratio"] == pytest.approx(ratio, abs=0.01)
    assert min(row["peak_mib"].values()) > 50
    (start,) = report["start_up"]
    assert min(start["cold_s"], start["warm_s"], start["spandrel_s"]) > 0
    assert 0.1 < start["cache_mb"] < 60
    assert "tiny     32 px float32" in table


def test_a_curve_is_drawn_from_a_checkpoint(tmp_path: Path) -> None:
    point = {"step": 5, "minutes": 1.0, "loss": 0.04, "holdout_psnr_y": 29.0}
    curve = [point, point | {"minutes": 2.0, "holdout_psnr_y": 30.0}]
    progress = json.dumps({"elapsed_s": 120.0, "curve": curve})
    save_file({"x": np.zeros(1)}, tmp_path / "run.safetensors", {"progress": progress})
    run("training_curve.py", tmp_path / "run.safetensors", tmp_path / "curve.png")
    assert np.ptp(pictures.read(tmp_path / "curve.png").pixels_HWC) > 100
