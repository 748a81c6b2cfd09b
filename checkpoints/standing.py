"""The standing training: goes on with the first run of the queue that is not done.

    make standing                 # until the queue is done, or Ctrl-C
    python checkpoints/standing.py checkpoints/queue.yml --runs runs --photos ../shared/corpus

A run of the queue is a recipe, keys of it, and ``until``: how many patches its network is to have
seen. Whenever it stops, ``checkpoints/NAME.safetensors`` holds its raw weights in float16 and
``NAME.json`` its patches, minutes and curve: small enough to be committed. The full checkpoint in
``runs`` continues it exactly; where that is not there, or is older, it starts from the raw weights
with a warm-up.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors import safe_open

from rgtsr import weights
from rgtsr.training import history
from rgtsr.weights import Card, Weights

CHECKPOINT = "checkpoint.safetensors"
BASE = "base.json"  # what the run had behind it when its folder was made
NICE = 19
BATCH = 4
NOTHING = {"patches": 0, "minutes": 0.0, "curve": []}


@dataclass(frozen=True)
class Entry:
    """One run of the queue, and where its files lie."""

    name: str
    recipe: str
    until: int
    keys: dict[str, Any]
    kept: Path
    folder: Path

    @property
    def raw(self) -> Path:
        return self.kept / f"{self.name}.safetensors"

    @property
    def story(self) -> Path:
        return self.kept / f"{self.name}.json"

    def behind(self) -> dict[str, Any]:
        """Patches, minutes and curve of what is kept."""
        return json.loads(self.story.read_text()) if self.story.exists() else NOTHING


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("queue", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--photos", type=Path, required=True, help="a corpus: train*, holdout")
    parser.add_argument("--max-minutes", type=float, help="stop then, to go on later")
    parser.add_argument("--processes", type=int, default=1, help="that share a batch and the cores")
    arguments = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(NICE)  # and so whatever is started here
    for entry in entries(arguments.queue, arguments.runs):
        keep(entry)  # what a killed run left
        while entry.behind()["patches"] < entry.until:
            status = trained(
                entry, arguments.photos, arguments.max_minutes, processes=arguments.processes
            )
            keep(entry)
            if status or arguments.max_minutes:
                return status
    print("the queue is done")
    return 0


def entries(queue: Path, runs: Path) -> list[Entry]:
    return [
        Entry(
            row["name"],
            row["recipe"],
            row["until"],
            row.get("keys", {}),
            queue.parent,
            runs / row["name"],
        )
        for row in yaml.safe_load(queue.read_text())
    ]


def trained(entry: Entry, photos: Path, max_minutes: float | None, *, processes: int) -> int:
    """Go on with a run until it is done or stopped; returns the exit status of ``rgtsr train``."""
    torchrun, threads = (), {}
    if processes > 1:
        torchrun = ("torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m")
        threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes))}
    behind, here = entry.behind(), reached(entry)
    if here is None or here["patches"] < behind["patches"]:
        shutil.rmtree(entry.folder, ignore_errors=True)
        entry.folder.mkdir(parents=True)
        (entry.folder / BASE).write_text(json.dumps(behind))
        arguments = [entry.recipe, *overrides(entry, behind, photos)]
        print(f"{entry.name}: starts after {behind['patches']} patches", flush=True)
    else:
        base = json.loads((entry.folder / BASE).read_text())
        arguments = ["--resume", entry.folder / CHECKPOINT, f"steps={steps(entry, base)}"]
        print(f"{entry.name}: goes on after {here['patches']} patches", flush=True)
    program = [sys.executable, "-P", "-m", *torchrun, "rgtsr", "train"]
    with subprocess.Popen(
        [*map(str, [*program, *arguments, "-o", entry.folder]), "--device", "auto"],
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"} | threads,
    ) as process:
        asked: list[int] = []

        def stop(number: int, _frame: object) -> None:
            asked.append(number)
            process.send_signal(signal.SIGTERM)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop)
        try:
            process.wait(None if max_minutes is None else 60 * max_minutes)
        except subprocess.TimeoutExpired:
            stop(signal.SIGTERM, None)
        status = process.wait()
    return 128 + asked[0] if asked and not max_minutes else status


def steps(entry: Entry, behind: dict[str, Any]) -> int:
    """How many a run takes that begins behind so many patches."""
    return -(-(entry.until - behind["patches"]) // entry.keys.get("batch", BATCH))


def overrides(entry: Entry, behind: dict[str, Any], photos: Path) -> list[str]:
    """The recipe's keys for a run from what is kept, or from its own start."""
    folders = sorted(path for path in photos.glob("train*") if path.is_dir())
    keys = {"batch": BATCH, "photos": ",".join(map(str, folders)), "holdout": photos / "holdout"}
    keys |= entry.keys
    keys["steps"] = steps(entry, behind)
    if behind["patches"]:
        keys["pretrained"] = entry.raw
    return [f"{key}={value}" for key, value in keys.items()]


def reached(entry: Entry) -> dict[str, Any] | None:
    """Patches, minutes and curve of the checkpoint on this disk; None without one."""
    path = entry.folder / CHECKPOINT
    if not path.exists():
        return None
    base = json.loads((entry.folder / BASE).read_text())
    with safe_open(path, framework="np") as file:
        header = file.metadata()
    batch, past = json.loads(header["recipe"])["batch"], history.from_header(header)
    curve = [
        {
            "patches": base["patches"] + point.step * batch,
            "minutes": round(base["minutes"] + point.minutes, 1),
            "holdout_psnr_y": round(point.holdout_psnr_y, 4),
        }
        for point in past.curve
    ]
    return {
        "patches": base["patches"] + int(header["step"]) * batch,
        "minutes": round(base["minutes"] + past.elapsed_s / 60, 1),
        "curve": base["curve"] + curve,
    }


def keep(entry: Entry) -> None:
    """Raw weights in float16, and the story, if the disk has newer ones than what is kept."""
    here = reached(entry)
    if here is None or here["patches"] <= entry.behind()["patches"]:
        return
    averaged = weights.load(entry.folder / "weights.safetensors")
    with safe_open(entry.folder / CHECKPOINT, framework="np") as file:
        tensors = {name: file.get_tensor(f"network.{name}") for name in averaged.tensors}
    card = Card(entry.name, recipe=averaged.card.recipe, minutes=here["minutes"])
    raw = Weights(averaged.variant, {n: np.float32(t) for n, t in tensors.items()}, card)
    weights.save(raw, entry.raw, dtype="float16")
    entry.story.write_text(json.dumps(here, indent=1) + "\n")
    print(f"{entry.raw}: {here['patches']} patches", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
