"""Samples -> enlarged samples, tile by tile, whatever happens on the way. Knows no files.

A tile whose result cannot be used is redone in float32; one for which memory is out is cut smaller.

Shapes: H, W of the samples; S scale; tiles are (N, 3, h, w) float32 RGB in 0..1.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rgtsr import runtimes, tiling
from rgtsr.errors import OutOfMemoryError, RgtsrError
from rgtsr.pictures import color
from rgtsr.pictures.color import Samples
from rgtsr.runtimes import Runtime, memory, probe
from rgtsr.upscaler import ensemble
from rgtsr.weights import Weights

TILE_PX = 192
TILES_PX = (TILE_PX, 160, 128, 96, 64, 48, 32)  # what memory may leave of it
OVERLAP_PX = 16
PROBE_FROM_TILES = 100  # for fewer, finding out which runtime is fastest takes too long
FLAT = 0.5 / 255  # a range below this shows nothing on 8 bits

Floats = NDArray[np.float32]
OnProgress = Callable[[int, int], None]  # (tiles done, tiles in all)


def unheard(_done: int, _total: int) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures are cut and run.

    ``tile_px`` and ``overlap_px`` are input pixels; without ``tile_px`` it is 192, or what fits
    into memory. ``whole`` runs the picture as one tile. ``ensemble`` averages over the 8 flips and
    turns, at 8 times the cost. ``max_memory_bytes`` bounds what the process takes, to within 15 %.
    Source of the ensemble: EDSR (Lim et al., 2017), section 3.4.
    """

    tile_px: int | None = None
    overlap_px: int = OVERLAP_PX
    whole: bool = False
    ensemble: bool = False
    max_memory_bytes: int | None = None


@dataclass
class Tally:
    """One picture on its way: tiles are counted, and what memory or rounding made of them.

    ``redone``: tiles that were redone in float32; ``cut_px``: the side above which tiles are cut
    smaller from here on; ``together``: how many run at once at most.
    """

    total: int
    on_progress: OnProgress
    done: int = 0
    redone: int = 0
    cut_px: int | None = None
    together: int | None = None

    def add(self) -> None:
        self.done += 1
        self.on_progress(self.done, self.total)


