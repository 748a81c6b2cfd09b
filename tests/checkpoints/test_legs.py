"""Legs on a lent GPU, dry on the CPU: processes that are killed in every stage, and go on."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

import legs
from cli.running import environment
from parcel import PART_BYTES, PARTS, Parcel
from rgtsr import pictures
from rgtsr.pictures import Picture
from rgtsr.training import recipe

FOLDER = Path(__file__).parents[2] / "checkpoints"
EXACT = {"batch": 1, "steps": 6, "checkpoint_minutes": 1e-9, "validate_minutes": 60}
PLAN = [
    {"name": "smoke", "run": "smoke"},
    {"name": "photos", "run": "pack"},
    {"name": "first", "recipe": "light-x2", "keys": EXACT},
    {"name": "targets", "run": "targets", "after": "first"},
    {"name": "second", "recipe": "light-x2-photo", "after": "first", "keys": EXACT},
]
MOMENTS = {  # of each stage, at which it is killed: what the row then has
    "smoke": "what",
    "photos": "goes_on",
    "first": "sent",
    "targets": "goes_on",
    "second": "sent",
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("train-more", "holdout"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        noise = rng.integers(0, 256, (200, 200, 3), np.uint8)
        pictures.write(Picture.from_array(noise), tmp_path / "photos" / folder / "a.png")
    return tmp_path / "photos"


def written(folder: Path, plan: list[dict]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "plan.yml").write_text(yaml.safe_dump(plan))
    return folder


def started(folder: Path, photos: Path, *options: str) -> subprocess.Popen[str]:
    where = ("--state", folder / "state", "--out", folder / "out", "--photos", photos)
    command = [sys.executable, FOLDER / "legs.py", folder / "plan.yml", *where, *options]
    return subprocess.Popen(
        [*map(str, command), "--device", "cpu", "--tiny"],
        env=environment(OMP_NUM_THREADS="1"),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def leg(folder: Path, photos: Path, *options: str) -> list[dict]:
    """One that ends by itself; its rows."""
    with started(folder, photos, *options) as process:
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait() == 0
    return rows(folder)


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "out/rows.jsonl").read_text().splitlines()]


def kill_at(process: subprocess.Popen[str], told: Path, stage: str, what: str) -> None:
    """Kill all of a leg as soon as it has told that; for the first time, or again."""
    assert process.stdout is not None
    for line in process.stdout:
        if f"'stage': '{stage}'" in line and f"'{what}':" in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert any(row["stage"] == stage and what in row for row in rows(told)), "a row is on the disk"


def results(folder: Path) -> Iterator[tuple[str, str]]:
    state = folder / "state"
    for path in sorted([*state.glob("*/weights.safetensors"), *state.glob("targets/*.webp")]):
        content = path.read_bytes()
        if path.suffix == ".safetensors":  # its header has how many minutes it took
            content = content[8 + int.from_bytes(content[:8], "little") :]
        yield str(path.relative_to(state)), hashlib.sha256(content).hexdigest()


def test_a_kill_in_every_stage_changes_nothing(tmp_path: Path, photos: Path) -> None:
    whole, killed = (written(tmp_path / name, PLAN) for name in ("whole", "killed"))
    last = leg(whole, photos)[-1]
    assert last["left"] == []
    for stage, what in MOMENTS.items():
        kill_at(started(killed, photos), killed, stage, what)
        assert not (killed / "state" / stage / "done").exists()
    assert leg(killed, photos)[-1]["left"] == []
    made = dict(results(whole))
    assert set(made) == {f"{n}/weights.safetensors" for n in ("first", "second")} | {
        "targets/a.webp"
    }
    assert dict(results(killed)) == made
    again = [row for row in rows(killed) if row.get("goes_on")]
    assert {row["stage"] for row in again} == {"first", "second"}, "not from their beginning"


def test_a_leg_ends_in_time_and_what_it_sent_goes_on_elsewhere(
    tmp_path: Path, photos: Path
) -> None:
    endless = {"name": "first", "recipe": "light-x2", "keys": EXACT | {"steps": 10**6}}
    folder = written(tmp_path / "here", [{"name": "photos", "run": "pack"}, endless])
    limits = ("--max-minutes", "0.6", "--reserve-s", "12")
    told = leg(folder, photos, *limits)
    assert told[-1]["left"] == ["first"]
    assert told[-1]["at_s"] <= 0.6 * 60
    (part,) = (folder / "out").glob("state.*")
    elsewhere = written(tmp_path / "elsewhere", [])
    with tarfile.open(part) as tar:
        tar.extractall(elsewhere / "state", filter="data")
    sent, here = (at / "state/first/checkpoint.safetensors" for at in (elsewhere, folder))
    assert sent.read_bytes() == here.read_bytes()


def test_a_stage_that_fails_is_tried_without_compiling_and_then_left(
    tmp_path: Path, photos: Path
) -> None:
    fails = {"name": "first", "recipe": "light-x2", "keys": {"patch_px": 1}}
    folder = written(tmp_path / "plan", [fails, *PLAN[3:4], {"name": "photos", "run": "pack"}])
    (folder / "state").mkdir()
    (folder / "state/smoke.json").write_text('{"compile": true}')
    told = leg(folder, photos)
    assert [row for row in told if row.get("again")]
    assert told[-1]["left"] == ["targets"], "it has no weights to make them with"
    assert (folder / "state/first/done").read_text() == "ended with 2"
    assert (folder / "state/photos/done").read_text() == "done"


def test_what_is_sent_lies_in_parts_that_may_travel(tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    content = np.random.default_rng(0).bytes(2 * PART_BYTES)
    for name, size in (("fits", 2), ("large", 5)):
        (state / name).mkdir(parents=True)
        (state / name / "checkpoint.safetensors").write_bytes((content * size)[: size * PART_BYTES])
    out.mkdir()
    parcel = Parcel(state, out, ("large", "fits"))
    assert parcel.send()["the_first"] == "large/checkpoint.safetensors"
    parcel.send()
    parts = sorted(out.iterdir())
    assert [part.name for part in parts] == [f"state.2.{part}-of-3" for part in range(3)]
    assert all(part.stat().st_size <= PART_BYTES for part in parts) and PARTS >= 3
    (tmp_path / "joined.tar").write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(tmp_path / "joined.tar") as tar:
        assert tar.getnames() == ["fits/checkpoint.safetensors"]
        file = tar.extractfile("fits/checkpoint.safetensors")
        assert file is not None and file.read() == content


def test_the_plan_for_a_gpu_has_recipes_that_are_there(tmp_path: Path) -> None:
    plan = legs.stages(FOLDER / "gpu.yml", tmp_path)
    names = [stage.name for stage in plan]
    for number, stage in enumerate(plan):
        assert stage.after is None or stage.after in names[:number]
        if stage.recipe:
            recipe.load(stage.recipe, tuple(f"{key}={value}" for key, value in stage.keys.items()))
    assert sum(stage.minutes or 0 for stage in plan) <= 25, "the baseline needs some, too"
