"""Which runtime is fastest here: measured once a machine, network and tile, then remembered.

Knows runtimes by their door alone. What is remembered lies beside the compiled graphs.
"""

import contextlib
import functools
import hashlib
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from platform import machine, node

import numpy as np

from rgtsr import atomic, runtimes
from rgtsr.errors import RgtsrError
from rgtsr.runtimes import cache
from rgtsr.weights import Weights

ROUNDS = 3
AT_WORK = ", at work"
HOPELESS = 2.0  # times slower than the best so far: one run is enough

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Timing:
    """One runtime on one device: median seconds of one tile, once it is warm."""

    runtime: str
    device: str
    precision: str
    seconds: float


def known(
    weights: Weights, precision: str, shape_NCHW: Shape, device: str = "auto"
) -> Timing | None:
    """The fastest of those on that device, if measured on this machine with these versions."""
    timings = remembered(weights, precision, shape_NCHW, device)
    return min(timings, key=lambda timing: timing.seconds, default=None)


def remembered(
    weights: Weights, precision: str, shape_NCHW: Shape, device: str = "auto"
) -> list[Timing]:
    """All of those on that device that were measured on this machine with these versions."""
    try:
        rows = json.loads(cache.place(_name(weights, precision, shape_NCHW, device)).read_text())
        return [Timing(**row) for row in rows if row["runtime"] in runtimes.NAMES]
    except (OSError, ValueError, TypeError, KeyError):  # never measured, or damaged
        return []


def noted(weights: Weights, precision: str, shape_NCHW: Shape, runtime: str) -> Timing | None:
    """What a runtime's tiles took while pictures were enlarged: no comparison, but a forecast."""
    timings = remembered(weights, precision, shape_NCHW, f"{runtime}{AT_WORK}")
    return timings[0] if timings else None


def note(weights: Weights, shape_NCHW: Shape, timing: Timing) -> None:
    """Remember that for ``noted``."""
    device = f"{timing.runtime}{AT_WORK}"
    _remember(weights, timing.precision, shape_NCHW, device, [timing])


def measure(
    weights: Weights,
    precision: str,
    shape_NCHW: Shape,
    *,
    device: str = "auto",
    max_memory_bytes: int | None = None,
) -> list[Timing]:
    """Time every runtime that is installed, fastest first, and remember it.

    What does not fit into the limit is left out.
    """
    tile_NCHW = np.random.default_rng(0).random(shape_NCHW, dtype=np.float32)
    timings: list[Timing] = []
    for name, place in candidates(device):
        best = min((timing.seconds for timing in timings), default=float("inf"))
        with contextlib.suppress(RgtsrError):  # not this precision, or not enough memory
            runtime = runtimes.open_runtime(
                weights,
                name=name,
                precision=precision,
                device=place,
                max_memory_bytes=max_memory_bytes,
            )
            seconds = _seconds(runtime, tile_NCHW, best)
            timings.append(Timing(name, place, precision, seconds))
    timings.sort(key=lambda timing: timing.seconds)
    if max_memory_bytes is None:
        _remember(weights, precision, shape_NCHW, device, timings)
    return timings


def _remember(
    weights: Weights, precision: str, shape_NCHW: Shape, device: str, timings: Sequence[Timing]
) -> None:
    with contextlib.suppress(OSError):
        path = cache.place(_name(weights, precision, shape_NCHW, device), make=True)
        with atomic.replacing(path) as draft:
            draft.write_text(json.dumps([asdict(timing) for timing in timings], indent=1))


def candidates(device: str = "auto") -> Iterator[tuple[str, str]]:
    """Names and devices of everything that could run a network here."""
    for name in runtimes.NAMES:
        if runtimes.is_installed(name):
            if device != "gpu":
                yield name, "cpu"
            if name == "torch" and device != "cpu" and _torch_has_gpu():
                yield name, "gpu"


def _seconds(runtime: runtimes.Runtime, tile_NCHW: runtimes.Floats, best: float) -> float:
    runtime.upscale_tiles(tile_NCHW)  # compiles
    seconds: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        runtime.upscale_tiles(tile_NCHW)
        seconds.append(time.perf_counter() - started)
        if seconds[0] > HOPELESS * best:
            break
    return statistics.median(seconds)


def _torch_has_gpu() -> bool:
    from rgtsr.runtimes.torch import gpu_device

    return gpu_device() is not None


def _name(weights: Weights, precision: str, shape_NCHW: Shape, device: str) -> str:
    versions = [(name, _version(name)) for name in runtimes.NAMES if runtimes.is_installed(name)]
    what = repr((node(), machine(), versions, weights.variant, precision, shape_NCHW, device))
    kind = "took" if device.endswith(AT_WORK) else "probe"
    return f"{hashlib.sha256(what.encode()).hexdigest()}.{kind}"


@functools.cache
def _version(name: str) -> str:
    return metadata.version(name)
