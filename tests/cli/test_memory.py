"""Limits of memory, in processes of their own."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cli.conftest import write_picture
from cli.running import environment, rgtsr
from rgtsr import pictures, variants, weights
from rgtsr.cli.sizes import size_bytes
from rgtsr.cli.terminal import one_line
from rgtsr.errors import OutOfMemoryError
from rgtsr.runtimes import memory
from rgtsr.runtimes.openvino import memory_errors

MEASURED = """
import sys
sys.modules["torch"] = None
from pathlib import Path
from rgtsr.cli import run
status = run(sys.argv[1:])
print(next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM")))
sys.exit(status)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read in /proc")
def test_a_whole_picture_keeps_to_the_smallest_limit_without_torch(tmp_path: Path) -> None:
    network = weights.random(replace(variants.find("tiny"), depths=(2, 2)), seed=1)
    weights.save(network, tmp_path / "model.safetensors")
    write_picture(tmp_path / "photo.png", 480, 400)
    arguments = ["upscale", "photo.png", "-o", "out.png", "-m", "model.safetensors", "--whole"]
    arguments += ["--precision", "float32", "--max-memory"]
    refused = rgtsr(*arguments, "150MiB", cwd=tmp_path, without=("torch",))
    refused.assert_failed(1, "150 MiB of memory are too little for 400 x 480 pixels")
    assert "tile" not in refused.errors[0]
    enough = refused.errors[0].partition("at least ")[2].rstrip(".")
    limit = size_bytes(enough)
    at_once = memory.needed_bytes("openvino float32", network.variant, (1, 3, 480, 400))
    assert at_once > limit  # bands are needed
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments, enough],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    peak = 1024 * int(done.stdout.split()[-2])
    assert peak <= memory.MARGIN * limit
    assert pictures.read(tmp_path / "out.png").size == (960, 800)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone limits a process's addresses")
@pytest.mark.parametrize("limit_kib", [500_000, 600_000, 650_000, 700_000])
def test_a_process_that_may_have_no_more_memory_says_so_in_one_line(
    limit_kib: int, photo: Path, tmp_path: Path
) -> None:
    arguments = ("upscale", photo, "-o", tmp_path / "out.png", "-m", "small-x2")
    done = rgtsr(*arguments, memory_limit_bytes=limit_kib << 10, without=("torch",))
    if done.status:  # which of them suffice depends on the machine
        done.assert_failed(1, "memory")
        assert "unexpected" not in done.errors[0]
    assert (tmp_path / "out.png").exists() == (done.status == 0)


@pytest.mark.parametrize("words", ["x.so: failed to map segment", "can't start new thread"])
def test_what_the_loader_and_threads_say_of_memory_is_understood(words: str) -> None:
    assert one_line(RuntimeError(words)) == one_line(ImportError(words)) == one_line(MemoryError())


@pytest.mark.parametrize("words", ["std::bad_alloc", "plugin.cpp:54: can't alloc", "out of memory"])
def test_what_openvino_says_of_memory_is_understood(words: str) -> None:
    with pytest.raises(OutOfMemoryError, match=words), memory_errors():
        raise RuntimeError(words)
