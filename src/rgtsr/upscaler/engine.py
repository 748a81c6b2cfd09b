"""Samples -> enlarged samples, tile by tile, whatever happens on the way. Knows no files.

A tile whose result cannot be used is redone in float32; one for which memory is out is cut smaller.

Shapes: H, W of the samples; S scale; tiles are (N, 3, h, w) float32 RGB in 0..1.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rgtsr import tiling
from rgtsr.errors import OutOfMemoryError, RgtsrError
from rgtsr.pictures import color
from rgtsr.pictures.color import Rowed, Samples
from rgtsr.runtimes import Runtime
from rgtsr.upscaler import ensemble, planning
from rgtsr.upscaler.choice import Choice
from rgtsr.upscaler.known import Known, Unknown
from rgtsr.upscaler.planning import Settings
from rgtsr.upscaler.tally import Tally

PIECE_ROWS = 16  # of output that are handed on at once
PIECE_COPIES = 4  # that there are of a piece while it becomes samples
FLAT = 0.5 / 255  # a range below this shows nothing on 8 bits

Floats = NDArray[np.float32]


class Engine:
    """One network on one runtime, and how it is fed; several threads may use it at once."""

    def __init__(self, choice: Choice, settings: Settings) -> None:
        self.weights = choice.weights
        self.settings = settings
        self._choice = choice

    @property
    def scale(self) -> int:
        """How many times longer each side gets."""
        return self.weights.variant.scale

    @property
    def runtime(self) -> Runtime:
        """What runs the network. Raises ValueError once it is closed."""
        return self._choice.runtime

    def close(self) -> None:
        """Let go of the network and of the memory that it holds."""
        self._choice.close()

    def plan(self, size: tuple[int, int]) -> tiling.Plan:
        """The tiles of a picture of that (height, width), by the memory that there is now.

        Raises:
            OutOfMemoryError: when there is not enough for any tile; it says how much would be.
        """
        return planning.plan(
            size,
            self.settings,
            needed_bytes=self._needed_bytes,
            room_bytes=self.runtime.room_bytes(),
            held_bytes=self.runtime.held_bytes(),
        )

    def seconds(self, plan: tiling.Plan) -> float | None:
        """What such tiles take here, as far as that was ever measured."""
        one = self._choice.seconds(plan.tile)
        times = ensemble.COUNT if self.settings.ensemble else 1
        return None if one is None else one * plan.count * times

    def _needed_bytes(self, plan: tiling.Plan) -> int:
        """What a tile takes; and the rows that are open, float32, where memory is our own.

        With them a piece that is handed on, as it is made into samples.
        """
        needed = self.runtime.needed_bytes((1, 3, *plan.tile))
        if self.runtime.is_on_gpu:
            return needed
        rows = plan.rows.tile * self.scale + PIECE_COPIES * PIECE_ROWS
        return needed + rows * plan.columns.length * self.scale * 3 * 4

    def enlarged(
        self,
        samples_HWC: Rowed,
        plan: tiling.Plan,
        tally: Tally,
        *,
        first_row: int = 0,
        known: Known | None = None,
    ) -> Iterator[Floats]:
        """Rows of tiles, blended: (h, W * S, 3) float32 pieces, unclipped, top to bottom.

        Only the rows of output that later tiles still change are held between pieces, whose heights
        are those of ``pieces``. ``first_row``: of tiles; what the rows before it finish is left
        out, for it is there already. ``known``: what tiles of the picture before became.
        """
        self._choice.settle(plan)
        yield from self._blended(
            samples_HWC, plan, tally, on_tile=tally.add, first_row=first_row, known=known
        )

    def _blended(
        self,
        samples_HWC: Rowed,
        plan: tiling.Plan,
        tally: Tally,
        *,
        on_tile: Callable[[], None] = lambda: None,
        first_row: int = 0,
        known: Known | None = None,
    ) -> Iterator[Floats]:
        scale, columns = self.scale, len(plan.columns.starts)
        fading = max(0, first_row - 1)  # the row before the first has a part in what comes next
        tiles = self._tiles(_cut(samples_HWC, plan, fading), plan, tally, known or Unknown())
        emitted = plan.rows.finished(first_row - 1) * scale if first_row else 0
        open_HWC = np.zeros((_open_rows(plan.rows) * scale, plan.columns.length * scale, 3), "f4")
        for row in range(fading, len(plan.rows.starts)):
            top, bottom = plan.rows.inside(row)
            fresh = slice(emitted - top * scale, None)  # what lies above is finished already
            down = plan.rows.weights(row, scale)[fresh, None, None]
            reached = slice(0, bottom * scale - emitted)
            for column, enlarged_HWC in enumerate(itertools.islice(tiles, columns)):
                left, right = plan.columns.inside(column)
                across = plan.columns.weights(column, scale)[:, None]
                on_tile()
                part = enlarged_HWC[plan.rows.part(row, scale), plan.columns.part(column, scale)]
                open_HWC[reached, left * scale : right * scale] += part[fresh] * down * across
            finished = plan.rows.finished(row) * scale - emitted
            for piece in tiling.bands(finished, PIECE_ROWS):
                yield open_HWC[piece.own].copy()  # its rows are used again
            _move_up(open_HWC, finished, reached.stop)
            emitted += finished

    def _tiles(
        self, tiles: Iterator[Samples], plan: tiling.Plan, tally: Tally, known: Known
    ) -> Iterator[Floats]:
        """Row by row, as many at a time as the runtime likes, wherever rows end."""
        batch = self.runtime.batch_tiles((1, 3, *plan.tile))
        numbered = enumerate(tiles)
        while some := list(itertools.islice(numbered, min(batch, tally.together or batch))):
            recalled = {number: known.recall(number, tile) for number, tile in some}
            fresh = [tile for number, tile in some if recalled[number] is None]
            tally.reused += len(some) - len(fresh)
            made = self._made(fresh, tally)
            for number, tile in some:
                enlarged = recalled[number]
                if enlarged is None:
                    enlarged = next(made)
                    known.keep(number, tile, enlarged)
                yield enlarged

    def _made(self, tiles: Sequence[Samples], tally: Tally) -> Iterator[Floats]:
        together = self._together(tiles, tally) if len(tiles) > 1 else None
        yield from (self._tile(tile, tally) for tile in tiles) if together is None else together

    def _together(self, tiles: Sequence[Samples], tally: Tally) -> list[Floats] | None:
        """Several tiles in one run; None where one at a time is what it takes."""
        tiles_NCHW = np.concatenate([_as_tile(tile) for tile in tiles])
        try:
            enlarged = self._run(self.runtime, tiles_NCHW, tally)
        except (OutOfMemoryError, MemoryError):
            tally.together = len(tiles) // 2
            return None
        if not all(_usable(*pair) for pair in zip(enlarged, tiles_NCHW, strict=True)):
            return None
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
        plan = planning.tiled(size, self.settings, tally.cut_px, margin_px=0)
        return np.concatenate(list(self._blended(samples_HWC, plan, tally)))

    def _enlarged_at_once(self, samples_HWC: Samples, tally: Tally) -> Floats:
        """One tile; in float32 once more where the result is not usable."""
        tile = _as_tile(samples_HWC)
        enlarged = self._run(self.runtime, tile, tally)
        if not _usable(enlarged, tile):
            enlarged = self._run(self._choice.exact(), tile, tally)
            tally.redone += 1
            if not _usable(enlarged, tile):
                raise RgtsrError(
                    "the network's output is not finite or constant, in float32 as well: these"
                    f" weights ({self.weights.card.name}) are damaged or do not fit this picture."
                )
        return enlarged[0].transpose(1, 2, 0)

    def _run(self, runtime: Runtime, tile_NCHW: Floats, tally: Tally) -> Floats:
        runs, done = ensemble.COUNT if self.settings.ensemble else 1, itertools.count()

        def run(tile_NCHW: Floats) -> Floats:
            if not self.settings.whole:
                started = time.perf_counter()
                enlarged = runtime.upscale_tiles(tile_NCHW)
                if runtime is self.runtime:
                    self._choice.took(tile_NCHW.shape, time.perf_counter() - started)
                return enlarged
            before = next(done)
            return runtime.upscale_whole(
                tile_NCHW, lambda share: tally.tell((before + share) / runs)
            )

        return ensemble.mean(run, tile_NCHW) if self.settings.ensemble else run(tile_NCHW)


def pieces(plan: tiling.Plan, scale: int, first_row: int = 0) -> Iterator[int]:
    """The heights of what ``Engine.enlarged`` yields."""
    done = plan.rows.finished(first_row - 1) if first_row else 0
    for row in range(first_row, len(plan.rows.starts)):
        finished = plan.rows.finished(row)
        for piece in tiling.bands((finished - done) * scale, PIECE_ROWS):
            yield piece.bottom - piece.top
        done = finished


def _open_rows(rows: tiling.Axis) -> int:
    """How many input rows are open at once at most, from what was finished to a tile's end."""
    done = (0, *(rows.finished(row) for row in range(len(rows.starts))))
    return max(rows.inside(row)[1] - done[row] for row in range(len(rows.starts)))


def _move_up(open_HWC: Floats, by: int, stop: int) -> None:
    """Drop so many rows from the top; below those that stay, up to ``stop``, all is zero again."""
    left = stop - by
    for part in tiling.bands(left, max(1, by)):  # or numpy would copy what overlaps
        open_HWC[part.own] = open_HWC[part.top + by : part.bottom + by]
    open_HWC[left:stop] = 0


def _cut(samples_HWC: Rowed, plan: tiling.Plan, first_row: int) -> Iterator[Samples]:
    for row in range(first_row, len(plan.rows.starts)):
        band_HWC = samples_HWC[plan.rows.samples(row)]
        for column in range(len(plan.columns.starts)):
            yield band_HWC[:, plan.columns.samples(column)]


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
    if half < planning.TILES_PX[-1]:
        raise error
    return half
