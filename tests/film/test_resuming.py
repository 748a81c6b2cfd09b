"""Work on a film that was broken off goes on behind the last segment; the result is the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.running import environment
from fakes import Repeating
from film.clips import Clip, frames, moments, packets, write
from rgtsr import atomic, film, variants, weights
from rgtsr.errors import PictureError
from rgtsr.film import planning
from rgtsr.upscaler import Upscaler

COUNT, SEGMENT = 12, 4
TOLD = """
import sys
from pathlib import Path
from film.test_resuming import enlarge
print(enlarge(Path(sys.argv[1]))[0])
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from film.test_resuming import enlarge
enlarge(Path(sys.argv[1]), at=lambda done: done >= 9 and os.kill(os.getpid(), signal.SIGKILL))
"""


class Told(list[float]):
    """What was told of pictures done, and of the result."""

    notes: tuple[str, ...] = ()


def enlarge(folder: Path, at=lambda done: None, order: film.Order | None = None) -> Told:
    """Enlarge in.mp4 to out.mp4; returns what was told of pictures done, each handed to ``at``."""
    planning.SEGMENT_FRAMES = SEGMENT
    told = Told()

    def on_progress(done: float, _total: int) -> None:
        told.append(done)
        at(done)

    network = weights.random(variants.find("tiny"), seed=0)
    with Upscaler(network, runtime=Repeating()) as upscaler:
        source, target = folder / "in.mp4", folder / "out.mp4"
        report = film.enlarge(
            upscaler, source, target, order or film.Order(), on_progress=on_progress
        )
        told.notes = report.notes
    return told


def stop(done: float) -> None:
    if done >= 9:
        raise KeyboardInterrupt


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(planning, "SEGMENT_FRAMES", SEGMENT)
    write(tmp_path / "in.mp4", Clip(starts=range(0, COUNT * 512, 512)))
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in folder.iterdir())


def test_after_a_kill_it_goes_on_behind_the_last_segment(folder: Path) -> None:
    enlarge(folder)
    undisturbed = (folder / "out.mp4").read_bytes()
    (folder / "out.mp4").unlink()
    own = Path(__file__).parents[1]  # where the process finds this module
    done = subprocess.run([sys.executable, "-c", KILLED, folder], env=environment(), cwd=own)
    assert done.returncode == -9
    assert names(folder) == [".rgtsr", ".rgtsr", "in.mp4"]
    with atomic.kept(folder / "out.mp4", "film").open("ab") as file:
        file.write(b"half a packet")
    assert min(enlarge(folder)) == 8  # two of three segments were there
    assert (folder / "out.mp4").read_bytes() == undisturbed
    assert names(folder) == ["in.mp4", "out.mp4"]


def test_segments_meet_without_a_gap(folder: Path) -> None:
    enlarge(folder)
    assert moments(folder / "out.mp4") == moments(folder / "in.mp4")
    assert packets(folder / "out.mp4", "audio") == packets(folder / "in.mp4", "audio")
    keys = [n for n, frame in enumerate(frames(folder / "out.mp4")) if frame.key_frame]
    assert keys == [0, 4, 8]


def test_what_was_made_before_ctrl_c_is_not_made_again(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        enlarge(folder, stop)
    assert names(folder) == [".rgtsr", ".rgtsr", "in.mp4"]
    told = enlarge(folder)
    assert told[0] == 8
    assert "8 of them were there from before" in told.notes
    (folder / "out.mp4").unlink()
    assert not [note for note in enlarge(folder).notes if "from before" in note]


def test_other_options_or_another_film_begin_anew(folder: Path) -> None:
    for order in (film.Order(asked=film.Asked(crf=30)), film.Order()):
        with pytest.raises(KeyboardInterrupt):
            enlarge(folder, stop)
        if order == film.Order():
            write(folder / "in.mp4", Clip(starts=range(0, COUNT * 512, 512), moves=3))
        assert enlarge(folder, order=order)[0] == 0
        assert names(folder) == ["in.mp4", "out.mp4"]


def test_a_full_disk_at_the_end_costs_nothing_that_was_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish(draft: Path, path: Path) -> None:
        if path.suffix == ".mp4":
            raise OSError(28, "No space left on device")
        draft.replace(path)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "publish", publish)
        with pytest.raises(PictureError, match=r"out.mp4: cannot be written \(no space left"):
            enlarge(folder)
    assert names(folder) == [".rgtsr", ".rgtsr", "in.mp4"]
    assert set(enlarge(folder)) == {COUNT}


def test_two_at_once_do_not_share_what_is_kept(folder: Path) -> None:
    def also(done: float) -> None:
        if done == 9:
            assert enlarge(folder)[0] == 0

    enlarge(folder, also)
    assert names(folder) == ["in.mp4", "out.mp4"]


def test_nor_do_two_machines_on_one_folder(folder: Path, container: tuple[str, ...]) -> None:
    enlarge(folder)
    undisturbed = (folder / "out.mp4").read_bytes()

    def also(done: float) -> None:
        if done == 9:
            process = [*container, sys.executable, "-c", TOLD, folder]
            own = Path(__file__).parents[1]
            told = subprocess.check_output(process, env=environment(), cwd=own)
            assert float(told) == 0

    enlarge(folder, also)
    assert (folder / "out.mp4").read_bytes() == undisturbed
    assert names(folder) == ["in.mp4", "out.mp4"]
