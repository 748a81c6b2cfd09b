"""docs/results.md and its plot: our weights, bicubic and the published networks.

    rgtsr eval -m swift-x2 -m bicubic --data Set5 Set14 --json benchmarks/results/scores-x2.json
    python benchmarks/results_page.py --seconds         # measures; without it, what was measured
    python benchmarks/results_page.py --published ../shared/published-results.csv

Scores are read from ``results/scores-*.json`` (``rgtsr eval``), those of others from the table of
published results.
"""

import argparse
import csv
import functools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import tables
from cells import WAYS
from peers import DAMAGES
from rgtsr import pictures, weights
from rgtsr.pictures import Picture
from rgtsr.upscaler import Upscaler

ROOT = Path(__file__).parents[1]
PAGE, PLOT = ROOT / "docs/results.md", ROOT / "docs/results.png"
RESULTS = ROOT / "benchmarks/results"
SECONDS = RESULTS / "seconds.json"
PHOTO = ROOT / "demo/demo-brushes.png"
SETS = ("Set5", "Set14")
SCALES = (2, 3, 4)
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--published", type=Path, default=ROOT.parent / "shared/published-results.csv"
    )
    parser.add_argument("--seconds", action="store_true", help="measure seconds a megapixel")
    arguments = parser.parse_args()
    if arguments.seconds:
        SECONDS.write_text(json.dumps(measured(), indent=1) + "\n")
    rows = [*ours(), *published(arguments.published)]
    plot(rows).savefig(PLOT, dpi=130)
    PAGE.write_text(tables.filled(PAGE.read_text(), by_scale(rows)))


def by_scale(rows: list[dict]) -> dict[str, Callable[[], Iterator[list[str]]]]:
    """The page's tables by name, as ``tables.filled`` takes them."""
    named = {f"x{scale}": functools.partial(lines, rows, scale) for scale in SCALES}
    return named | {"cells": cells, "peers": peers}


def cells() -> Iterator[list[str]]:
    """Each kind of worn picture: bicubic, both ends, what the program chooses; the best is bold."""
    yield ["", "saved as", "bicubic", "clean weights", "photo weights", "the program's choice"]
    yield ["---"] * 2 + ["---:"] * 4
    for report in reports("cells"):
        name = f"**{report['model']}**, {report['photos']} photos"
        for damage, ways in report["cells"].items():
            pairs = [ways[way] for way in WAYS]
            best = max(psnr for psnr, _ in pairs)
            texts = [f"**{scored(pair)}**" if pair[0] == best else scored(pair) for pair in pairs]
            yield [name, damage, *texts]
            name = ""


def peers() -> Iterator[list[str]]:
    """Other programs and ours, by scale."""
    yield ["", "", *map(str, DAMAGES), "seconds a megapixel"]
    yield ["---"] * 2 + ["---:"] * (len(DAMAGES) + 1)
    for report in reports("peers"):
        group = f"x{weights.find(report['model']).scale}, {report['photos']} photos"
        for name, row in report["cells"].items():
            seconds = report.get("seconds", {}).get(name)
            shown = f"**{name}**" if name == report["model"] else name
            pairs = [scored(row[str(damage)]) for damage in DAMAGES]
            yield [group, shown, *pairs, f"{seconds:.2f}" if seconds else ""]
            group = ""


def reports(kind: str) -> Iterator[dict]:
    for file in sorted(RESULTS.glob(f"{kind}-*.json")):
        yield json.loads(file.read_text())


def measured() -> dict[str, dict]:
    """Seconds for a megapixel of input, by packaged name: the whole of ``Upscaler.upscale``."""
    photo = pictures.read(PHOTO).pixels_HWC[:512, :512]
    found: dict[str, dict] = {}
    for entry in weights.listing():
        upscaler = Upscaler(entry.name)
        upscaler.upscale(Picture.from_array(photo))  # compiles
        rounds: list[float] = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            upscaler.upscale(Picture.from_array(photo))
            rounds.append(time.perf_counter() - started)
        seconds = statistics.median(rounds) / (photo.shape[0] * photo.shape[1] / 1e6)
        found[entry.name] = {"sha256": entry.sha256, "seconds": seconds}
    return found


