"""What tiling costs: PSNR-Y against the whole picture, over tile sides and overlaps.

    python benchmarks/tiling.py --measure demo --plot docs/tiling.png

Real photos: LR is made from each, enlarged whole and in tiles by the packaged weights, and compared
with the truth. Needs the extra ``dev``.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from rgtsr import Picture, Settings, Upscaler, tiling, weights
from rgtsr.evaluation import benchmarks, metrics
from rgtsr.pictures import pairs as hr_lr

RESULTS = Path(__file__).parent / "results/tiling.json"
TILES_PX = (32, 48, 64, 96, 128, 192)
OVERLAPS_PX = (0, 8, 16, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--measure", type=Path, help="a folder of photos")
    parser.add_argument("--model", default=weights.DEFAULT_NAME)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    if arguments.measure:
        report = measured(arguments.model, arguments.measure)
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.plot:
        plot(json.loads(RESULTS.read_text()), arguments.plot)


def measured(model: str, folder: Path) -> dict:
    """Mean PSNR-Y of the whole pictures, and how far each way of tiling falls behind it."""
    loaded = weights.load(model)
    pairs = [
        hr_lr.made(hr_lr.read8(path), loaded.variant.scale) for path in benchmarks.listed(folder)
    ]
    ways = [
        Settings(tile_px=tile, overlap_px=overlap)
        for tile in TILES_PX
        for overlap in OVERLAPS_PX
        if overlap <= tile // 2
    ]
    whole = scores(Upscaler(loaded, precision="float32", settings=Settings(whole=True)), pairs)
    sha256 = weights.find(model).sha256
    report = {"model": model, "sha256": sha256, "photos": len(pairs), "ways": []}
    report["whole_psnr_y"] = float(np.mean(whole))
    for way in ways:
        upscaler = Upscaler(loaded, runtime="openvino", precision="float32", settings=way)
        loss = float(np.mean(np.subtract(whole, scores(upscaler, pairs))))
        cost = float(np.mean([pixels_run(way, lr.shape) / lr[..., 0].size for _, lr in pairs]))
        row = {"tile_px": way.tile_px, "overlap_px": way.overlap_px}
        report["ways"].append(row | {"loss_db": round(loss, 5), "pixels_run": round(cost, 3)})
        print(report["ways"][-1], flush=True)
    return report


def pixels_run(way: Settings, shape: tuple[int, ...]) -> int:
    """How many the network sees, overlaps counted twice."""
    plan = tiling.plan(*shape[:2], tile_px=way.tile_px, overlap_px=way.overlap_px)
    return plan.count * plan.tile[0] * plan.tile[1]


def scores(upscaler: Upscaler, pairs: list[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    scale = upscaler.scale
    return [
        metrics.on_luma(upscaler.upscale(Picture.from_array(lr)).pixels_HWC, hr, shave=scale).psnr
        for hr, lr in pairs
    ]


def plot(report: dict, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for overlap in OVERLAPS_PX:
        rows = [row for row in report["ways"] if row["overlap_px"] == overlap]
        tiles = [row["tile_px"] for row in rows]
        axes.plot(tiles, [row["loss_db"] for row in rows], marker="o", label=f"{overlap} px")
    axes.axhline(0, color="0.6", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(TILES_PX, [str(tile) for tile in TILES_PX])
    axes.set_xlabel("side of the tile / px")
    axes.set_ylabel("PSNR-Y below the whole picture's / dB")
    axes.set_title(f"{report['model']}, {report['photos']} photos")
    axes.legend(title="overlap")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
