"""Files whole or not at all, and what becomes of drafts whose process was killed."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.conftest import write_picture
from cli.running import environment
from rgtsr import atomic
from rgtsr.cli import run
from rgtsr.runtimes import cache

LEAVE = "import sys; from pathlib import Path; from rgtsr import atomic; "
LEAVE += "atomic.beside(Path(sys.argv[1]) / 'x', 'part').touch()"
SWEEP = "import sys; from pathlib import Path; from rgtsr import atomic; "
SWEEP += "atomic.sweep(Path(sys.argv[1]))"


def started(program: str, folder: Path, *before: str) -> None:
    command = [*before, sys.executable, "-c", program, str(folder)]
    subprocess.run(command, env=environment(), check=True)


def drafts(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{atomic.HIDDEN}*"))


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder with the draft of a process that has ended."""
    folder = tmp_path / "out"
    folder.mkdir()
    started(LEAVE, folder)
    assert drafts(folder)
    return folder


COMMANDS = (
    "convert small-x2 {out}/x.safetensors",
    "export -m small-x2 -o {out}/x.onnx",
    "export -m small-x2 --format openvino -o {out}/x.xml",
    "compare {photo} -o {out}/x.png --panel same={photo}",
    "eval -m bicubic --data {photos} --csv {out}/x.csv",
    "data check {photos} --json {out}/x.json",
    "data pack {photos} {out}/x.safetensors",
    "upscale {photo} -o {out}/x.png",
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.split()[:2]))
def test_every_command_that_writes_removes_what_a_killed_one_left(
    command: str, left: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photos" / "a.png"
    write_picture(photo, 96, 120)
    words = command.format(out=left, photo=photo, photos=photo.parent).split()
    run(words)
    assert {path.stem for path in left.iterdir()} == {"x"}


def test_the_cache_of_compiled_graphs_is_swept_too(
    left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(left))
    cache.write("entry", b"graph")
    assert [path.name for path in left.iterdir()] == ["entry.graph"]


def test_drafts_of_processes_that_live_stay(tmp_path: Path) -> None:
    with atomic.replacing(tmp_path / "x") as draft:
        draft.touch()
        started(SWEEP, tmp_path)
        assert drafts(tmp_path) == [draft]


def test_in_another_container_of_the_same_host_name_they_stay_as_well(
    tmp_path: Path, container: tuple[str, ...]
) -> None:
    with atomic.replacing(tmp_path / "x") as draft:
        draft.touch()
        started(SWEEP, tmp_path, *container)
        assert draft.exists()
        started(LEAVE, tmp_path, *container)
        atomic.sweep(tmp_path)
        assert len(drafts(tmp_path)) == 2


def test_drafts_of_processes_that_nobody_here_knows_go_after_a_day(tmp_path: Path) -> None:
    fresh, old = (
        tmp_path / f"{atomic.HIDDEN}{name}" for name in ("0badf00d-7-00.part", "0badf00d-7-01.part")
    )
    odd = tmp_path / f"{atomic.HIDDEN}{atomic.this_machine()}-{10**9 - 1}-02.part"
    other = tmp_path / f"{atomic.HIDDEN}notes"
    for path in (fresh, old, odd, other):
        path.touch()
    before = time.time() - 2 * 86_400
    os.utime(old, (before, before))
    atomic.sweep(tmp_path)
    assert set(drafts(tmp_path)) == {fresh, other}
    atomic.sweep(tmp_path / "no folder")


@pytest.mark.parametrize("has_links", [True, False])
def test_what_is_created_is_whole_or_not_there(
    has_links: bool, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_links:
        monkeypatch.setattr(os, "link", refused)
    atomic.create(small_disk / "a", b"content")
    with pytest.raises(FileExistsError):
        atomic.create(small_disk / "a", b"other")
    assert (small_disk / "a").read_bytes() == b"content"
    # without links there is room for the draft, and not for the file beside it
    with pytest.raises(OSError, match="space"):
        atomic.create(small_disk / "b", bytes(300_000 if has_links else 200_000))
    assert list(small_disk.iterdir()) == [small_disk / "a"]


def refused(*_: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
