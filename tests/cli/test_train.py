"""``rgtsr train``: a real run of a small network, what it leaves, and how it goes on."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cli.conftest import write_picture
from cli.running import Outcome, command, environment, rgtsr
from rgtsr import weights
from rgtsr.training import checkpoint, recipe


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("one", "two"):
        write_picture(folder / f"{name}.png", 140, 150)
    return folder


def trained(photos: Path, folder: Path, *more: str | Path, steps: int) -> Outcome:
    keys = ("variant=tiny", "batch=1", f"steps={steps}", f"photos={photos}", f"holdout={photos}")
    return rgtsr("train", "small-x2", *keys, "-o", folder, *more)


def test_train_leaves_weights_a_curve_and_pictures_to_look_at(photos: Path, tmp_path: Path) -> None:
    done = trained(photos, tmp_path / "run", steps=10)
    done.assert_done()
    path = tmp_path / "run" / "weights.safetensors"
    lines = [line for line in done.out.splitlines() if "tcmalloc" not in line]
    assert lines[0].startswith("recipe: variant=tiny photos=")
    assert lines[0].endswith(f"(all keys: {tmp_path / 'run' / 'recipe.yml'})")
    assert lines[1] == "2 photos, 0.042 megapixels"
    assert "validating: 2 pictures" in lines
    assert lines[-6].startswith("trained ")
    state = path.with_name("before-cooldown.safetensors")
    assert lines[-5:] == [
        "what next:",
        f"  rgtsr upscale photo.jpg -m {path}",
        f"  rgtsr eval -m {path} -m bicubic --data {photos}",
        f"  rgtsr train --resume {state} --max-minutes MORE",
        str(path),
    ]
    assert [line for line in lines if line.startswith("step 10 ") and "hold-out" in line]
    assert weights.load(path).variant.scale == 2
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert set(board.Tags()["scalars"]) == {"loss", "learning_rate", "holdout_psnr_y"}
    assert board.Tags()["images"] == ["holdout/0", "holdout/1"]
    image = board.Images("holdout/0")[0]
    assert (image.step, image.width, image.height) == (10, 150, 140)


def test_a_run_keeps_its_recipe_and_a_log_and_tells_both_its_times(
    photos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert trained(photos, run, "learning_rate=1e-3", steps=2).status == 0
    kept = recipe.load(run / "recipe.yml")
    assert (kept.variant, kept.learning_rate, kept.photos) == ("tiny", 1e-3, (photos,))
    done = rgtsr("train", "--resume", run / "checkpoint.safetensors", "steps=4")
    assert done.status == 0, done.errors
    times = r"\d+\.\d min of this session, \d+\.\d of the run"
    assert re.search(rf"^step 4  {times}  hold-out \S+ dB$", done.out, re.MULTILINE)
    log = (run / "train.log").read_text().splitlines()
    assert "2 photos" in log[0]
    assert [line for line in log if "resumed" in line]
    assert "hold-out" in log[-1]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", log[-1])
    assert recipe.load(run / "recipe.yml").steps == 4


def test_a_terminal_shows_that_it_validates(photos: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    keys = ("variant=tiny", "batch=1", "steps=2", f"photos={photos}", f"holdout={photos}")
    with subprocess.Popen(
        [*command(), "train", "small-x2", *keys, "-o", str(tmp_path / "run")],
        env=environment(TERM="xterm", COLUMNS="120"),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while part := read(ours):
            shown += part
    os.close(ours)
    assert process.returncode == 0
    assert "validating 1/2" in shown.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other side is closed
        return b""


def test_an_allocator_that_lacks_is_said_once_where_a_run_begins(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_TCMALLOC", "")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    done = trained(photos, tmp_path / "run", steps=1).assert_done()
    assert done.out.count("libtcmalloc-minimal4") == 1
    rgtsr("train", "-o", tmp_path / "none").assert_failed(2, "which RECIPE?")
    assert "tcmalloc" not in rgtsr("models").assert_done().out


def test_a_finished_run_goes_on_only_when_asked_to(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert trained(photos, run, steps=1).status == 0
    again = trained(photos, run, steps=2)
    again.assert_failed(2, "--resume")
    state = run / "checkpoint.safetensors"
    rgtsr("train", "small-x2", "--resume", state).assert_failed(2, "holds its recipe")
    done = rgtsr("train", "steps=2", "--resume", state)
    assert "at step 1" in done.out
    assert (done.status, done.out.splitlines()[-1]) == (0, str(run / "weights.safetensors"))


def test_a_resumed_run_keeps_to_the_recipe_that_it_was_started_with(
    photos: Path, tmp_path: Path
) -> None:
    keys = ("cooldown=0.5", "learning_rate=1e-3", "warmup_steps=2")
    assert trained(photos, tmp_path / "whole", *keys, steps=4).status == 0
    halfway = tmp_path / "whole" / "before-cooldown.safetensors"
    done = rgtsr("train", "--resume", halfway, "-o", tmp_path / "rest")
    assert done.status == 0, done.errors
    whole, rest = (
        load_file(tmp_path / each / "checkpoint.safetensors") for each in ("whole", "rest")
    )
    assert [name for name in whole if not torch.equal(whole[name], rest[name])] == []


def test_a_run_without_recipe_or_photos_leaves_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    rgtsr("train", "-o", run).assert_failed(2, "small-x2")
    lost = rgtsr("train", "small-x2", "steps=1", f"photos={tmp_path / 'none'}", "-o", run)
    lost.assert_failed(1, "holds no pictures")
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_that_is_not_there_is_refused(photos: Path, tmp_path: Path) -> None:
    done = trained(photos, tmp_path / "run", "--device", "gpu", steps=1)
    done.assert_failed(1, "torch finds no GPU here: use --device cpu.")


def test_minutes_that_are_none_are_refused(photos: Path, tmp_path: Path) -> None:
    done = trained(photos, tmp_path / "run", "--max-minutes", "0", steps=1)
    done.assert_failed(2, "--max-minutes 0: must be more than 0")


def test_memory_that_does_not_suffice_ends_a_run_with_its_state(
    photos: Path, tmp_path: Path
) -> None:
    trained(photos, tmp_path / "run", steps=2).assert_done()
    state = tmp_path / "run/checkpoint.safetensors"
    more = ("batch=3000", "steps=3", f"photos={photos}", "precision=float32")
    ended = rgtsr("train", "--resume", state, *more, memory_limit_bytes=6 << 30)
    ended.assert_failed(1, "step 2", "memory", "batch=3000", "last good state")
    assert "resumed" in rgtsr("train", "--resume", state, "batch=1").assert_done().out


def test_a_full_disk_ends_a_run_and_leaves_the_last_state(photos: Path, tmp_path: Path) -> None:
    trained(photos, tmp_path / "run", steps=2).assert_done()
    state = tmp_path / "run/checkpoint.safetensors"
    before = state.read_bytes()
    ended = rgtsr(
        "train", "--resume", state, "steps=3", f"photos={photos}", file_limit_bytes=1 << 18
    )
    ended.assert_failed(1, "checkpoint.safetensors", "cannot be written")
    assert state.read_bytes() == before
    left = {path.name for path in state.parent.glob("*.safetensors")}
    assert left == {"checkpoint.safetensors", "weights.safetensors"}


def test_photos_that_have_vanished_are_named_and_the_state_is_kept(
    photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo in photos.iterdir():
        (folder / photo.name).write_bytes(photo.read_bytes())
    (folder / "three.png").symlink_to(tmp_path / "gone.png")
    keys = ("variant=tiny", "batch=1", "steps=9", "validate_minutes=1e-6", f"photos={folder}")
    run = tmp_path / "run"
    done = rgtsr("train", "small-x2", *keys, f"holdout={folder}", "-o", run)
    done.assert_failed(1, "three.png", "no such file")
    assert "three.png" in done.out
    assert "2 photos" in done.out
    assert int(checkpoint.header_of(run / "checkpoint.safetensors")["step"]) > 0
