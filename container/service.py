"""A container of the image, from its start to its end. Runs in a network of its own, for rehearse.

Reads a plan from standard input, writes what it saw to standard output; both are JSON.
"""

import fcntl
import http.client
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

COMMAND = ["--auth-token-file", "/run/secrets/tokens"]  # as in compose.yaml
PATIENCE_S = 300
MOMENT_S = 0.1
# prints the folders in which it may make files: of what is mounted, and some more
WRITABLE = """
import os, pathlib
mounted = {line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()}
others = ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/usr", "/var", "/var/tmp")
for folder in sorted(mounted.union(others)):
    if not folder.startswith(("/dev", "/proc", "/sys")) and os.access(folder, os.W_OK):
        print(folder)
"""
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def main() -> None:
    plan = json.loads(sys.stdin.read())
    begin_loopback()
    container = Container(plan)
    report = {"command": COMMAND, "refusal": container.refusal()}
    began = time.monotonic()
    container.start()
    until(lambda: any(" listens on " in line for line in container.said))
    until(lambda: container.run(plan["health"]).returncode == 0)
    report["healthy_s"] = round(time.monotonic() - began, 1)
    report["process"] = container.process()
    report["can_write"] = container.can_write()
    report["without_token"] = ask(plan, "GET", "/v1/models", token=None)[0]
    picture = Path(plan["picture"]).read_bytes()
    status, enlarged = ask(plan, "POST", "/v1/upscale?format=png", picture)
    report["enlarged"] = [status, size(picture), size(enlarged)]
    report["drained"] = container.drained(picture)
    report["said"] = container.said
    print(json.dumps(report))


class Container:
    """One of the image's; its process is the first of its own namespace."""

    def __init__(self, plan: dict) -> None:
        self._plan, self.said = plan, list[str]()
        user, group = plan["user"].split(":")
        self._inside = [
            *("chroot", plan["root"], "setpriv", "--reuid", user, "--regid", group),
            *("--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
        ]
        self._alone = [
            *("unshare", "--pid", "--fork", "--kill-child=SIGKILL"),
            f"--mount-proc={plan['root']}/proc",
        ]

    def refusal(self) -> list:
        """How it ends where no token was given, and what it says."""
        done = subprocess.run(
            [*self._alone, *self._inside, *self._plan["entry"]],
            env=self._plan["environment"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        return [done.returncode, done.stderr]

    def start(self) -> None:
        """As with COMMAND; its lines are heard."""
        self._outer = subprocess.Popen(
            [*self._alone, *self._inside, *self._plan["entry"], *COMMAND],
            env=self._plan["environment"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

        def listen() -> None:
            assert self._outer.stdout is not None
            self.said.extend(line.rstrip() for line in self._outer.stdout)

        self._ear = threading.Thread(target=listen, daemon=True)
        self._ear.start()

    @property
    def pid(self) -> int:
        """Of its first process, as it is seen from here."""
        outer = self._outer.pid
        return int(Path(f"/proc/{outer}/task/{outer}/children").read_text())

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """A command beside it, as the same user."""
        return subprocess.run(
            [*self._inside, *command],
            env=self._plan["environment"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def process(self) -> dict[str, str]:
        """What the kernel says of its first process."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        names = ("Name", "NSpid", "Uid", "Gid", "Groups", "NoNewPrivs", "CapEff", "CapBnd")
        return {name: " ".join(status[name].split()) for name in names}

    def can_write(self) -> list[str]:
        """Folders in which its user can make files."""
        done = self.run(["python", "-c", WRITABLE])
        return done.stdout.split() if done.returncode == 0 else [done.stderr]

    def drained(self, picture: bytes) -> dict:
        """It is asked to stop while it works on a picture."""
        answers: list[tuple[int, bytes]] = []
        url = "/v1/upscale?format=png"
        client = threading.Thread(
            target=lambda: answers.append(ask(self._plan, "POST", url, picture))
        )
        client.start()
        until(lambda: b"rgtsr_unfinished 1.0" in ask(self._plan, "GET", "/metrics")[1])
        signal_number = signal.Signals[self._plan["stop_signal"]]
        subprocess.run(["kill", f"-{signal_number.value}", str(self.pid)], check=True)
        client.join(PATIENCE_S)
        status = self._outer.wait(PATIENCE_S)
        self._ear.join(PATIENCE_S)
        kept = Path(self._plan["root"] + self._plan["volume"])
        left = [str(path.relative_to(kept)) for path in kept.rglob("p-*")]
        [(answer, enlarged)] = answers
        return {"answer": answer, "size": size(enlarged), "exit_status": status, "left": left}


def begin_loopback() -> None:
    """A new network has one interface, which is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        _, flags = struct.unpack("16sh14x", asked)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def ask(
    plan: dict, method: str, url: str, body: bytes | None = None, *, token: str | None = "of plan"
) -> tuple[int, bytes]:
    """An answer's status and body."""
    headers = {}
    if token is not None:
        secret = Path(plan["root"] + COMMAND[-1]).read_text(encoding="utf-8").strip()
        headers["authorization"] = f"Bearer {secret}"
    connection = http.client.HTTPConnection("127.0.0.1", plan["port"], timeout=PATIENCE_S)
    connection.request(method, url, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def size(png: bytes) -> list[int]:
    """Width and height, as the file's head says."""
    assert png.startswith(b"\x89PNG"), png[:300]
    return list(struct.unpack(">II", png[16:24]))


def until(what: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > limit:
            raise TimeoutError
        time.sleep(MOMENT_S)


if __name__ == "__main__":
    main()
