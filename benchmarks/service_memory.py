"""Memory of a service: what ``rgtsr serve`` holds under uploads, by the allocator it runs with.

    python benchmarks/service_memory.py                   # some minutes for each allocator
    python benchmarks/service_memory.py --ways jemalloc   # one again; the others stay in the file
    python benchmarks/service_memory.py --ways --starts 5 # how soon it is ready, by its cache

Crops of the repository's photos, 100 to 900 px wide and high (their logarithms evenly spread), are
sent by several clients at once to a service whose cache is empty. Each allocator gets the same ones
in the same order.
"""

import argparse
import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil

from rgtsr import Picture, pictures, weights
from rgtsr.serving import Client, Refused

RESULTS = Path(__file__).parent / "results/service-memory.json"
DEMO = Path(__file__).parents[1] / "demo"
SMALLEST_PX, LARGEST_PX = 100, 900
POINTS = 20  # of a curve
MIB = 1 << 20
PACKAGES = ("numpy", "openvino", "pyvips-binary", "starlette", "uvicorn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pictures", type=int, default=150)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--largest", type=int, default=LARGEST_PX, metavar="PX")
    parser.add_argument("--ways", nargs="*", choices=tuple(ways()), default=tuple(ways()))
    parser.add_argument("--starts", type=int, default=0, metavar="ROUNDS")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    report = json.loads(arguments.json.read_text()) if arguments.json.exists() else {"ways": {}}
    about = {name: getattr(arguments, name) for name in ("pictures", "clients", "largest")}
    report |= {"machine": machine(), **about}
    if arguments.starts:
        report["starts"] = starts(arguments.starts)
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    for name in arguments.ways:
        uploads = crops(arguments.pictures, arguments.largest)
        report["ways"][name] = row = measured(name, uploads, **about)
        print(f"{name:32} peak {row['peak_mib']:5} MiB, then {row['curve_mib']}", flush=True)
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def ways() -> dict[str, dict[str, str]]:
    """Environments by the names of their allocators; jemalloc where it is installed.

    A service that is told nothing takes two arenas: it is told what glibc does by itself.
    """
    itself = {"MALLOC_ARENA_MAX": "0"}
    found = {
        "glibc": itself,
        "glibc, MALLOC_ARENA_MAX=2": {"MALLOC_ARENA_MAX": "2"},
        "glibc, MALLOC_TRIM_THRESHOLD_": itself | {"MALLOC_TRIM_THRESHOLD_": str(128 << 10)},
    }
    if (library := jemalloc()) is not None:
        found["jemalloc"] = {"LD_PRELOAD": str(library)}
    return found


def jemalloc() -> Path | None:
    """Debian's: package libjemalloc2."""
    return next(Path("/usr/lib").glob("*/libjemalloc.so.2"), None)


def jemalloc_version() -> str | None:
    if (library := jemalloc()) is None:
        return None
    found = re.search(rb"\b(\d+\.\d+\.\d+)-\d+-g[0-9a-f]{40}", library.read_bytes())
    return None if found is None else found[1].decode()


def machine() -> dict:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "glibc": platform.libc_ver()[1],
        "jemalloc": jemalloc_version(),
        "python": platform.python_version(),
        "model": weights.default().name,
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def crops(count: int, largest_px: int) -> Iterator[bytes]:
    """JPEGs and PNGs of sizes and places that chance chooses, the same each time."""
    photos = [pictures.read(path).pixels_HWC for path in sorted(DEMO.glob("*.png"))]
    photos = [np.tile(photo, (3, 3, 1)) for photo in photos]
    rng = np.random.default_rng(0)
    for number in range(count):
        photo = photos[number % len(photos)]
        size = np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(largest_px), 2)).astype(int)
        top, left = rng.integers(0, np.array(photo.shape[:2]) - size)
        pixels = photo[top : top + size[0], left : left + size[1]]
        yield Picture.from_array(pixels.copy()).to_bytes(("jpg", "png")[number % 3 == 0])


def measured(name: str, uploads: Iterator[bytes], *, pictures: int, clients: int, **_: int) -> dict:
    """MiB that the service holds: ready, whenever a twentieth of the pictures is done, at most."""
    every = max(1, pictures // POINTS)
    taking, done = threading.Lock(), itertools.count(1)
    curve: list[tuple[int, int]] = []

    def send() -> None:
        with Client(address) as client:
            while True:
                with taking:
                    upload = next(uploads, None)
                if upload is None:
                    return
                client.upscale(upload, format="jpg")
                with taking:
                    if (count := next(done)) % every == 0:
                        curve.append((count, process.memory_info().rss // MIB))

    with tempfile.TemporaryDirectory() as cache, serving(cache, ways()[name]) as found:
        process, address = found
        with Client(address) as client:
            client.upscale(next(crops(1, SMALLEST_PX)))
        ready_mib = process.memory_info().rss // MIB
        with ThreadPoolExecutor(clients) as pool:
            for sent in [pool.submit(send) for _ in range(clients)]:
                sent.result()
        status = Path(f"/proc/{process.pid}/status").read_text()
        processor = sum(process.cpu_times()[:2])
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    return {
        "ready_mib": ready_mib,
        "curve_mib": {str(count): held for count, held in curve},
        "peak_mib": int(peak[1]) // 1024,
        "cpu_s": round(processor, 1),
    }


def starts(rounds: int) -> dict[str, float]:
    """Seconds until it is ready, and of its processor: with an empty cache, and with a full one."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for kind in ("empty", "full"):
                began = time.perf_counter()
                with serving(cache, {}) as (process, _):
                    found.setdefault(f"{kind}_s", []).append(time.perf_counter() - began)
                    found.setdefault(f"{kind}_cpu_s", []).append(sum(process.cpu_times()[:2]))
    return {name: round(statistics.median(times), 2) for name, times in found.items()}


@contextlib.contextmanager
def serving(cache: str, changes: dict[str, str]) -> Generator[tuple[psutil.Process, str]]:
    """``rgtsr serve`` in that environment, once it is ready; its process and its address."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    kept.pop("LD_PRELOAD", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "rgtsr", "serve", "--port", "0"],
        env=kept | changes | {"RGTSR_CACHE_DIR": cache},
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        listens = next(line for line in process.stdout if " listens on " in line)
        address = listens.partition(" listens on ")[2].split()[0]
        with Client(address) as client:
            wait_for(client)
        yield psutil.Process(process.pid), address
    finally:
        process.terminate()
        process.communicate()


def wait_for(client: Client) -> None:
    """Until it takes pictures."""
    picture = next(crops(1, SMALLEST_PX))
    for _ in range(600):
        try:
            client.upscale(picture)
        except Refused as refused:
            if refused.code != "starting":
                raise
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the service does not become ready")


if __name__ == "__main__":
    main()
