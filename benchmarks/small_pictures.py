"""Small pictures of many sizes against as many pixels in one size, with nothing compiled before.

    python benchmarks/small_pictures.py

As many pixels, once as pictures of random sizes, once as equal squares, each in its own process
with an empty cache: whole seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rgtsr import Picture, Upscaler, weights

RESULTS = Path(__file__).parent / "results/small_pictures.json"
SIDES_PX = (16, 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--model", default=weights.DEFAULT_NAME)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(seconds(arguments.child, arguments.count, arguments.model))
        return
    sha256 = weights.find(arguments.model).sha256
    report = {"model": arguments.model, "sha256": sha256, "count": arguments.count}
    report |= {which: child(which, arguments) for which in ("equal_s", "random_s")}
    report["ratio"] = report["random_s"] / report["equal_s"]
    print(report)
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def child(which: str, arguments: argparse.Namespace) -> float:
    options = ("--child", which, "--count", str(arguments.count), "--model", arguments.model)
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, __file__, *options],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"RGTSR_CACHE_DIR": cache},
        )
    return float(done.stdout)


def seconds(which: str, count: int, model: str) -> float:
    rng = np.random.default_rng(0)
    sizes = rng.integers(SIDES_PX[0], SIDES_PX[1] + 1, (count, 2))
    if which == "equal_s":
        side = round(float(np.sqrt(sizes.prod(1).mean())))
        sizes = np.full((count, 2), side)
    noise = rng.integers(0, 256, (SIDES_PX[1], SIDES_PX[1], 3), np.uint8)
    started = time.perf_counter()
    with Upscaler(model) as upscaler:
        for height, width in sizes:
            upscaler.upscale(Picture.from_array(noise[:height, :width]))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
