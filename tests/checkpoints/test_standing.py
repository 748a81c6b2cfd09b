"""The standing training in processes of its own: a queue that is stopped, lost, and goes on."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from cli.running import environment
from rgtsr import pictures, weights
from rgtsr.pictures import Picture

SCRIPT = Path(__file__).parents[2] / "checkpoints/standing.py"
TINY = {"variant": "tiny", "batch": 2, "validate_minutes": 60, "pretrained": "null"}


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("train", "holdout"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        noise = rng.integers(0, 256, (140, 140, 3), np.uint8)
        pictures.write(Picture.from_array(noise), tmp_path / "photos" / folder / "a.png")
    rows = [
        {"name": name, "recipe": "small-x2", "until": until, "keys": TINY}
        for name, until in (("first", 4), ("second", 2))
    ]
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "queue.yml").write_text(yaml.safe_dump(rows))
    return tmp_path / "kept" / "queue.yml"


def command(queue: Path, *options: str) -> list[str]:
    folders = ("--runs", queue.parents[1] / "runs", "--photos", queue.parents[1] / "photos")
    return [sys.executable, str(SCRIPT), str(queue), *map(str, folders), *options]


def standing(queue: Path, *options: str) -> str:
    done = subprocess.run(
        command(queue, *options), env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def set_until(queue: Path, *until: int) -> None:
    rows = yaml.safe_load(queue.read_text())
    for row, patches in zip(rows, until, strict=True):
        row["until"] = patches
    queue.write_text(yaml.safe_dump(rows))


def test_runs_follow_each_other_and_leave_raw_weights_and_their_story(queue: Path) -> None:
    out = standing(queue)
    assert out.splitlines()[-1] == "the queue is done"
    kept = queue.parent
    for name, patches in (("first", 4), ("second", 2)):
        story = json.loads((kept / f"{name}.json").read_text())
        assert (story["patches"], story["curve"][-1]["patches"]) == (patches, patches)
        raw = weights.load(kept / f"{name}.safetensors")
        assert raw.card.name == name
        assert (kept / f"{name}.safetensors").stat().st_size < 1.4e6
    assert "starts" not in standing(queue)


def test_a_run_whose_folder_is_lost_goes_on_from_its_raw_weights(queue: Path) -> None:
    set_until(queue, 2, 0)
    standing(queue)
    before = weights.load(queue.parent / "first.safetensors").tensors
    shutil.rmtree(queue.parents[1] / "runs")
    set_until(queue, 6, 0)
    assert "first: starts after 2 patches" in standing(queue)
    story = json.loads((queue.parent / "first.json").read_text())
    assert [point["patches"] for point in story["curve"]] == [2, 6]
    after = weights.load(queue.parent / "first.safetensors").tensors
    change = max(float(np.abs(after[name] - before[name]).max()) for name in before)
    assert 0 < change < 1e-3, "two steps of a warm-up move the weights a little"


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_that_is_stopped_goes_on_exactly_where_it_was(queue: Path, processes: int) -> None:
    options = ("--processes", str(processes))
    set_until(queue, 100_000, 0)
    with subprocess.Popen(
        command(queue, *options), env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("step 100 "):
                process.send_signal(signal.SIGINT)
        status = process.wait()
    assert status == 128 + signal.SIGINT
    stopped = json.loads((queue.parent / "first.json").read_text())["patches"]
    assert 200 <= stopped < 100_000
    set_until(queue, stopped + 2, 0)
    out = standing(queue, *options)
    assert f"first: goes on after {stopped} patches" in out
    assert json.loads((queue.parent / "first.json").read_text())["patches"] == stopped + 2
