"""What the page takes from npm: how it gets into the package."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "page-parts"
FETCH = runpy.run_path(str(FOLDER / "fetch.py"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The folder of the lock file, in a checkout where nothing was built."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    shutil.copytree(FOLDER, tmp_path / "page-parts")
    return tmp_path


def fetch(checkout: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, checkout / "page-parts" / "fetch.py"],
        env=os.environ | env,
        capture_output=True,
        text=True,
    )


def test_the_lock_file_names_versions_and_hashes_and_no_registry() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    parts = [part for name, part in lock["packages"].items() if name]
    assert parts
    for part in parts:
        assert part["integrity"].startswith("sha512-")
        assert "resolved" not in part


def test_the_parts_are_fetched_once_for_a_lock_file(checkout: Path) -> None:
    done = fetch(checkout)
    if "could not be fetched" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stderr) == (0, "")
    target = checkout / FETCH["TARGET"].relative_to(FOLDER.parent)
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert found == sorted([*FETCH["FILES"].values(), FETCH["MADE_FROM"]])
    nowhere = {"npm_config_registry": "http://127.0.0.1:9"}
    assert fetch(checkout, **nowhere).returncode == 0


def test_a_registry_out_of_reach_is_told_in_one_line(checkout: Path, tmp_path: Path) -> None:
    nowhere = {
        "npm_config_registry": "http://127.0.0.1:9",
        "npm_config_cache": str(tmp_path / "cache"),
        "npm_config_fetch_retries": "0",
    }
    done = fetch(checkout, **nowhere)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "could not be fetched by npm" in line
    assert "ECONNREFUSED" in line
