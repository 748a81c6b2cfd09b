"""What a run is going to take is said before it begins, and progress is counted in pixels."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import pyvips
from rich.progress import Progress

from cli.conftest import write_picture
from cli.running import command, environment, rgtsr
from rgtsr import pictures
from rgtsr.cli.terminal import NETWORK_SHARE, Steps
from rgtsr.runtimes import cache, probe
from rgtsr.upscaler import Upscaler
from rgtsr.weights import Weights


def test_before_it_starts_a_run_says_what_it_takes(
    photo: Path, album: Path, model: Path, tmp_path: Path
) -> None:
    arguments = ("upscale", "-m", model, "-o", f"{tmp_path}/out/", "--tile", "32")
    first = rgtsr(*arguments, photo).assert_done().out.splitlines()[0]
    assert re.fullmatch(r"40 x 24 to 80 x 48 pixels: random, 6 tiles(, about .*)?", first)
    first = rgtsr(*arguments, album).assert_done().out.splitlines()[0]
    assert re.fullmatch(r"2 files, 0.00128 megapixels: random, \d+ tiles(, about .*)?", first)
    again = rgtsr(*arguments, album).assert_done().out.splitlines()
    assert len(again) == 3
    assert "is there already" in again[0]


def test_what_a_run_took_is_what_the_next_one_is_going_to_take(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "cache"))
    write_picture(tmp_path / "photo.png", 200, 300)
    command = ("upscale", tmp_path / "photo.png", "-m", model, "--tile", "64", "--overwrite")
    first, second = (rgtsr(*command).assert_done().out.splitlines()[0] for _ in range(2))
    assert first.endswith("tiles, for how long is known once it has run here, or by rgtsr bench")
    assert re.search(r"tiles, about \d+ s$", second)


def test_the_seconds_are_those_that_were_measured_here(
    photo: Path, model: Path, network: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "cache"))
    precision = Upscaler(network).forecast((1000, 1000)).precision
    assert Upscaler(network).forecast((1000, 1000)).seconds is None
    shape = (1, 3, 192, 192)
    timings = [{"runtime": "openvino", "device": "cpu", "precision": precision, "seconds": 30.0}]
    cache.place("x", make=True)
    name = probe._name(network, precision, shape, "auto")
    cache.place(name).write_text(json.dumps(timings))
    expected = Upscaler(network).forecast((1000, 1000))
    assert (expected.tile, expected.seconds) == ((192, 192), 30 * expected.tiles)
    small = Upscaler(network).forecast((100, 100))  # by its area
    assert small.seconds == pytest.approx(30 * (small.tile[0] * small.tile[1]) / 192**2)
    assert Upscaler(network, runtime="onnxruntime").forecast((1000, 1000)).seconds is None
    done = rgtsr("upscale", photo, "-m", model, "-o", tmp_path / "x.png", "--dry-run").assert_done()
    assert "1 tile, about 3 s" in done.out


def test_that_bf16_is_emulated_is_said(
    photo: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE")
    ahead = ("upscale", photo, "-m", model, "-o", tmp_path / "x.png", "--dry-run", "--precision")
    line = "bf16 is emulated on this processor: --precision float32 is faster"
    assert line in rgtsr(*ahead, "bf16").assert_done().out
    assert line not in rgtsr(*ahead, "auto").assert_done().out


def test_of_an_animation_every_frame_counts(tmp_path: Path, model: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 24, 3), np.uint8)
    still = pyvips.Image.new_from_array(noise)
    frames = still.copy()
    frames.set_type(pyvips.GValue.gint_type, "page-height", 20)
    frames.write_to_file(str(tmp_path / "a.gif"))
    said = rgtsr("upscale", tmp_path / "a.gif", "-m", model, "--dry-run").assert_done().out
    assert "24 x 20 to 48 x 40 pixels, about 2 pictures: random, 2 tiles" in said
    first = rgtsr("upscale", tmp_path / "a.gif", "-m", model, "--page", "1", "--dry-run")
    assert "random, 1 tile" in first.assert_done().out


def test_a_dry_run_lists_everything_and_makes_nothing(
    album: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "cache"))  # so no seconds are known
    out = tmp_path / "out"
    write_picture(out / "first.jpg", 20, 20)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    arguments = ("upscale", "-m", model, "-o", out, "--dry-run")
    lines = rgtsr(*arguments, album).assert_done().out.splitlines()
    zweites = Path("Wörter 写真") / "zweites.png"
    assert lines[0] == "32 x 20 to 64 x 40 pixels: random, 1 tile"
    assert lines[1] == f"{out / 'first.jpg'}: is there already, would be skipped"
    assert lines[2] == f"{album / zweites} -> {out / zweites}: 32 x 20 to 64 x 40 pixels, 1 tile"
    assert re.fullmatch(rf"about \d+ kB on the disk; .*B are free in {out}", lines[3])
    assert lines[4:] == ["nothing was made: --dry-run"]
    broken = rgtsr(*arguments, tmp_path / "broken.png")
    broken.assert_failed(1, "broken.png: is no picture")
    huge = rgtsr(*arguments, album, "--overwrite", "--max-pixels", "100")
    assert (huge.status, len(huge.errors)) == (1, 2)
    assert "more than --max-pixels" in huge.errors[0]
    write_picture(tmp_path / "long.png", 4, 1200)
    wide = rgtsr(*arguments, tmp_path / "long.png", "--width", "18000", "--format", "webp")
    wide.assert_failed(1, "WebP holds at most 16383 pixels a side")
    assert sorted(path.name for path in out.rglob("*")) == ["first.jpg"]


def test_a_result_of_another_source_is_neither_replaced_nor_taken_for_this_ones(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "cache"))
    write_picture(tmp_path / "x.png", 20, 32)
    write_picture(tmp_path / "x.jpg", 20, 32)
    command = ("upscale", "-m", model, "--format", "png")
    rgtsr(*command, tmp_path / "x.png").assert_done()
    [made] = tmp_path.glob("x_*.png")
    before = made.read_bytes()
    for options in ((), ("--dry-run",)):
        other = rgtsr(*command, tmp_path / "x.jpg", *options)
        other.assert_failed(1, f"{made}: is there, made of another source", "--overwrite")
    assert made.read_bytes() == before
    rgtsr(*command, tmp_path / "x.jpg", "--overwrite").assert_done()
    assert made.read_bytes() != before


def test_quiet_says_nothing_but_errors_and_verbose_says_more(
    photo: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    arguments = ("upscale", "-m", model, "-o", f"{tmp_path}/out/")
    done = rgtsr(*arguments, photo, tmp_path / "broken.png", "-q")
    done.assert_failed(1, "broken.png: is no picture")
    assert done.out == ""
    assert pictures.read(tmp_path / "out" / "photo.png").size == (48, 80)
    more = rgtsr(*arguments, photo, "--overwrite", "-v", "--runtime", "openvino").assert_done().out
    assert "openvino on the CPU in " in more
    assert "tiles of 64 x 64 pixels, overlapping by 16; compiled networks in " in more
    whole = rgtsr(*arguments, photo, "--overwrite", "-v", "--whole").assert_done().out
    assert "not cut into tiles" in whole
    rgtsr(*arguments, photo, "-q", "-v").assert_failed(2, "--quiet excludes --verbose")


def test_a_quality_without_effect_is_said_so(photo: Path, model: Path, tmp_path: Path) -> None:
    arguments = ("upscale", photo, "-m", model, "--quality", "80", "-o")
    done = rgtsr(*arguments, tmp_path / "x.png").assert_done()
    assert "--quality has no effect on PNG" in done.out.splitlines()
    assert "no effect" not in rgtsr(*arguments, tmp_path / "x.jpg").assert_done().out


def test_progress_is_counted_in_pixels_and_writing_is_a_part_of_it() -> None:
    bar = Progress(disable=True)
    steps = Steps(3, bar, [0, 100, 300])
    task = bar.tasks[0]
    steps.finish("is there already")
    on_progress = steps.start("small.png")
    on_progress(1, 2)
    assert task.completed == pytest.approx(NETWORK_SHARE * 50)
    on_progress(2, 2)
    assert (task.description, task.completed) == ("writing small.png", NETWORK_SHARE * 100)
    steps.finish()
    assert (task.completed, task.total, task.fields["files"]) == (100, 400, "2/3")
    steps.start("large.png")(1, 4)
    assert task.completed == pytest.approx(100 + NETWORK_SHARE * 75)
    steps.fail(ValueError("no"))
    assert task.completed == 400


def test_a_bar_on_a_terminal_leaves_stdout_to_the_file_it_goes_to(
    photo: Path, model: Path, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    arguments = [*command(), "upscale", str(photo), "-o", str(tmp_path / "o.png"), "-m", str(model)]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            arguments, env=environment(TERM="xterm"), stdout=log, stderr=theirs
        ) as process,
    ):
        os.close(theirs)
        with open(ours, "rb", buffering=0, closefd=False) as terminal:
            while _some(terminal):
                pass
    os.close(ours)
    assert process.returncode == 0
    assert "o.png: 80 x 48" in (tmp_path / "log").read_text()


def _some(terminal: "object") -> bytes:
    try:
        return terminal.read(4096)  # type: ignore[attr-defined] -- a raw file
    except OSError:  # how Linux says that the other side is closed
        return b""
