"""A run that is killed at random moments, again and again, and still ends as one never killed."""

import multiprocessing
import os
import random
import signal
import time
from itertools import pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from safetensors.torch import load_file

from rgtsr.training import checkpoint
from training.short_run import KILLS, LOSSES, STATE, STEPS, train

# Processes that are forked from one that has torch imported: real ones, but soon there.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["rgtsr.training.fitting"])


def started(photos: Path, folder: Path, *, most_steps: int = STEPS) -> BaseProcess:
    process = processes.Process(target=train, args=(photos, folder, most_steps))
    process.start()
    return process


def losses(folder: Path) -> list[tuple[int, str]]:
    """Steps and their losses, bit for bit, in the order in which they were made."""
    lines = (folder / LOSSES).read_text().splitlines() if (folder / LOSSES).exists() else []
    return [(int(step), loss) for step, loss in map(str.split, lines)]


def test_twenty_kills_at_random_moments_change_nothing(photo_folder: Path, tmp_path: Path) -> None:
    whole, folder, moments = tmp_path / "whole", tmp_path / "killed", random.Random(0)
    never_killed = started(photo_folder, whole)
    never_killed.join(timeout=300)
    assert never_killed.exitcode == 0
    reached = [0]
    for number in range(KILLS):
        least = len(losses(folder)) + 1 + number % 2  # with two, one is in a checkpoint
        process = started(photo_folder, folder, most_steps=STEPS // KILLS)
        deadline = time.monotonic() + 120
        while len(losses(folder)) < least:
            assert process.is_alive() and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.15))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(timeout=60)
        assert process.exitcode == -signal.SIGKILL
        if (folder / STATE).exists():
            load_file(folder / STATE)  # whole, whatever the moment
            reached.append(int(checkpoint.header_of(folder / STATE)["step"]))
    assert all(earlier <= later for earlier, later in pairwise(reached))
    assert 0 < reached[-1] < STEPS
    last = started(photo_folder, folder)
    last.join(timeout=300)
    assert last.exitcode == 0
    assert set(losses(folder)) == set(losses(whole)), "some step was made twice, and otherwise"
    one, other = (load_file(run / STATE) for run in (whole, folder))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    expected = {STATE, LOSSES, "weights.safetensors", "before-cooldown.safetensors"}
    assert {path.name for path in folder.iterdir()} == expected, "drafts of the killed are removed"
