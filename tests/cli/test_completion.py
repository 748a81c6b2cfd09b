"""The shell completes commands, options and their values."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.running import command, environment, rgtsr


@pytest.fixture
def path(tmp_path: Path) -> str:
    """PATH with ``rgtsr`` in it, as an installation has it."""
    script = tmp_path / "bin" / "rgtsr"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command())} "$@"\n')
    script.chmod(0o755)
    return f"{script.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["up"], ["upscale"]),
        (["upscale", "--dry"], ["--dry-run"]),
        (["upscale", "--precision", ""], ["auto", "float32", "bf16", "float16"]),
        (["data", "ch"], ["check"]),
        (["upscale", "photo"], []),  # bash takes files then
    ],
)
def test_bash_completes(words: list[str], expected: list[str], path: str) -> None:
    program = (
        'eval "$(rgtsr --show-completion)"\n'
        f"COMP_WORDS=(rgtsr {shlex.join(words)}); COMP_CWORD={len(words)}\n"
        '_rgtsr_completion rgtsr; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program],
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.split() == expected


def test_every_shell_has_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    # else the shell that runs the tests is taken
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    for shell, word in {
        "bash": "COMPREPLY",
        "zsh": "compdef",
        "fish": "complete --command",
        "powershell": "Register-ArgumentCompleter",
    }.items():
        script = rgtsr("--show-completion", shell).assert_done().out
        assert "_RGTSR_COMPLETE" in script
        assert word in script


def test_help_tells_of_it() -> None:
    assert "--install-completion" in rgtsr("--help").assert_done().out
