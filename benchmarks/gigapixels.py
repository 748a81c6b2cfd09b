"""Gigapixels: the most memory that large pictures take, each in a process of its own.

    python benchmarks/gigapixels.py --folder /somewhere/large --write      # 20 GB, ten minutes

``whole``: a gigapixel in a tiled BigTIFF, read, enlarged twice by a runtime that only repeats
pixels, and written as a tiled BigTIFF: everything but the network. ``network``: 100 megapixels
with the packaged weights, of which the first rows of tiles are enlarged; they are as wide as the
picture, and memory depends on that. What it would write is what ``whole`` writes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyvips

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from fakes import Repeating
from rgtsr import variants, weights
from rgtsr.pictures import headers
from rgtsr.upscaler import Upscaler

RESULTS = Path(__file__).parent / "results/gigapixels.json"
SIZES = {"whole": (32_768, 30_720), "network": (12_500, 8_000)}  # width, height
LIMIT_MIB = 1024
ROWS = 2  # of tiles that the network enlarges


class Enough(Exception):
    """The rows that were wanted are done."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--folder", type=Path, help="where there is room; default: for such files")
    parser.add_argument("--share", type=float, default=1.0, help="of the height, for a try")
    parser.add_argument("--write", action="store_true", help="the results")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(CASES[arguments.child[0]](Path(arguments.child[1]))))
        return
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for case in arguments.cases:
        known[case] = row(case, arguments.folder, arguments.share)
        print(case, known[case], flush=True)
        if arguments.write:
            RESULTS.write_text(json.dumps(known, indent=1) + "\n")
    if any(known[case]["peak_mib"] > LIMIT_MIB for case in arguments.cases):
        raise SystemExit(f"more than {LIMIT_MIB} MiB")


def row(case: str, folder: Path | None, share: float) -> dict:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        width, height = SIZES[case]
        make(Path(place) / "in.tif", width, int(height * share))
        command = [sys.executable, __file__, "--child", case, place]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def make(path: Path, width: int, height: int) -> None:
    """Waves and clouds in three colours, a little different everywhere."""
    clouds = pyvips.Image.perlin(2000, 2000, cell_size=200, uchar=True).cast("uchar")
    clouds = clouds.replicate(width // 2000 + 1, height // 2000 + 1).crop(0, 0, width, height)
    across = (pyvips.Image.xyz(width, height).extract_band(0) / 97).sin() * 40
    image = clouds.bandjoin([clouds.invert(), clouds]) * 0.6 + across + 40
    image.cast("uchar").copy(interpretation="srgb").tiffsave(
        str(path), tile=True, tile_width=512, tile_height=512, bigtiff=True, compression="lzw"
    )


def whole(folder: Path) -> dict:
    network = weights.random(variants.find("tiny"), seed=0)
    started, last = time.perf_counter(), 0.0

    def on_progress(done: float, total: int) -> None:
        nonlocal last
        if done >= last + total / 10:
            last = done
            seconds = time.perf_counter() - started
            print(
                f"{done / total:.0%} after {seconds:.0f} s, {peak_mib():.0f} MiB", file=sys.stderr
            )

    with Upscaler(network, runtime=Repeating()) as upscaler:
        report = upscaler.upscale_file(
            folder / "in.tif", folder / "out.tif", max_pixels=2**31, on_progress=on_progress
        )
    check(folder)
    return said(folder) | {
        "result_gb": round((folder / "out.tif").stat().st_size / 1e9, 2),
        "seconds": round(report.seconds),
    }


def check(folder: Path) -> None:
    """Places of the result are those of the input, each pixel four times."""
    before, after = (
        pyvips.Image.new_from_file(str(folder / name), access="random")
        for name in ("in.tif", "out.tif")
    )
    for y in np.linspace(0, before.height - 100, 7, dtype=int):
        for x in np.linspace(0, before.width - 100, 7, dtype=int):
            place = before.crop(x, y, 100, 100).numpy().repeat(2, 0).repeat(2, 1)
            assert np.array_equal(place, after.crop(2 * x, 2 * y, 200, 200).numpy()), (x, y)


def network(folder: Path) -> dict:
    started = time.perf_counter()
    first, per_row = 0.0, 0

    def on_progress(done: float, total: int) -> None:
        nonlocal first
        first = first or time.perf_counter()
        if done >= ROWS * per_row:
            raise Enough(total)

    with Upscaler(scale=2) as upscaler:
        size = headers.size(folder / "in.tif")
        per_row = len(upscaler._family.engine(2, 0.0).plan(size).columns.starts)
        try:
            upscaler.upscale_file(folder / "in.tif", folder / "out.tif", on_progress=on_progress)
        except Enough as enough:
            [total] = enough.args
        seconds = time.perf_counter() - first
        name = upscaler.weights.card.name
    done = ROWS * per_row - 1
    return said(folder) | {
        "model": name,
        "tiles": [ROWS * per_row, total],
        "seconds": round(time.perf_counter() - started),
        "whole_minutes": round(seconds / done * total / 60, 1),
    }


def said(folder: Path) -> dict:
    height, width = headers.size(folder / "in.tif")
    return {
        "width": width,
        "height": height,
        "input_gb": round((folder / "in.tif").stat().st_size / 1e9, 2),
        "peak_mib": round(peak_mib()),
    }


def peak_mib() -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


CASES = {"whole": whole, "network": network}

if __name__ == "__main__":
    main()
