"""Real services for the tests: a process of their own, found by the address that it prints."""

import contextlib
import os
import re
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from numpy.typing import NDArray

from cli.running import command, environment
from rgtsr import pictures
from rgtsr.pictures import Picture

PATIENCE_S = 60


@dataclass
class Service:
    """A running service; ``said``: its lines so far, on both streams."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        (line,) = [line for line in self.said if " listens on " in line]
        found = re.search(r"http://\S+", line)
        assert found, line
        return found[0].rstrip("/")

    def http(self, **more: object) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=PATIENCE_S, **more)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def held_bytes(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss


@contextlib.contextmanager
def serving(
    *options: str | Path,
    until: str = " listens on ",
    memory_bytes: int | None = None,
    first: str = "",
    **env: str,
) -> Generator[Service]:
    """``rgtsr serve OPTIONS...`` on a free port, stopped afterwards.

    ``first``: Python that its process runs before.
    """

    def limit() -> None:
        if memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))

    process = subprocess.Popen(
        [
            *command(first=first),
            "serve",
            *(() if "--port" in options else ("--port", "0")),
            *map(str, options),
        ],
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=limit,
    )
    service = Service(process)
    begun = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            service.said.append(line.rstrip())
            if until in line:
                begun.set()
        begun.set()

    ear = threading.Thread(target=listen, daemon=True)
    ear.start()
    try:
        assert begun.wait(PATIENCE_S)
        yield service
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        ear.join(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()


def ready(service: Service) -> Service:
    """Once pictures can be enlarged."""
    until(lambda: httpx.get(f"{service.address}/readyz", timeout=PATIENCE_S).status_code == 200)
    return service


def until(what: Callable[[], bool]) -> None:
    """Wait until it holds; it is looked at every now and then."""
    limit = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.05)


def noise(height: int = 24, width: int = 40, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def content(form: str = "png", height: int = 24, width: int = 40, seed: int = 0) -> bytes:
    """A picture file."""
    return Picture.from_array(noise(height, width, seed)).to_bytes(form)


def slow(height: int = 1500, width: int = 1500) -> bytes:
    """A picture that takes some seconds."""
    return Picture.from_array(np.zeros((height, width, 3), np.uint8)).to_bytes("png")


def code(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, which is one as it should be."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["title"] and problem["detail"]
    return response.status_code, problem["code"]


def left_in(folder: Path) -> list[str]:
    """What pictures left there."""
    return sorted(
        os.path.relpath(path, folder) for path in folder.rglob("*") if path.name != "owner"
    )


def result_of(path: Path) -> NDArray[np.generic]:
    return pictures.read(path).to_array()
