"""The benchmarks run, and report what the documentation quotes. No figure is judged here."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import floor
import results_page
import tables
import tiling as tiling_costs
from rgtsr import Settings, graph, pictures, variants, weights

FOLDER = Path(__file__).parents[2] / "benchmarks"
PUBLISHED = FOLDER.parent.parent / "shared/published-results.csv"


def run(script: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, FOLDER / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_inference_is_compared_with_spandrel_in_time_memory_and_start_up(tmp_path: Path) -> None:
    table = run(
        "inference.py",
        *("--variants", "tiny", "--sides", "32", "--precisions", "float32", "--rounds", "1"),
        *("--json", tmp_path / "report.json"),
    )
    report = json.loads((tmp_path / "report.json").read_text())
    (row,) = report["tiles"]
    assert (row["variant"], row["side_px"], row["precision"]) == ("tiny", 32, "float32")
    for what in ("wall_s", "cpu_s"):
        ratio = row["spandrel"][what] / row["ours"][what]
        assert row[f"{what}_ratio"] == pytest.approx(ratio, abs=0.01)
    assert min(row["peak_mib"].values()) > 50
    (start,) = report["start_up"]
    assert min(start["cold_s"], start["warm_s"], start["spandrel_s"]) > 0
    assert 0.1 < start["cache_mb"] < 60
    assert "tiny     32 px float32" in table


def test_a_curve_is_drawn_from_a_checkpoint_or_a_story(tmp_path: Path) -> None:
    point = {"step": 5, "minutes": 1.0, "loss": 0.04, "holdout_psnr_y": 29.0}
    curve = [point, point | {"minutes": 2.0, "holdout_psnr_y": 30.0}]
    history = json.dumps({"elapsed_s": 120.0, "curve": curve})
    save_file({"x": np.zeros(1)}, tmp_path / "run.safetensors", {"history": history})
    run("training_curve.py", tmp_path / "run.safetensors", tmp_path / "curve.png")
    assert np.ptp(pictures.read(tmp_path / "curve.png").pixels_HWC) > 100
    run("training_curve.py", FOLDER.parent / "checkpoints/swift-x2.json", tmp_path / "long.png")
    assert np.ptp(pictures.read(tmp_path / "long.png").pixels_HWC) > 100


def test_the_gpu_benchmark_runs_every_way_on_a_cpu(tmp_path: Path) -> None:
    sizes = ("--variants", "tiny", "--sides", "32", "--batches", "2", "--rounds", "1")
    slow = ("--without", "rgtsr bf16 compiled", "rgtsr float16 compiled")
    run("gpu.py", "--device", "cpu", *sizes, *slow, "--json", tmp_path / "gpu.json")
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    ways = {row["way"]: row for row in rows}
    for way in ("spandrel float32", "rgtsr float32", "rgtsr bf16", "rgtsr float16"):
        assert ways[way]["seconds"] > 0, ways[way]
    assert ways["rgtsr float16"]["psnr_db"] > ways["rgtsr bf16"]["psnr_db"] > 30
    if shutil.which("g++") is not None:  # without a compiler the row says so
        assert ways["rgtsr float32 compiled"]["graph_breaks"] == 0


def test_what_the_gpu_benchmark_has_measured_is_in_its_file_whatever_comes_next(
    tmp_path: Path,
) -> None:
    program = (
        "import gpu\n"
        "def ways(ours, theirs, device):\n"
        "    yield 'rgtsr float32', ours\n"
        "    yield 'rgtsr bf16', lambda tiles: exit('stopped from outside')\n"
        "gpu.ways = ways\n"
        "gpu.main()\n"
    )
    sizes = ("--variants", "tiny", "--sides", "32", "--batches", "1", "--rounds", "1")
    arguments = ("--device", "cpu", *sizes, "--json", str(tmp_path / "gpu.json"))
    command = [sys.executable, "-c", program, *arguments]
    path = os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (1, "stopped from outside\n")
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert [row["way"] for row in rows] == ["rgtsr float32"]


def test_the_floor_is_counted_and_measured() -> None:
    model = graph.build(weights.random(variants.find("tiny"), seed=0), height=32, width=32)
    flop, _ = floor.counted(model)
    twice, _ = floor.counted(
        graph.build(weights.random(variants.find("tiny"), seed=0), height=64, width=32)
    )
    first_conv = 2 * 32 * 32 * 48 * 27
    assert 50 * first_conv < flop < twice / 1.9
    assert floor.product_rate("float32") > 1e9
    assert floor.copy_rate() > 1e8


def test_a_service_is_watched_while_pictures_are_sent_to_it(tmp_path: Path) -> None:
    few = ("--pictures", "2", "--clients", "2", "--largest", "120", "--starts", "1")
    run("service_memory.py", *few, "--ways", "glibc", "--json", tmp_path / "memory.json")
    report = json.loads((tmp_path / "memory.json").read_text())
    row = report["ways"]["glibc"]
    assert list(row["curve_mib"]) == ["1", "2"]
    assert row["peak_mib"] >= max(row["curve_mib"].values()) > 50
    assert min(report["starts"].values()) > 0


def test_a_plan_for_a_billion_is_simulated_and_comes_out_the_same_again(tmp_path: Path) -> None:
    how = ("--pictures", "3000", "--rounds", "1", "--json", tmp_path / "plan.json")
    first = run("plan_billion.py", *how)
    assert run("plan_billion.py", *how) == first
    shards, more, singly, copied = json.loads((tmp_path / "plan.json").read_text())["ways"]
    assert shards["hours"] > more["hours"] > singly["hours"] >= copied["hours"]
    assert min(row["over_ideal"] for row in (shards, more, singly, copied)) > 1


@pytest.mark.parametrize("page", list(tables.PAGES))
def test_the_tables_of_a_page_are_those_of_the_result_files(page: str) -> None:
    text = (FOLDER.parent / page).read_text()
    assert tables.filled(text, tables.PAGES[page]) == text


@pytest.mark.skipif(not PUBLISHED.exists(), reason=f"needs {PUBLISHED}")
def test_the_page_of_results_is_that_of_the_result_files() -> None:
    rows = [*results_page.ours(), *results_page.published(PUBLISHED)]
    text = results_page.PAGE.read_text()
    assert tables.filled(text, results_page.by_scale(rows)) == text


def test_results_are_those_of_the_shipped_weights() -> None:
    packaged = {entry.name: entry for entry in weights.listing()}
    for scale in (2, 3, 4):
        for row in tables.read(f"scores-x{scale}")["sets"]:
            if row["model"] != "bicubic":
                stated = packaged[row["model"]].scores[f"{row['name']} paper"]
                assert row["psnr_y"] == pytest.approx(stated, abs=0.005)  # stored as float16
    for name in ("precision", "tiling", "borders", "start_up", "small_pictures"):
        measured = tables.read(name)
        assert measured["sha256"] == packaged[measured["model"]].sha256, name
    for name, measured in tables.read("seconds").items():
        assert measured["sha256"] == packaged[name].sha256, name


def test_what_tiles_cost_is_what_the_program_makes_of_them() -> None:
    photos = [pictures.read(path).size for path in sorted((FOLDER.parent / "demo").glob("*.png"))]
    for way in tables.read("tiling")["ways"]:
        settings = Settings(tile_px=way["tile_px"], overlap_px=way["overlap_px"])
        sizes = [(height // 2, width // 2) for height, width in photos]
        seen = [tiling_costs.pixels_run(settings, size) / size[0] / size[1] for size in sizes]
        assert way["pixels_run"] == pytest.approx(np.mean(seen), abs=0.001), way


def test_a_training_step_is_compared_with_spandrels_and_the_roofline(tmp_path: Path) -> None:
    report = tmp_path / "throughput.json"
    sizes = ("--variants", "tiny", "--batch", "1", "--rounds", "1")
    line = run("train_throughput.py", *sizes, "--json", report)
    (row,) = json.loads(report.read_text())["rows"]
    assert f"{row['ratio']:.2f}x" in line
    assert row["ratio"] == pytest.approx(row["port_s"] / row["ours_s"])
    assert row["ours_s"] > row["roofline_s"] > 0


def test_the_memory_of_a_run_is_told_as_it_goes_on(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(256, size=(140, 150, 3), dtype=np.uint8)
    pictures.write(pictures.Picture.from_array(noise), tmp_path / "photo.png")
    report = tmp_path / "memory.json"
    run("training_memory.py", tmp_path, "--steps", "4", "--every", "2", "--json", report)
    told = json.loads(report.read_text())
    assert told["resident_mib"].keys() == {"2", "4"}
    assert all(100 < mib < 10_000 for mib in told["resident_mib"].values())
    assert told["validated"][-1] == 4


def test_folders_are_timed_and_their_memory_followed(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    run("jobs.py", "--count", "2", "--rounds", "1", "--size", "40", "60", "--json", report)
    run("jobs.py", "--memory", "20", "--json", report)
    told = json.loads(report.read_text())
    assert 0 < told["busy"] < 1
    assert min(told["workers"].values()) > 0
    assert len(told["memory"]["mib"]) == 2


def test_the_memory_of_a_picture_is_measured_and_the_result_compared(tmp_path: Path) -> None:
    said = run("gigapixels.py", "--cases", "whole", "--share", "0.004", "--folder", tmp_path)
    assert re.search(r"'width': 32768, 'height': 122,.* 'peak_mib': \d+", said)
    assert not list(tmp_path.iterdir())
