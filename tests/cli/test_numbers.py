"""Numbers that make no sense are one line and status 2, and nothing is made."""

import re
from pathlib import Path

import pytest

from cli.conftest import write_picture
from cli.running import rgtsr
from rgtsr.cli import run

WITH_A_WHOLE_SCALE = (
    "export -o x.onnx",
    "bench --tile 32",
    "eval -m bicubic --data photos",
    "compare photos/a.png -o x.png",
    "data check photos",
    "data pack photos x.safetensors",
    "data degrade photos x",
)
SENSELESS = (
    "bench --tile 0",
    "eval -m bicubic --data photos --tile 0",
    "eval -m small-x2 --data photos --tile 64 --overlap -1",
    "compare photos/a.png -o x.png --tile 0",
    "data check photos --crop 0",
    "data check photos --crop -5",
    "data degrade photos x --seed -1",
    f"data degrade photos x --seed {2**63}",
    "upscale photos -o x --tile 0",
    "upscale photos -o x --tile nan",
    "upscale photos -o x --overlap -1",
    "upscale photos -o x --max-pixels 0",
    "upscale photos -o x --quality -1",
    "upscale photos -o x --page 0",
    "upscale photos -o x --width -4",
    "upscale photos -o x --width inf",
    "upscale photos -o x --height 0",
    "upscale photos -o x --long-side 0",
    "upscale photos -o x -s nan",
    "upscale photos -o x -s inf",
    "upscale photos -o x --max-memory 0",
    "upscale photos -o x --max-memory 0.4",
    f"upscale photos -o x --max-memory {'9' * 400}",
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "photos" / "a.png", 96, 120)
    return tmp_path


@pytest.mark.parametrize("scale", ["9", "5", "1", "0", "-2", "2.5", "nan"])
@pytest.mark.parametrize("command", WITH_A_WHOLE_SCALE)
def test_a_scale_that_no_network_has_is_refused(
    command: str, scale: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused([*command.split(), "-s", scale], here, capsys, "--scale")


@pytest.mark.parametrize("command", SENSELESS, ids=lambda command: command[:60])
def test_a_number_that_makes_no_sense_is_refused(
    command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = re.findall(r"(?<= )--?[a-z][a-z-]*", command)[-1]
    word = {"-s": "--scale", "--overlap": "overlap"}.get(option, option)
    assert_refused(command.split(), here, capsys, word)


def assert_refused(
    command: list[str], here: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    status = run(command)
    (line,) = capsys.readouterr().err.splitlines()
    assert (status, word in line) == (2, True), line
    assert {path.name for path in here.iterdir()} == {"photos"}


@pytest.mark.parametrize("minutes", ["nan", "inf", "-1", "0"])
def test_a_run_without_end_is_refused(minutes: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_picture(photos / "a.png", 140, 150)
    keys = ("variant=tiny", "batch=1", f"photos={photos}", "-o", tmp_path / "run")
    done = rgtsr("train", "small-x2", *keys, "--max-minutes", minutes)
    done.assert_failed(2, f"--max-minutes {minutes}: must be more than 0")
