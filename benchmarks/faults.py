"""Faults, injected: runs that are killed, starved and lied to, then gone on with, and compared.

    export PYTHONPATH=src:tests:benchmarks
    python benchmarks/faults.py --rounds 300 --json
    python benchmarks/faults.py --only folder --fault disk --first 225 --rounds 1  # that one again

Each round is a scene of ``scenes.py`` in a fresh folder, and a fault, at a moment that the round's
number draws from the time that an undisturbed run takes. Looked at when the process is gone: what
has a final name is whole, what is to be named is named, nobody prints a traceback. Then the fault
is taken back and the same command is started again. It must end well, leave the results of an
undisturbed run, make nothing that was there and leave nothing behind. Linux; some faults take root.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

import psutil

from cli.running import environment
from scenes import OUT, SCENES, Scene, store

RESULTS = Path(__file__).parent / "results/faults.json"
PATIENCE_S = 300
LOOK_S = 0.02
MANY_BYTES = 2**28
BOUND_ROOT = (
    *("setpriv", "--inh-caps", "-all"),  # root that permissions bind, as they bind others
    *("--bounding-set", "-dac_override,-dac_read_search"),
)
CLOCK = """
import threading, time
def jump(real=time.time):
    time.time = lambda: real() + {by}
threading.Timer({after}, jump).start()
"""


class Round:
    """One run of a scene in a folder of its own, and the fault that it meets.

    ``usual_s``: how long an undisturbed run takes.
    """

    def __init__(self, scene: Scene, folder: Path, number: int = 0, usual_s: float = 0.0) -> None:
        self.scene, self.folder = scene, folder
        self.rng = random.Random(number)
        self.moment_s = self.rng.uniform(0.1, 1) * usual_s
        self.to_name: str | None = None  # by a run that does not end well
        self.log = folder / "said"
        (folder / OUT).mkdir(parents=True)
        scene.make(folder)

    def start(self, *wrapped: str, first: str = "") -> subprocess.Popen[bytes]:
        """The scene's process. ``first``: Python that rgtsr's processes run before."""
        with self.log.open("wb") as file:  # no pipe, which would break with its other end
            return subprocess.Popen(
                [*wrapped, *self.scene.command(self.folder)],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment(
                    RGTSR_CACHE_DIR=str(self.folder.parent / "cache"), RGTSR_FAULTS_FIRST=first
                ),
            )

    def run(self, *wrapped: str, first: str = "") -> int:
        """Start and wait; returns the exit status."""
        return ended(self.start(*wrapped, first=first))

    def wait(self, process: subprocess.Popen[bytes]) -> bool:
        """For the fault's moment; returns whether the process is still there."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.moment_s)
        return process.poll() is None

    def signal(self, number: int, process: subprocess.Popen[bytes]) -> None:
        """To the process that the fault is for: the service, once there is one."""
        pid = process.pid
        if self.scene.is_served:
            victim = self.folder / "victim"
            while not victim.exists() and process.poll() is None:
                time.sleep(LOOK_S)
            pid = int(victim.read_text())
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def results(self) -> dict[str, str]:
        return self.scene.results(self.folder)

    def stamps(self) -> dict[str, tuple[int, int]]:
        """What changes when a result is made again."""
        found = ((name, path.stat()) for name, path in self.scene.files(self.folder).items())
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found}

    def said(self) -> str:
        return self.log.read_text(errors="replace")


def ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        for child in (*psutil.Process(process.pid).children(recursive=True), process):
            child.kill()
        process.wait()
        return 124  # as timeout(1) says


# Each does its worst and says how the run ended; what comes after takes it back.

Fault = Generator[int]


def signalled(number: int) -> Callable[[Round], Fault]:
    def fault(this: Round) -> Fault:
        process = this.start()
        if this.wait(process):
            this.signal(number, process)
        yield ended(process)

    return fault