class Engine:
    """One network on one runtime, and how it is fed; several threads may use it at once."""

    def __init__(
        self,
        weights: Weights,
        *,
        runtime: str | Runtime,
        device: str,
        precision: str,
        settings: Settings,
    ) -> None:
        self.weights = weights
        self.settings = settings
        self._device = device
        self._lock = threading.Lock()
        self._second: Runtime | None = None
        self._runtime: Runtime | None = (
            self._opened(runtime, precision) if isinstance(runtime, str) else runtime
        )
        self._is_settled = runtime != "auto"

    @property
    def scale(self) -> int:
        """How many times longer each side gets."""
        return self.weights.variant.scale

    @property
    def runtime(self) -> Runtime:
        """What runs the network. Raises ValueError once it is closed."""
        if self._runtime is None:
            raise ValueError("this upscaler is closed: open another.")
        return self._runtime

    def close(self) -> None:
        """Let go of the network and of the memory that it holds."""
        with self._lock:
            self._runtime = None
            self._second = None

    def plan(self, size: tuple[int, int]) -> tiling.Plan:
        """The tiles of a picture of that (height, width), by the memory that there is now.

        Raises:
            OutOfMemoryError: when there is not enough for any tile; it says how much would be.
        """
        if self.settings.whole:
            return tiling.whole(*size)
        if self.settings.tile_px is not None:
            return self._tiled(size, self.settings.tile_px)
        room = self.runtime.room_bytes()
        needed = 0
        for tile_px in TILES_PX:
            plan = self._tiled(size, tile_px)
            needed = self.runtime.needed_bytes((1, 3, *plan.tile))
            if not self.runtime.is_on_gpu:  # two rows of tiles, float32, are in our own memory
                needed += 2 * plan.tile[0] * size[1] * self.scale**2 * 3 * 4
            if needed <= room:
                return plan
        held = self.runtime.held_bytes()
        there = memory.in_words(held + int(memory.MARGIN * room))
        least = memory.least(needed, held)
        raise OutOfMemoryError(f"{there} of memory are too little: this takes at least {least}.")

    def _tiled(self, size: tuple[int, int], tile_px: int, **margin: int) -> tiling.Plan:
        overlap_px = min(self.settings.overlap_px, tile_px // 2)
        return tiling.plan(*size, tile_px=tile_px, overlap_px=overlap_px, **margin)

    def enlarged(self, samples_HWC: Samples, plan: tiling.Plan, tally: Tally) -> Iterator[Floats]:
        """Rows of tiles, blended: (h, W * S, 3) float32 bands, unclipped, top to bottom.

        Only the rows of output that later tiles still change are held between bands.
        """
        self._settle(plan)
        scale = self.scale
        open_HWC = np.zeros((0, plan.columns.length * scale, 3), np.float32)
        emitted = 0
        for row in range(len(plan.rows.starts)):
            top, bottom = plan.rows.inside(row)
            more = bottom * scale - emitted - len(open_HWC)
            open_HWC = np.pad(open_HWC, ((0, more), (0, 0), (0, 0)))
            fresh = slice(emitted - top * scale, None)  # what lies above is finished already
            down = plan.rows.weights(row, scale)[fresh, None, None]
            band_HWC = samples_HWC[plan.rows.samples(row)]
            tiles = [
                band_HWC[:, plan.columns.samples(column)]
                for column in range(len(plan.columns.starts))
            ]
            for column, enlarged_HWC in enumerate(self._tiles(tiles, tally)):
                left, right = plan.columns.inside(column)
                across = plan.columns.weights(column, scale)[:, None]
                tally.add()
                part = enlarged_HWC[plan.rows.part(row, scale), plan.columns.part(column, scale)]
                open_HWC[:, left * scale : right * scale] += part[fresh] * down * across
            finished = plan.rows.finished(row) * scale - emitted
            yield open_HWC[:finished]
            open_HWC = open_HWC[finished:].copy()
            emitted += finished

    def _tiles(self, tiles: Sequence[Samples], tally: Tally) -> Iterator[Floats]:
        """Tiles of one shape, as many at a time as the runtime likes."""
        batch = self.runtime.batch_tiles((1, 3, *tiles[0].shape[:2]))
        start = 0
        while start < len(tiles):
            some = tiles[start : start + min(batch, tally.together or batch)]
            yield from self._together(some, tally) or (self._tile(tile, tally) for tile in some)
            start += len(some)

    def _together(self, tiles: Sequence[Samples], tally: Tally) -> list[Floats]:
        """Several tiles in one run; none where one at a time is what it takes."""
        if len(tiles) == 1:
            return []
        tiles_NCHW = np.concatenate([_as_tile(tile) for tile in tiles])
        try:
            enlarged = self._run(self.runtime, tiles_NCHW)
        except (OutOfMemoryError, MemoryError):
            tally.together = len(tiles) // 2
            return []
        if not all(_usable(*pair) for pair in zip(enlarged, tiles_NCHW, strict=True)):
            return []
        return [one.transpose(1, 2, 0) for one in enlarged]

    def _tile(self, samples_HWC: Samples, tally: Tally) -> Floats:
        """One tile through the network, or in smaller ones where memory is out."""
        size = samples_HWC.shape[0], samples_HWC.shape[1]
        if tally.cut_px is None or max(size) <= tally.cut_px:
            try:
                return self._enlarged_at_once(samples_HWC, tally)
            except (OutOfMemoryError, MemoryError) as error:
                if self.settings.whole:
                    raise
                tally.cut_px = _smaller(size, error)
        inner = replace(tally, on_progress=unheard)
        plan = self._tiled(size, tally.cut_px, margin_px=0)
        bands = list(self.enlarged(samples_HWC, plan, inner))
        tally.redone, tally.cut_px = inner.redone, inner.cut_px
        return np.concatenate(bands)

    def _enlarged_at_once(self, samples_HWC: Samples, tally: Tally) -> Floats:
        """One tile; in float32 once more where the result is not usable."""
        tile = _as_tile(samples_HWC)
        enlarged = self._run(self.runtime, tile)
        if not _usable(enlarged, tile):
            enlarged = self._run(self._exact(), tile)
            tally.redone += 1
            if not _usable(enlarged, tile):
                raise RgtsrError(
                    "the network's output is not finite or constant, in float32 as well: these"
                    f" weights ({self.weights.card.name}) are damaged or do not fit this picture."
                )
        return enlarged[0].transpose(1, 2, 0)

    def _run(self, runtime: Runtime, tile_NCHW: Floats) -> Floats:
        run = runtime.upscale_whole if self.settings.whole else runtime.upscale_tiles
        return ensemble.mean(run, tile_NCHW) if self.settings.ensemble else run(tile_NCHW)

    def _settle(self, plan: tiling.Plan) -> None:
        """Take the runtime that is fastest here; measure that first where it pays."""
        with self._lock:
            if self._is_settled:
                return
            self._is_settled = True
            shape, precision = (1, 3, *plan.tile), self.runtime.precision
            fastest = probe.known(self.weights, precision, shape, self._device)
            if fastest is None and plan.count >= PROBE_FROM_TILES:
                fastest = self._measured(precision, shape)
            if fastest is not None:
                self._runtime = self._opened(fastest.runtime, precision, fastest.device)

    def _measured(self, precision: str, shape: tuple[int, ...]) -> probe.Timing | None:
        """The fastest of several runtimes, if there are several."""
        if len(list(itertools.islice(probe.candidates(self._device), 2))) < 2:
            return None
        timings = probe.measure(
            self.weights,
            precision,
            shape,
            device=self._device,
            max_memory_bytes=self.settings.max_memory_bytes,
        )
        return timings[0] if timings else None

    def _opened(self, runtime: str, precision: str, device: str | None = None) -> Runtime:
        return runtimes.open_runtime(
            self.weights,
            name=runtime,
            precision=precision,
            device=device or self._device,
            max_memory_bytes=self.settings.max_memory_bytes,
        )

    def _exact(self) -> Runtime:
        """A second runtime, in float32, for what the first could not do; it stays open."""
        with self._lock:
            if self._second is None:
                self._second = self._opened(self.runtime.name, "float32")
            return self._second


def _as_tile(samples_HWC: Samples) -> Floats:
    """(1, 3, h, w) as a runtime takes it."""
    tile_HWC = color.to_rgb(color.to_float(samples_HWC))
    return np.ascontiguousarray(tile_HWC.transpose(2, 0, 1)[None], np.float32)


def _usable(enlarged: Floats, tile: Floats) -> bool:
    """Finite, and not constant where the tile is not."""
    if not np.isfinite(enlarged).all():
        return False
    return bool(np.ptp(enlarged) > FLAT) or bool(np.ptp(tile) < 8 * FLAT)


def _smaller(size: tuple[int, int], error: Exception) -> int:
    """The side of tiles half as large. Raises the error where they cannot be smaller."""
    half = max(size) // 2
    if half < TILES_PX[-1]:
        raise error
    return half
