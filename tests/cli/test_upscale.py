"""``rgtsr upscale`` in processes of its own."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import pyvips

from cli.conftest import picture, write_picture
from cli.running import command, environment, rgtsr
from rgtsr import atomic, pictures
from rgtsr.cli import options, run
from rgtsr.pictures import Picture, bicubic, formats, savers, vips
from rgtsr.upscaler import Settings, Upscaler
from rgtsr.weights import Weights


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_becomes_what_the_upscaler_makes_of_it(
    photo: Path, model: Path, network: Weights, tmp_path: Path
) -> None:
    target = tmp_path / "new folder" / "große.png"
    done = rgtsr("upscale", photo, "-o", target, "-s", "2", "-m", model, "--tile", "32")
    done.assert_done()
    assert f"{target}: 80 x 48" in done.out
    upscaler = Upscaler(network, settings=Settings(tile_px=32))
    expected = upscaler.upscale(picture(24, 40)).pixels_HWC
    difference = pictures.read(target).pixels_HWC.astype(int) - expected
    assert np.abs(difference).max() <= 1  # another compilation may round otherwise


def test_every_format_that_is_written_can_be_asked_for() -> None:
    names = get_args(get_args(get_args(options.Format)[0])[0])
    assert names == tuple(form.suffixes[0][1:] for form in formats.WRITABLE)


def test_a_folder_keeps_its_structure_and_results_are_not_made_twice(
    album: Path, model: Path, tmp_path: Path
) -> None:
    arguments = ("upscale", album, "-o", tmp_path / "out", "-m", model)
    first = rgtsr(*arguments).assert_done()
    assert first.out.splitlines()[-1] == "2 enlarged, 0 skipped, 0 failed"
    assert files_below(tmp_path / "out") == ["Wörter 写真/zweites.png", "first.jpg"]
    (tmp_path / "out" / "first.jpg").unlink()
    second = rgtsr(*arguments).assert_done()
    assert second.out.splitlines()[-1] == "1 enlarged, 1 skipped, 0 failed"
    third = rgtsr(*arguments, "--overwrite", "--format", "webp", "--scale", "2.5").assert_done()
    assert third.out.splitlines()[-1] == "2 enlarged, 0 skipped, 0 failed"
    assert pictures.read(tmp_path / "out" / "first.webp").size == (50, 80)


def test_any_size_is_reached_without_naming_a_model(photo: Path, tmp_path: Path) -> None:
    for arguments, size in {
        ("-s", "4"): (96, 160),
        ("--long-side", "100"): (60, 100),
        ("--width", "50", "--height", "50"): (50, 50),
    }.items():
        target = tmp_path / f"{'-'.join(arguments)}.png"
        done = rgtsr("upscale", photo, "-o", target, *arguments).assert_done()
        assert pictures.read(target).size == size
    assert "cropped evenly" in done.out


@pytest.mark.parametrize("times", [1, 3, 4])
def test_any_size_is_reached_by_weights_of_one_scale(
    times: int, photo: Path, model: Path, tmp_path: Path
) -> None:
    named = "small-x2" if times == 3 else model
    rgtsr("upscale", photo, "-o", tmp_path / "a.png", "-m", named, "-s", f"{times}").assert_done()
    assert pictures.read(tmp_path / "a.png").size == (24 * times, 40 * times)
    nobodys = rgtsr("upscale", photo, "-m", "smal-x2", "-s", f"{times}")
    nobodys.assert_failed(2, "Did you mean 'small-x2'?")


def test_bad_files_are_reported_and_passed_over(photo: Path, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_picture(folder / "good.png", 20, 20)
    write_picture(folder / "one pixel.png", 1, 1)
    write_picture(folder / "line.png", 1, 5000)
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("This is no picture at all, but it is long enough to be one.")
    (folder / "cut.png").write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    (folder / "huge.png").write_bytes(_header_only(30_000, 30_000))
    done = rgtsr("upscale", folder, tmp_path / "missing.png", "-o", tmp_path / "out", "-m", model)
    assert done.status == 1
    assert done.out.splitlines()[-1] == "3 enlarged, 0 skipped, 5 failed"
    assert files_below(tmp_path / "out") == ["good.png", "line.png", "one pixel.png"]
    assert pictures.read(tmp_path / "out" / "one pixel.png").size == (2, 2)
    assert pictures.read(tmp_path / "out" / "line.png").size == (2, 10000)
    assert len(done.errors) == 5
    for name, words in {
        "cut": "damaged",
        "empty": "is empty",
        "huge": "--max-pixels",
        "text": "is no picture",
        "missing": "no such file",
    }.items():
        [reported] = [line for line in done.errors if f"{name}." in line]
        assert reported.startswith("rgtsr: ")
        assert words in reported


def test_a_report_that_cannot_be_written_is_said_before_the_work(
    photo: Path, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = rgtsr(
        "upscale", photo, "-o", tmp_path / "out/", "-m", model, "--report", tmp_path / "file/x.json"
    )
    done.assert_failed(1, "the report cannot be written")
    assert not (tmp_path / "out").exists()


def test_where_no_journal_can_be_kept_that_is_said(
    photo: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "file"))
    done = rgtsr("upscale", photo, "-o", tmp_path / "x.png", "-m", model)
    assert done.status == 0
    assert "no journal can be kept" in done.errors[0]


def test_a_link_to_nothing_is_named_as_such(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "lost.jpg").symlink_to(tmp_path / "nothing.jpg")
    done = rgtsr("upscale", tmp_path / "in", "-m", model)
    done.assert_failed(1, "lost.jpg: is a link to")


def test_whatever_gets_smaller_is_said_to(photo: Path, model: Path, tmp_path: Path) -> None:
    done = rgtsr("upscale", photo, "-o", tmp_path / "x.png", "-m", model, "--long-side", "20")
    assert "so this made it smaller" in done.assert_done().out


def _header_only(width: int, height: int) -> bytes:
    """A PNG that promises that many pixels and holds none."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-m", "smal-x2"), ("smal-x2", "Did you mean 'small-x2'?")),
        (("-m", "{model}", "--tile", "10"), ("--tile=10 is too small",)),
        (("-m", "{model}", "--tile", "1024"), ("too large",)),
        (("-m", "{model}", "-o", "{photo}"), ("would replace the input",)),
        (("-m", "{model}", "-s", "0"), ("--scale=0 is out of range",)),
        (("-m", "{model}", "--width", "9", "-s", "2"), ("exclude each other",)),
        (("-m", "{model}", "--quality", "101"), ("--quality=101",)),
        (("--precision", "half"), ("half", "bf16")),
        (("--scal", "2"), ("--scal",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_misuse_is_one_line_and_status_2(
    arguments: tuple[str, ...], words: tuple[str, ...], photo: Path, model: Path, tmp_path: Path
) -> None:
    filled = [text.format(model=model, photo=photo) for text in arguments]
    rgtsr("upscale", photo, *filled, cwd=tmp_path).assert_failed(2, *words)
    assert files_below(photo.parent) == ["photo.png"]


def test_no_gpu_is_one_line_and_status_1(photo: Path, model: Path, tmp_path: Path) -> None:
    done = rgtsr("upscale", photo, "-o", tmp_path / "o.png", "-m", model, "--device", "gpu")
    done.assert_failed(1, "GPU", "--device cpu")


def test_a_runtime_that_is_not_installed_is_named(photo: Path, model: Path, tmp_path: Path) -> None:
    for runtime, extra in {"torch": "rgtsr[train]", "onnxruntime": "rgtsr[onnxruntime]"}.items():
        arguments = ("upscale", photo, "-o", tmp_path / "o.png", "-m", model, "--runtime", runtime)
        rgtsr(*arguments, without=(runtime,)).assert_failed(1, f"pip install '{extra}'")


@pytest.mark.parametrize(
    ("precision", "word"),
    [("float32", "o.png: cannot be written"), ("bf16", "set TMPDIR to another folder")],
)
def test_a_full_disk_leaves_nothing_behind(
    model: Path, tmp_path: Path, precision: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "cache"))  # no network is compiled yet
    write_picture(tmp_path / "in.png", 100, 100)
    (tmp_path / "out").mkdir()
    arguments = ("upscale", tmp_path / "in.png", "-o", tmp_path / "out" / "o.png", "-m", model)
    options = ("--precision", precision)
    rgtsr(*arguments, *options, file_limit_bytes=50_000).assert_failed(1, word)
    assert files_below(tmp_path / "out") == []


def test_an_output_that_cannot_be_written_is_said(photo: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = rgtsr("upscale", photo, "-o", tmp_path / "file" / "o.png", "-m", model)
    done.assert_failed(1, str(tmp_path / "file"), "cannot be made")
    (tmp_path / "o.png").mkdir()
    done = rgtsr("upscale", photo, "-o", f"{tmp_path}/", "--format", "png", "-m", model)
    done.assert_done()
    (tmp_path / "photo.png").unlink()
    (tmp_path / "photo.png").mkdir()
    done = rgtsr("upscale", photo, "-o", f"{tmp_path}/", "-m", model)
    done.assert_failed(1, "is a folder")


def test_where_the_disk_is_full_it_stops_and_goes_on_when_there_is_room(
    small_disk: Path, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        noise = np.random.default_rng(number).integers(0, 256, (40, 50, 3), np.uint8)
        pictures.write(Picture.from_array(noise), folder / f"{number}.png")
    (small_disk / "ballast").write_bytes(bytes(200_000))
    words = ("upscale", folder, "-o", small_disk / "out", "-m", model)
    stopped = rgtsr(*words)
    assert stopped.status == 1
    *failures, last = stopped.errors
    assert len(failures) == 3
    assert re.search(r"last 3 found no room.*goes on with the \d+ that are left", last)
    (small_disk / "ballast").unlink()
    (small_disk / "out" / "left").touch()
    done = rgtsr(*words, "--format", "jpg", "--quality", "50").assert_done()
    assert "12 enlarged" in done.out


def test_what_is_whole_is_not_made_again_to_salvage_what_is_not(
    model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    for name in ("a.jpg", "b.jpg"):
        write_picture(folder / name, 40, 50)
    whole = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) * 3 // 4])
    words = ("upscale", folder, "-o", tmp_path / "out", "-m", model)
    assert "1 enlarged, 0 skipped, 1 failed" in rgtsr(*words).out
    assert "1 enlarged, 1 skipped, 0 failed" in rgtsr(*words, "--salvage").assert_done().out
    assert "0 enlarged, 2 skipped, 0 failed" in rgtsr(*words).assert_done().out


@pytest.mark.parametrize(
    ("which", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_leaves_no_half_file(
    which: signal.Signals, status: int, model: Path, tmp_path: Path
) -> None:
    process = held_at_the_second_picture(model, tmp_path)
    process.send_signal(which)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in errors
    assert "stopped: 1 enlarged, 0 skipped, 0 failed, 1 to do" in errors
    assert files_below(tmp_path / "out") in (["1.png"], ["2.png"])


def test_who_waits_for_another_run_says_so_and_finishes_the_work(
    model: Path, tmp_path: Path
) -> None:
    first = held_at_the_second_picture(model, tmp_path)
    words = [*command(), "upscale", "in", "-o", "out", "-m", model, "--runtime", "openvino"]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    ) as second:
        assert second.stdout is not None
        assert any("another run is at it: waiting" in line for line in second.stdout)
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
        assert "1 enlarged, 1 skipped, 0 failed" in second.stdout.read()
    assert files_below(tmp_path / "out") == ["1.png", "2.png"]


HELD = """
import time
from rgtsr import signals
from rgtsr.__main__ import main
from rgtsr.runtimes import openvino

real, calls = openvino.OpenVINORuntime.upscale_tiles, []

def held(self, tiles):
    calls.append(1)
    if len(calls) == 2:
        print("held", flush=True)
        while not signals._asked:
            time.sleep(0.01)
    return real(self, tiles)

openvino.OpenVINORuntime.upscale_tiles = held
main()
"""


def held_at_the_second_picture(model: Path, folder: Path) -> subprocess.Popen[str]:
    """``upscale in -o out`` of two pictures of one tile each, until a signal comes."""
    (folder / "in").mkdir()
    for name, value in (("1.png", 0), ("2.png", 9)):
        array = np.arange(value, value + 20 * 20 * 3).reshape(20, 20, 3).astype(np.uint8)
        pictures.write(Picture.from_array(array), folder / "in" / name)
    arguments = ["upscale", "in", "-o", "out", "-m", str(model), "--runtime", "openvino"]
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # nohup would be inherited
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("2 files, 0.0008 megapixels: random, 2 tiles")
    held, made = sorted(
        (process.stdout.readline() for _ in range(2)), key=lambda line: "->" in line
    )
    assert held == "held\n"
    assert re.match(r"in/([12]).png -> out/\1.png", made)
    return process


def test_a_terminal_gets_a_bar_with_the_time_left(photo: Path, model: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = [*command(), "upscale", str(photo), "-o", "o.png", "-m", str(model)]
    environ = environment(TERM="xterm", COLUMNS="100")
    with subprocess.Popen(
        arguments, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while part := _read(ours):
            shown += part
    os.close(ours)
    assert process.returncode == 0
    assert "photo.png" in shown.decode()
    assert "━" in shown.decode()
    assert "left" in shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other side is closed
        return b""


def test_a_damaged_compilation_cache_is_said_in_one_line(
    model: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "cache"))
    arguments = ("upscale", photo, "-m", model, "-o", tmp_path / "large.png", "--overwrite")
    rgtsr(*arguments).assert_done()
    (kept,) = (tmp_path / "cache").glob("*.graph")
    kept.write_bytes(kept.read_bytes()[:-1])
    rgtsr(*arguments).assert_failed(0, "was damaged", "made again")
    rgtsr(*arguments).assert_done()


def test_a_memory_limit_is_kept_to(photo: Path, model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    arguments = ("upscale", photo, "-o", target, "-m", model, "--max-memory")
    rgtsr(*arguments, "20MiB").assert_failed(1, "20 MiB of memory are too little", "at least")
    rgtsr(*arguments, "lots").assert_failed(2, "--max-memory=lots", "2GiB")
    assert not target.exists()
    rgtsr(*arguments, "2GiB").assert_done()
    assert pictures.read(target).size == (48, 80)


def test_what_looks_enlarged_before_is_told(tmp_path: Path) -> None:
    demo = Path(__file__).parents[2] / "demo" / "demo-pagoda.png"
    larger = bicubic.resize(pictures.read(demo).pixels_HWC[:200, :200], Fraction(3, 2))
    pictures.write(Picture.from_array(larger.astype(np.uint8)), tmp_path / "larger.png")
    done = rgtsr("upscale", tmp_path / "larger.png", "-s", "2").assert_done()
    assert "; looks enlarged before" in done.out


def test_a_poor_jpeg_is_restored_by_default_and_it_is_said(tmp_path: Path) -> None:
    demo = Path(__file__).parents[2] / "demo" / "demo-pagoda.png"
    photo = pictures.read(demo).pixels_HWC[:160, :160]
    pictures.write(Picture.from_array(photo), tmp_path / "20.jpg", quality=20)
    pictures.write(Picture.from_array(photo), tmp_path / "fine.png")
    done = rgtsr("upscale", tmp_path / "20.jpg", tmp_path / "fine.png", "-s", "2").assert_done()
    poor, fine = sorted(line for line in done.out.splitlines() if "->" in line)
    assert "; restored by " in poor
    assert "(JPEG of quality 20, noise " in poor
    assert "; restored" not in fine
    again = ("upscale", tmp_path / "20.jpg", "--overwrite", "-m")
    assert "; not restored (JPEG of quality 20" in rgtsr(*again, "swift-x2").assert_done().out
    whole = rgtsr(*again, "swift-x2", "--restore", "1").assert_done().out
    assert "; restored by 1 (" in whole
    assert "restored (" not in rgtsr(*again, "swift-x2-photo").assert_done().out
    rgtsr(*again, "swift-x2", "--restore", "2").assert_failed(2, "0 to 1")
    by_itself = rgtsr(*again, "swift-x2", "--restore", "auto").assert_done().out
    assert "20_x2_swift-x2_restored.jpg" in by_itself
    assert "; restored by " in by_itself


def test_a_folder_says_what_was_passed_over_and_nothing_to_do_is_a_failure(
    album: Path, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(album, tmp_path / "album")
    (tmp_path / "album" / "layers.psd").touch()
    arguments = ("-o", tmp_path / "out", "-m", model)
    done = rgtsr("upscale", tmp_path / "album", *arguments).assert_done()
    assert done.out.splitlines()[-1] == "passed over: 1 .psd"
    (tmp_path / "only" / "layers").mkdir(parents=True)
    (tmp_path / "only" / "x.psd").touch()
    done = rgtsr("upscale", tmp_path / "only", *arguments)
    barren = f"1 folder without a picture that can be read ({tmp_path / 'only'})"
    lines = ["0 enlarged, 0 skipped, 0 failed", f"passed over: 1 .psd, {barren}"]
    assert (done.status, done.out.splitlines()) == (1, lines)
    done = rgtsr("upscale", tmp_path / "album", tmp_path / "only", *arguments)
    assert (done.status, done.out.splitlines()[-1]) == (1, f"passed over: 2 .psd, {barren}")


def test_what_has_no_decoder_is_counted_in_a_folder_and_an_error_where_it_is_named(
    album: Path, model: Path, tmp_path: Path
) -> None:
    if vips.can(formats.JXL.loader or ""):
        pytest.skip("this libvips reads JPEG XL, the format without a decoder of this test")
    shutil.copytree(album, tmp_path / "album")
    (tmp_path / "only").mkdir()
    for name in ("album/a.jxl", "album/b.jxl", "only/c.jxl"):
        (tmp_path / name).write_bytes(b"\xff\x0a" + bytes(40))
    arguments = ("-o", tmp_path / "out", "-m", model)
    done = rgtsr("upscale", tmp_path / "album", *arguments).assert_done()
    assert done.out.splitlines()[-1] == "passed over: 2 .jxl"
    dry = rgtsr("upscale", tmp_path / "album", *arguments, "--overwrite", "--dry-run").assert_done()
    assert dry.out.splitlines()[-2] == "passed over: 2 .jxl"
    done = rgtsr("upscale", tmp_path / "only", *arguments)
    assert done.status == 1
    assert "without a picture that can be read" in done.out.splitlines()[-1]
    done = rgtsr("upscale", tmp_path / "album" / "a.jxl", *arguments)
    done.assert_failed(1, "no decoder")


def test_an_unexpected_error_fails_one_picture_and_no_more(
    album: Path, model: Path, tmp_path: Path
) -> None:
    program = (
        "import sys\nfrom rgtsr.runtimes import openvino\nfrom rgtsr.__main__ import main\n"
        "real, calls = openvino.OpenVINORuntime.upscale_tiles, []\n"
        "def once(self, tiles):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 1:\n"
        "        raise RuntimeError('primitive\\nnot ready')\n"
        "    return real(self, tiles)\n"
        "openvino.OpenVINORuntime.upscale_tiles = once\nmain()"
    )
    command_line = [sys.executable, "-c", program, "upscale", album, "-o", "out", "-m", model]
    done = subprocess.run(
        command_line, cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "1 enlarged, 0 skipped, 1 failed"
    assert done.stderr.splitlines() == [
        "rgtsr: unexpected RuntimeError: primitive not ready (RGTSR_DEBUG=1 shows where)"
    ]


@pytest.mark.skipif(os.name == "nt", reason="streams are closed so by a POSIX shell")
@pytest.mark.parametrize(
    ("shell", "status"),
    [('"$@" >&-', 0), ('"$@" 2>&-', 0), ('"$@" <&- >&- 2>&-', 0), ('"$@" | true', 0)],
)
def test_streams_that_are_closed_are_no_obstacle(
    shell: str, status: int, photo: Path, model: Path, tmp_path: Path
) -> None:
    run = (*command(), "upscale", photo, "-o", tmp_path / "o.png", "-m", model)
    done = subprocess.run(
        ["sh", "-c", shell, "sh", *map(str, run)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert pictures.read(tmp_path / "o.png").size == (48, 80)


def test_a_reader_that_goes_away_ends_the_run_without_a_traceback(
    model: Path, tmp_path: Path
) -> None:
    for number in range(4):
        write_picture(tmp_path / "in" / f"{number}.png", 20, 20)
    run = [*command(), "upscale", "in", "-o", "out", "-m", str(model)]
    with subprocess.Popen(
        run, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert process.returncode in (0, 1)  # 0: all was said before the reader went
    assert errors == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
@pytest.mark.parametrize("command_line", ["upscale in -o out -m {model}", "models"])
def test_a_stdout_on_a_full_disk_is_said_once_and_pictures_are_made(
    command_line: str, model: Path, tmp_path: Path
) -> None:
    for name in ("1.png", "2.png"):
        write_picture(tmp_path / "in" / name, 20, 20)
    words = command_line.format(model=model).split()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command(), *words],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "No space left on device" in line
    if words[0] == "upscale":
        assert files_below(tmp_path / "out") == ["1.png", "2.png"]


def test_names_with_line_breaks_stay_on_one_line(model: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "two\nlines.png", 20, 20)
    (tmp_path / "in" / "bad\nname.png").write_bytes(b"no picture")
    done = rgtsr("upscale", tmp_path / "in", "-o", tmp_path / "out", "-m", model)
    assert done.status == 1
    assert len(done.errors) == 1
    assert len(done.out.splitlines()) == 3
    assert (tmp_path / "out" / "two\nlines.png").is_file()


def test_what_a_killed_run_left_is_removed_by_the_next(model: Path, tmp_path: Path) -> None:
    process = held_at_the_second_picture(model, tmp_path)
    process.kill()
    process.communicate(timeout=60)
    assert list((tmp_path / "out").glob(".rgtsr-*"))
    with atomic.replacing(tmp_path / "out" / "x.png") as own:
        own.touch()
        rgtsr("upscale", "in", "-o", "out", "-m", model, cwd=tmp_path).assert_done()
        assert list((tmp_path / "out").glob(".rgtsr-*")) == [own]
    assert files_below(tmp_path / "out") == ["1.png", "2.png", "x.png"]


def test_damaged_files_fail_or_are_salvaged_with_a_note_and_pages_are_chosen(
    model: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for name in ("whole.jpg", "cut.jpg"):
        noise = rng.integers(0, 256, (96, 64, 3), np.uint8)
        (tmp_path / "in").mkdir(exist_ok=True)
        pictures.write(Picture.from_array(noise), tmp_path / "in" / name)
    cut = tmp_path / "in" / "cut.jpg"
    cut.write_bytes(cut.read_bytes()[:-3000])
    arguments = ("upscale", tmp_path / "in", "-o", tmp_path / "out", "-m", model)
    done = rgtsr(*arguments)
    assert done.status == 1
    assert "cut.jpg" in done.errors[0]
    assert files_below(tmp_path / "out") == ["whole.jpg"]
    done = rgtsr(*arguments, "--salvage").assert_done()
    assert "it is damaged" in done.out
    assert "rows are sure" in done.out
    rgtsr(*arguments, "--page", "0").assert_failed(2, "--page=0")
    done = rgtsr("upscale", cut, "-o", tmp_path / "x.png", "-m", model, "--page", "2")
    done.assert_failed(1, "no page 2")


def test_a_tiff_beyond_two_gigabytes_keeps_its_exif(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pyvips.Image.new_from_array(picture(24, 40).pixels_HWC)
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Make", "Rolleiflex")
    image.write_to_file(str(tmp_path / "photo.jpg"))
    arguments = ["upscale", str(tmp_path / "photo.jpg"), "-m", str(model), "-o"]
    monkeypatch.setattr(savers, "BIG_TIFF_BYTES", 1000)
    assert run([*arguments, str(tmp_path / "big.tif")]) == 0
    assert "left out" not in capsys.readouterr().out
    assert b"Rolleiflex" in (pictures.read(tmp_path / "big.tif").metadata.exif or b"")
    assert (tmp_path / "big.tif").read_bytes()[2] == 43  # BigTIFF's number
    assert pictures.read(tmp_path / "big.tif").size == (48, 80)
    monkeypatch.undo()
    assert run([*arguments, str(tmp_path / "usual.tif")]) == 0
    assert "EXIF" not in capsys.readouterr().out
