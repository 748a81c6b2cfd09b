"""A training plan in legs of a few minutes, for a GPU that is lent: each goes on where one ended.

    python checkpoints/legs.py checkpoints/gpu.yml --state state --out $OUT --photos corpus

A leg ends by itself before ``--max-minutes``. ``--state`` is a folder that the next leg finds;
``--out`` gets ``rows.jsonl``, a line as soon as something is known, and whenever there is a new
checkpoint ``state.N.I-of-K``: a tar in parts of what a leg on another machine needs, weights in
float16. docs/training.md has the commands; parcel.py says what is sent.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import yaml

from parcel import CHECKPOINT, DONE, SMOKE, WEIGHTS, Parcel

HERE = Path(__file__).parent
PHOTOS = "photos.safetensors"
EAGER = "eager"  # a stage that failed when compiled goes on without
POLL_S = 0.5
KEYS = {"checkpoint_minutes": 1, "validate_minutes": 2.5}
TINY = {"variant": "tiny", "batch": 2}
TINY_MINUTES = 0.1  # of a stage that has none


@dataclass(frozen=True)
class Stage:
    """One row of the plan, and the folder that holds what it has made."""

    name: str
    folder: Path
    run: str = "train"
    recipe: str = ""
    after: str | None = None
    minutes: float | None = None
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return (self.folder / DONE).exists()

    @property
    def checkpoint(self) -> Path:
        return self.folder / CHECKPOINT

    def end(self, how: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / DONE).write_text(how)

    def begins_with(self) -> Path | None:
        """The weights of the stage that it comes after."""
        return self.folder.parent / self.after / WEIGHTS if self.after else None


@dataclass
class Leg:
    """What is open for a few minutes: the clock, the rows, the parcel for home."""

    state: Path
    photos: Path
    device: str
    tiny: bool
    end: float  # of time.monotonic()
    reserve_s: float
    rows: TextIO
    parcel: Parcel
    began: float = field(default_factory=time.monotonic)
    pen: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, stage: str, **what: Any) -> None:
        row = {"at_s": round(time.monotonic() - self.began, 1), "stage": stage} | what
        with self.pen:
            self.rows.write(json.dumps(row) + "\n")
            self.rows.flush()
            print(row, flush=True)

    def left_s(self) -> float:
        """Until whatever runs is asked to stop."""
        return self.end - self.reserve_s - time.monotonic()

    def ship(self, stage: str) -> None:
        self.tell(stage, **self.parcel.send())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="a corpus: train*, holdout")
    parser.add_argument("--max-minutes", type=float, default=9.5, help="of this leg")
    parser.add_argument("--reserve-s", type=float, default=25, help="of them, to save and to send")
    parser.add_argument("--times", type=float, default=1.0, help="all minutes of the plan by that")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="gpu")
    parser.add_argument("--tiny", action="store_true", help="a dry run: seconds for minutes")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.max_minutes
    for folder in (arguments.state, arguments.out):
        folder.mkdir(parents=True, exist_ok=True)
    plan = stages(arguments.plan, arguments.state, times=arguments.times, tiny=arguments.tiny)
    with (arguments.out / "rows.jsonl").open("a") as rows:
        leg = Leg(
            arguments.state,
            arguments.photos,
            arguments.device,
            arguments.tiny,
            end,
            arguments.reserve_s,
            rows,
            Parcel(arguments.state, arguments.out, tuple(stage.name for stage in plan)),
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: setattr(leg, "end", min(leg.end, soon(leg))))
        for stage in plan:
            if not stage.is_done and leg.left_s() > leg.reserve_s:
                go_on(leg, stage)
        leg.ship("leg")
        left = [stage.name for stage in plan if not stage.is_done]
        leg.tell("leg", left=left)
    print("the plan is done" if not left else f"to do: {', '.join(left)}")
    return 0


def soon(leg: Leg) -> float:
    """When a leg that is asked to stop is over."""
    return time.monotonic() + leg.reserve_s


def stages(plan: Path, state: Path, *, times: float = 1.0, tiny: bool = False) -> list[Stage]:
    found: list[Stage] = []
    for row in yaml.safe_load(plan.read_text()):
        minutes = row.pop("minutes", None)
        keys = KEYS | (TINY if tiny else {}) | row.pop("keys", {})
        if tiny and "recipe" in row and "steps" not in keys:
            minutes = TINY_MINUTES if minutes is None else minutes / 60
        minutes = None if minutes is None else minutes * times
        found.append(Stage(folder=state / row["name"], minutes=minutes, keys=keys, **row))
    return found


def go_on(leg: Leg, stage: Stage) -> None:
    """A stage until it is done, has failed, or the leg's time is out."""
    begins_with = stage.begins_with()
    if begins_with is not None and not begins_with.exists():
        leg.tell(stage.name, skipped=f"{stage.after} has made no weights")
        return
    stage.folder.mkdir(parents=True, exist_ok=True)
    leg.tell(stage.name, goes_on=stage.checkpoint.exists())
    trains = stage.run == "train"  # and looks at its minutes itself, over all legs
    limit_s = 60 * stage.minutes if stage.minutes and not trains else None
    status = watched(leg, stage, COMMANDS[stage.run](leg, stage), limit_s)
    if status is None and (trains or leg.left_s() <= 0):
        leg.tell(stage.name, stopped="the leg's time is out")
    elif status in (0, None):  # whatever smoke and targets come to in their minutes has to do
        stage.end("done" if status == 0 else "its minutes are over")
        leg.tell(stage.name, done=status == 0)
    elif trains and is_compiled(leg, stage):
        (stage.folder / EAGER).touch()
        leg.tell(stage.name, failed=status, again="not compiled")
        go_on(leg, stage)
    else:  # the others may still be worth their time
        stage.end(f"ended with {status}")
        leg.tell(stage.name, failed=status)


