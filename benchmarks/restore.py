"""How far pictures are best restored: PSNR-Y against JPEG quality and noise, and the table from it.

    python benchmarks/restore.py small-x2 --photos ../shared/corpus/holdout
    python benchmarks/restore.py small-x2 --fit       # the table again, from what was measured

Every second of the photos, which no training saw, is made small (MATLAB's bicubic), noisy, saved as
JPEG with halved colours and read as any file is; each is enlarged by every network between the
weights for clean pictures and those for worn ones. The share that is best where pictures measure
alike goes into the table that the program reads. Needs the extra ``dev``.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import worn
from rgtsr import weights
from rgtsr.pictures.jpeg import Compression
from rgtsr.pictures.wear import Wear, wear
from rgtsr.upscaler import restoring

ROOT = Path(__file__).parents[1]
QUALITIES = (None, 97, 95, 92, 85, 75, 60, 45, 30)
NOISES = (0, 3, 6, 10, 15)
COARSENESS = (0.0, 0.06, 0.1, 0.16, 0.3, 0.5, 0.8, 1.1, 1.7)  # of those qualities
NEARLY = 0.02  # dB
MEASURED_NOISE = (0.0, 1.0, 2.0, 4.0, 7.0, 11.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("model", help="the weights for clean pictures")
    parser.add_argument("--photos", type=Path, help="a folder of good photos")
    parser.add_argument("--count", type=int, default=16, help="of photos")
    parser.add_argument("--fit", action="store_true", help="from what was measured before")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results")
    parser.add_argument("--table", type=Path, default=restoring.TABLES)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    results = arguments.results / f"restore-{arguments.model}.json"
    if not arguments.fit:
        rows = measured(arguments.model, arguments.photos, arguments.count)
        lines = ",\n".join(map(json.dumps, rows))
        sha256 = json.dumps(worn.digests(arguments.model))
        results.write_text(f'{{"sha256": {sha256},\n"rows": [\n{lines}\n]}}\n')
    rows = json.loads(results.read_text())["rows"]
    tables = json.loads(arguments.table.read_text()) if arguments.table.exists() else {}
    tables[arguments.model] = fitted(rows)
    arguments.table.write_text(json.dumps(tables, indent=1) + "\n")
    restoring.tables.cache_clear()
    if arguments.plot:
        draw(rows, arguments.model, arguments.plot)


def measured(model: str, folder: Path, count: int) -> list[dict]:
    """A row per photo and damage: what it measured, and the PSNR-Y of bicubic and each share."""
    scale = weights.find(model).scale
    rows: list[dict] = []
    for crop in worn.crops(folder, scale, worn.FITTED, count):
        for noise, quality in itertools.product(NOISES, QUALITIES):
            row = {"photo": crop.photo, "noise": noise, "quality": quality}
            rows.append(row | scored(model, crop, worn.Damage(noise, quality)))
        print(crop.photo, flush=True)
    return rows


def scored(model: str, crop: worn.Crop, damage: worn.Damage) -> dict:
    scale = weights.find(model).scale
    picture = worn.picture(crop, scale, damage)
    found = wear(picture)
    networks = [worn.network(model, share) for share in restoring.SHARES]
    enlarged = [network.upscale(picture).pixels_HWC for network in networks]
    cubic, *shares = [
        round(worn.quality(one, crop, scale).psnr, 3)
        for one in (worn.cubic(picture, scale), *enlarged)
    ]
    return {
        "coarseness": round(found.coarseness, 4),
        "measured_noise": round(found.noise, 3),
        "bicubic": cubic,
        "shares": shares,
    }


def fitted(rows: list[dict]) -> dict:
    """The least share that has, but for NEARLY, the best mean PSNR-Y around each knot.

    It is never less for more wear.
    """
    shape = len(COARSENESS), len(MEASURED_NOISE)
    gains, parts = np.zeros((*shape, len(restoring.SHARES))), np.full((*shape, 1), 1e-9)
    for row in rows:
        place = row["coarseness"], row["measured_noise"]
        for cell, part in restoring.around(place, (COARSENESS, MEASURED_NOISE)).items():
            gains[cell] += part * (np.array(row["shares"]) - row["shares"][0])
            parts[cell] += part
    gains /= parts
    is_good = gains >= gains.max(2, keepdims=True) - NEARLY
    share = np.array(restoring.SHARES)[is_good.argmax(2)]
    for axis in (0, 1):
        share = np.maximum.accumulate(share, axis)
    return {"coarseness": COARSENESS, "noise": MEASURED_NOISE, "share": share.tolist()}


def draw(rows: list[dict], model: str, path: Path) -> None:
    """Gain over bicubic against quality, one panel per noise: both ends, and what is chosen."""
    figure = Figure(figsize=(12, 3.4), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(NOISES), sharey=True)
    for panel, noise in zip(panels, NOISES, strict=True):
        for label, column in (("clean", 0), ("worn", -1), ("chosen", None)):
            curve = [gain(rows, model, noise, quality, column) for quality in QUALITIES]
            panel.plot(range(len(QUALITIES)), curve, "o-", markersize=3, label=label)
        panel.set_xticks(range(len(QUALITIES)), ["PNG", *map(str, QUALITIES[1:])], fontsize=7)
        panel.set_title(f"noise {noise}", fontsize=9)
        panel.grid(alpha=0.25)
    panels[0].set_ylabel("PSNR-Y over bicubic / dB")
    panels[0].legend(fontsize=8)
    figure.savefig(path)


def gain(
    rows: list[dict], model: str, noise: float, quality: int | None, column: int | None
) -> float:
    """The mean gain over bicubic of a share; where ``column`` is None, of the one chosen."""
    gains = []
    for row in rows:
        if (row["noise"], row["quality"]) == (noise, quality):
            at = column
            if at is None:
                found = Wear(Compression(row["coarseness"]), row["measured_noise"])
                at = restoring.SHARES.index(restoring.asked_for(found, model))
            gains.append(row["shares"][at] - row["bicubic"])
    return float(np.mean(gains))


if __name__ == "__main__":
    main()
