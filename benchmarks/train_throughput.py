"""One training step: ours against spandrel's port of RGT, and against what the machine could do.

    python benchmarks/train_throughput.py                     # on a CPU; --device cuda on a GPU

Each side is a process of its own, both stay alive and take steps in turn: ours as ``rgtsr train``
runs it (crops of photos, bf16 where the hardware has it, tcmalloc where it is installed), the port
as it is written: eager, float32, Adam, a batch that is there already. Medians; ratios are those of
one run. The roofline is the larger of two times: counted operations over the rate of large
products, and weights, gradients and moments (read and written once) over the rate of copies.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from port import spandrel_rgt
from rgtsr import variants, weights
from rgtsr.network import RGT
from rgtsr.pictures.pairs import Pair
from rgtsr.training import recipe
from rgtsr.training.crops import Crops
from rgtsr.training.learner import Learner

RESULTS = Path(__file__).parent / "results/train_throughput.json"
VARIANTS = ("light", "baseline", "medium", "rgt-s")
STATE_COPIES = 8  # of all weights a step: gradient, weight, two moments, average, read or written
PRODUCT_SIDE = 3072
COPY_NUMBERS = 1 << 26
WARM_UP = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--variants", nargs="+", default=VARIANTS)
    parser.add_argument("--batch", type=int, default=None, help="default: 4 on a CPU, 32 on a GPU")
    parser.add_argument("--patch", type=int, default=64, help="side in LR px")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="our blocks by torch.compile")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--child", nargs=2, metavar=("SIDE", "VARIANT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.batch = arguments.batch or (4 if arguments.device == "cpu" else 32)
    if arguments.child is not None:
        serve(*arguments.child, arguments)
        return
    rates = {name: product_rate(kind, arguments.device) for name, kind in PRECISIONS.items()}
    copies = copy_rate(arguments.device)
    report: dict = {
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch": arguments.batch,
        "patch_px": arguments.patch,
        "compiled": arguments.compile,
        "product_flop_s": rates,
        "copy_bytes_s": copies,
        "rows": [],
    }
    for name in arguments.variants:
        report["rows"].append(measured(name, arguments, rates, copies))
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}


def measured(
    variant: str, arguments: argparse.Namespace, rates: dict[str, float], copies: float
) -> dict:
    """One row: seconds a step of both, what it takes at least, and how we compare."""
    seconds: dict[str, list[float]] = {"port": [], "ours": []}
    children = {side: child(side, variant, arguments) for side in seconds}
    told = {side: json.loads(process.stdout.readline()) for side, process in children.items()}
    for _ in range(arguments.rounds):
        for side, process in children.items():
            process.stdin.write("step\n")
            process.stdin.flush()
            seconds[side].append(float(process.stdout.readline()))
    for process in children.values():
        process.communicate()
    port, ours = (statistics.median(seconds[side]) for side in ("port", "ours"))
    flop, state_bytes = told["ours"]["flop"], 4 * STATE_COPIES * told["ours"]["parameters"]
    roofline = max(flop / rates[told["ours"]["precision"]], state_bytes / copies)
    row = {
        "variant": variant,
        "port_s": port,
        "ours_s": ours,
        "ratio": port / ours,
        "spread": {side: (max(s) - min(s)) / statistics.median(s) for side, s in seconds.items()},
        "precision": told["ours"]["precision"],
        "tcmalloc": told["ours"]["tcmalloc"],
        "gflop": flop / 1e9,
        "roofline_s": roofline,
        "of_roofline": roofline / ours,
    }
    print(
        f"{variant:8} port {port:.3f} s, ours {ours:.3f} s: {port / ours:.2f}x;"
        f" {flop / 1e9:.0f} GFLOP, roofline {roofline:.3f} s, {100 * roofline / ours:.0f} % of it",
        flush=True,
    )
    return row


def child(side: str, variant: str, arguments: argparse.Namespace) -> subprocess.Popen[str]:
    options = ("--device", arguments.device, "--batch", str(arguments.batch))
    options += ("--patch", str(arguments.patch), *(["--compile"] * arguments.compile))
    options += ("--child", side, variant)
    environment = dict(os.environ)
    if side == "ours" and (library := find_library("tcmalloc_minimal")):
        environment["LD_PRELOAD"] = library
    return subprocess.Popen(
        [sys.executable, __file__, *options],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def serve(side: str, variant: str, arguments: argparse.Namespace) -> None:
    """Say what this side is, then take a step for every line and say how long it took."""
    step, about = (ours if side == "ours" else port)(variant, arguments)
    for _ in range(WARM_UP):
        step()
    print(json.dumps(about), flush=True)
    synchronize = torch.cuda.synchronize if arguments.device == "cuda" else lambda: None
    for _ in sys.stdin:
        synchronize()
        started = time.perf_counter()
        step()
        synchronize()
        print(time.perf_counter() - started, flush=True)


def ours(variant: str, arguments: argparse.Namespace):
    keys = (f"variant={variant}", f"batch={arguments.batch}", f"compile={arguments.compile}")
    chosen = recipe.load("light-x2", keys)
    network = RGT(chosen.network_variant).to(arguments.device)
    learner = Learner(network, chosen)
    large = np.random.default_rng(0).integers(256, size=(2, 800, 800, 3), dtype=np.uint8)
    crops = Crops(
        (Pair("noise", photo, photo[::2, ::2]) for photo in large),
        batch=chosen.batch,
        patch_px=arguments.patch,
        permute_rgb=True,
        seed=0,
        device=arguments.device,
    )
    with FlopCounterMode(display=False) as counter:
        learner.train_step(*crops.draw(0), rate=0.0)
    about = {
        "flop": counter.get_total_flops(),
        "parameters": sum(p.numel() for p in learner.parameters.values()),
        "precision": "bf16" if learner.reduced else "float32",
        "tcmalloc": "tcmalloc" in os.environ.get("LD_PRELOAD", ""),
    }
    return lambda: learner.train_step(*crops.draw(learner.step), rate=1e-6), about


def port(variant: str, arguments: argparse.Namespace):
    loaded = weights.random(variants.find(variant), seed=0)
    network = spandrel_rgt(loaded).to(arguments.device).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-6, (0.9, 0.99))
    shape = (arguments.batch, 3, arguments.patch, arguments.patch)
    lr = torch.rand(shape, device=arguments.device)
    hr = torch.rand((*shape[:2], *(2 * side for side in shape[2:])), device=arguments.device)

    def step() -> None:
        loss = F.l1_loss(network(lr), hr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step, {}


def product_rate(kind: torch.dtype, device: str) -> float:
    """The best FLOP/s of a large square product."""
    a, b = (torch.rand(PRODUCT_SIDE, PRODUCT_SIDE, device=device).to(kind) for _ in range(2))
    return 2 * PRODUCT_SIDE**3 / best_seconds(lambda: a @ b, device)


def copy_rate(device: str) -> float:
    """Bytes read and written a second by a large copy."""
    source = torch.ones(COPY_NUMBERS, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / best_seconds(lambda: target.copy_(source), device)


def best_seconds(run, device: str, rounds: int = 7) -> float:
    synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None
    seconds = []
    for _ in range(rounds):
        synchronize()
        started = time.perf_counter()
        run()
        synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
