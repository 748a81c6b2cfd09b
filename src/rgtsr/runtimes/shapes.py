"""What a runtime makes once for each shape of tiles, and keeps. Knows no runtime."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from rgtsr.runtimes import memory

KEPT_SHAPES = 16  # all that small pictures are made of: see tiling.SIDES_PX
FEW = 3  # that are kept however short memory is
SHARE = 3  # of what is free, one part in so many may be spent on keeping more

Shape = tuple[int, ...]
Made = TypeVar("Made")


class PerShape(Generic[Made]):
    """The last few of what ``make`` makes of shapes, fewer where memory is short; threads are safe.

    ``needed_bytes``: what it takes to make and run one; ``limit_bytes``: of the whole process.
    """

    def __init__(
        self,
        make: Callable[[Shape], Made],
        needed_bytes: Callable[[Shape], int],
        limit_bytes: int | None,
    ) -> None:
        self._make = make
        self._needed_bytes = needed_bytes
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[Shape, Made] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, shape: Shape) -> Made:
        """Raises OutOfMemoryError where there is no room, even without the others."""
        with self._lock:
            if shape not in self._kept:
                needed = self._needed_bytes(shape)
                if needed > memory.room_bytes(self._limit_bytes):
                    self._kept.clear()
                memory.check(needed, shape, self._limit_bytes)
                self._kept[shape] = self._make(shape)
                while len(self._kept) > FEW and self._are_too_many():
                    self._kept.popitem(last=False)
            self._kept.move_to_end(shape)
            return self._kept[shape]

    def _are_too_many(self) -> bool:
        held = sum(map(self._needed_bytes, self._kept))
        return len(self._kept) > KEPT_SHAPES or held > memory.room_bytes(self._limit_bytes) / SHARE
