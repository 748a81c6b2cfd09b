"""Memory: measures what runtimes take for tiles, and fits the model that plans with it.

    python benchmarks/memory.py --write           # measures, fits, writes both files
    python benchmarks/memory.py --refit --write

Each measurement is a process of its own: the most that it held while it compiled and ran one tile,
beyond what it held before.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr import runtimes, variants, weights
from rgtsr.runtimes import memory
from rgtsr.weights import Weights

TARGET = Path(__file__).parents[1] / "src/rgtsr/runtimes/memory.json"
MEASURED = Path(__file__).parent / "results/memory.json"
KINDS = ("openvino float32", "openvino bf16", "onnxruntime float32", "torch float32", "torch bf16",
         "bounded float32", "banded float32")  # fmt: skip
CASES = (
    *((variant, 2, side) for variant in ("small", "light", "rgt-s") for side in (32, 64, 128, 256)),
    *((variant, 4, side) for variant in ("small", "light") for side in (64, 192)),
    ("medium", 2, 128),
    ("small", 3, 128),
)
BANDED_WIDTH_PX = 512
MIB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--write", action="store_true", help="what was fitted and measured")
    parser.add_argument("--refit", action="store_true", help="to what was measured before")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measured(*arguments.child)))
        return
    coefficients = json.loads(TARGET.read_text())["coefficients"]
    rows = json.loads(MEASURED.read_text())["rows"]
    for kind in arguments.kinds:
        own = [r for r in rows if r["kind"] == kind]
        if not arguments.refit:
            own = [row(kind, *case) for case in CASES]
        coefficients[kind] = fitted(kind, own)
        rows = [r for r in rows if r["kind"] != kind] + own
        if arguments.write:
            TARGET.write_text(json.dumps({"coefficients": coefficients}, indent=1) + "\n")
            MEASURED.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def row(kind: str, variant: str, scale: int, side: int) -> dict:
    command = [sys.executable, __file__, "--child", kind, variant, str(scale), str(side)]
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"RGTSR_CACHE_DIR": cache}
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment
        )
    found = json.loads(done.stdout)
    return {"kind": kind, "variant": variant, "scale": scale, "side_px": side} | found


def measured(kind: str, variant: str, scale: str, side: str) -> dict:
    """MiB before and at the most."""
    name, precision = kind.split()
    loaded = weights.random(variants.find(variant, scale=int(scale)), seed=0)
    opened = {"bounded": bounded_torch, "banded": banded_openvino}.get(name)
    run = opened(loaded, int(side)) if opened else plain(loaded, int(side), name, precision)
    before = memory.used_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    run()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) * 1024
    return {"before_mib": round(before / MIB, 1), "peak_mib": round(peak / MIB, 1)}


def plain(loaded: Weights, side: int, name: str, precision: str) -> Callable[[], object]:
    runtime = runtimes.open_runtime(loaded, name=name, precision=precision)
    tile = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    return lambda: runtime.upscale_tiles(tile)


def bounded_torch(loaded: Weights, side: int) -> Callable[[], object]:
    """Bands of ``side`` rows of a picture that is wider and twice as high."""
    import torch

    from rgtsr import network
    from rgtsr.network import bounded

    net = network.from_weights(loaded)
    picture = torch.rand(1, 3, 2 * side, BANDED_WIDTH_PX)
    return lambda: bounded.forward(net, picture, band_px=side)


def banded_openvino(loaded: Weights, side: int) -> Callable[[], object]:
    """Such bands through graphs in OpenVINO."""
    from rgtsr.graph import banded
    from rgtsr.runtimes.openvino import core, opened

    core()
    picture = np.random.default_rng(0).random((1, 3, 2 * side, BANDED_WIDTH_PX), np.float32)
    return lambda: banded.enlarged(loaded, picture, band_px=side, open_graph=opened)


def fitted(kind: str, rows: list[dict]) -> list[float]:
    """Coefficients with the smallest largest error, relative to the peak; prints how they fit."""
    from rgtsr.graph import banded
    from rgtsr.network import bounded

    cases = [(variants.find(r["variant"], scale=r["scale"]), r["side_px"]) for r in rows]
    before = np.array([r["before_mib"] for r in rows])
    peak = np.array([r["peak_mib"] for r in rows])
    if kind.startswith(("bounded", "banded")):
        shapes = [(1, 3, side, BANDED_WIDTH_PX) for _, side in cases]
        pictures = [(1, 3, 2 * side, BANDED_WIDTH_PX) for _, side in cases]
        held_bytes = (bounded if kind.startswith("bounded") else banded).held_bytes
        held = [held_bytes(c[0], shape) for c, shape in zip(cases, pictures, strict=True)]
        before = before + np.array(held) / MIB
    else:
        shapes = [(1, 3, side, side) for _, side in cases]
    features = (
        np.array([memory.features(c[0], s) for c, s in zip(cases, shapes, strict=True)]) / MIB
    )
    solution = best(features / peak[:, None], (peak - before) / peak)
    errors = (before + features @ solution) / peak - 1
    for r, error in zip(rows, errors, strict=True):
        r["model_error"] = round(float(error), 3)
    worst = float(np.abs(errors).max())
    print(
        f"{kind:20} {np.round(solution, 2).tolist()}  worst error {worst:.1%} of the peak",
        flush=True,
    )
    return np.round(solution, 3).tolist()


def best(features: NDArray, wanted: NDArray) -> NDArray:
    """The non-negative coefficients with the smallest largest error, over subsets of features."""
    columns = range(features.shape[1])
    found, least = np.zeros(len(columns)), np.inf
    for count in range(1, len(columns) + 1):
        for chosen in itertools.combinations(columns, count):
            for part in reweighted(features[:, chosen], wanted):
                worst = float(np.abs(features[:, chosen] @ part - wanted).max())
                if (part >= 0).all() and worst < least:
                    least, found = worst, np.zeros(len(columns))
                    found[list(chosen)] = part
    return found


def reweighted(features: NDArray, wanted: NDArray) -> Iterator[NDArray]:
    """Least squares that look at large errors more and more (Lawson's algorithm)."""
    weights = np.ones(len(wanted))
    for _ in range(50):
        root = np.sqrt(weights)
        part, *_ = np.linalg.lstsq(features * root[:, None], wanted * root)
        yield part
        weights *= np.abs(features @ part - wanted) + 1e-9
        weights /= weights.sum()


if __name__ == "__main__":
    main()
