"""A process that is killed again and again: in the end every picture is there, made once."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cli.running import environment
from rgtsr import pictures
from rgtsr.pictures import Picture

ROUNDS = int(os.environ.get("RGTSR_KILLS", "12"))
COUNT = 24

PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path
from rgtsr import variants, weights
from rgtsr.jobs import Journal, Line, Order, Wish
from rgtsr.upscaler import Settings, Upscaler

def told(outcome):
    made = outcome.report is not None
    print(outcome.job.target.name, outcome.state, "made" if made else "there", flush=True)

folder, out, journal = map(Path, sys.argv[1:])
tiny = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=0)
upscaler = Upscaler(tiny, runtime="openvino", settings=Settings(tile_px=32))
with Journal(journal) as journal:
    jobs = journal.enter((path, out / path.name, "wish") for path in sorted(folder.iterdir()))
    order = Order(upscaler, Wish())
    Line(journal, lambda _: order, on_progress=lambda *_: None, on_end=told).run(jobs)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        picture = Picture.from_array(rng.integers(0, 256, (90, 120, 3), np.uint8))
        pictures.write(picture, tmp_path / "in" / f"{number:02}.png")
    return tmp_path / "in"


def start(folder: Path, out: str, journal: str) -> subprocess.Popen[str]:
    names = (folder, folder.parent / out, folder.parent / journal)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, names)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


def test_kills_at_random_moments_cost_nothing_but_time(folder: Path) -> None:
    began = time.monotonic()
    with start(folder, "undisturbed", "first.sqlite") as process:
        assert process.communicate()[0].count("made") == COUNT
    usual_s = time.monotonic() - began
    rng, lines = random.Random(0), []
    for _ in range(ROUNDS):
        with start(folder, "out", "jobs.sqlite") as process:
            try:
                told, _ = process.communicate(timeout=usual_s * rng.uniform(0.5, 1))
            except subprocess.TimeoutExpired:
                process.kill()
                told, _ = process.communicate()
        lines += told.splitlines()
        if told.count("done") == COUNT:
            break
    with start(folder, "out", "jobs.sqlite") as process:
        told, _ = process.communicate()
    lines += told.splitlines()
    assert told.count("done") == COUNT
    made = [line.split()[0] for line in lines if line.endswith("made")]
    assert len(made) == len(set(made)), "none was made twice"
    results = {path.name: path.read_bytes() for path in (folder.parent / "out").iterdir()}
    whole = {path.name: path.read_bytes() for path in (folder.parent / "undisturbed").iterdir()}
    assert results == whole, "and no draft is left"
