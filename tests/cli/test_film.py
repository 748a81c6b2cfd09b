"""Films by the command, alone and among pictures."""

import json
import signal
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import pytest

from cli.conftest import write_picture
from cli.running import TIMEOUT_S, command, environment, rgtsr
from film.clips import Clip, frames, moments, write

LONG = tuple(range(0, 120 * 512, 512))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.mp4", Clip())


def test_a_film_lies_beside_its_source_and_is_skipped_the_next_time(
    clip: Path, model: Path
) -> None:
    done = rgtsr("upscale", clip, "-m", model).assert_done()
    target = clip.with_name("clip_x2_random.mp4")
    assert f"{clip} -> {target}: 96 x 64" in done.out
    assert "8 pictures by libx264" in done.out
    assert moments(target) == moments(clip)
    assert "is there already, skipped" in rgtsr("upscale", clip, "-m", model).assert_done().out


def test_codec_and_quality_are_those_asked_for(clip: Path, model: Path, tmp_path: Path) -> None:
    words = ("upscale", clip, "-m", model, "--codec", "ffv1", "-o", tmp_path / "x.mkv", "-s", "1.5")
    assert "8 pictures by ffv1" in rgtsr(*words).assert_done().out
    assert frames(tmp_path / "x.mkv")[0].width == 72
    coarse = ("upscale", clip, "-m", model, "--crf", "45", "-o", tmp_path / "coarse.mp4")
    fine = ("upscale", clip, "-m", model, "--crf", "5", "-o", tmp_path / "fine.mp4")
    for each in (coarse, fine):
        rgtsr(*each, "--preset", "ultrafast").assert_done()
    assert (tmp_path / "fine.mp4").stat().st_size > (tmp_path / "coarse.mp4").stat().st_size
    refused = rgtsr("upscale", clip, "-m", model, "--codec", "h264")
    refused.assert_failed(2, "--codec", "did you mean libx264?")


def test_a_folder_may_hold_both(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trip"
    write_picture(folder / "photo.png", 24, 32)
    old = Clip(codec="mpeg4", tags=(2, 2, 2, 1), base=Fraction(1, 25), starts=range(8))
    write(folder / "day" / "clip.avi", old)
    report = tmp_path / "report.json"
    rgtsr("upscale", folder, "-m", model, "-o", tmp_path / "out", "--report", report).assert_done()
    assert len(frames(tmp_path / "out" / "day" / "clip.mkv")) == 8
    assert (tmp_path / "out" / "photo.png").exists()
    assert json.loads(report.read_text())["enlarged"] == 2


def test_films_own_options_make_no_picture_again(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trip"
    write_picture(folder / "photo.png", 24, 32)
    write(folder / "clip.mkv", Clip(starts=range(4), has_sound=False))
    words = ("upscale", folder, "-m", model, "-o", tmp_path / "out", "--report")
    rgtsr(*words, tmp_path / "first.json", "--crf", "20").assert_done()
    rgtsr(*words, tmp_path / "second.json", "--crf", "30").assert_done()
    second = json.loads((tmp_path / "second.json").read_text())
    assert (second["enlarged"], second["skipped"]) == (1, 1)


def test_a_rehearsal_names_pictures_and_room(clip: Path, model: Path) -> None:
    done = rgtsr("upscale", clip, "-m", model, "--dry-run").assert_done()
    assert "48 x 32 to 96 x 64 pixels, about 8 pictures, 8 tiles" in done.out
    assert "on the disk" in done.out


def test_without_pyav_it_is_one_line_that_helps(clip: Path, model: Path) -> None:
    refused = rgtsr("upscale", clip, "-m", model, without=("av",))
    refused.assert_failed(1, 'pip install "rgtsr[video]"')


def test_a_film_that_is_cut_off_fails_and_names_the_loss(
    clip: Path, model: Path, tmp_path: Path
) -> None:
    whole = write(tmp_path / "whole.mkv", Clip(starts=LONG[:60], has_sound=False)).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    failed = rgtsr("upscale", cut, clip, "-m", model, "-o", tmp_path / "out")
    failed.assert_failed(1, "cut.mkv: is damaged", "of its 2.4 seconds are there")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clip.mp4"]
    done = rgtsr("upscale", cut, "-m", model, "--salvage").assert_done()
    assert "damaged: " in done.out


def test_a_disk_that_is_full_fails_in_one_line(model: Path, tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mkv", Clip(size=(64, 96), codec="ffv1", has_sound=False))
    target = tmp_path / "out" / "clip.mkv"
    words = ("upscale", clip, "-m", model, "-o", target, "--precision", "float32")
    failed = rgtsr(*words, file_limit_bytes=100_000)
    failed.assert_failed(1, "clip.mkv: cannot be written (file too large)")
    assert list(target.parent.iterdir()) == []


def test_ctrl_c_names_what_was_begun_and_the_same_command_goes_on(
    model: Path, tmp_path: Path
) -> None:
    clip = write(tmp_path / "clip.mp4", Clip(starts=LONG, has_sound=False))
    target = tmp_path / "large.mp4"
    words = [*command(), "upscale", clip, "-m", model, "-o", target, "--preset", "ultrafast"]
    process = subprocess.Popen(
        words, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while kept(tmp_path) < 1:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    for _ in range(2):  # as where a terminal and whoever watches us both do so
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode in (130, -signal.SIGINT), said  # the second may come at the very end
    assert "1 to do; the same command goes on, large.mp4 where it was." in said
    assert kept(tmp_path) >= 1
    assert not target.exists()
    rgtsr(*words[3:]).assert_done()
    assert moments(target) == moments(clip)
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def kept(folder: Path) -> int:
    """Segments that wait for the rest."""
    said = [json.loads(path.read_text()) for path in folder.glob(".rgtsr-kept-*.json")]
    return sum(each["done"] for each in said) // 48
