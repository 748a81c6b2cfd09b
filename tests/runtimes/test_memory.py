"""What there is of memory, and what networks take of it."""

import json
import resource
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from rgtsr import variants
from rgtsr.errors import OutOfMemoryError
from rgtsr.runtimes import memory

GIB = 1 << 30
TOLERANCE = 0.15


def machine(root: Path, *, available_gib: float = 8.0) -> Path:
    (root / "proc/self").mkdir(parents=True)
    kib = int(available_gib * GIB / 1024)
    (root / "proc/meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable:   {kib} kB\n")
    (root / "proc/self/cgroup").write_text("0::/user/rgtsr\n")
    return root


def group(root: Path, inside: str, limit: str, used: int, inactive: int = 0) -> None:
    folder = root / "sys/fs/cgroup" / inside
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {inactive}\n")


def test_free_is_what_the_machine_has(tmp_path: Path) -> None:
    assert memory.free_bytes(machine(tmp_path)) == 8 * GIB


def test_free_is_what_the_tightest_container_leaves(tmp_path: Path) -> None:
    machine(tmp_path)
    group(tmp_path, "user/rgtsr", "max", 3 * GIB)
    group(tmp_path, "user", str(4 * GIB), 3 * GIB, inactive=GIB // 2)
    assert memory.free_bytes(tmp_path) == 1.5 * GIB


def test_free_is_what_the_process_may_still_take() -> None:
    program = "from rgtsr.runtimes import memory; print(memory.free_bytes())"
    limit = 6 * GIB

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", program], preexec_fn=limited, capture_output=True, text=True
    )
    assert 0 < int(done.stdout) < limit, done.stderr


def test_a_limit_counts_what_the_process_holds_already() -> None:
    room = memory.room_bytes(memory.used_bytes() + 100 * 2**20)
    assert abs(room - 100 * 2**20) < 20 * 2**20


def test_what_does_not_fit_is_refused_with_both_figures() -> None:
    with pytest.raises(
        OutOfMemoryError, match=r"300 x 200 pixels at once need 2\.0 GiB, and there"
    ):
        memory.check(2 * GIB, (1, 3, 200, 300), memory.used_bytes() + GIB)


@pytest.mark.parametrize("kind", ["openvino float32", "openvino bf16", "torch float32"])
def test_larger_tiles_and_networks_are_planned_with_more(kind: str) -> None:
    def needed(name: str, side: int) -> int:
        return memory.needed_bytes(kind, variants.find(name), (1, 3, side, side))

    assert 0 < needed("small", 64) < needed("small", 256) < needed("rgt-s", 256)


def test_the_model_keeps_to_what_was_measured() -> None:
    stored = json.loads(resources.files("rgtsr.runtimes").joinpath("memory.json").read_text())
    assert {row["kind"] for row in stored["rows"]} == stored["coefficients"].keys()
    for row in stored["rows"]:
        assert abs(row["model_error"]) <= TOLERANCE, row
