import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rgtsr import pictures, training, weights
from rgtsr.errors import PictureError, RgtsrError, TrainingError
from rgtsr.pictures import Picture
from rgtsr.training import Callbacks, checkpoint, fit, recipe
from rgtsr.training.history import Point
from rgtsr.training.recipe import Recipe
from rgtsr.training.run import Step
from training.conftest import waves


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

    said: list[str] = []
    fit(mine, tmp_path / "parts", callbacks=Callbacks(said.append, stop_after_three))
    assert said[-1].startswith("stopped at step 3: go on with --resume ")
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
    points: list[Point] = []
    mine = tiny(photo_folder, "steps=2", f"holdout={photo_folder}")
    said: list[str] = []
    note = Callbacks(on_point=lambda point, _: points.append(point), say=said.append)
    fit(mine, tmp_path, callbacks=note)
    assert [point.step for point in points] == [2]
    assert any("the hold-out is trained on" in line for line in said)
    assert 10 < points[0].holdout_psnr_y < 60


def test_minutes_end_a_run(photo_folder: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    fit(tiny(photo_folder), tmp_path, max_minutes=0.02, callbacks=Callbacks(on_step=steps.append))
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


@pytest.mark.parametrize("change", [{"variant": "small"}, {"scale": 3}])
def test_a_run_goes_on_with_its_own_network_alone(
    photo_folder: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    mine = tiny(photo_folder, "steps=1")
    fit(mine, tmp_path)
    state = tmp_path / "checkpoint.safetensors"
    before = state.read_bytes()
    with pytest.raises(TrainingError, match=r"is a run of tiny x2, not of (small x2|tiny x3)"):
        fit(mine.model_copy(update=change), tmp_path, resume=state)
    assert state.read_bytes() == before


@pytest.mark.parametrize("gone", ["folder", "pack.safetensors", "HR"])
def test_a_hold_out_that_is_gone_is_named_before_a_step(
    photo_folder: Path, tmp_path: Path, gone: str
) -> None:
    if gone == "HR":
        (tmp_path / "HR").mkdir()
    holdout = tmp_path if gone == "HR" else tmp_path / gone
    mine = tiny(photo_folder, "steps=2", f"holdout={holdout}")
    with pytest.raises(RgtsrError, match=gone) as raised:
        fit(mine, tmp_path / "run")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_hold_out_that_goes_during_a_run_ends_it_with_its_state(
    photo_folder: Path, tmp_path: Path
) -> None:
    holdout = Path(shutil.copytree(photo_folder, tmp_path / "holdout"))

    def remove(_: Step) -> None:
        shutil.rmtree(holdout, ignore_errors=True)

    mine = tiny(photo_folder, "steps=2", f"holdout={holdout}")
    with pytest.raises(PictureError, match="no such file"):
        fit(mine, tmp_path / "run", callbacks=Callbacks(on_step=remove))
    assert checkpoint.header_of(tmp_path / "run" / "checkpoint.safetensors")["step"] == "2"


def test_a_checkpoint_with_the_former_names_goes_on(photo_folder: Path, tmp_path: Path) -> None:
    mine = tiny(photo_folder, "steps=4")
    fit(mine, tmp_path / "whole")
    fit(mine.model_copy(update={"steps": 2}), tmp_path / "parts")
    state = tmp_path / "parts" / "checkpoint.safetensors"
    header = checkpoint.header_of(state)
    values = json.loads(header["recipe"])
    former = {"start": values.pop("init"), "start_from": values.pop("pretrained")}
    del values["upsampler"]
    header["progress"] = header.pop("history")
    header |= {"recipe": json.dumps(values | former | {"steps": 4})}
    save_file(load_file(state), state, header)
    assert checkpoint.recipe_of(state) == mine
    fit(checkpoint.recipe_of(state), tmp_path / "parts", resume=state)
    # the cooldown of two steps began before the fourth: the rates of the first two differ
    assert checkpoint.header_of(state)["step"] == "4"


def test_a_recipe_that_cannot_be_read_is_one_line(photo_folder: Path, tmp_path: Path) -> None:
    fit(tiny(photo_folder, "steps=1"), tmp_path)
    state = tmp_path / "checkpoint.safetensors"
    header = checkpoint.header_of(state)
    header["recipe"] = header["recipe"].replace('"tiny"', '"huge"')
    save_file(load_file(state), state, header)
    with pytest.raises(TrainingError, match=r"holds a recipe that cannot be read: .*'huge'"):
        checkpoint.recipe_of(state)


@pytest.fixture
def large_photo(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    pictures.write(Picture.from_array(waves(200, 210, 0)), tmp_path / "photos" / "large.png")
    return tmp_path / "photos"


def test_a_loss_and_a_degradation_of_ones_own(large_photo: Path, tmp_path: Path) -> None:
    """As docs/training.md shows them."""
    seen: list[tuple[int, ...]] = []

    def charbonnier(enlarged: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        return ((enlarged - hr).square() + 1e-6).sqrt().mean()

    def nearest(hr: torch.Tensor, scale: int, rng: np.random.Generator) -> torch.Tensor:
        seen.append(tuple(hr.shape))
        assert 0 <= rng.random() < 1
        return hr[..., ::scale, ::scale]

    mine = tiny(large_photo, "steps=2")
    path = training.fit(mine, tmp_path / "run", loss=charbonnier, degrade=nearest)
    assert len(seen) == 2 and seen[0] == (1, 3, 192, 192)
    assert weights.load(path).card.name == "tiny-x2-photo"


def test_a_degradation_that_gives_another_size_is_refused(
    large_photo: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"degrade gave LR of shape \(1, 3, 192, 192\) instead"):
        fit(tiny(large_photo, "steps=1"), tmp_path / "run", degrade=lambda hr, scale, rng: hr)


def test_a_run_in_another_thread_hears_no_signals(photo_folder: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        done = threads.submit(fit, tiny(photo_folder, "steps=1"), tmp_path)
    assert done.result().exists()


def test_no_half_checkpoint_is_left_beside(photo_folder: Path, tmp_path: Path) -> None:
    fit(tiny(photo_folder, "steps=1"), tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"checkpoint.safetensors", "weights.safetensors"}


def test_a_terminated_process_ends_with_a_checkpoint(photo_folder: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from rgtsr.training import Callbacks, fit, recipe\n"
        "mine = recipe.load('small-x2', ('variant=tiny', 'batch=1', f'photos={sys.argv[1]}'))\n"
        "ready = lambda step: print('step', step.step, flush=True)\n"
        "fit(mine, Path(sys.argv[2]), max_minutes=5, callbacks=Callbacks(on_step=ready))\n"
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
