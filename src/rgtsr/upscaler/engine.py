"""Samples -> enlarged samples, tile by tile, whatever happens on the way. Knows no files.

A tile whose result cannot be used is redone in float32; one for which memory is out is cut smaller.

Shapes: H, W of the samples; S scale; tiles are (N, 3, h, w) float32 RGB in 0..1.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rgtsr import runtimes, tiling
from rgtsr.errors import OutOfMemoryError, RgtsrError
from rgtsr.pictures import color
from rgtsr.pictures.color import Samples
from rgtsr.runtimes import Runtime, memory, probe
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


@dataclass(frozen=True)
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
    """Counts tiles, and those that had to be redone in float32 or cut smaller."""

    total: int
    on_progress: OnProgress
    done: int = 0
    redone: int = 0
    cut: int = 0

    def add(self) -> None:
        self.done += 1
        self.on_progress(self.done, self.total)


@dataclass
class Engine:
    """One network on one runtime, and how it is fed."""

    weights: Weights
    runtime: str | Runtime
    device: str
    precision: str
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        self._runtime = self._open(self.runtime, self.precision)
        self._exact: Runtime | None = None
        self._tile_px: int | None = self.settings.tile_px
        self._is_settled = self.runtime != "auto"

    @property
    def scale(self) -> int:
        """How many times longer each side gets."""
        return self.weights.variant.scale

    def enlarged(self, samples_HWC: Samples, plan: tiling.Plan, tally: Tally) -> Iterator[Floats]:
        """Rows of tiles, blended: (h, W * S, 3) float32 bands, unclipped, top to bottom.

        Only the rows of output that later tiles still change are held between bands.
        """
        self._settle(plan)
        scale = self.scale
        tile_h, tile_w = plan.tile
        open_HWC = np.zeros((0, plan.columns.length * scale, 3), np.float32)
        emitted = 0
        for row, top in enumerate(plan.rows.starts):
            open_HWC = np.pad(
                open_HWC, ((0, (top + tile_h) * scale - emitted - len(open_HWC)), (0, 0), (0, 0))
            )
            fresh = slice(emitted - top * scale, None)  # what lies above is finished already
            down = plan.rows.weights(row, scale)[fresh, None, None]
            tiles = [
                samples_HWC[top : top + tile_h, left : left + tile_w]
                for left in plan.columns.starts
            ]
            columns = zip(plan.columns.starts, self._tiles(tiles, tally), strict=True)
            for column, (left, enlarged_HWC) in enumerate(columns):
                across = plan.columns.weights(column, scale)[:, None]
                tally.add()
                open_HWC[:, left * scale : (left + tile_w) * scale] += (
                    enlarged_HWC[fresh] * down * across
                )
            finished = plan.rows.finished(row) * scale - emitted
            yield open_HWC[:finished]
            open_HWC = open_HWC[finished:].copy()
            emitted += finished

    def _tiles(self, tiles: Sequence[Samples], tally: Tally) -> Iterator[Floats]:
        """Tiles of one shape, as many at a time as the runtime likes."""
        batch = self._runtime.batch_tiles((1, 3, *tiles[0].shape[:2]))
        for start in range(0, len(tiles), batch):
            some = tiles[start : start + batch]
            yield from self._together(some) or (self._tile(tile, tally) for tile in some)

    def _together(self, tiles: Sequence[Samples]) -> list[Floats]:
        """Several tiles in one run; none where one at a time is what it takes."""
        if len(tiles) == 1:
            return []
        tiles_NCHW = np.concatenate([_as_tile(tile) for tile in tiles])
        try:
            enlarged = self._run(self._runtime, tiles_NCHW)
        except (OutOfMemoryError, MemoryError):
            return []
        if not all(_usable(*pair) for pair in zip(enlarged, tiles_NCHW, strict=True)):
            return []
        return [one.transpose(1, 2, 0) for one in enlarged]

    def _tile(self, samples_HWC: Samples, tally: Tally) -> Floats:
        """One tile through the network, or in smaller ones where memory is out."""
        size = samples_HWC.shape[0], samples_HWC.shape[1]
        if self._tile_px is None or max(size) <= self._tile_px:
            try:
                return self._enlarged_at_once(samples_HWC, tally)
            except (OutOfMemoryError, MemoryError) as error:
                if self.settings.whole:
                    self._runtime = self._banded(error)
                    return self._enlarged_at_once(samples_HWC, tally)
                self._tile_px = _smaller(size, error)
        inner = replace(tally, on_progress=unheard)
        bands = list(self.enlarged(samples_HWC, self.plan(size), inner))
        tally.redone, tally.cut = inner.redone, self._tile_px or 0
        return np.concatenate(bands)

    def _enlarged_at_once(self, samples_HWC: Samples, tally: Tally) -> Floats:
        """One tile; in float32 once more where the result is not usable."""
        tile = _as_tile(samples_HWC)
        enlarged = self._run(self._runtime, tile)
        if not _usable(enlarged, tile):
            if self._exact is None:
                self._exact = self._open(self._runtime.name, "float32")
            enlarged = self._run(self._exact, tile)
            tally.redone += 1
            if not _usable(enlarged, tile):
                raise RgtsrError(
                    "the network's output is not finite or constant, in float32 as well: these"
                    f" weights ({self.weights.card.name}) are damaged or do not fit this picture."
                )
        return enlarged[0].transpose(1, 2, 0)

    def _run(self, runtime: Runtime, tile_NCHW: Floats) -> Floats:
        if not self.settings.ensemble:
            return runtime.upscale_tiles(tile_NCHW)
        results = [
            back(runtime.upscale_tiles(np.ascontiguousarray(there(tile_NCHW))))
            for there, back in symmetries()
        ]
        return np.asarray(np.mean(results, axis=0), np.float32)

    def _settle(self, plan: tiling.Plan) -> None:
        """Take the runtime that is fastest here; measure that first where it pays."""
        if self._is_settled:
            return
        self._is_settled = True
        shape = (1, 3, *plan.tile)
        precision = self._runtime.precision
        fastest = probe.known(self.weights, precision, shape)
        if fastest is None and plan.count >= PROBE_FROM_TILES:
            several = len(list(itertools.islice(probe.candidates(self.device), 2))) > 1
            timings = probe.measure(self.weights, precision, shape) if several else []
            fastest = timings[0] if timings else None
        if fastest is not None and self.device in ("auto", fastest.device):
            self._runtime = self._open(fastest.runtime, precision, fastest.device)

    def _open(self, runtime: str | Runtime, precision: str, device: str | None = None) -> Runtime:
        if not isinstance(runtime, str):
            return runtime
        return runtimes.open_runtime(
            self.weights,
            name=runtime,
            precision=precision,
            device=device or self.device,
            max_memory_bytes=self.settings.max_memory_bytes,
        )

    def _banded(self, error: Exception) -> Runtime:
        """The runtime that takes a whole picture band by band, if it may be used."""
        usable = self.runtime == "auto" and runtimes.is_installed("torch")
        if not usable or self._runtime.name == "torch":
            raise error
        return self._open("torch", "float32")

    def plan(self, size: tuple[int, int]) -> tiling.Plan:
        """The tiles of a picture of that (height, width)."""
        if self.settings.whole:
            return tiling.whole(*size)
        if self._tile_px is None:
            self._tile_px = self._fitting_px(size)
        overlap_px = min(self.settings.overlap_px, self._tile_px // 2)
        return tiling.plan(*size, tile_px=self._tile_px, overlap_px=overlap_px)

    def _fitting_px(self, size: tuple[int, int]) -> int:
        """The largest tile for which there is memory; what it takes is held from then on.

        Raises:
            OutOfMemoryError: when there is not enough for any; it says how much would be.
        """
        limit = self.settings.max_memory_bytes
        room = memory.room_bytes(limit)
        needed = 0
        for tile_px in TILES_PX:
            tile = min(tile_px, size[0]), min(tile_px, size[1])
            rows = 2 * tile[0] * size[1] * self.scale**2 * 3 * 4  # two rows of tiles, float32
            needed = self._runtime.needed_bytes((1, 3, *tile)) + rows
            if needed <= room:
                return tile_px
        least = memory.in_words(memory.used_bytes() + int(memory.MARGIN * needed))
        there = memory.in_words(limit or memory.free_bytes() + memory.used_bytes())
        raise OutOfMemoryError(f"{there} of memory are too little: this takes at least {least}.")


def symmetries() -> Iterator[tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]]:
    """The 8 flips and turns of a square, each with its inverse, on (N, C, H, W) arrays."""
    for turns in range(4):
        for flip in (False, True):

            def there(x: Floats, turns: int = turns, flip: bool = flip) -> Floats:
                turned = np.rot90(x, turns, (2, 3))
                return turned[..., ::-1] if flip else turned

            def back(x: Floats, turns: int = turns, flip: bool = flip) -> Floats:
                return np.rot90(x[..., ::-1] if flip else x, -turns, (2, 3))

            yield there, back


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
