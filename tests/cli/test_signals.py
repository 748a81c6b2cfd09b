"""A request to stop is never lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.running import environment
from rgtsr import signals


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
    signals.listen()
    yield
    signals._asked.clear()
    for which, handler in before.items():
        signal.signal(which, handler)


def test_it_is_heard_at_once_and_a_doubled_one_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    now = time.monotonic()
    for _ in range(3):  # of which none puts off when the next is heard
        signal.raise_signal(signal.SIGTERM)
        monkeypatch.setattr(signals.time, "monotonic", lambda: now + signals.DOUBLE_S * 0.6)
    monkeypatch.setattr(signals.time, "monotonic", lambda: now + signals.DOUBLE_S * 1.1)
    with pytest.raises(SystemExit, match="143"):
        signal.raise_signal(signal.SIGTERM)


def test_inside_a_callback_of_libvips_it_is_kept_for_the_next_tile() -> None:
    signals.check()
    inside = {"__name__": "pyvips", "raise_signal": signal.raise_signal}
    exec(f"raise_signal({int(signal.SIGINT)})", inside)
    with pytest.raises(KeyboardInterrupt):
        signals.check()


@pytest.mark.parametrize("module", ["typer", "numpy._core._multiarray_umath", "openvino"])
def test_while_something_is_imported_it_is_heard_afterwards(
    photo: Path, tmp_path: Path, module: str
) -> None:
    """A process that is interrupted at just that import."""
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r} and "rgtsr" in sys.modules:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""
    )
    path = os.pathsep.join([str(tmp_path), environment().get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "rgtsr", "upscale", photo, "-o", tmp_path / "out.png"],
        env=environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.png").exists()
