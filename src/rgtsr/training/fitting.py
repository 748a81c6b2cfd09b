"""From a recipe to weights: the loop of a run, its clock, its end. Knows no terminal."""

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rgtsr.errors import RgtsrError
from rgtsr.training import checkpoint, distributed, schedule
from rgtsr.training.degrade import Degrade
from rgtsr.training.loss import Loss
from rgtsr.training.recipe import Recipe
from rgtsr.training.run import CHECKPOINT, WEIGHTS, Callbacks, Run, open_run, torch_device

BEFORE_COOLDOWN = "before-cooldown.safetensors"  # continue a standing run from here


def fit(
    recipe: Recipe,
    folder: Path,
    *,
    max_minutes: float | None = None,
    resume: Path | None = None,
    device: str = "auto",
    loss: Loss | None = None,
    degrade: Degrade | None = None,
    callbacks: Callbacks | None = None,
) -> Path:
    """Train by ``recipe`` until its steps or ``max_minutes`` (of the whole run) are spent.

    Writes ``checkpoint.safetensors`` every few minutes, at SIGTERM, SIGINT and the end, and
    ``weights.safetensors`` (the moving average) at each validation and at the end; returns the
    latter's path.
    ``resume`` continues a checkpoint; on a CPU the result is bitwise that of a run never stopped.
    ``loss(enlarged, hr)`` of (B, 3, H, W) in 0..1 takes the place of the recipe's, and
    ``degrade(hr, scale, rng)``, which makes LR of HR crops, that of its presets: see
    docs/training.md.

    Raises:
        ValueError: for a recipe without photos or without an end.
        TrainingError: for photos that cannot be used and a loss that is not finite.
        PictureError: for LR that does not match its photo, and a hold-out that is gone.
    """
    if resume is not None:
        checkpoint.check_network(resume, recipe.network_variant)
    with distributed.joined() as rank:
        run = open_run(
            recipe,
            folder,
            budget=schedule.Budget(recipe.steps, max_minutes),
            device=torch_device(device, rank),
            rank=rank,
            callbacks=callbacks if callbacks and rank.is_main else Callbacks(),
            loss=loss,
            degrade=degrade,
        )
        folder.mkdir(parents=True, exist_ok=True)
        if resume is not None:
            run.history = checkpoint.restore(resume, run.learner)
            run.callbacks.say(f"resumed {resume} at step {run.learner.step}")
        with stop_requested() as signals:
            try:
                stopped = loop(run, signals)
            except RgtsrError:  # a loss, memory, a picture of the hold-out that has vanished
                run.checkpoint()
                raise
        run.checkpoint()  # first: whoever asked to stop may not wait for the rest
        if stopped:
            run.keep_weights()
            step, path = run.learner.step, folder / CHECKPOINT
            run.callbacks.say(f"stopped at step {step}: go on with --resume {path}")
        else:
            run.validate()
            run.checkpoint()
    return folder / WEIGHTS


def loop(run: Run, signals: list[int]) -> bool:
    """Steps until the budget is spent, or a signal asks to stop: then it returns True."""
    recipe, state = run.recipe, run.history
    last = time.monotonic()
    saved_s = validated_s = state.elapsed_s
    cooling = run.progress > 1 - recipe.cooldown
    while True:
        now = time.monotonic()
        state.elapsed_s, stopped = run.rank.agree(state.elapsed_s + now - last, bool(signals))
        last = now
        if stopped or run.progress >= 1:
            run.report()
            return stopped
        if recipe.cooldown and not cooling and run.progress > 1 - recipe.cooldown:
            run.checkpoint(BEFORE_COOLDOWN)
            cooling = True
        run.train_step()
        if state.elapsed_s - validated_s >= 60 * recipe.validate_minutes:
            run.report()
            run.validate()
            validated_s = state.elapsed_s
        if state.elapsed_s - saved_s >= 60 * recipe.checkpoint_minutes:
            run.report()
            run.checkpoint()
            saved_s = state.elapsed_s


@contextmanager
def stop_requested() -> Generator[list[int]]:
    """Collects SIGINT and SIGTERM, so that a run ends after its step and with a checkpoint.

    Python hears signals in its main thread alone: a run in another cannot be asked that way.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(signum: int, _frame: FrameType | None) -> None:
        received.append(signum)

    previous = {which: signal.signal(which, note) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for which, handler in previous.items():
            signal.signal(which, handler)
