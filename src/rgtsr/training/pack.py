"""Many photos in one file: it trains on a machine without libvips, and opens at once.

A safetensors file of uint8 tensors: ``hr.0`` (H, W, 3), ``hr.1``, ..., and where LR is kept
``lr.0`` (H / S, W / S, 3) and so on. Its header has ``format``, ``names`` (JSON) and, with LR,
``scale`` and ``lr``: ``given`` or ``made``. Knows no torch; nothing is read before it is used.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from rgtsr import atomic
from rgtsr.errors import TrainingError, UsageError
from rgtsr.evaluation.benchmarks import Benchmark
from rgtsr.pictures import pairs
from rgtsr.pictures.pairs import Files, Pair, Pixels
from rgtsr.training import folders

FORMAT = "rgtsr-photos-1"
SUFFIX = ".safetensors"
LENGTH_BYTES = 8  # before the header of every safetensors file
ROOM_BYTES = 200  # in the header for each tensor, so that the tensors can be written before it


class Packed(NamedTuple):
    """One photo of a pack, mapped from the file; LR where the pack has it."""

    name: str
    hr_HWC: Pixels
    lr_HWC: Pixels | None


@dataclass(frozen=True)
class Pack:
    """An open pack. ``scale`` is that of the LR in it, None where there is none."""

    path: Path
    photos: tuple[Packed, ...]
    scale: int | None
    lr_is_given: bool

    def pairs(self, scale: int) -> Iterator[Pair]:
        """Every photo as ``pair`` has it."""
        return (self.pair(photo, scale) for photo in self.photos)

    def pair(self, photo: Packed, scale: int) -> Pair:
        """HR and LR of a photo; LR is made where the pack has none of that scale.

        Raises:
            TrainingError: when LR was given, for another scale.
            PictureError: for a side below ``scale``.
        """
        name, hr, lr = photo
        if self.lr_is_given and scale != self.scale:
            raise TrainingError(f"{self.path} holds LR pictures at x{self.scale}, not x{scale}.")
        if lr is None or scale != self.scale:
            return Pair(name, *pairs.made(hr, scale, name=f"{self.path}: {name}"))
        cut = pairs.matched(hr, lr, scale, hr_name=f"{self.path}: {name}", lr_name="its LR")
        return Pair(name, cut, lr)


@dataclass(frozen=True)
class PackedBenchmark(Benchmark):
    """A pack to be scored on."""

    pack: Pack

    def pairs(self) -> Iterator[Pair]:
        """See ``Benchmark``."""
        return self.pack.pairs(self.scale)


def write(
    path: Path,
    photos: Sequence[Files],
    *,
    scale: int | None = None,
    on_skip: Callable[[str], None] = lambda _: None,
) -> int:
    """Pack photos, with their LR when a scale is named; returns how many, one held at a time.

    Photos that cannot be read or are smaller than ``scale`` are left out and named to ``on_skip``.

    Raises:
        ValueError: for another suffix than ``.safetensors``.
        PictureError: when LR does not match.
        TrainingError: when no photo is left, or the file cannot be written.
    """
    if path.suffix != SUFFIX:
        raise UsageError(f"{path}: a pack's name must end in {SUFFIX}.")
    if not path.parent.is_dir():
        raise TrainingError(f"{path}: the folder {path.parent} does not exist: make it first.")
    given = any(photo.lr is not None for photo in photos)
    names: list[str] = []
    tensors: dict[str, dict[str, Any]] = {}
    room = sum(len(json.dumps(photo.hr.name)) + 2 * ROOM_BYTES for photo in photos) + ROOM_BYTES
    room += -room % LENGTH_BYTES
    try:
        with atomic.replacing(path) as draft, draft.open("xb") as file:
            file.seek(LENGTH_BYTES + room)
            for photo in photos:
                pixels = folders.read(photo, least_px=scale or 1, on_skip=on_skip)
                if pixels is None:
                    continue
                for kind, array_HWC in _tensors(photo, *pixels, scale).items():
                    start = file.tell() - LENGTH_BYTES - room
                    file.write(np.ascontiguousarray(array_HWC).data)
                    end = start + array_HWC.size
                    about = {"dtype": "U8", "shape": array_HWC.shape, "data_offsets": [start, end]}
                    tensors[f"{kind}.{len(names)}"] = about
                names.append(photo.hr.name)
            if not names:
                raise TrainingError("no photo is left to pack: all were unreadable or too small.")
            header = {"format": FORMAT, "names": json.dumps(names)}
            if scale is not None:
                header |= {"scale": str(scale), "lr": "given" if given else "made"}
            text = json.dumps({"__metadata__": header} | tensors).encode()
            file.seek(0)
            file.write(room.to_bytes(LENGTH_BYTES, "little") + text.ljust(room))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written: {error}.") from error
    return len(names)


def _tensors(photo: Files, hr: Pixels, lr: Pixels | None, scale: int | None) -> dict[str, Pixels]:
    """HR as it is, and with a scale LR: other scales can still be made of it."""
    return {"hr": hr} if scale is None else {"hr": hr, "lr": photo.pair(hr, lr, scale).lr_HWC}


def read(path: Path) -> Pack:
    """Open a pack. Raises TrainingError for a file that is none, or is damaged."""
    try:
        with path.open("rb") as file:
            header, start = _header(file)
        about = header.pop("__metadata__")
        names = json.loads(about["names"])
        scale = int(about["scale"]) if "scale" in about else None
        end = max(each["data_offsets"][1] for each in header.values())
        if path.stat().st_size < start + end:
            raise TrainingError(f"{path} is a pack whose end is missing: make it again.")
        content = np.memmap(path, np.uint8, mode="r", offset=start)

        def tensor(name: str) -> Pixels:
            first, last = header[name]["data_offsets"]
            return content[first:last].view(np.ndarray).reshape(header[name]["shape"])

        photos = tuple(
            Packed(name, tensor(f"hr.{index}"), None if scale is None else tensor(f"lr.{index}"))
            for index, name in enumerate(names)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} is no pack of photos: {error}.") from error
    return Pack(path, photos, scale, about.get("lr") == "given")


def _header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header of a pack, and where its tensors begin. Raises ValueError, KeyError, TypeError."""
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if length > os.fstat(file.fileno()).st_size:
        raise ValueError("it has no header of safetensors")
    header: dict[str, Any] = json.loads(file.read(length))
    if header["__metadata__"]["format"] != FORMAT:
        raise ValueError(f"its format is {header['__metadata__']['format']!r}")
    return header, LENGTH_BYTES + length
