"""What stands in for a runtime where its work is not the matter: results are then known.

And upscalers that go wrong; they stand here because processes of their own have to find them.
"""

import os
import signal
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import OutOfMemoryError
from rgtsr.runtimes import memory
from rgtsr.tiling import OnShare, unheard
from rgtsr.upscaler import Report, Upscaler

POISON = "3.png"


@dataclass
class Repeating:
    """A runtime that repeats each pixel; it can break after some tiles."""

    scale: int = 2
    name: str = "openvino"
    precision: str = "float32"
    broken: float | None = None
    pixel_bytes: int = 0
    room_px: int | None = None  # a side above which memory is out
    batch: int = 1
    seen: int = 0
    limit_bytes: int | None = None
    is_on_gpu: bool = False

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        self.seen += 1
        if self.room_px is not None and max(tiles_NCHW.shape) * len(tiles_NCHW) > self.room_px:
            raise OutOfMemoryError("there is no more")
        enlarged = tiles_NCHW.repeat(self.scale, 2).repeat(self.scale, 3)
        return enlarged if self.broken is None else np.full_like(enlarged, self.broken)

    def upscale_whole(
        self, tiles_NCHW: NDArray[np.float32], on_share: OnShare = unheard
    ) -> NDArray[np.float32]:
        enlarged = self.upscale_tiles(tiles_NCHW)
        on_share(1.0)
        return enlarged

    def batch_tiles(self, shape_NCHW: tuple[int, ...]) -> int:
        return self.batch

    def needed_bytes(self, shape_NCHW: tuple[int, ...]) -> int:
        return self.pixel_bytes * shape_NCHW[2] * shape_NCHW[3]

    def room_bytes(self) -> int:
        return memory.room_bytes(self.limit_bytes)

    def held_bytes(self) -> int:
        return memory.used_bytes()


class Poisoned(Upscaler):
    """Dies of one picture as of a fault in a codec."""

    def upscale_file(self, source: Any, target: Any, **options: Any) -> Report:
        if source.name == POISON:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().upscale_file(source, target, **options)


class Leaking(Upscaler):
    """Grows with every picture."""

    def upscale_file(self, source: Any, target: Any, **options: Any) -> Report:
        self.__dict__.setdefault("leak", []).append(np.ones(32 << 20, np.uint8))
        return super().upscale_file(source, target, **options)
