"""Inference on a GPU: tiles a second of spandrel and of rgtsr, eager, compiled, in less precision.

    python benchmarks/gpu.py                                  # needs CUDA
    python benchmarks/gpu.py --device cpu --variants tiny --sides 32 --batches 1 2 --rounds 1

The same random weights in all; ``compiled`` is what the runtime comes to where tiles are many:
blocks by torch.compile, passes of up to 8 tiles replayed, the way there and home included, with the
graphs that were made and how often they broke. Seconds are medians of synchronised runs;
``psnr_db`` is the peak signal-to-noise ratio to our float32 result. The file is written after each
row.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch._dynamo
from torch._dynamo.utils import counters

from port import spandrel_rgt
from rgtsr import network, variants, weights
from rgtsr.network import RGT
from rgtsr.network.compiling import compile_blocks
from rgtsr.runtimes.replay import TOGETHER, Replay
from rgtsr.runtimes.torch import REDUCED

RESULTS = Path(__file__).parent / "results/gpu.json"

Run = Callable[[torch.Tensor], torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--variants", nargs="+", default=("light", "rgt-s"))
    parser.add_argument("--sides", nargs="+", type=int, default=(128, 192, 256))
    parser.add_argument("--batches", nargs="+", type=int, default=(1, 8, 32))
    parser.add_argument("--without", nargs="*", default=(), help="ways to leave out")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--max-minutes", type=float, default=8.0, help="start nothing after that")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = False  # float32 is float32, as in the runtime
    end = time.monotonic() + 60 * arguments.max_minutes
    rows: list[dict] = []
    report = {"device": device_name(arguments.device), "torch": torch.__version__, "rows": rows}
    for case in cases(arguments):
        for row in measured(*case, arguments, end):
            rows.append(row)
            arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def cases(arguments: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    for variant in arguments.variants:
        for side in arguments.sides:
            for batch in arguments.batches:
                yield variant, side, batch


def measured(
    variant: str, side: int, batch: int, arguments: argparse.Namespace, end: float
) -> Iterator[dict]:
    """One row for each way to run that batch of tiles; none is begun after ``end``."""
    device, rounds = arguments.device, arguments.rounds
    loaded = weights.random(variants.find(variant), seed=0)
    tiles = torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    ours, exact = network.from_weights(loaded).to(device).freeze(), None
    for name, run in ways(ours, spandrel_rgt(loaded).to(device), device):
        if name in arguments.without or time.monotonic() > end:
            continue
        torch._dynamo.reset()  # what was compiled for another case counts, and is limited
        counters.clear()
        row = {"variant": variant, "side_px": side, "batch": batch, "way": name}
        try:
            seconds, peak_mib, made = timed(run, tiles, device, rounds)
        except Exception as error:  # a benchmark goes on with the next way
            yield row | {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
            continue
        exact = made if name == "rgtsr float32" else exact
        row |= {"seconds": seconds, "megapixels_s": batch * side**2 / 1e6 / seconds}
        row |= {"peak_mib": peak_mib, "psnr_db": None if exact is None else psnr(made, exact)}
        if name.endswith("compiled"):
            row |= {"graphs": counters["stats"]["unique_graphs"]}
            row |= {"graph_breaks": counters["graph_break"].total()}
        print(row, flush=True)
        yield row


def ways(ours: RGT, theirs: torch.nn.Module, device: str) -> Iterator[tuple[str, Run]]:
    yield "spandrel float32", theirs
    for name, dtype in {"float32": None, **REDUCED}.items():
        yield f"rgtsr {name}", cast(ours, dtype, device)
        compiled = copy.deepcopy(ours)
        compile_blocks(compiled)
        yield f"rgtsr {name} compiled", replayed(cast(compiled, dtype, device), device)


def cast(run: Run, dtype: torch.dtype | None, device: str) -> Run:
    def reduced(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, dtype, enabled=dtype is not None, cache_enabled=False):
            return run(x).float()

    return reduced


def replayed(run: Run, device: str) -> Run:
    """Recorded for the tiles that come first; the way there and home is part of it."""
    made: list[Replay] = []

    def again(x: torch.Tensor) -> torch.Tensor:
        if not made:
            streams = torch.get_device_module(device)
            shape = (min(len(x), TOGETHER), *x.shape[1:])
            made.append(Replay(run, shape, torch.device(device), streams))
        return torch.from_numpy(made[0](x.cpu().numpy())).to(device)

    return again


def timed(
    run: Run, tiles: torch.Tensor, device: str, rounds: int
) -> tuple[float, float, torch.Tensor]:
    """Median seconds, MiB at the most, and the result."""
    synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None
    seconds: list[float] = []
    with torch.inference_mode():
        for _ in range(3):
            made = run(tiles).clone()
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        for _ in range(rounds):
            synchronize()
            started = time.perf_counter()
            run(tiles)
            synchronize()
            seconds.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    return statistics.median(seconds), peak / (1 << 20), made


def psnr(made: torch.Tensor, exact: torch.Tensor) -> float | None:
    error = float((made - exact).square().mean())
    return round(-10 * float(np.log10(error)), 2) if error else None


def device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "CPU"


if __name__ == "__main__":
    main()
