"""Start-up: ``rgtsr upscale`` of a 512x512 photo as a whole process, and ``rgtsr --help``.

    python benchmarks/start_up.py

From the start of the process to its end: the very first run, and with compiled graphs in the cache;
beside them the time that the network itself takes for the same tiles in a process that is warm.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rgtsr import Picture, Upscaler, pictures, weights

RESULTS = Path(__file__).parent / "results/start_up.json"
SIDE_PX = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--photo", type=Path, default=Path("demo/demo-brushes.png"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=SIDE_PX, help="of the picture, px")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = square(arguments.photo, Path(folder), arguments.side)
        entry = weights.find(weights.DEFAULT_NAME)
        row = {"model": entry.name, "sha256": entry.sha256, "side_px": arguments.side}
        row |= measured(source, Path(folder), arguments.rounds)
    print(row)
    arguments.json.write_text(json.dumps(row, indent=1) + "\n")


def square(photo: Path, folder: Path, side: int) -> Path:
    """A square of real pixels: the photo, mirrored as far as needed."""
    pixels = pictures.read(photo).pixels_HWC
    spare = [(0, max(0, side - length)) for length in pixels.shape[:2]]
    path = folder / "photo.png"
    pictures.write(
        Picture.from_array(np.pad(pixels, (*spare, (0, 0)), mode="symmetric")[:side, :side]), path
    )
    return path


def measured(source: Path, folder: Path, rounds: int) -> dict[str, float]:
    """Seconds of everything, taken in turn."""
    cache = folder / "cache"
    upscale = [*RGTSR, "upscale", str(source), "-o", str(folder / "out.png"), "--overwrite"]
    os.environ["RGTSR_CACHE_DIR"] = str(cache)
    first = seconds(upscale)
    warm, compute, help_ = [], [], []
    upscaler, picture = Upscaler(), pictures.read(source)
    upscaler.upscale(picture)
    for _ in range(rounds):
        started = time.perf_counter()
        upscaler.upscale(picture)
        compute.append(time.perf_counter() - started)
        warm.append(seconds(upscale))
        help_.append(seconds([*RGTSR, "--help"]))
    return {
        "first_s": first,
        "warm_s": statistics.median(warm),
        "compute_s": statistics.median(compute),
        "help_s": statistics.median(help_),
    }


RGTSR = (sys.executable, "-m", "rgtsr")


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
