import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rgtsr import weights
from rgtsr.errors import TrainingError
from rgtsr.training import checkpoint, recipe
from rgtsr.training.fit import Step, Watcher, fit
from rgtsr.training.recipe import Recipe


def tiny(folder: Path, *overrides: str) -> Recipe:
    defaults = ("variant=tiny", "batch=1", "precision=bf16", "warmup_steps=2", f"photos={folder}")
    return recipe.load("small-x2", (*defaults, *overrides))


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoint.safetensors")


def assert_same(first: Path, second: Path) -> None:
    one, other = tensors(first), tensors(second)
    assert one.keys() == other.keys()
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_run_is_bitwise_the_run_that_never_stopped(
    photo_folder: Path, tmp_path: Path, optimizer: str
) -> None:
    mine = tiny(photo_folder, "steps=6", f"optimizer={optimizer}", "drop_path=0.3")
    fit(mine, tmp_path / "whole")

    def stop_after_three(step: Step) -> None:
        if step.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    fit(mine, tmp_path / "parts", watcher=Watcher(on_step=stop_after_three))
    assert checkpoint.recipe_of(tmp_path / "parts/checkpoint.safetensors") == mine
    fit(mine, tmp_path / "parts", resume=tmp_path / "parts/checkpoint.safetensors")
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_a_run_leaves_weights_that_load(photo_folder: Path, tmp_path: Path) -> None:
    mine = tiny(photo_folder, "steps=2")
    path = fit(mine, tmp_path)
    loaded = weights.load(path)
    assert loaded.variant == mine.network_variant
    assert "learning_rate" in loaded.card.recipe
    average = tensors(tmp_path)["average.conv_last.weight"]
    assert torch.equal(torch.from_numpy(loaded.tensors["conv_last.weight"]), average)


def test_a_run_scores_its_average_on_the_hold_out(photo_folder: Path, tmp_path: Path) -> None:
    points: list[checkpoint.Point] = []
    mine = tiny(photo_folder, "steps=2", f"holdout={photo_folder}")
    fit(mine, tmp_path, watcher=Watcher(on_point=lambda point, _: points.append(point)))
    assert [point.step for point in points] == [2]
    assert 10 < points[0].holdout_psnr_y < 60


def test_minutes_end_a_run(photo_folder: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    fit(tiny(photo_folder), tmp_path, max_minutes=0.02, watcher=Watcher(on_step=steps.append))
    assert steps
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_the_state_before_the_cooldown_is_kept(photo_folder: Path, tmp_path: Path) -> None:
    fit(tiny(photo_folder, "steps=5", "cooldown=0.5"), tmp_path)
    assert load_file(tmp_path / "before-cooldown.safetensors").keys() == tensors(tmp_path).keys()


def test_a_run_without_photos_or_end_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="photos="):
        fit(replace_photos(tiny(photo_folder, "steps=1")), tmp_path)
    with pytest.raises(ValueError, match="--max-minutes"):
        fit(tiny(photo_folder), tmp_path)


def replace_photos(mine: Recipe) -> Recipe:
    return mine.model_copy(update={"photos": ()})


def test_a_loss_that_is_not_finite_keeps_the_last_good_state(
    photo_folder: Path, tmp_path: Path
) -> None:
    mine = tiny(photo_folder, "steps=4", "learning_rate=1e30", "clip_norm=null")
    with pytest.raises(TrainingError, match="last good state"):
        fit(mine, tmp_path)
    assert all(bool(torch.isfinite(t).all()) for n, t in tensors(tmp_path).items() if n != "x")


@pytest.mark.parametrize("damage", ["garbage", "truncated", "other", "other network"])
def test_a_file_that_is_no_checkpoint_is_refused(
    photo_folder: Path, tmp_path: Path, damage: str
) -> None:
    mine = tiny(photo_folder, "steps=1")
    fit(mine, tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    if damage == "garbage":
        path.write_bytes(b"nothing of the kind")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-1000])
    elif damage == "other":
        save_file({"x": torch.zeros(1)}, path)
    other = mine.model_copy(update={"variant": "small" if damage == "other network" else "tiny"})
    with pytest.raises(TrainingError, match=r"checkpoint\.safetensors"):
        fit(other, tmp_path, resume=path)


def test_no_half_checkpoint_is_left_beside(photo_folder: Path, tmp_path: Path) -> None:
    fit(tiny(photo_folder, "steps=1"), tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"checkpoint.safetensors", "weights.safetensors"}


def test_a_terminated_process_ends_with_a_checkpoint(photo_folder: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from rgtsr.training import recipe\n"
        "from rgtsr.training.fit import Watcher, fit\n"
        "mine = recipe.load('small-x2', ('variant=tiny', 'batch=1', f'photos={sys.argv[1]}'))\n"
        "ready = lambda step: print('step', step.step, flush=True)\n"
        "fit(mine, Path(sys.argv[2]), max_minutes=5, watcher=Watcher(on_step=ready))\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program, str(photo_folder), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    with run.stdout:
        assert run.stdout.readline() == "step 1\n"
        run.send_signal(signal.SIGTERM)
        run.stdout.read()
    assert run.wait(timeout=120) == 0
    state = checkpoint.recipe_of(tmp_path / "checkpoint.safetensors")
    assert state.variant == "tiny"
