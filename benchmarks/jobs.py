"""Folders: how busy the network is, whether processes beside each other pay, and what memory does.

    python benchmarks/jobs.py                  # on a quiet machine: some minutes
    python benchmarks/jobs.py --memory 100000  # so many tiny pictures in one run as well

Photos of the repository, enlarged by bicubic and saved as JPEGs of 2 megapixels, go through the
command in folders; the share of the time that somebody has the network is taken from the line.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from rgtsr import Picture, Upscaler, pictures, weights
from rgtsr.jobs import Journal, Line, Order, Wish
from rgtsr.jobs.line import Turn
from rgtsr.pictures import bicubic

RESULTS = Path(__file__).parent / "results/jobs.json"
DEMO = Path(__file__).parents[1] / "demo"
HEIGHT, WIDTH = 1224, 1632  # 2 megapixels
TINY_PX = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=4, help="of large photos")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=0, metavar="PICTURES")
    parser.add_argument("--size", type=int, nargs=2, default=(HEIGHT, WIDTH))
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    entry = weights.default()
    report = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.memory:
            report["memory"] = memory(Path(folder), arguments.memory)
        else:
            photos = make_photos(Path(folder) / "photos", arguments.count, tuple(arguments.size))
            report |= {"model": entry.name, "sha256": entry.sha256, "cores": psutil.cpu_count()}
            report["busy"] = busy(photos)
            report["workers"] = workers(photos, arguments.rounds)
    print(json.dumps(report, indent=1))
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def make_photos(folder: Path, count: int, size: tuple[int, int]) -> Path:
    folder.mkdir()
    demos = sorted(DEMO.glob("*.png"))
    for number in range(count):
        pixels = pictures.read(demos[number % len(demos)]).pixels_HWC
        larger = np.tile(bicubic.resize(pixels, Fraction(2)).astype(np.uint8), (4, 4, 1))
        picture = Picture.from_array(np.roll(larger, number, axis=1)[: size[0], : size[1]])
        pictures.write(picture, folder / f"{number}.jpg", quality=92)
    return folder


class Timed(Turn):
    """A turn that knows how long it was had."""

    def __init__(self) -> None:
        super().__init__()
        self.held_s, self.first = 0.0, None

    @contextlib.contextmanager
    def of(self, heed: Callable[[], object]) -> Generator[None]:
        with super().of(heed):
            since = time.perf_counter()
            self.first = self.first or since
            yield
            self.held_s += time.perf_counter() - since


def busy(photos: Path) -> float:
    """The share of the time, once the first photo is read, in which a thread has the network."""
    network = Timed()
    with Journal(None) as journal, Upscaler() as upscaler, tempfile.TemporaryDirectory() as out:
        upscaler.upscale(pictures.read(next(photos.iterdir())))  # compiled by then
        pairs = [(photo, Path(out) / photo.name) for photo in sorted(photos.iterdir())]
        line = Line(
            journal,
            lambda _: Order(upscaler, Wish()),
            on_progress=lambda *_: None,
            on_end=lambda _: None,
        )
        line._network = network  # pyright: ignore -- measured from outside
        line.run(journal.enter((*pair, "wish") for pair in pairs))
        return network.held_s / (time.perf_counter() - network.first)


def workers(photos: Path, rounds: int) -> dict:
    """Whole seconds of the command by how many processes there are, in turn; medians."""
    seconds: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(rounds + 1):
        for count, times in seconds.items():
            with tempfile.TemporaryDirectory() as out:
                started = time.perf_counter()
                command = ("-m", "rgtsr", "upscale", photos, "-o", f"{out}/x", "--workers", count)
                subprocess.run(
                    [sys.executable, *map(str, command)], check=True, stdout=subprocess.DEVNULL
                )
                times.append(time.perf_counter() - started)
    return {count: statistics.median(times[1:]) for count, times in seconds.items()}


def memory(folder: Path, count: int) -> dict:
    """What the process holds as tiny pictures go through: at a tenth of them, and at the end."""
    (folder / "tiny").mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        noise = rng.integers(0, 256, (TINY_PX, TINY_PX, 3), np.uint8)
        pictures.write(Picture.from_array(noise), folder / "tiny" / f"{number:06}.png")
    command = ("-m", "rgtsr", "upscale", folder / "tiny", "-o", folder / "out")
    held: list[int] = []
    with subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"RGTSR_CACHE_DIR": str(folder / "cache")},
    ) as process:
        assert process.stdout is not None
        started = time.perf_counter()
        marks = [count // 10, count]
        for number, _ in enumerate(line for line in process.stdout if "->" in line):
            if number + 1 in marks:
                held.append(psutil.Process(process.pid).memory_info().rss)
    assert process.returncode == 0
    return {
        "pictures": count,
        "mib": [size / 2**20 for size in held],
        "seconds": time.perf_counter() - started,
    }


if __name__ == "__main__":
    main()
