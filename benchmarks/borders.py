"""What mirrored margins around a picture are worth, and cost.

    python benchmarks/borders.py demo

For each margin: PSNR-Y in the outermost 8 px of the photos (LR made from them; float32, the
packaged weights), the largest step of 255 by which pictures of one color drift, and the pixels that
the network sees of photos of 400 to 2,000 px, as a multiple of their own.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr import runtimes, tiling, weights
from rgtsr.evaluation import benchmarks, metrics
from rgtsr.pictures import color, pairs
from rgtsr.runtimes import Runtime

RESULTS = Path(__file__).parent / "results/borders.json"
MARGINS_PX = (0, 4, 8, 16, 32)
BORDER_PX = 8
PHOTO_SIDES_PX = range(400, 2000, 37)
LEVELS = (0, 128, 255)  # of each channel of a solid color
SOLID_PX = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--model", default=weights.DEFAULT_NAME)
    arguments = parser.parse_args()
    runtime = runtimes.open_runtime(weights.load(arguments.model), precision="float32")
    photos = [
        pairs.made(pairs.read8(path), runtime.scale) for path in benchmarks.listed(arguments.photos)
    ]
    rows = [row(runtime, photos, margin_px) for margin_px in MARGINS_PX]
    sha256 = weights.find(arguments.model).sha256
    report = {"model": arguments.model, "sha256": sha256, "photos": len(photos), "margins": rows}
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


def row(runtime: Runtime, photos: list[tuple[NDArray, NDArray]], margin_px: int) -> dict:
    seen = [pixels_run(side, side * 3 // 2, margin_px) for side in PHOTO_SIDES_PX]
    solids = itertools.product(LEVELS, repeat=3)
    found = {
        "margin_px": margin_px,
        "border_psnr_y": float(np.mean([border(runtime, *pair, margin_px) for pair in photos])),
        "solid_drift": max(drift(runtime, rgb, margin_px) for rgb in solids),
        "pixels_run": round(float(np.mean(seen)), 3),
    }
    print(found, flush=True)
    return found


def pixels_run(height: int, width: int, margin_px: int) -> float:
    plan = tiling.plan(height, width, tile_px=192, overlap_px=16, margin_px=margin_px)
    return plan.count * plan.tile[0] * plan.tile[1] / (height * width)


def border(runtime: Runtime, hr_HWC: NDArray, lr_HWC: NDArray, margin_px: int) -> float:
    """PSNR-Y of the outermost pixels."""
    made_HWC = enlarged(runtime, lr_HWC, margin_px)
    hr_HWC = hr_HWC[: made_HWC.shape[0], : made_HWC.shape[1]]
    error = (metrics.studio_luma(made_HWC) - metrics.studio_luma(hr_HWC)) ** 2
    inside = slice(BORDER_PX * runtime.scale, -BORDER_PX * runtime.scale)
    outside = np.ones(error.shape, bool)
    outside[inside, inside] = False
    return float(10 * np.log10(255**2 / error[outside].mean()))


def drift(runtime: Runtime, rgb: tuple[int, ...], margin_px: int) -> int:
    solid_HWC = np.full((SOLID_PX, SOLID_PX, 3), rgb, np.uint8)
    made_HWC = enlarged(runtime, solid_HWC, margin_px)
    return int(np.abs(made_HWC.astype(int) - np.asarray(rgb)).max())


def enlarged(runtime: Runtime, lr_HWC: NDArray, margin_px: int) -> NDArray:
    """In one piece, mirrored outwards by the margin."""
    around = ((margin_px, margin_px), (margin_px, margin_px), (0, 0))
    tile_NCHW = np.pad(lr_HWC, around, mode="symmetric").transpose(2, 0, 1)[None]
    made_HWC = runtime.upscale_tiles((tile_NCHW / 255).astype(np.float32))[0].transpose(1, 2, 0)
    cut = margin_px * runtime.scale
    inside = slice(cut, made_HWC.shape[0] - cut), slice(cut, made_HWC.shape[1] - cut)
    return color.from_float(made_HWC[inside], np.uint8)


if __name__ == "__main__":
    main()
