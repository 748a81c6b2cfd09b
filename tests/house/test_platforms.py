"""What Windows and macOS lack is not needed: the same work where it is gone."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from cli.running import environment
from rgtsr import pictures
from rgtsr.pictures import Picture

# Blocked once all that we do not write is imported: psutil, numpy and Python itself have their own
# ways on each system.
PROGRAM = """
import builtins, io, os, signal, sys
import numpy, onnx, openvino, psutil, pyvips, rich.console, rich.progress, safetensors.numpy, typer
import multiprocessing, concurrent.futures, tempfile, shutil, subprocess, zipfile, mmap
gone = ("resource", "fcntl", "pwd", "grp", "termios", "pty", "tty", "posix", "_posixsubprocess")
sys.modules.update(dict.fromkeys(gone))
for name in ("fork", "pread", "sched_getaffinity", "geteuid", "getuid", "mkfifo", "nice", "killpg"):
    delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "pthread_sigmask"):
    delattr(signal, name)
real = io.open
def no_proc(file, *rest, **more):
    asked_by = str(sys._getframe(1).f_globals.get("__name__"))
    if str(file).startswith(("/proc", "/sys")) and not asked_by.startswith("psutil"):
        raise FileNotFoundError(file)
    return real(file, *rest, **more)
builtins.open = io.open = no_proc
from rgtsr.__main__ import main
main()
"""


def run(*arguments: str | Path, heavy: tuple[str, ...] = ()) -> str:
    """``heavy``: what else of others' is imported before, which most commands never need."""
    program = "".join(f"import {name}\n" for name in heavy) + PROGRAM
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_the_readmes_first_page_works_without_what_is_posix_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
    photo = tmp_path / "in" / "photo.png"
    photo.parent.mkdir()
    pictures.write(Picture.from_array(noise), photo)
    run("upscale", tmp_path / "in", "-o", tmp_path / "out", "--format", "jpg")
    assert pictures.read(tmp_path / "out" / "photo.jpg").size == (48, 80)
    assert "small-x2" in run("models")
    assert "works" in run("doctor")
    run("compare", photo, "-o", tmp_path / "compared.png")
    assert (tmp_path / "compared.png").is_file()
    run("eval", "-m", "bicubic", "--data", tmp_path / "in")
    run("convert", "small-x2", tmp_path / "x.pth", "--to", "original")
    run("export", "-m", "small-x2", "-o", tmp_path / "x.onnx")
    assert "openvino" in run("bench", "--tile", "32")
    run("upscale", photo, "-o", tmp_path / "wide.png", "--long-side", "100")
    assert pictures.read(tmp_path / "wide.png").size == (60, 100)


def test_photos_are_looked_through_packed_and_trained_on(tmp_path: Path) -> None:
    demo = pictures.read(Path(__file__).parents[2] / "demo" / "demo-pagoda.png").pixels_HWC
    (tmp_path / "photos").mkdir()
    pictures.write(Picture.from_array(demo[:240, :264]), tmp_path / "photos" / "a.png")
    found, packed = tmp_path / "found.json", tmp_path / "photos.safetensors"
    assert run("data", "check", tmp_path / "photos", "--json", found) == "1 photos, 0 faults\n"
    assert '"findings": []' in found.read_text()
    run("data", "pack", tmp_path / "photos", packed, "-s", "2")
    keys = ("variant=tiny", "batch=1", "steps=2", f"photos={packed}", f"holdout={packed}")
    heavy = ("torch", "torch.utils.tensorboard")
    assert "hold-out" in run("train", "small-x2", *keys, "-o", tmp_path / "run", heavy=heavy)
    assert (tmp_path / "run" / "weights.safetensors").is_file()
