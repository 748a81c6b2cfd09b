"""Large pictures by the command: a process that is broken off and goes on, pyramids, Deep Zoom."""

import signal
import subprocess
import time
from pathlib import Path

import pyvips

from cli.running import TIMEOUT_S, command, environment, rgtsr

SIDE_PX = 8256  # beyond what is held


def test_ctrl_c_names_what_was_begun_and_the_same_command_goes_on_with_it(
    model: Path, tmp_path: Path
) -> None:
    pyvips.Image.black(SIDE_PX, SIDE_PX, bands=3).tiffsave(str(tmp_path / "scan.tif"))
    words = (tmp_path / "scan.tif", "-o", tmp_path / "large.tif", "-m", model, "--tile", "64")
    rows = list[int]()
    for _ in range(2):
        process = subprocess.Popen(
            [*command(), "upscale", *words],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        before = rows[-1] if rows else 0
        while spooled(tmp_path) <= before:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT_S)
        assert "1 to do; the same command goes on, large.tif where it was." in said
        rows.append(spooled(tmp_path))
    assert rows[1] > rows[0] > 0
    assert not (tmp_path / "large.tif").exists()


def spooled(folder: Path) -> int:
    """Bytes of samples that wait for the rest."""
    return sum(path.stat().st_size for path in folder.glob(".rgtsr-kept-*.raw"))


def test_pyramids_and_deep_zoom_are_made_where_they_are_asked_for(
    photo: Path, model: Path, tmp_path: Path
) -> None:
    upscale = ("upscale", photo, "-m", model, "-o")
    rgtsr(*upscale, tmp_path / "x.tif", "--pyramid").assert_done()
    made = pyvips.Image.new_from_file(str(tmp_path / "x.tif"))
    assert (made.get("tile-width"), made.width) == (256, 80)
    rgtsr(*upscale, tmp_path / "x.dzi").assert_done()
    assert (tmp_path / "x.dzi").is_file()
    assert list((tmp_path / "x_files").glob("*/0_0.jpg"))
    refused = rgtsr(*upscale, tmp_path / "x.png", "--pyramid")
    refused.assert_failed(1, "a pyramid is TIFF's: use .tif")
