"""What a browser is shown of a picture, and what showing it takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips

from cli.running import environment
from pictures.made import labelled, photo
from rgtsr.pictures import Picture, read, screen

JPEG_LOSS = 6.0  # of 255, on the average
ROOM_BYTES = 150 << 20
HUGE = (12_000, 12_000)  # 412 MiB in RGB

KINDS = {
    "upright.jpg": labelled(pyvips.Image.new_from_array(photo())),
    **{
        f"turned{number}{suffix}": labelled(
            pyvips.Image.new_from_array(photo()), orientation=number
        )
        for number, suffix in ((2, ".jpg"), (3, ".png"), (6, ".jpg"), (8, ".tif"))
    },
    "grey.png": pyvips.Image.new_from_array(photo(channels=1)),
    "deep.png": (pyvips.Image.new_from_array(photo()).cast("ushort") * 257)
    .cast("ushort")
    .copy(interpretation="rgb16"),
    "clear.png": pyvips.Image.new_from_array(photo(channels=4)).copy(interpretation="srgb"),
    "modern.avif": pyvips.Image.new_from_array(photo()),
}


@pytest.mark.parametrize("name", KINDS)
def test_it_is_the_picture_as_it_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    KINDS[name].write_to_file(str(path))
    expected = read(path)
    pixels = expected.to_array().astype(float) / (257 if expected.bits == 16 else 1)
    whole = read(screen.view(path, tmp_path, "view")).to_array()
    assert whole.shape[:2] == pixels.shape[:2]
    assert np.abs(whole - pixels).mean() < JPEG_LOSS
    screen.zoom(path, tmp_path, "zoom")
    levels = sorted((tmp_path / "zoom_files").glob("[0-9]*"), key=lambda level: int(level.name))
    assert read(levels[-1] / "0_0.jpg").size == expected.size
    assert [left for left in tmp_path.iterdir() if left.name.startswith(".")] == []


def test_colours_are_shown_as_their_profile_says(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(photo())
    path = tmp_path / "wide.png"
    image.icc_transform("p3", input_profile="srgb").write_to_file(str(path))
    assert np.abs(read(path).pixels_HWC.astype(float) - photo()).mean() > JPEG_LOSS
    shown = read(screen.view(path, tmp_path, "view")).pixels_HWC
    assert np.abs(shown.astype(float) - photo()).mean() < JPEG_LOSS


def test_a_bitmap_is_shown_too(tmp_path: Path) -> None:
    path = tmp_path / "old.bmp"
    path.write_bytes(
        bytes.fromhex(
            "424d460000000000000036000000280000000200000002000000010018000000000010000000"
            "00000000000000000000000000000000ff00000000ff0000ff000000ff000000"
        )
    )
    assert read(screen.view(path, tmp_path, "view")).size == (2, 2)


def test_showing_holds_a_strip_and_not_the_picture(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="memory cannot be limited here")
    pyvips.Image.black(*HUGE, bands=3).write_to_file(str(tmp_path / "huge.tif"), tile=False)
    script = f"""
import resource
from pathlib import Path
from rgtsr.pictures import screen
folder = Path({str(tmp_path)!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
screen.zoom(folder / "huge.tif", folder, "huge")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) << 10 < ROOM_BYTES
    assert 'Width="12000"' in (tmp_path / "huge.dzi").read_text()


def test_what_is_too_large_for_a_browser_is_not_shown_whole(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Picture.from_array(np.zeros((1, screen.VIEW_SIDE_PX + 1), np.uint8)).save(path)
    with pytest.raises(Exception, match="too many to be shown whole"):
        screen.view(path, tmp_path, "view")
