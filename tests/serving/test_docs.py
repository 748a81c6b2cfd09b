"""The page of the service: its commands and its Python are run as they stand."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.running import environment
from rgtsr import pictures
from rgtsr.pictures import Picture
from rgtsr.serving.problems import KINDS
from serving.services import Service, noise

TEXT = (Path(__file__).parents[2] / "docs/service.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures.write(Picture.from_array(noise(64, 96)), tmp_path / "photo.jpg")
    return tmp_path


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_pages_commands_run(service: Service, folder: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not here: the page's commands need it")
    script = "\n".join(["set -euo pipefail", *blocks("sh")])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment(URL=service.address),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    made = {path.name: pictures.read(path).size for path in folder.glob("photo_*")}
    assert made == {
        "photo_x2.jpg": (128, 192),
        "photo_x4.png": (256, 384),
        "photo_600.jpg": (400, 600),
        "photo_job.jpg": (128, 192),
    }


def test_the_pages_python_runs(service: Service, folder: Path) -> None:
    [example] = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", example.replace("http://127.0.0.1:7860", service.address)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "done None 100%" in done.stdout
    assert pictures.read(folder / "photo_x2.jpg").size == (128, 192)


def test_the_page_lists_every_code() -> None:
    listed = re.findall(r"^\| (\d{3}) \| (.*) \|$", TEXT, re.MULTILINE)
    told = {
        (status, code) for status, codes in listed for code in re.findall(r"`([a-z-]+)`", codes)
    }
    assert told == {(str(kind.status), code) for code, kind in KINDS.items()}
