"""What ``.ci/run`` promises: it installs nothing, and trains with tcmalloc and without."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_STEP = {"tests/cli/test_commands.py", "tests/cli/test_numbers.py"}  # refused before


@pytest.fixture
def script() -> str:
    return (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_all_that_train_by_the_command_do_so_without_tcmalloc_too(script: str) -> None:
    hidden = re.findall(r"tests/[\w/.]+", script)
    tests = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    starting = {
        path.relative_to(ROOT).as_posix() for path, text in tests.items() if '"train"' in text
    }
    assert set(hidden) == starting - NO_STEP - {Path(__file__).relative_to(ROOT).as_posix()}


def test_it_installs_nothing_and_says_what_could_not_be_run(script: str) -> None:
    assert not re.search(r"\b(apt|apt-get|pip|sudo|install)\b", script.partition("set -")[2])
    assert "it is not on this machine" in script
