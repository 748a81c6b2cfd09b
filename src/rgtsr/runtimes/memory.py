"""How much memory there is, and how much a network takes. Knows no network's insides.

What a runtime takes is a sum of products: ``features`` of the network and the tile times the
coefficients in ``memory.json``, which ``benchmarks/memory.py`` fits to measurements.
"""

import json
import resource
from functools import cache
from importlib import resources
from math import prod
from pathlib import Path

import numpy as np

from rgtsr.errors import OutOfMemoryError
from rgtsr.variants import Variant
from rgtsr.weights.shapes import parameter_shapes

FLOAT_BYTES = 4
MARGIN = 1.15  # how far a plan may be wrong
PAGE_BYTES = resource.getpagesize()


def needed_bytes(kind: str, variant: Variant, shape_NCHW: tuple[int, ...]) -> int:
    """What running one tile takes beyond what the process holds; ``kind``: "openvino float32"."""
    coefficients = _fitted()[kind]
    return int(np.dot(coefficients, features(variant, shape_NCHW)))


def features(variant: Variant, shape_NCHW: tuple[int, ...]) -> tuple[float, ...]:
    """A MiB; bytes of the weights; of maps: C channels, the MLP's, the upsampler's, scores.

    Scores are those of one half of L-SA, which onnxruntime holds all at once.
    """
    batch, _, height, width = shape_NCHW
    pixel_bytes = batch * height * width * FLOAT_BYTES
    weights_bytes = FLOAT_BYTES * sum(prod(shape) for shape in parameter_shapes(variant).values())
    return (
        2.0**20,
        weights_bytes,
        pixel_bytes * variant.channels,
        pixel_bytes * variant.hidden_channels,
        pixel_bytes * variant.num_feat * variant.scale**2,
        pixel_bytes * variant.heads // 2 * prod(variant.split),
    )


def room_bytes(limit_bytes: int | None) -> int:
    """What may still be planned with: of the limit if there is one, of what is free in any case.

    Less than there is by as much as a plan may be wrong.
    """
    free = free_bytes()
    room = free if limit_bytes is None else min(free, limit_bytes - used_bytes())
    return int(room / MARGIN)


def check(needed: int, shape_NCHW: tuple[int, ...], limit_bytes: int | None) -> None:
    """Raise OutOfMemoryError where tiles of that shape do not fit."""
    if needed > (room := room_bytes(limit_bytes)):
        raise OutOfMemoryError(too_little(shape_NCHW, needed, room))


def too_little(shape_NCHW: tuple[int, ...], needed: int, room: int) -> str:
    """One line: what was wanted, and what there is."""
    height, width = shape_NCHW[2:]
    return (
        f"{width} x {height} pixels at once need {in_words(needed)}, and there are"
        f" {in_words(max(0, room))}: use smaller tiles, or allow more memory."
    )


def in_words(size_bytes: int) -> str:
    """Such as 1.5 GiB."""
    mib = size_bytes / (1 << 20)
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def used_bytes() -> int:
    """What this process holds in memory."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0


def free_bytes(root: Path = Path("/")) -> int:
    """What this process can still get: the machine's, its container's, and its own limit.

    Very large where nothing of the kind is known.
    """
    return max(0, min(_machine(root), _container(root), _process()))


def _machine(root: Path) -> int:
    """Free memory, caches included."""
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            name, value = line.split(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    except (OSError, ValueError):
        pass
    return 1 << 62


def _container(root: Path) -> int:
    """The tightest of the control groups that this process is in (version 2)."""
    try:
        line = (root / "proc/self/cgroup").read_text().strip().splitlines()[-1]
    except (OSError, IndexError):
        return 1 << 62
    groups = root / "sys/fs/cgroup"
    inside = groups / line.rpartition(":")[2].lstrip("/")
    return min(_group(group) for group in (inside, *inside.parents) if group >= groups)


def _group(folder: Path) -> int:
    try:
        limit = int((folder / "memory.max").read_text())
        used = int((folder / "memory.current").read_text())
        statistics = dict(
            line.split() for line in (folder / "memory.stat").read_text().splitlines()
        )
    except (OSError, ValueError):  # no such group, or "max"
        return 1 << 62
    return limit - used + int(statistics.get("inactive_file", 0))


def _process() -> int:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return 1 << 62
    return limit - int(Path("/proc/self/statm").read_text().split()[0]) * PAGE_BYTES


@cache
def _fitted() -> dict[str, list[float]]:
    text = resources.files("rgtsr.runtimes").joinpath("memory.json").read_text()
    return json.loads(text)["coefficients"]
