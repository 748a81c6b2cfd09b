"""``-``: pictures from stdin and to stdout."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from cli.running import command, environment, rgtsr
from rgtsr import pictures
from rgtsr.pictures import Picture


def piped(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*command(), "upscale", *map(str, arguments)],
        input=given,
        env=environment(),
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("output", "form", "start"),
    [((), (), b"\x89PNG"), (("-o", "-"), (), b"\x89PNG"), ((), ("--format", "jpg"), b"\xff\xd8")],
)
def test_a_picture_comes_and_goes_by_pipes(
    output: tuple[str, ...], form: tuple[str, ...], start: bytes, photo: Path, model: Path
) -> None:
    done = piped("-", *output, "-m", model, *form, given=photo.read_bytes())
    assert done.returncode == 0
    assert done.stdout.startswith(start)
    assert Picture.from_bytes(done.stdout).size == (48, 80)
    assert "stdin -> stdout: 80 x 48" in done.stderr.decode()


def test_one_end_may_be_a_file(photo: Path, model: Path, tmp_path: Path) -> None:
    done = piped("-", "-o", tmp_path / "x.png", "-m", model, given=photo.read_bytes())
    assert done.stderr == b""
    assert f"stdin -> {tmp_path / 'x.png'}: 80 x 48" in done.stdout.decode()
    assert pictures.read(tmp_path / "x.png").size == (48, 80)
    done = piped(photo, "-o", "-", "-q", "-m", model)
    assert (done.returncode, done.stderr) == (0, b"")
    assert Picture.from_bytes(done.stdout).size == (48, 80)


def test_what_is_no_picture_is_said_of_stdin_and_nothing_goes_out(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for given, words in {b"": "stdin: is empty", b"no picture": "stdin: is no picture"}.items():
        done = piped("-", "-m", model, given=given)
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(f"rgtsr: {words}")
        assert (done.returncode, done.stdout) == (1, b"")
    assert list(tmp_path.iterdir()) == []


def test_pipes_are_for_one_picture(photo: Path, album: Path, model: Path) -> None:
    rgtsr("upscale", "-", photo, "-m", model).assert_failed(2, "stdin is one picture")
    rgtsr("upscale", photo, photo, "-o", "-", "-m", model).assert_failed(2, "takes one picture")
    rgtsr("upscale", album, "-o", "-", "-m", model).assert_failed(2, "takes one picture")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("-", "-o", "x.png"), b"stdin is a terminal"), (("{photo}", "-o", "-"), b"-o - > large.png")],
)
def test_a_terminal_is_no_pipe(
    arguments: tuple[str, ...], words: bytes, photo: Path, model: Path, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    filled = [each.format(photo=photo) for each in arguments]
    done = subprocess.run(
        [*command(), "upscale", *filled, "-m", str(model)],
        cwd=tmp_path,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert words in done.stderr
