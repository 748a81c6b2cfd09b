"""Fills the tables of the README and of pages in docs from the result files.

python benchmarks/tables.py
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"
SHARDS = 1000  # of a batch of a million
QUIET = 1.0  # load of a machine that does nothing else
SETS = ("Set5", "Set14")


def main() -> None:
    for page, tables in PAGES.items():
        path = ROOT / page
        path.write_text(filled(path.read_text(), tables))


def filled(text: str, tables: dict[str, Callable[[], Iterator[list[str]]]]) -> str:
    """The page with its tables: each stands between ``<!-- name -->`` and ``<!-- end -->``."""
    for name, make in tables.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        table = "\n".join("| " + " | ".join(row) + " |" for row in make())
        assert block.search(text), name
        text = block.sub(lambda found, table=table: found[1] + table + "\n" + found[2], text)
    return text


def tiles() -> Iterator[list[str]]:
    report = read("inference")
    yield ["network", "tile", "precision", "rgtsr", "spandrel", "ratio", "CPU time", "peak memory"]
    yield ["---"] * 3 + ["---:"] * 5
    for row in report["tiles"]:
        ours, theirs = (row["peak_mib"][who] for who in ("ours", "spandrel"))
        yield [
            row["variant"],
            f"{row['side_px']} px",
            row["precision"],
            f"{row['ours']['wall_s']:.3f} s",
            f"{row['spandrel']['wall_s']:.3f} s",
            f"**{row['wall_s_ratio']:.2f}x**",
            f"{row['cpu_s_ratio']:.2f}x less",
            f"{ours:.0f} of {theirs:.0f} MiB ({ours / theirs:.0%})",
        ]


def start_up() -> Iterator[list[str]]:
    yield ["network", "first run", "later runs", "spandrel", "cache file"]
    yield ["---"] + ["---:"] * 4
    for row in read("inference")["start_up"]:
        seconds = [f"{row[key]:.2f} s" for key in ("cold_s", "warm_s", "spandrel_s")]
        yield [row["variant"], *seconds, f"{row['cache_mb']:.0f} MB"]


def film() -> Iterator[list[str]]:
    found = read("film")
    first, again, pan = (found[name] for name in ("screencast", "again", "pan"))
    width, height = found["size"]
    yield [f"{width} x {height}, {found['model']}, {found['cores']} cores", "measured"]
    yield ["---"] * 2
    share = first["reused"] / first["tiles"]
    yield ["screencast: tiles that were not made again", f"{share:.0%}"]
    yield [
        f"the same, {first['pictures']} pictures, with all tiles made",
        f"{first['seconds']:.1f} s, {again['seconds']:.1f} s",
    ]
    yield ["a photo that moves: pictures a second", f"{pan['pictures_per_s']:.2f}"]


def jobs() -> Iterator[list[str]]:
    found = read("jobs")
    alone, beside = found["workers"]["1"], found["workers"]["2"]
    yield ["what", "measured"]
    yield ["---"] * 2
    yield ["the network is at work", f"{found['busy']:.0%} of the time"]
    yield ["one process, and two of one core each", f"{alone:.1f} s, {beside:.1f} s"]
    if "memory" in found:
        first, last = found["memory"]["mib"]
        count = found["memory"]["pictures"]
        yield [
            f"memory of the process after {count // 10:,} and {count:,} pictures of 16 px",
            f"{first:.0f} MiB, {last:.0f} MiB",
        ]


def batch() -> Iterator[list[str]]:
    found = read("batch")
    seconds, names = found["seconds"], found["listing"]
    yield ["what", "measured"]
    yield ["---"] * 2
    yield [
        f"{found['megapixels']:.1f} megapixels by `rgtsr upscale`, by `rgtsr batch`",
        f"{seconds['folder']:.1f} s, {seconds['batch']:.1f} s ({found['to_folder'] - 1:+.0%})",
    ]
    yield [
        f"`--workers 1`, `--workers 2` on {found['cores']} cores",
        f"{seconds['batch']:.1f} s, {seconds['two']:.1f} s ({found['two_to_one']:.2f}x as fast)",
    ]
    yield [
        "the driver hands out, hears of and writes down",
        f"{found['driver_rows_s']:,.0f} pictures a second",
    ]
    yield [
        f"it lists {names['names']:,} names",
        f"{names['seconds']:.0f} s, {names['mib']:,.0f} MiB",
    ]
    yield [
        f"what is known of {found['known']['rows']:,} that were made before",
        f"{found['known']['seconds']:.0f} s, {found['known']['mib']:,.0f} MiB",
    ]
    if found["load"] > QUIET:
        yield ["processes that wanted the machine besides, when this was measured",
               f"{found['load']:.0f}"]  # fmt: skip


def billion() -> Iterator[list[str]]:
    found = read("plan_billion")
    core_rate = found["megapixels_s"] / found["assumed"]["worker_cores"]
    core_hours = 1e9 / core_rate / 3600  # of a megapixel each
    cores = 10_000
    days = core_hours / cores / 24
    mb_s = cores * core_rate * 0.5 * (1 + 4)  # of input and results of JPEG, in megabytes
    yield ["what", "how much"]
    yield ["---"] * 2
    yield ["megapixels of input a second and core, measured", f"{core_rate:.2f}"]
    yield ["core hours", f"{core_hours:,.0f}"]
    yield [f"on {cores:,} cores", f"{days:,.1f} days"]
    yield ["a core hour at 0.02 USD (assumed; a spot instance's)", f"{core_hours * 0.02:,.0f} USD"]
    yield ["requests at 0.4 and 5 USD a million", f"{1e3 * (0.4 + 5):,.0f} USD"]
    listings = 1e3 * SHARDS * 1e6 / 2 / 1e3 * 5e-6  # of half of the results, by each shard
    yield [f"where {SHARDS:,} shards list what is there, once each", f"{listings:,.0f} USD more"]
    yield ["results", f"{1e9 * 4e6 * 0.5 / 1e15:,.1f} PB"]
    yield [f"to and from the store on {cores:,} cores", f"{mb_s / 1e3:,.1f} GB/s"]
    yield [
        "pictures a second, beside what a driver takes",
        f"{cores * core_rate:,.0f} of {read('batch')['driver_rows_s']:,.0f}",
    ]


def billion_ways() -> Iterator[list[str]]:
    yield ["a million pictures", "hours", "over the ideal", "at worst", "the last percent",
           "done twice"]  # fmt: skip
    yield ["---"] + ["---:"] * 5
    for row in read("plan_billion")["ways"]:
        yield [
            row["way"],
            f"{row['hours']:.1f}",
            f"{row['over_ideal']:.2f}x",
            f"{row['worst_over_ideal']:.2f}x",
            f"{row['last_percent_hours']:.2f} h",
            f"{row['done_twice']:.2%}",
        ]


def service() -> Iterator[list[str]]:
    found = read("service")
    load, broken = found["load"], found["mutated"]
    yield ["what", "measured"]
    yield ["---"] * 2
    yield [
        f"{load['clients']} clients for {load['minutes']:g} minutes",
        f"{load['pictures']:,} pictures of 48 to 336 px, {load['errors']} errors",
    ]
    yield ["half of the answers, 95 of 100", f"within {load['p50_s']:g} s, {load['p95_s']:g} s"]
    yield ["memory, early and at the end", grown(load)]
    yield [
        f"{broken['files']:,} broken uploads",
        f"{broken['errors_500']} answers of 500 and above",
    ]
    yield ["memory, early and at the end", grown(broken)]
    yield ["files left behind", str(load["files_left"] + broken["files_left"])]


def faults() -> Iterator[list[str]]:
    found = read("faults")
    kinds = list(dict.fromkeys(kind for scene in found.values() for kind in scene["rounds"]))
    yield ["", *kinds, "wrong in the end"]
    yield ["---"] + ["---:"] * (len(kinds) + 1)
    for name, scene in found.items():
        counts = [str(scene["rounds"].get(kind, "")) for kind in kinds]
        wrong = {line.split()[0] for line in scene["findings"]}  # by the numbers of rounds
        yield [name, *counts, str(len(wrong))]


def grown(row: dict[str, Any]) -> str:
    first, last = row["mib"]
    return f"{first} MiB, {last} MiB ({row['growth']:+.1%}); at most {row['peak_mib']} MiB"


def service_memory() -> Iterator[list[str]]:
    found = read("service-memory")
    shown = list(found["ways"]["glibc"]["curve_mib"])[2::6]
    yield ["allocator", "ready", *(f"after {count}" for count in shown), "at most", "CPU time"]
    yield ["---"] + ["---:"] * (len(shown) + 3)
    for name, row in found["ways"].items():
        held = (row["ready_mib"], *(row["curve_mib"][count] for count in shown), row["peak_mib"])
        yield [name, *map(str, held), f"{row['cpu_s']:.0f} s"]


def service_starts() -> Iterator[list[str]]:
    found = read("service-memory")["starts"]
    yield ["`rgtsr serve` until it is ready", "time", "of the processor"]
    yield ["---"] + ["---:"] * 2
    for kind in ("empty", "full"):
        seconds = [f"{found[f'{kind}_{what}']:.1f} s" for what in ("s", "cpu_s")]
        yield [f"{kind} cache", *seconds]


def small_pictures() -> Iterator[list[str]]:
    row = read("small_pictures")
    yield ["pictures", "all of one size", "all of sizes of their own", "ratio"]
    yield ["---:"] * 4
    seconds = [f"{row[key]:.0f} s" for key in ("equal_s", "random_s")]
    yield [str(row["count"]), *seconds, f"{row['ratio']:.2f}"]


def photo() -> Iterator[list[str]]:
    row = read("start_up")
    yield ["very first run", "later runs", "of which the network", "`rgtsr --help`"]
    yield ["---:"] * 4
    yield [f"{row[key]:.2f} s" for key in ("first_s", "warm_s", "compute_s", "help_s")]


def floor() -> Iterator[list[str]]:
    yield ["network", "tile", "precision", "work", "rgtsr", "floor", "above it", "traffic",
           "where the time goes"]  # fmt: skip
    yield ["---"] * 3 + ["---:"] * 5 + ["---"]
    report = read("floor")
    measured = {tile_of(row): row["ours"]["wall_s"] for row in read("inference")["tiles"]}
    for row in report["tiles"]:
        seconds = measured[tile_of(row)]
        floor_s = row["gflop"] / report["product_gflop_s"][row["precision"]]
        yield [
            row["variant"],
            f"{row['side_px']} px",
            row["precision"],
            f"{row['gflop']:.1f} GFLOP",
            f"{seconds:.3f} s",
            f"{floor_s:.3f} s",
            f"**{seconds / floor_s:.2f}x**",
            f"{row['gbyte']:.1f} GB, {row['gbyte'] / report['copy_gb_s']:.3f} s",
            ", ".join(f"{kind} {share:.0%}" for kind, share in list(row["shares"].items())[:6]),
        ]


def tile_of(row: dict) -> tuple[str, int, str]:
    return row["variant"], row["side_px"], row["precision"]


def rates() -> Iterator[list[str]]:
    report = read("floor")
    yield ["OpenVINO's products, float32", "OpenVINO's products, bf16", "copies"]
    yield ["---:"] * 3
    products = report["product_gflop_s"]
    yield [
        f"{products['float32']:.0f} GFLOP/s",
        f"{products['bf16']:.0f} GFLOP/s",
        f"{report['copy_gb_s']:.1f} GB/s",
    ]


def memory() -> Iterator[list[str]]:
    stored = read("memory")["rows"]
    yield ["runtime", "measurements", "from", "to", "largest error of the model"]
    yield ["---"] + ["---:"] * 4
    for kind in dict.fromkeys(row["kind"] for row in stored):
        rows = [row for row in stored if row["kind"] == kind]
        peaks = [row["peak_mib"] for row in rows]
        worst = max(abs(row["model_error"]) for row in rows)
        extremes = (f"{peak:.0f} MiB" for peak in (min(peaks), max(peaks)))
        yield [kind, str(len(rows)), *extremes, f"{worst:.1%}"]


def tiling() -> Iterator[list[str]]:
    rows = read("tiling")["ways"]
    overlaps = sorted({row["overlap_px"] for row in rows})
    yield ["tile", *(f"overlap {overlap} px" for overlap in overlaps)]
    yield ["---"] + ["---:"] * len(overlaps)
    for side in sorted({row["tile_px"] for row in rows}):
        found = {row["overlap_px"]: row for row in rows if row["tile_px"] == side}
        yield [f"{side} px", *(cell(found.get(overlap)) for overlap in overlaps)]


def borders() -> Iterator[list[str]]:
    yield ["margin", "PSNR-Y of the outermost 8 px", "drift of solid colors", "pixels that run"]
    yield ["---"] + ["---:"] * 3
    for row in read("borders")["margins"]:
        yield [
            f"{row['margin_px']} px",
            f"{row['border_psnr_y']:.3f} dB",
            f"{row['solid_drift']} of 255",
            f"{row['pixels_run']:.3f}x",
        ]


def training() -> Iterator[list[str]]:
    report = read("train_throughput")
    yield ["network", "rgtsr", "spandrel", "ratio", "work",
           "torch's bf16 products", "roofline", "of it"]  # fmt: skip
    yield ["---"] + ["---:"] * 7
    for row in report["rows"]:
        yield [
            f"{row['variant']}, {row['precision']}",
            f"{row['ours_s']:.2f} s",
            f"{row['port_s']:.2f} s",
            f"**{row['ratio']:.2f}x**",
            f"{row['gflop']:.0f} GFLOP",
            f"{report['product_flop_s']['bf16'] / 1e9:.0f} GFLOP/s",
            f"{row['roofline_s']:.2f} s",
            f"{row['of_roofline']:.0%}",
        ]


def training_memory() -> Iterator[list[str]]:
    resident = read("training_memory")["resident_mib"]
    steps = list(resident)
    shown = [steps[0], *steps[len(steps) // 5 - 1 :: len(steps) // 5]]
    yield ["step", *shown]
    yield ["---"] + ["---:"] * len(shown)
    yield ["memory", *(f"{resident[step]} MiB" for step in shown)]


def precision() -> Iterator[list[str]]:
    yield ["", "float32", "bf16", "cost"]
    yield ["---"] + ["---:"] * 3
    for row in read("precision")["rows"]:
        exact, rounded = row["float32"], row["bf16"]
        yield [row["set"], f"{exact:.4f} dB", f"{rounded:.4f} dB", f"{exact - rounded:.4f} dB"]


def ratios() -> Iterator[list[str]]:
    """The README's: how many times as fast as spandrel's port."""
    found = {tile_of(row): row for row in read("inference")["tiles"]}
    sides = sorted({side for _, side, _ in found})[-2:]
    yield [f"x2, tiles of {sides[0]} and {sides[1]} px", "float32", "bf16",
           f"peak memory at {sides[1]} px"]  # fmt: skip
    yield ["---"] * 4
    for variant in dict.fromkeys(variant for variant, _, _ in found):
        times = [
            " and ".join(f"{found[variant, side, how]['wall_s_ratio']:.1f}" for side in sides)
            for how in ("float32", "bf16")
        ]
        peak = found[variant, sides[1], "bf16"]["peak_mib"]
        yield [f"RGT {variant}", *times, f"{peak['ours'] / peak['spandrel']:.0%}"]


def scores() -> Iterator[list[str]]:
    """The README's: bicubic and the packaged weights for clean pictures."""
    yield ["PSNR-Y / SSIM-Y, untiled", "", *SETS]
    yield ["---"] * 4
    for scale in (2, 3, 4):
        rows = read(f"scores-x{scale}")["sets"]
        models = dict.fromkeys(row["model"] for row in rows)
        for model in sorted(models, key=lambda name: name != "bicubic"):
            of = {row["name"]: row for row in rows if row["model"] == model}
            name = model if model == "bicubic" else f"**{model}**"
            figures = [f"{of[each]['psnr_y']:.2f} / {of[each]['ssim_y']:.4f}" for each in SETS]
            yield [f"x{scale}" if model == "bicubic" else "", name, *figures]


def cell(row: dict | None) -> str:
    return "" if row is None else f"{row['loss_db']:+.4f} dB, {row['pixels_run']:.2f}x the pixels"


def read(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


PAGES = {
    "README.md": {"scores": scores, "ratios": ratios},
    "docs/cluster.md": {"batch": batch, "billion": billion, "billion-ways": billion_ways},
    "docs/container.md": {"service-memory": service_memory, "service-starts": service_starts},
    "docs/film.md": {"film": film},
    "docs/folders.md": {"jobs": jobs},
    "docs/faults.md": {"faults": faults},
    "docs/service.md": {"service": service},
    "docs/speed.md": {
        "tiles": tiles,
        "start-up": start_up,
        "small-pictures": small_pictures,
        "photo": photo,
        "rates": rates,
        "floor": floor,
        "precision": precision,
        "memory": memory,
        "tiling": tiling,
        "borders": borders,
        "training": training,
        "training-memory": training_memory,
    },
}

if __name__ == "__main__":
    main()
