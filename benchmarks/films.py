"""Films: what it saves that tiles which stay the same are not made again, and pictures a second.

    python benchmarks/films.py            # some minutes on a quiet machine

``screencast``: a page of text on which somebody types, with a pointer that moves now and then.
``pan``: a part of a photo that moves on in every picture, so that nothing stays. Both by the
default model, into Matroska by the default codec; ``again`` with every tile made anew.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from unittest.mock import patch

import av
import numpy as np
import psutil

from rgtsr import Upscaler, film, pictures
from rgtsr.upscaler.known import Known
from rgtsr.upscaler.sequence import Sequence

RESULTS = Path(__file__).parent / "results/film.json"
PHOTO = Path(__file__).parents[1] / "demo/demo-brushes.png"
HEIGHT, WIDTH = 360, 640
COUNT = {"screencast": 24, "pan": 4}
LETTER_PX = 9, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Upscaler() as upscaler:
        place = Path(folder)
        report: dict = {
            "model": upscaler.weights.card.name,
            "cores": psutil.cpu_count(),
            "size": [WIDTH, HEIGHT],
        }
        made(upscaler, place, "pan", 1)  # compiles
        for kind, count in COUNT.items():
            report[kind] = made(upscaler, place, kind, count)
        known = patch.object(Known, "recall", return_value=None)
        with known, patch.object(Sequence, "is_as_before", return_value=False):
            report["again"] = made(upscaler, place, "screencast", COUNT["screencast"])
    print(json.dumps(report, indent=1))
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def made(upscaler: Upscaler, folder: Path, kind: str, count: int) -> dict:
    source, target = folder / "in.mkv", folder / "out.mkv"
    write(source, KINDS[kind](count))
    started = time.perf_counter()
    report = film.enlarge(upscaler, source, target, film.Order(asked=film.Asked("libx264")))
    seconds = time.perf_counter() - started
    said = next((note for note in report.notes if "tiles" in note), "0 of 0 tiles")
    reused, _, tiles, *_ = said.split()
    return {
        "pictures": count,
        "seconds": round(seconds, 2),
        "pictures_per_s": round(count / seconds, 3),
        "reused": int(reused),
        "tiles": int(tiles),
    }


def write(path: Path, frames: Iterator[np.ndarray]) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv444p"
        stream.codec_context.time_base = Fraction(1, 25)
        for number, frame_HWC in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(frame_HWC, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def screencast(count: int) -> Iterator[np.ndarray]:
    """A letter every second picture; the pointer is somewhere else in every sixth."""
    random = np.random.default_rng(0)
    page = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    page[:24] = 60
    letters = random.integers(0, 2, (64, *LETTER_PX, 1), np.uint8) * 210
    rows, columns = (HEIGHT - 40) // 14, (WIDTH - 40) // 8
    for place in range(rows * columns * 3 // 4):
        put(page, letters[random.integers(64)], divmod(place, columns))
    pointer = (200, 300)
    for number in range(count):
        if number % 2 == 0:
            put(page, letters[random.integers(64)], (rows - 4, number // 2))
        if number % 6 == 5:
            pointer = int(random.integers(40, HEIGHT - 40)), int(random.integers(40, WIDTH - 40))
        shown = page.copy()
        shown[pointer[0] : pointer[0] + 14, pointer[1] : pointer[1] + 9] = 0
        yield shown


def put(page: np.ndarray, letter: np.ndarray, place: tuple[int, int]) -> None:
    top, left = 32 + place[0] * 14, 20 + place[1] * 8
    page[top : top + LETTER_PX[0], left : left + LETTER_PX[1]] = 250 - letter


def pan(count: int) -> Iterator[np.ndarray]:
    photo = pictures.read(PHOTO).pixels_HWC
    photo = np.tile(photo, (2, 2, 1))
    for number in range(count):
        yield np.ascontiguousarray(photo[number : number + HEIGHT, 3 * number :][:, :WIDTH])


KINDS = {"screencast": screencast, "pan": pan}

if __name__ == "__main__":
    main()
