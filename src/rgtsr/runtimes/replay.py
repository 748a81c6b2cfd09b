"""Tiles of one size through a network on a GPU, recorded once and replayed. Knows no network.

While some run, those before are on their way home and those after on their way there, through
pinned memory, on streams of their own. Where the device has no CUDA graphs what would be recorded
is called, so the CPU tests the order of things.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import itertools
from collections.abc import Callable
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TOGETHER = 8  # tiles a pass at most: more of them do not make a GPU faster
WARM_UP = 3  # passes, as CUDA graphs ask for

Run = Callable[[Tensor], Tensor]
Shape = tuple[int, ...]


class Slot:
    """One pass on its way: where its tiles wait, there and at home, and what has happened."""

    def __init__(self, tiles: Tensor, enlarged: Tensor, streams: ModuleType) -> None:
        pinned = tiles.device.type == "cuda"
        self.tiles = torch.empty_like(tiles)
        self.enlarged = torch.empty_like(enlarged)
        self.tiles_home = torch.zeros(tiles.shape, pin_memory=pinned)
        self.enlarged_home = torch.empty(enlarged.shape, pin_memory=pinned)
        self.arrived, self.ran, self.home = (streams.Event() for _ in range(3))


class Replay:
    """``run`` for tiles (N, 3, h, w) of one h and w, any N; one thread at a time.

    ``shape_NCHW``: of a pass; one that has fewer tiles is filled up.
    ``streams``: the module with the streams and events of the device, ``torch.cuda`` for a GPU.
    """

    def __init__(
        self, run: Run, shape_NCHW: Shape, device: torch.device, streams: ModuleType
    ) -> None:
        self._streams = streams
        self._there, self._running, self._back = (streams.Stream() for _ in range(3))
        self._tiles = torch.zeros(shape_NCHW, device=device)
        with streams.stream(self._running):
            for _ in range(WARM_UP):
                run(self._tiles)
        streams.synchronize()
        self._pass = recorded(run, self._tiles, self._running)
        enlarged = self._pass()
        self._slots = tuple(Slot(self._tiles, enlarged, streams) for _ in range(2))

    def __call__(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 3, h, w) float32 -> (N, 3, h * S, w * S) float32."""
        step = len(self._tiles)
        parts = [tiles_NCHW[at : at + step] for at in range(0, len(tiles_NCHW), step)]
        pending: list[tuple[Slot, int]] = []
        finished: list[NDArray[np.float32]] = []
        for part, slot in zip(parts, itertools.cycle(self._slots), strict=False):
            if len(pending) == len(self._slots):
                finished.append(fetched(*pending.pop(0)))
            self._send(part, slot)
            pending.append((slot, len(part)))
        return np.concatenate(finished + [fetched(*one) for one in pending])

    def _send(self, part_NCHW: NDArray[np.float32], slot: Slot) -> None:
        """Queue one pass: there, through the network, and home; nothing here waits."""
        slot.tiles_home[: len(part_NCHW)] = torch.from_numpy(part_NCHW)
        with self._streams.stream(self._there):
            slot.tiles.copy_(slot.tiles_home, non_blocking=True)
            slot.arrived.record()
        with self._streams.stream(self._running):
            self._running.wait_event(slot.arrived)
            self._tiles.copy_(slot.tiles)
            slot.enlarged.copy_(self._pass())
            slot.ran.record()
        with self._streams.stream(self._back):
            self._back.wait_event(slot.ran)
            slot.enlarged_home.copy_(slot.enlarged, non_blocking=True)
            slot.home.record()


def fetched(slot: Slot, count: int) -> NDArray[np.float32]:
    """The first so many enlarged tiles of a pass, once they are home."""
    slot.home.synchronize()
    return slot.enlarged_home[:count].numpy().copy()


def recorded(run: Run, tiles: Tensor, stream: torch.cuda.Stream) -> Callable[[], Tensor]:
    """What runs these very tiles again, without the host naming each kernel."""
    if tiles.device.type != "cuda":
        return lambda: run(tiles)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        enlarged = run(tiles)

    def replay() -> Tensor:
        graph.replay()
        return enlarged

    return replay
