"""Inference on this machine's CPU, against spandrel's port of RGT in eager torch.

    python benchmarks/inference.py --json benchmarks/results/inference.json
    python benchmarks/inference.py --variants light --sides 128 --precisions float32
    python benchmarks/inference.py --variants --whole rgt-s        # 750 x 1000 in one piece

The same weights in both, the packaged ones where a variant has some, else random ones; one tile, in
turn in one process, after a warm-up of each: medians of wall and CPU time. Peak memory and start-up
come from processes that run one of the two alone.
Needs the extra ``dev`` and spandrel (see the Makefile).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

VARIANTS = ("small", "light", "rgt-s")
SIDES = (64, 128, 256)
START_UP_TILE_PX = 128
WHOLE_PX = (750, 1000)
MIB = 1 << 20

Run = Callable[[], object]


def main() -> None:
    arguments = parsed()
    if arguments.child:
        print(json.dumps(CHILDREN[arguments.child](arguments)))
        return
    report = {"machine": machine(), "tiles": [], "start_up": [], "whole": []}
    with tempfile.TemporaryDirectory() as folder:
        for variant in arguments.variants:
            arguments.weights = make_weights(variant, Path(folder))
            for side in arguments.sides:
                report["tiles"] += tile_rows(arguments, variant, side)
            report["start_up"].append(start_up_row(arguments, variant, Path(folder)))
        for variant in arguments.whole:
            arguments.weights = make_weights(variant, Path(folder))
            report["whole"].append(whole_row(arguments, variant))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--variants", nargs="*", default=VARIANTS)
    parser.add_argument("--whole", nargs="*", default=(), help="variants to run 750 x 1000 whole")
    parser.add_argument("--sides", nargs="+", type=int, default=SIDES, help="of the tile, px")
    parser.add_argument("--precisions", nargs="+", default=("float32", "bf16"))
    parser.add_argument("--rounds", type=int, default=7, help="timed runs of each")
    parser.add_argument("--json", type=Path)
    for hidden in ("--child", "--weights", "--side", "--precision"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    return parser.parse_args()


def tile_rows(arguments: argparse.Namespace, variant: str, side: int) -> list[dict]:
    """One row per precision, printed as soon as it is measured."""
    settings = {"side": str(side), "precision": " ".join(arguments.precisions)}
    timed = child(arguments, "time", **settings)
    theirs_mib = child(arguments, "alone", side=str(side), precision="port")["peak_mib"]
    rows = []
    for precision in arguments.precisions:
        ours_mib = child(arguments, "alone", side=str(side), precision=precision)["peak_mib"]
        row = {"variant": variant, "side_px": side, "precision": precision}
        row |= {"ours": timed[precision], "spandrel": timed["port"]}
        row |= {f"{key}_ratio": round(timed["port"][key] / timed[precision][key], 2) for key in
                ("wall_s", "cpu_s")}  # fmt: skip
        row["peak_mib"] = {"ours": ours_mib, "spandrel": theirs_mib}
        rows.append(row)
        print(
            f"{variant:6} {side:4} px {precision:8}"
            f"  wall {row['ours']['wall_s']:7.3f} s, {row['wall_s_ratio']:5.2f} x as fast"
            f"  CPU {row['ours']['cpu_s']:7.3f} s, {row['cpu_s_ratio']:5.2f} x less"
            f"  peak {ours_mib:6.0f} of {theirs_mib:6.0f} MiB",
            flush=True,
        )
    return rows


def start_up_row(arguments: argparse.Namespace, variant: str, folder: Path) -> dict:
    """Process start to the first tile done: spandrel, ours cold, ours with its cache filled."""
    cache = folder / f"cache-{variant}"
    settings = {"side": str(START_UP_TILE_PX), "environment": {"RGTSR_CACHE_DIR": str(cache)}}

    def seconds(precision: str) -> float:
        started = time.perf_counter()
        child(arguments, "alone", precision=precision, **settings)
        return time.perf_counter() - started

    row = {"variant": variant, "side_px": START_UP_TILE_PX, "cold_s": seconds("float32")}
    row["warm_s"] = statistics.median(seconds("float32") for _ in range(3))
    row["spandrel_s"] = statistics.median(seconds("port") for _ in range(3))
    row["cache_mb"] = sum(f.stat().st_size for f in cache.rglob("*") if f.is_file()) / 1e6
    print(
        f"{variant:6} first tile: cold {row['cold_s']:.2f} s, warm {row['warm_s']:.2f} s,"
        f" spandrel {row['spandrel_s']:.2f} s; cache {row['cache_mb']:.0f} MB",
        flush=True,
    )
    return row


def whole_row(arguments: argparse.Namespace, variant: str) -> dict:
    """A picture in one piece through the torch runtime: seconds and peak memory."""
    height, width = WHOLE_PX
    alone = child(arguments, "alone", side=f"{height}x{width}", precision="torch")
    print(
        f"{variant:6} {height} x {width} whole, torch: {alone['wall_s']:.0f} s,"
        f" peak {alone['peak_mib'] / 1024:.2f} GiB",
        flush=True,
    )
    return {"variant": variant, "height_px": height, "width_px": width} | alone


def child(
    arguments: argparse.Namespace, which: str, *, environment: dict | None = None, **settings: str
) -> dict:
    """What a fresh process of this script measures."""
    options = {"weights": arguments.weights, "rounds": str(arguments.rounds)} | settings
    command = [sys.executable, __file__, "--child", which]
    command += [part for name, value in options.items() for part in (f"--{name}", value)]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
    )
    return json.loads(done.stdout)


def time_in_turn(arguments: argparse.Namespace) -> dict:
    """Median seconds of each, run in turn."""
    names = ("port", *arguments.precision.split())
    runs = {name: opened(arguments, name) for name in names}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for round_ in range(arguments.rounds + 1):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if round_:
                figures[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: summary(values) for name, values in figures.items()}


def summary(values: list[tuple[float, float]]) -> dict:
    walls, cpus = zip(*values, strict=True)
    return {
        "wall_s": statistics.median(walls),
        "wall_s_min": min(walls),
        "wall_s_max": max(walls),
        "cpu_s": statistics.median(cpus),
    }


def alone(arguments: argparse.Namespace) -> dict:
    """One tile in a process of its own, and the most memory that it held."""
    run, started = opened(arguments, arguments.precision), time.perf_counter()
    run()
    wall_s = time.perf_counter() - started
    peak_mib = peak_bytes() / MIB
    return {"wall_s": wall_s, "peak_mib": peak_mib}


def peak_bytes() -> int:
    """The most that this process held so far."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource  # POSIX alone

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


