"""What this process may use of memory and cores, and how much of it a network takes.

What a runtime takes is a sum of products: ``features`` of the network and the tile times the
coefficients in ``memory.json``, which ``benchmarks/memory.py`` fits to measurements.
"""

import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from math import ceil, prod
from pathlib import Path

import numpy as np
import psutil

from rgtsr.errors import OutOfMemoryError
from rgtsr.variants import Variant
from rgtsr.weights.shapes import parameter_shapes

THREADS = "RGTSR_THREADS"  # the variable that sets how many threads a network runs on, at most
FLOAT_BYTES = 4
MARGIN = 1.15  # how far a plan may be wrong
STEP_MIB = 16  # of limits that are recommended: what a process holds differs by some MiB
UNLIMITED = 1 << 62


def needed_bytes(kind: str, variant: Variant, shape_NCHW: tuple[int, ...]) -> int:
    """What running one tile takes beyond what the process holds; ``kind``: "openvino float32"."""
    coefficients = _fitted()[kind]
    return int(np.dot(coefficients, features(variant, shape_NCHW)))


def banded_bytes(
    kind: str, variant: Variant, shape_NCHW: tuple[int, ...], rows: int, *, held_bytes: int
) -> int:
    """What a picture takes so many rows at a time, beyond what the process holds.

    ``held_bytes``: of maps that are there as long as the picture is.
    """
    band = (*shape_NCHW[:2], min(rows, shape_NCHW[2]), shape_NCHW[3])
    return held_bytes + needed_bytes(kind, variant, band)


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
        raise OutOfMemoryError(too_little(shape_NCHW, needed, room, used_bytes()))


def band_px(
    shape_NCHW: tuple[int, ...],
    room: int,
    *,
    held: int,
    plain_bytes: int,
    banded_bytes: Callable[[int], int],
    smallest_px: int,
) -> int | None:
    """How many rows of a picture at a time; None where all of it fits at once.

    ``held``: bytes that the process has already, where ``room`` is. ``banded_bytes``: what so many
    rows at a time take; fewer than ``smallest_px`` save nothing.
    Raises OutOfMemoryError where not even these fit.
    """
    if plain_bytes <= room:
        return None
    least = banded_bytes(smallest_px)
    if least > room:
        raise OutOfMemoryError(too_little(shape_NCHW, least, room, held))
    one_more = banded_bytes(smallest_px + 1) - least
    return smallest_px + (room - least) // max(1, one_more)


def too_little(shape_NCHW: tuple[int, ...], needed: int, room: int, held: int) -> str:
    """One line: the limit of the whole process that would do, and the one that there is."""
    height, width = shape_NCHW[2:]
    there = in_words(held + int(MARGIN * room))
    return (
        f"{there} of memory are too little for {width} x {height} pixels: this takes at least"
        f" {least(needed, held)}."
    )


def least(needed: int, held: int) -> str:
    """The smallest limit of the process under which that much is granted, in words."""
    mib = (held + MARGIN * needed) / (1 << 20)
    if mib >= 1024:
        return f"{ceil(10 * mib / 1024) / 10:.1f} GiB"
    return f"{STEP_MIB * ceil(mib / STEP_MIB)} MiB"


def in_words(size_bytes: int) -> str:
    """Such as 1.5 GiB."""
    mib = size_bytes / (1 << 20)
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def used_bytes() -> int:
    """What this process holds in memory."""
    return psutil.Process().memory_info().rss


def free_bytes(root: Path = Path("/")) -> int:
    """What this process can still get: the machine's, its container's, and its own limit.

    ``root``: where the system tells of control groups.
    """
    return max(0, min(psutil.virtual_memory().available, _container(root), _process()))


def cores(root: Path = Path("/")) -> int:
    """How many this process may keep busy.

    Those it may run on, what its container allows, and at most $RGTSR_THREADS.
    """
    own = psutil.Process()
    usable = len(own.cpu_affinity() or ()) if hasattr(own, "cpu_affinity") else 0
    quotas = [_quota(group) for group in _groups(root, "cpu")]
    asked = os.environ.get(THREADS, "")
    limits = [float(asked)] if asked.isdecimal() else []
    return max(1, int(min([usable or os.cpu_count() or 1, *quotas, *limits])))


def _container(root: Path) -> int:
    """What the tightest of the control groups leaves that this process is in."""
    return min((_group(folder) for folder in _groups(root, "memory")), default=UNLIMITED)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The control groups that this process is in, inner ones first; versions 1 and 2.

    In a container they are often told by names of the host, and only the outermost is there.
    Source: Linux, cgroups(7).
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        number, controllers, place = line.split(":", 2)
        if number == "0" and not controllers:
            mounted = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            mounted = root / "sys/fs/cgroup" / controller
        else:
            continue
        inside = mounted / place.lstrip("/")
        yield from (group for group in (inside, *inside.parents) if group.is_relative_to(mounted))


def _group(folder: Path) -> int:
    """What a group still allows; of what it uses, the caches can go."""
    for limit, used, idle in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            left = int((folder / limit).read_text()) - int((folder / used).read_text())
            lines = (folder / "memory.stat").read_text().splitlines()
        except (OSError, ValueError):  # no such group, or "max"
            continue
        return left + int(dict(line.split() for line in lines).get(idle, 0))
    return UNLIMITED


def _quota(folder: Path) -> float:
    """Processor seconds a second that a group allows."""
    try:
        quota, period = map(float, (folder / "cpu.max").read_text().split())
        return quota / period
    except (OSError, ValueError):  # no such group, or "max"
        pass
    try:
        quota, period = (
            float((folder / f"cpu.cfs_{what}_us").read_text()) for what in ("quota", "period")
        )
    except (OSError, ValueError):
        return float("inf")
    return quota / period if quota > 0 else float("inf")


def _process() -> int:
    """What the process's own limit of addresses leaves, where there is one."""
    own = psutil.Process()
    if not hasattr(own, "rlimit"):  # Linux alone has it
        return UNLIMITED
    limit, _ = own.rlimit(psutil.RLIMIT_AS)
    return UNLIMITED if limit == psutil.RLIM_INFINITY else limit - own.memory_info().vms


@cache
def _fitted() -> dict[str, list[float]]:
    text = resources.files("rgtsr.runtimes").joinpath("memory.json").read_text()
    return json.loads(text)["coefficients"]