def worker(this: Round) -> Fault:
    """A child of the process is killed, if it has one at that moment."""
    process = this.start()
    if this.wait(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            if workers := this.scene.workers(psutil.Process(process.pid)):
                this.rng.choice(workers).kill()
    yield ended(process)


def disk(this: Round) -> Fault:
    """The disk of the results is too small."""
    out = this.folder / OUT
    size = this.rng.randrange(this.scene.disk_bytes // 16, this.scene.disk_bytes)
    mount = ("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(out))
    subprocess.run(mount, check=True)
    try:
        this.to_name = out.name
        yield this.run()
        subprocess.run(("mount", "-o", f"remount,size={MANY_BYTES}", str(out)), check=True)
        yield 0
    finally:
        subprocess.run(("umount", "-l", str(out)), check=True)


def cut(this: Round) -> Fault:
    """An input ends too early."""
    path = this.rng.choice(this.scene.inputs(this.folder))
    whole = path.read_bytes()
    path.write_bytes(whole[: this.rng.randrange(len(whole) - 8)])
    this.to_name = path.name
    yield this.run()
    path.write_bytes(whole)


def vanish(this: Round) -> Fault:
    """An input goes while the run is on."""
    process = this.start()
    this.wait(process)
    while process.poll() is None and not any((this.folder / OUT).iterdir()):
        time.sleep(LOOK_S)  # what was never seen is not missed
    path = this.rng.choice(this.scene.inputs(this.folder))
    away = this.folder / path.name
    path.rename(away)
    this.to_name = path.name
    yield ended(process)
    away.rename(path)


def denied(this: Round) -> Fault:
    """An input, or the folder of the results, may not be opened from some moment on."""
    path = this.rng.choice([*this.scene.inputs(this.folder), this.folder / OUT])
    process = this.start(*BOUND_ROOT)
    this.wait(process)
    before = path.stat().st_mode
    path.chmod(0)
    this.to_name = path.name
    yield ended(process)
    path.chmod(before)


def unreliable(this: Round) -> Fault:
    """The store delays, drops, cuts and refuses a share of what it is asked."""
    proxy = store()
    proxy.share = this.rng.uniform(0.05, 0.4)
    yield this.run()
    proxy.share = 0.0


def full(this: Round) -> Fault:
    """The store has no room any more, from some moment on."""
    proxy = store()
    process = this.start()
    this.wait(process)
    proxy.is_full = True
    this.to_name = "s3://"
    yield ended(process)
    proxy.is_full = False


def clock(this: Round) -> Fault:
    """The process's clock jumps by up to a day."""
    by = this.rng.uniform(-86400, 86400)
    yield this.run(first=CLOCK.format(by=by, after=this.moment_s))


FAULTS: dict[str, Callable[[Round], Fault]] = {
    "kill": signalled(signal.SIGKILL),
    "term": signalled(signal.SIGTERM),
    "interrupt": signalled(signal.SIGINT),
    "worker": worker,
    "disk": disk,
    "cut": cut,
    "vanish": vanish,
    "denied": denied,
    "store": unreliable,
    "full": full,
    "clock": clock,
}


class Undisturbed:
    """A scene as it should be: its results, and how long it takes."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene = scene
        this = Round(scene, folder)
        started = time.monotonic()
        if this.run():
            raise SystemExit(f"{scene.name}: an undisturbed run failed:\n{this.said()}")
        self.usual_s = time.monotonic() - started
        self.results = this.results()

    def disturbed(self, fault: str, number: int, folder: Path) -> list[str]:
        """One round; returns what was wrong."""
        this = Round(self.scene, folder, number, self.usual_s)
        steps = FAULTS[fault](this)
        with contextlib.closing(steps):
            status = next(steps)
            found = self._wrong(this, status)
            next(steps, None)  # take it back
            there = {} if fault in self.scene.forgets else this.stamps()
            status = this.run()
            found += self._wrong_after(this, status, there)
        if not found:
            shutil.rmtree(folder)
        return found

    def _wrong(self, this: Round, status: int) -> list[str]:
        """While the fault is there."""
        said = this.said()
        found = [f"{name}: not whole" for name in self._differing(this.results())]
        if status == 124:
            found.append("it hung")
        if "Traceback" in said:
            found.append(f"a traceback: {said[-500:]}")
        if status > 0 and this.to_name is not None and this.to_name not in said:
            found.append(f"{this.to_name} is not named: {said[-500:]}")
        if not status and this.to_name and len(this.results()) < len(self.results):
            found.append(f"it was taken for well: {said[-500:]}")
        return found

    def _wrong_after(
        self, this: Round, status: int, there: dict[str, tuple[int, int]]
    ) -> list[str]:
        """Once it was gone on with."""
        said, results = this.said(), this.results()
        found = [f"gone on with, it failed ({status}): {said[-500:]}"] if status else []
        found += [f"{name}: differs in the end" for name in self._differing(results)]
        found += [f"{name}: lost" for name in self.results.keys() - results.keys()]
        after = this.stamps()
        found += [f"{name}: made twice" for name in there if after.get(name) != there[name]]
        return [*found, *(f"{name}: left behind" for name in this.scene.litter(this.folder))]

    def _differing(self, results: dict[str, str]) -> list[str]:
        return [name for name, made in results.items() if self.results.get(name) != made]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="the number of the first round")
    parser.add_argument("--only", choices=SCENES, nargs="*", default=list(SCENES))
    parser.add_argument("--fault", help="of those scenes, this alone")
    parser.add_argument("--json", action="store_true", help="keep what was found")
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.rounds)
    cases = [(name, fault) for name in arguments.only for fault in SCENES[name].faults]
    report = rounds([case for case in cases if arguments.fault in (None, case[1])], numbers)
    if arguments.json:
        before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps(before | report, indent=1) + "\n")
    sys.exit(any(scene["findings"] for scene in report.values()))


def rounds(cases: list[tuple[str, str]], numbers: range) -> dict[str, dict]:
    """Run them; scenes and their faults come in turn. How many of each, and what was found."""
    names = list(dict.fromkeys(name for name, _ in cases))
    report = {name: {"rounds": Counter[str](), "findings": list[str]()} for name in names}
    with tempfile.TemporaryDirectory(prefix="rgtsr-faults-") as folder:
        undisturbed = {name: Undisturbed(SCENES[name], Path(folder) / name) for name in names}
        for number in numbers:
            name, fault = cases[number % len(cases)]
            found = undisturbed[name].disturbed(fault, number, Path(folder) / str(number))
            report[name]["rounds"][fault] += 1
            report[name]["findings"] += [f"{number} {fault}: {line}" for line in found]
            print(number, name, fault, *(found or ["well"]), flush=True)
    return report


if __name__ == "__main__":
    main()
