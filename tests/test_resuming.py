"""Work on a large picture that was broken off goes on where it was; the result is the same."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.running import environment
from rgtsr import atomic, pictures, variants, weights
from rgtsr.errors import DiskFullError, RgtsrError
from rgtsr.pictures import Picture, disk
from rgtsr.upscaler import Settings, Upscaler

KILLED = """
import os, signal, sys
from pathlib import Path
from test_resuming import enlarge
enlarge(Path(sys.argv[1]), at=lambda done: done >= 21 and os.kill(os.getpid(), signal.SIGKILL))
"""
TOLD = """
import sys
from pathlib import Path
from test_resuming import enlarge
print(enlarge(Path(sys.argv[1]))[0])
"""
ROW = 5  # tiles


class Told(list[float]):
    """What was told of progress, and of the result."""

    notes: tuple[str, ...] = ()


def enlarge(folder: Path, at=lambda done: None, held_px: int = 0, **settings: int) -> Told:
    """Enlarge in.png to out.tif; returns what was told of progress, each time handed to ``at``."""
    real = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=1)
    settings = {"tile_px": 32, "overlap_px": 8} | settings
    told = Told()

    def on_progress(done: float, _total: int) -> None:
        told.append(done)
        at(done)

    with Upscaler(real, precision="float32", settings=Settings(**settings)) as upscaler:
        report = upscaler.upscale_file(
            folder / "in.png", folder / "out.tif", held_px=held_px, on_progress=on_progress
        )
        told.notes = report.notes
    return told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (200, 100, 3), np.uint8)
    pictures.write(Picture.from_array(noise), tmp_path / "in.png")
    return tmp_path


def stop(done: float) -> None:
    if done >= 21:
        raise KeyboardInterrupt


def names(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in folder.iterdir())


def test_after_a_kill_it_goes_on_at_the_last_finished_row_of_tiles(folder: Path) -> None:
    enlarge(folder, held_px=10**6)
    undisturbed = (folder / "out.tif").read_bytes()
    (folder / "out.tif").unlink()
    own = Path(__file__).parent  # where the process finds this module
    done = subprocess.run([sys.executable, "-c", KILLED, folder], env=environment(), cwd=own)
    assert done.returncode == -9
    with atomic.kept(folder / "out.tif", "raw").open("ab") as file:
        file.write(b"half a row")
    assert enlarge(folder)[0] == 3 * ROW  # four rows were done: the last fades into the next
    assert (folder / "out.tif").read_bytes() == undisturbed
    assert names(folder) == ["in.png", "out.tif"]


def test_so_it_does_after_ctrl_c_and_after_a_restart_from_what_is_sure(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        enlarge(folder, stop)
    state = atomic.kept(folder / "out.tif", "json")
    said = json.loads(state.read_text())
    assert names(folder) == [".rgtsr", ".rgtsr", "in.png"]
    state.write_text(json.dumps(said | {"machine": "0badf00d", "rows": 0}))
    assert enlarge(folder)[0] == 0


def test_other_options_or_another_source_begin_anew(folder: Path) -> None:
    for change in ({"overlap_px": 4}, {}):
        with pytest.raises(KeyboardInterrupt):
            enlarge(folder, stop)
        if not change:
            pictures.write(Picture.from_array(np.zeros((200, 100, 3), "u1")), folder / "in.png")
        assert enlarge(folder, **change)[0] == 0
        assert names(folder) == ["in.png", "out.tif"]


def test_what_is_small_or_failed_is_not_kept(folder: Path) -> None:
    def fail(_done: float) -> None:
        raise RgtsrError("this network is damaged")

    with pytest.raises(KeyboardInterrupt):
        enlarge(folder, stop, held_px=10**6)
    with pytest.raises(RgtsrError):
        enlarge(folder, fail)
    assert names(folder) == ["in.png"]


def test_two_at_once_do_not_share_what_is_kept(folder: Path) -> None:
    def also(done: float) -> None:
        if done == 21:
            assert enlarge(folder)[0] == 0

    enlarge(folder, also)
    assert names(folder) == ["in.png", "out.tif"]


def test_nor_do_two_machines_on_one_folder(folder: Path, container: tuple[str, ...]) -> None:
    enlarge(folder)
    undisturbed = (folder / "out.tif").read_bytes()

    def also(done: float) -> None:
        if done == 21:
            process = [*container, sys.executable, "-c", TOLD, folder]
            told = subprocess.check_output(process, env=environment(), cwd=Path(__file__).parent)
            assert float(told) == 0

    enlarge(folder, also)
    assert (folder / "out.tif").read_bytes() == undisturbed
    assert names(folder) == ["in.png", "out.tif"]


def test_where_there_is_no_room_from_the_first_nothing_is_left(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 200, 3), np.uint8)
    pictures.write(Picture.from_array(noise), tmp_path / "in.png")
    (small_disk / "in.png").symlink_to(tmp_path / "in.png")
    monkeypatch.setattr(disk, "SMALLEST_BYTES", 1)
    with pytest.raises(DiskFullError, match="are needed, and"):
        enlarge(small_disk)
    assert names(small_disk) == ["in.png"]


def test_what_was_made_before_the_disk_was_full_is_kept(small_disk: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
    pictures.write(Picture.from_array(noise), tmp_path / "in.png")
    (small_disk / "in.png").symlink_to(tmp_path / "in.png")
    (small_disk / "other").write_bytes(bytes(180_000))
    with pytest.raises(DiskFullError, match="what was made of it is kept: make room"):
        enlarge(small_disk)
    assert names(small_disk) == [".rgtsr", ".rgtsr", "in.png", "other"]
    (small_disk / "other").unlink()
    told = enlarge(small_disk)
    assert told[0] >= ROW
    assert [note for note in told.notes if "of its rows were there from before" in note]
    assert names(small_disk) == ["in.png", "out.tif"]
