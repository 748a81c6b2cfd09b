"""Runs the command as its users do: a process of its own, exit status, both streams."""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 120


@dataclass(frozen=True)
class Outcome:
    """What was left of a process."""

    status: int
    out: str
    errors: tuple[str, ...]

    def assert_done(self) -> "Outcome":
        assert (self.status, self.errors) == (0, ())
        return self

    def assert_failed(self, status: int, *words: str) -> "Outcome":
        """One line on stderr, that status, and every word in the line."""
        assert len(self.errors) == 1, self.errors
        assert self.status == status, self.errors
        assert self.errors[0].startswith("rgtsr: ")
        assert not [word for word in words if word not in self.errors[0]], self.errors[0]
        return self


def environment(**changes: str) -> dict[str, str]:
    """Ours, without what would make the process speak otherwise; no GPU can be seen."""
    kept = {key: value for key, value in os.environ.items() if key != "RGTSR_DEBUG"}
    if "PYTHONPATH" in kept:  # it may be relative to the folder in which the tests were started
        folders = kept["PYTHONPATH"].split(os.pathsep)
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, filter(None, folders)))
    return kept | {"CUDA_VISIBLE_DEVICES": ""} | changes


def rgtsr(
    *arguments: str | Path,
    cwd: Path | None = None,
    file_limit_bytes: int | None = None,
    memory_limit_bytes: int | None = None,
    without: tuple[str, ...] = (),
) -> Outcome:
    """``rgtsr ARGUMENTS...``.

    ``file_limit_bytes``: no file may grow beyond, as on a full disk; ``memory_limit_bytes``: nor
    the process; ``without``: packages that are not installed.
    """

    def limit() -> None:
        if file_limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit_bytes, file_limit_bytes))
        if memory_limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))

    finished = subprocess.run(
        [*command(without), *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        preexec_fn=limit,
    )
    return Outcome(finished.returncode, finished.stdout, tuple(finished.stderr.splitlines()))


def command(without: tuple[str, ...] = (), first: str = "") -> list[str]:
    """How to start it. ``first``: Python that runs before."""
    if without:
        first = f"import sys; sys.modules.update(dict.fromkeys({without!r}))"
    if not first:
        return [sys.executable, "-m", "rgtsr"]
    return [sys.executable, "-c", f"{first}\nfrom rgtsr.__main__ import main; main()"]