def watched(leg: Leg, stage: Stage, command: list[str | Path], limit_s: float | None) -> int | None:
    """Run it, tell what it says, send what it saves; None where it was asked to stop."""
    process = subprocess.Popen(
        [sys.executable, "-P", *map(str, command)],
        env=os.environ | caches(leg.state),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    ears = threading.Thread(target=hear, args=(leg, stage.name, process.stdout), daemon=True)
    ears.start()
    stop_at = time.monotonic() + limit_s if limit_s else float("inf")
    asked_at, sent = None, changed(stage)
    while process.poll() is None:
        now = time.monotonic()
        if asked_at is None and (now >= stop_at or leg.left_s() <= 0):
            process.terminate()
            asked_at = now
        elif asked_at is not None and now - asked_at > leg.reserve_s / 2:
            process.kill()  # in the midst of compiling, it may be: its last checkpoint counts
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
        if (saved := changed(stage)) != sent and leg.left_s() > 0:
            sent = saved
            leg.ship(stage.name)
    ears.join(POLL_S)
    return None if asked_at is not None else process.returncode


def hear(leg: Leg, stage: str, lines: TextIO) -> None:
    for line in lines:
        with suppress(ValueError, TypeError):  # a row of its own
            leg.tell(stage, **json.loads(line))
            continue
        leg.tell(stage, said=line.rstrip())


def changed(stage: Stage) -> int:
    return stage.checkpoint.stat().st_mtime_ns if stage.checkpoint.exists() else 0


def caches(state: Path) -> dict[str, str]:
    """What was compiled in one leg serves the next."""
    folders = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}
    found = {key: str((state / "caches" / name).absolute()) for key, name in folders.items()}
    return found | {"PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def is_compiled(leg: Leg, stage: Stage) -> bool:
    """Whether the smoke test found that this pays, and the stage did not fail by it."""
    smoke = leg.state / SMOKE
    found = json.loads(smoke.read_text()) if smoke.exists() else {}
    return bool(found.get("compile")) and not (stage.folder / EAGER).exists()


def smoke(leg: Leg, stage: Stage) -> list[str | Path]:
    tiny = ["--tiny"] if leg.tiny else []
    return [HERE / "smoke.py", "--json", leg.state / SMOKE, "--device", leg.device, *tiny]


def pack(leg: Leg, stage: Stage) -> list[str | Path]:
    folders = sorted(path for path in leg.photos.glob("train*") if path.is_dir())
    return ["-m", "rgtsr", "data", "pack", *folders, leg.state / PHOTOS, "--scale", "2"]


def targets(leg: Leg, stage: Stage) -> list[str | Path]:
    made = [stage.begins_with() or "", leg.state / PHOTOS, stage.folder]
    return [HERE / "targets.py", *made, "--device", leg.device]


def train(leg: Leg, stage: Stage) -> list[str | Path]:
    keys = stage.keys | {"compile": str(is_compiled(leg, stage)).lower()}
    keys |= {"photos": leg.state / PHOTOS, "holdout": leg.photos / "holdout"}
    begin: list[str | Path] = [stage.recipe]
    if stage.checkpoint.exists():
        begin = ["--resume", stage.checkpoint]
    elif stage.after:
        keys["pretrained"] = stage.begins_with()
    options = ["-o", stage.folder, "--device", leg.device]
    if stage.minutes:
        options += ["--max-minutes", f"{stage.minutes:g}"]
    return ["-m", "rgtsr", "train", *begin, *(f"{k}={v}" for k, v in keys.items()), *options]


COMMANDS: dict[str, Callable[[Leg, Stage], list[str | Path]]] = {
    "smoke": smoke,
    "pack": pack,
    "targets": targets,
    "train": train,
}

if __name__ == "__main__":
    raise SystemExit(main())
