"""What there is of memory, and what networks take of it."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from rgtsr import Settings, runtimes, variants, weights
from rgtsr.cli import sizes
from rgtsr.errors import OutOfMemoryError
from rgtsr.runtimes import memory
from rgtsr.upscaler.choice import Choice
from rgtsr.upscaler.engine import Engine

GIB = 1 << 30
TOLERANCE = 0.15


def container(root: Path, cgroup: str = "0::/user/rgtsr\n") -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    return root


def group(root: Path, inside: str, **files: object) -> None:
    folder = root / "sys/fs/cgroup" / inside
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_free_is_what_the_machine_has(tmp_path: Path) -> None:
    free = memory.free_bytes(container(tmp_path))
    assert abs(free - psutil.virtual_memory().available) < GIB


def test_free_is_what_the_tightest_container_leaves(tmp_path: Path) -> None:
    container(tmp_path)
    stat = f"anon 5\ninactive_file {GIB // 8}"
    group(tmp_path, "user/rgtsr", memory__max="max", memory__current=3, memory__stat=stat)
    group(tmp_path, "user", memory__max=GIB, memory__current=3 * GIB // 4, memory__stat=stat)
    assert memory.free_bytes(tmp_path) == GIB * 3 // 8


def test_free_is_what_a_container_of_version_1_leaves(tmp_path: Path) -> None:
    container(tmp_path, "7:cpu,cpuacct:/docker/a\n5:memory:/docker/a\n1:name=systemd:/x:y\n")
    group(
        tmp_path,
        "memory",
        memory__limit_in_bytes=GIB,
        memory__usage_in_bytes=GIB // 2,
        memory__stat=f"inactive_file 1\ntotal_inactive_file {GIB // 4}",
    )
    assert memory.free_bytes(tmp_path) == GIB * 3 // 4


@pytest.mark.parametrize(
    ("cgroup", "inside", "files"),
    [
        ("0::/a\n", "a", {"cpu__max": "100000 100000"}),
        ("3:cpu:/b\n", "cpu", {"cpu__cfs_quota_us": 50000, "cpu__cfs_period_us": 50000}),
    ],
)
def test_a_container_allows_fewer_cores_than_there_are(
    cgroup: str, inside: str, files: dict[str, object], tmp_path: Path
) -> None:
    container(tmp_path, cgroup)
    assert memory.cores(tmp_path) == memory.cores(tmp_path / "no container")
    group(tmp_path, inside, **files)
    assert memory.cores(tmp_path) == 1


def test_free_is_what_the_process_may_still_take() -> None:
    if not hasattr(psutil.Process, "rlimit"):
        pytest.skip("limits of this kind are Linux's")
    limit = 6 * GIB
    program = (
        "import psutil\nfrom rgtsr.runtimes import memory\n"
        f"psutil.Process().rlimit(psutil.RLIMIT_AS, ({limit}, {limit}))\n"
        "print(memory.free_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 0 < int(done.stdout) < limit, done.stderr


def test_a_limit_counts_what_the_process_holds_already() -> None:
    room = memory.room_bytes(memory.used_bytes() + 100 * 2**20)
    assert abs(room - 100 * 2**20) < 20 * 2**20


def test_what_does_not_fit_is_refused_with_the_limit_that_would_do() -> None:
    limit = memory.used_bytes() + GIB // 4
    with pytest.raises(OutOfMemoryError, match="are too little for 300 x 200 pixels") as refused:
        memory.check(GIB // 2, (1, 3, 200, 300), limit)
    assert "tiles" not in str(refused.value)
    enough = sizes.size_bytes(str(refused.value).partition("at least ")[2].rstrip("."))
    memory.check(GIB // 2, (1, 3, 200, 300), enough)
    assert enough - memory.used_bytes() < 1.15 * GIB // 2 + GIB // 8


@pytest.mark.parametrize("kind", ["openvino float32", "openvino bf16", "torch float32"])
def test_larger_tiles_and_networks_are_planned_with_more(kind: str) -> None:
    def needed(name: str, side: int) -> int:
        return memory.needed_bytes(kind, variants.find(name), (1, 3, side, side))

    assert 0 < needed("small", 64) < needed("small", 256) < needed("rgt-s", 256)


def test_the_model_keeps_to_what_was_measured() -> None:
    measured = Path(__file__).parents[2] / "benchmarks/results/memory.json"
    rows = json.loads(measured.read_text())["rows"]
    assert {row["kind"] for row in rows} == memory._fitted().keys()
    for row in rows:
        assert abs(row["model_error"]) <= TOLERANCE, row


def test_a_gpus_figures_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    tiny = weights.random(variants.find("tiny"), seed=0)
    runtime = runtimes.open_runtime(tiny, name="torch", precision="float32", device="cpu")
    monkeypatch.setattr(runtime, "_device", torch.device("cuda"))
    monkeypatch.setattr(runtime, "is_on_gpu", True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (6 * GIB, 8 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 2 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: GIB)
    assert runtime.room_bytes() == int(7 * GIB / memory.MARGIN)
    assert runtime.held_bytes() == GIB
    monkeypatch.setattr(runtime, "_limit_bytes", 3 * GIB)
    assert runtime.room_bytes() == int(2 * GIB / memory.MARGIN)
    choice = Choice(tiny, runtime=runtime, device="gpu", precision="float32", max_memory_bytes=None)
    engine = Engine(choice, Settings())
    assert engine.plan((1000, 3_000_000)).tile == (192, 192)  # rows of it would need 13 GiB here
    monkeypatch.setattr(runtime, "_limit_bytes", GIB + (1 << 20))
    with pytest.raises(OutOfMemoryError, match=r"^1\.0 GiB of memory are too little: .* 1\.1 GiB"):
        engine.plan((1000, 1000))
