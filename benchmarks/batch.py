"""A batch against the folder path, one worker against two, and what the driver itself can take.

    python benchmarks/batch.py            # on a quiet machine: some minutes
    python benchmarks/batch.py --quick    # fewer and smaller pictures
    python benchmarks/batch.py --driver   # the driver alone, beside the seconds of before

The same photos go through ``rgtsr upscale`` and ``rgtsr batch`` in turn; whole seconds of the
commands, medians. The driver hands pictures to workers that answer at once, and lists names.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import psutil
import pyarrow as pa
from pyarrow import parquet

from jobs import make_photos
from rgtsr import weights
from rgtsr.batch import Item, Manifest, Row, Source, State, places
from rgtsr.batch.drive import Drive, Ended, Ready

RESULTS = Path(__file__).parent / "results/batch.json"
WAYS = {
    "folder": ("upscale", "{photos}", "-o", "{out}/x"),
    "batch": ("batch", "{photos}", "{out}/x"),
    "two": ("batch", "{photos}", "{out}/x", "--workers", "2"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=8, help="of photos")
    parser.add_argument("--size", type=int, nargs=2, default=(1224, 1632))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--names", type=int, default=1_000_000, help="that are listed")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--driver", action="store_true")
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.size, arguments.rounds = 6, (816, 1224), 2
    entry, (load, _, _) = weights.default(), os.getloadavg()
    height, width = arguments.size
    with tempfile.TemporaryDirectory() as folder:
        if arguments.driver:
            report = json.loads(arguments.json.read_text())
        else:
            photos = make_photos(Path(folder) / "photos", arguments.count, (height, width))
            seconds = ways(photos, arguments.rounds)
            report = {
                "model": entry.name,
                "sha256": entry.sha256,
                "cores": psutil.cpu_count(),
                "load": load,
                "quick": arguments.quick,
                "megapixels": arguments.count * height * width / 1e6,
                "seconds": seconds,
                "to_folder": seconds["batch"] / seconds["folder"],
                "two_to_one": seconds["batch"] / seconds["two"],
            }
        report |= {
            "listing": listing(Path(folder), arguments.names),
            "driver_rows_s": driver(Path(folder) / "driver", arguments.names // 10),
            "known": known(Path(folder) / "driver"),
        }
    print(json.dumps(report, indent=1))
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def ways(photos: Path, rounds: int) -> dict[str, float]:
    """Whole seconds of each command, in turn; the first round makes ready and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds + 1):
        for name, words in WAYS.items():
            with tempfile.TemporaryDirectory() as out:
                command = [word.format(photos=photos, out=out) for word in words]
                started = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-m", "rgtsr", *command],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def listing(folder: Path, count: int) -> dict[str, float]:
    """What a list of so many names takes of the driver's memory and time."""
    names = [f"s3://photos/{number // 1000:06}/{number:09}.jpg" for number in range(count)]
    parquet.write_table(pa.table({"path": names}), folder / "names.parquet")
    del names
    before, started = psutil.Process().memory_info().rss, time.perf_counter()
    items = Source(str(folder / "names.parquet"), places.at(str(folder / "out"))).items()
    assert isinstance(items, list)
    held = psutil.Process().memory_info().rss - before
    return {
        "names": count,
        "seconds": time.perf_counter() - started,
        "mib": held / 2**20,
    }


class Instant:
    """Workers that answer at once."""

    def __init__(self) -> None:
        self._said: deque[Ready | Ended] = deque()
        self._numbers = itertools.count()

    def hire(self) -> int:
        number = next(self._numbers)
        self._said.append(Ready(number))
        return number

    def give(self, worker: int, item: Item) -> None:
        about = {"source": item.source, "output": item.output, "sha256": "0" * 64, "key": "1" * 64}
        self._said.append(Ended(worker, item, Row(state=State.DONE, **about)))

    def dismiss(self, worker: int) -> None:
        """They do not grow."""

    def hear(self, wait_s: float) -> list[Ready | Ended]:
        heard = list(self._said)
        self._said.clear()
        return heard

    def close(self) -> None:
        """There is nobody."""


def driver(folder: Path, count: int) -> float:
    """How many pictures a second can be handed out, heard of and written down."""
    place = places.at(str(folder))
    written = Manifest(place, place)
    items = (Item(f"s3://photos/{number:09}.jpg", f"{number:09}.jpg") for number in range(count))
    started = time.perf_counter()
    Drive(Instant(), 100, on_row=written.add, on_moment=written.tick).run(items)
    written.flush()
    return count / (time.perf_counter() - started)


def known(folder: Path) -> dict[str, float]:
    """What the driver of a later run holds of what an earlier one wrote down."""
    place = places.at(str(folder))
    written = Manifest(place, place)
    before, started = psutil.Process().memory_info().rss, time.perf_counter()
    rows = written.known()
    return {
        "rows": len(rows),
        "seconds": time.perf_counter() - started,
        "mib": (psutil.Process().memory_info().rss - before) / 2**20,
    }


if __name__ == "__main__":
    main()
