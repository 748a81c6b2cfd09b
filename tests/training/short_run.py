"""A run of a minute at most, for a process of its own."""

import os
import signal
from pathlib import Path

import torch

from rgtsr.training import Callbacks, fit, recipe
from rgtsr.training.run import Step

STATE = "checkpoint.safetensors"
LOSSES = "losses.txt"
KILLS = 20
STEPS = 3 * KILLS + 1


def train(photos: Path, folder: Path, most_steps: int = STEPS) -> None:
    """A run with a checkpoint after every step, that goes on from the last one if there is one.

    After ``most_steps`` a process that has not come to the end waits to be killed.
    """
    torch.set_num_threads(1)
    keys = ("variant=tiny", "batch=1", "precision=float32", "drop_path=0.2", f"steps={STEPS}")
    mine = recipe.load("small-x2", (*keys, "checkpoint_minutes=1e-9", f"photos={photos}"))
    folder.mkdir(exist_ok=True)
    steps: list[int] = []
    log = os.open(folder / LOSSES, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(step: Step) -> None:
        os.write(log, f"{step.step} {step.loss.hex()}\n".encode())
        steps.append(step.step)
        if len(steps) == most_steps < STEPS:
            signal.pause()

    state = folder / STATE
    fit(mine, folder, resume=state if state.exists() else None, callbacks=Callbacks(on_step=note))
