"""Each kind of worn picture, enlarged by the clean weights, the photo weights, and as is chosen.

    python benchmarks/cells.py small-x2 --photos ../shared/corpus/holdout

PSNR-Y and SSIM-Y, on the photos that ``restore.py`` has not fitted the choice on. Needs the extra
``dev``.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import worn
from rgtsr import weights
from rgtsr.upscaler import restoring
from worn import Damage

RESULTS = Path(__file__).parent / "results"
DAMAGES = (
    Damage(), *(Damage(0, quality) for quality in (95, 92, 75, 50, 30)),
    *(Damage(noise, 80) for noise in (4, 10, 15)), Damage(6, 85), worn.WEB,
)  # fmt: skip
WAYS = ("bicubic", "clean", "photo", "chosen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("model", help="the weights for clean pictures")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of good photos")
    parser.add_argument("--count", type=int, default=99, help="of photos, at most")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    report = measured(arguments.model, arguments.photos, arguments.count)
    path = arguments.results / f"cells-{arguments.model}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")


def measured(model: str, folder: Path, count: int) -> dict:
    """Means over photos of each way's (PSNR-Y, SSIM-Y), by damage; ``share`` is that chosen."""
    crops = list(worn.crops(folder, weights.find(model).scale, worn.SCORED, count))
    report = {
        "model": model,
        "sha256": worn.digests(model),
        "table": restoring.tables().get(model),
        "photos": len(crops),
        "cells": {},
    }
    for damage in DAMAGES:
        rows = [scored(model, crop, damage) for crop in crops]
        means = {way: np.mean([row[way] for row in rows], axis=0) for way in rows[0]}
        report["cells"][str(damage)] = {way: mean.round(4).tolist() for way, mean in means.items()}
        print(damage, report["cells"][str(damage)], flush=True)
    return report


def scored(model: str, crop: worn.Crop, damage: Damage | str) -> dict:
    results, share = enlarged(model, crop, damage)
    scale = weights.find(model).scale
    pairs = {way: worn.quality(result, crop, scale) for way, result in results.items()}
    return {way: (pair.psnr, pair.ssim) for way, pair in pairs.items()} | {"share": share}


def enlarged(
    model: str, crop: worn.Crop, damage: Damage | str
) -> tuple[dict[str, np.ndarray], float]:
    """A worn crop, by each of ``WAYS``, and the share that is chosen."""
    scale = weights.find(model).scale
    picture = worn.picture(crop, scale, damage)
    share = worn.share(picture, model)
    networks = [worn.network(model, each) for each in (0.0, 1.0, share)]
    results = [network.upscale(picture).pixels_HWC for network in networks]
    return dict(zip(WAYS, (worn.cubic(picture, scale), *results), strict=True)), share


if __name__ == "__main__":
    main()
