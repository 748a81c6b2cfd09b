"""What was typed wrongly is answered in one line that helps, in no library's words."""

from pathlib import Path

import pytest

from cli.conftest import write_picture
from cli.running import rgtsr
from rgtsr import pictures

LIBRARIES = ("Invalid value", "Input should", "Got unexpected", "No such", "Missing", "requires an")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("photo.jpg", "To enlarge photo.jpg: rgtsr upscale photo.jpg"),
        ("-s 2 photo.jpg", "rgtsr upscale -s 2 photo.jpg"),
        ("holiday -o out", "rgtsr upscale holiday -o out"),
        ("upscle photo", "did you mean rgtsr upscale photo?"),
        (
            "upscal photo.jpg -s 3",
            "upscal is no command: did you mean rgtsr upscale photo.jpg -s 3?",
        ),
        (
            "upscale a.png --max-memory 10",
            "--max-memory=10 is out of range: write for example 2GiB",
        ),
        ("serve --max-body much", "--max-body=much is no size"),
        ("upscale a.png -m swift-x2-photo --restore 1", "swift-x2-photo restores by itself"),
        ("nonsense", "there are upscale, batch, serve, models"),
        (
            "upscale",
            "INPUT is missing (Pictures, films, or folders of them; - is stdin). See rgtsr upscale",
        ),
        ("upscale a.png -s", "-s needs a value"),
        ("upscale a.png -s two", "--scale=two is no factor: write 2, 3, 4"),
        ("upscale a.png --precision fp16", "did you mean float16?"),
        ("upscale a.png --precision FP32", "did you mean float32?"),
        ("upscale a.png --format jpeg", "did you mean jpg?"),
        ("upscale a.png --tile 0", "--tile=0 is too small: at least 1."),
        ("upscale a.png --tile 8", "--tile=8 is too small"),
        ("upscale a.png --tile x", "--tile=x is no whole number"),
        ("upscale a.png --tile 64 --overlap 60", "--overlap=60 must lie in 0..32"),
        ("upscale a.png --restore 2", "--restore=2 is none: auto, or a number from 0 to 1."),
        ("upscale a.png --report a.png", "a.png is the name of a picture: end it in .json."),
        ("upscale a.png --report holiday/a.mp4", "end it in .json."),
        ("upscale a.png --scal 2", "did you mean --scale, --salvage?"),
        ("upscale a.png b.png -o x.png", "x.png is one picture, for one input"),
        ("eval --data x -s 9", "--scale=9 is too large: 4 at most."),
        ("convert a", "OUT is missing"),
        ("models x", "x is more than rgtsr models takes. See rgtsr models --help."),
        ("train --max-minutes x", "--max-minutes=x is no number"),
        ("data chek x", "did you mean rgtsr data check?"),
        ("bench --tile 5", "--tile=5 is too small"),
    ],
)
def test_what_was_typed_wrongly_is_answered(words: str, answer: str, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    done = rgtsr(*words.split(), cwd=tmp_path).assert_failed(2, answer)
    assert not [phrase for phrase in LIBRARIES if phrase in done.errors[0]]
    assert [path.name for path in tmp_path.iterdir()] == ["holiday"]


def test_help_is_shown_however_it_is_asked_for() -> None:
    whole = rgtsr("--help").assert_done().out
    assert whole.startswith("Usage: rgtsr [OPTIONS] COMMAND")
    assert rgtsr("help").assert_done().out == rgtsr().assert_done().out == whole
    assert rgtsr("help", "upscale").out == rgtsr("upscale", "--help").assert_done().out
    assert rgtsr("eval", "-h").assert_done().out.startswith("Usage: rgtsr eval [OPTIONS] [DIR]...")
    assert rgtsr("data").assert_done().out.startswith("Usage: rgtsr data")


@pytest.mark.parametrize("factor", ["2x", "X2", "2.0", "2,0"])
def test_a_factor_may_be_written_as_people_write_it(
    factor: str, photo: Path, model: Path, tmp_path: Path
) -> None:
    target = tmp_path / "large.png"
    rgtsr("upscale", photo, "-o", target, "-m", model, "-s", factor).assert_done()
    assert pictures.read(target).size == (48, 80)


def test_what_is_missing_or_cannot_be_written_is_one_line(model: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "photo.png", 20, 20)
    upscale = ("upscale", "-m", model)
    lost = rgtsr(*upscale, "photos.png", cwd=tmp_path)
    lost.assert_failed(1, "photos.png: no such file or folder: did you mean photo.png?")
    rgtsr(*upscale, "holiday", "-o", "out", cwd=tmp_path).assert_failed(1, "holiday: no such file")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]
    if Path("/proc").is_dir():
        done = rgtsr(*upscale, "photo.png", "-o", "/proc/x.png", cwd=tmp_path)
        done.assert_failed(1, "/proc/x.png: cannot be written (no file can be made in that folder)")
    done = rgtsr(*upscale, "photo.png", "-o", "x.png", "--page", "9", cwd=tmp_path)
    done.assert_failed(1, "photo.png: has no page 9, only 1")