CHILDREN = {"time": time_in_turn, "alone": alone}


def opened(arguments: argparse.Namespace, name: str) -> Run:
    """A call that enlarges one tile: the ``port``, ours in ``torch``, or ours in that precision."""
    from rgtsr import runtimes, weights

    loaded = weights.load(arguments.weights)
    height, width = map(int, (arguments.side.split("x") * 2)[:2])
    tile = np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)
    if name != "port":
        options = {"name": "torch"} if name == "torch" else {"precision": name}
        runtime = runtimes.open_runtime(loaded, **options)
        return lambda: runtime.upscale_tiles(tile)
    import torch

    from port import spandrel_rgt

    network, x = spandrel_rgt(loaded), torch.from_numpy(tile)

    @torch.inference_mode()
    def run() -> torch.Tensor:
        return network(x)

    return run


def make_weights(variant: str, folder: Path) -> str:
    """A file of the authors' kind."""
    from rgtsr import variants, weights

    path, packaged = folder / f"{variant}.pth", f"{variant}-x2"
    is_packaged = packaged in {entry.name for entry in weights.listing()}
    found = (
        weights.load(packaged) if is_packaged else weights.random(variants.find(variant), seed=0)
    )
    weights.convert(found, path, to="original")
    return str(path)


def machine() -> dict:
    import openvino
    import torch

    from rgtsr.runtimes import memory
    from rgtsr.runtimes.openvino import core

    return {
        "processor": core().get_property("CPU", "FULL_DEVICE_NAME"),
        "cores": memory.cores(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "openvino": openvino.__version__,
    }


if __name__ == "__main__":
    main()