def ours() -> Iterator[dict]:
    """Our rows and bicubic's: one for each model and scale."""
    entries = {entry.name: entry for entry in weights.listing()}
    seconds = json.loads(SECONDS.read_text()) if SECONDS.exists() else {}
    found: dict[tuple[str, int], dict] = {}
    for file in sorted(RESULTS.glob("scores-*.json")):
        for row in json.loads(file.read_text())["sets"]:
            key = (row["model"], row["scale"])
            entry = entries.get(row["model"])
            kept = found.setdefault(
                key,
                {
                    "model": row["model"],
                    "scale": row["scale"],
                    "kind": "ours" if entry else "bicubic",
                    "parameters": entry.parameters if entry else None,
                    "seconds": seconds.get(row["model"], {}).get("seconds"),
                    "data": "588 open photos" if entry else "",
                },
            )
            kept[row["name"]] = (row["psnr_y"], row["ssim_y"])
    yield from found.values()


def published(table: Path) -> Iterator[dict]:
    """What the papers say, one row for each model and scale."""
    found: dict[tuple[str, int], dict] = {}
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = (row["model"], int(row["scale"]))
            kept = found.setdefault(
                key,
                {
                    "model": row["model"],
                    "scale": key[1],
                    "kind": row["class"],
                    "parameters": count(row["params"]),
                    "seconds": None,
                    "data": row["trained_on"],
                },
            )
            kept[row["dataset"]] = (float(row["psnr_y_db"]), float(row["ssim_y"] or "nan"))
    yield from found.values()


def count(text: str) -> float | None:
    """``930K`` or ``13.37M`` as a number."""
    return float(text[:-1]) * {"K": 1e3, "M": 1e6}[text[-1]] if text else None


def lines(rows: list[dict], scale: int) -> Iterator[list[str]]:
    yield ["model", "parameters", *(f"{name} PSNR / SSIM" for name in SETS),
           "CPU seconds a megapixel", "trained on"]  # fmt: skip
    yield ["---", *["---:"] * (len(SETS) + 2), "---"]
    here = [row for row in rows if row["scale"] == scale and SETS[0] in row]
    for row in sorted(here, key=lambda row: row[SETS[0]]):
        name = f"**{row['model']}**" if row["kind"] == "ours" else row["model"]
        yield [
            name,
            f"{row['parameters'] / 1e6:.2f} M" if row["parameters"] else "",
            *(scored(row.get(dataset)) for dataset in SETS),
            f"{row['seconds']:.1f}" if row["seconds"] else "",
            row["data"],
        ]


def scored(pair: tuple[float, float] | None) -> str:
    if pair is None:
        return ""
    psnr, ssim = pair
    return f"{psnr:.2f}" + (f" / {ssim:.4f}" if np.isfinite(ssim) else "")


def plot(rows: list[dict]) -> Figure:
    """PSNR on Set5 against parameters, a panel for each scale."""
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    looks = {"ours": ("C3", "*", 190), "light": ("C0", "o", 26), "classical": ("0.55", "s", 22)}
    for axes, scale in zip(figure.subplots(1, len(SCALES)), SCALES, strict=True):
        for kind, (color, marker, size) in looks.items():
            shown = [
                row
                for row in rows
                if (row["scale"], row["kind"]) == (scale, kind)
                and row["parameters"]
                and SETS[0] in row
            ]
            x, y = ([row["parameters"] for row in shown], [row[SETS[0]][0] for row in shown])
            axes.scatter(
                x, y, size, color, marker=marker, label=kind, zorder=3 if kind == "ours" else 2
            )
            for row in shown if kind == "ours" else ():
                axes.annotate(
                    row["model"], (row["parameters"], row[SETS[0]][0]), (0, -16),
                    textcoords="offset points", ha="center",
                )  # fmt: skip
        for row in rows:
            if (row["scale"], row["kind"]) == (scale, "bicubic"):
                axes.axhline(row[SETS[0]][0], color="0.3", linestyle=":", label="bicubic")
        axes.set_xscale("log")
        axes.margins(x=0.12)  # room for the names
        axes.set_title(f"x{scale}")
        axes.set_xlabel("parameters")
        axes.set_ylabel("PSNR-Y on Set5, dB")
        axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    main()
