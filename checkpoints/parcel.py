"""What a leg sends home: a tar in a few parts, whole or not at all. Knows no clock, no training.

First what every stage has come to (weights in float16, its log), then the checkpoint that goes on
exactly from where it is, then targets that this leg has made, as many as there is room for.
"""

import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rgtsr import atomic, weights

CHECKPOINT, WEIGHTS, DONE = "checkpoint.safetensors", "weights.safetensors", "done"
SMALL = (DONE, "eager", "recipe.yml", "train.log")
SMOKE = "smoke.json"
HALVED = "weights-16.safetensors"
PART_BYTES = 15 << 20
PARTS = 4
TAR_BYTES = 1 << 10  # about a file


class Parcel:
    """The tar of one leg, sent anew each time there is more."""

    def __init__(self, state: Path, out: Path, names: tuple[str, ...]) -> None:
        self.state, self.out, self.names = state, out, names
        self.number = max((int(part.name.split(".")[1]) for part in out.glob("state.*")), default=0)
        self.began = time.time()

    def send(self) -> dict[str, Any]:
        """Write the parts, remove those of before; says how much it was and what had no room."""
        self.number += 1
        packed, room, left_out = self.state / "parcel.tar", PARTS * PART_BYTES - 10 * TAR_BYTES, []
        with tarfile.open(packed, "w") as tar:
            for name, path in self.wanted():
                size = path.stat().st_size + TAR_BYTES
                if size > room:
                    left_out.append(name)
                    continue
                room -= size
                tar.add(path, name)
        content = packed.read_bytes()
        packed.unlink()
        count = -(-len(content) // PART_BYTES)
        new = [self.out / f"state.{self.number}.{part}-of-{count}" for part in range(count)]
        for part, path in enumerate(new):
            with atomic.replacing(path) as draft:
                draft.write_bytes(content[part * PART_BYTES : (part + 1) * PART_BYTES])
        for path in self.out.glob("state.*"):
            if path not in new:
                path.unlink()
        return {"sent": self.number, "mib": round(len(content) / (1 << 20), 1)} | (
            {"no_room_for": len(left_out), "the_first": left_out[0]} if left_out else {}
        )

    def wanted(self) -> Iterator[tuple[str, Path]]:
        """Names in the tar and their files, the most important first."""
        if (self.state / SMOKE).exists():
            yield SMOKE, self.state / SMOKE
        for name in self.names:
            folder = self.state / name
            for path in (folder / small for small in SMALL):
                if path.exists():
                    yield f"{name}/{path.name}", path
            if (folder / WEIGHTS).exists():
                halved = weights.load(folder / WEIGHTS)
                weights.save(halved, folder / HALVED, dtype="float16")
                yield f"{name}/{WEIGHTS}", folder / HALVED
        for name in self.names:
            state = self.state / name / CHECKPOINT
            if state.exists() and not (self.state / name / DONE).exists():
                yield f"{name}/{CHECKPOINT}", state
        for path in sorted(self.state.glob("*/*.webp")):
            if path.stat().st_mtime >= self.began:
                yield f"{path.parent.name}/{path.name}", path
