"""Does a long run grow? Resident memory over 5,000 steps with validations and checkpoints between.

    python benchmarks/training_memory.py PHOTOS

A ``tiny`` network on patches of 64 px, batch 1: what leaks, leaks by steps, not by size. Prints the
memory now and then and writes results/training_memory.json.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch

from rgtsr.training import Callbacks, fit, recipe
from rgtsr.training.run import Step

RESULTS = Path(__file__).parent / "results/training_memory.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--every", type=int, default=250)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    keys = ("variant=tiny", "batch=1", "validate_minutes=0.5", "checkpoint_minutes=0.2")
    folder = arguments.photos
    places = (f"photos={folder}", f"holdout={folder}", f"steps={arguments.steps}")
    resident_mib: dict[int, int] = {}
    validated: list[int] = []

    def note(step: Step) -> None:
        if step.step % arguments.every == 0:
            resident_mib[step.step] = resident()
            print(f"step {step.step}: {resident_mib[step.step]} MiB", flush=True)

    callbacks = Callbacks(on_step=note, on_point=lambda point, _: validated.append(point.step))
    with tempfile.TemporaryDirectory() as run:
        fit(recipe.load("small-x2", (*keys, *places)), Path(run), device="cpu", callbacks=callbacks)
    report = {"torch": torch.__version__, "validated": validated, "resident_mib": resident_mib}
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def resident() -> int:
    """MiB of this process that are in memory."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) >> 10


if __name__ == "__main__":
    main()
