"""Which pictures are held and which are not, and the bands that networks make of either.

Knows no files. Sizes are (height, width).
"""

import hashlib
import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr import tiling
from rgtsr.pictures import Keep, Limits, Picture
from rgtsr.pictures.color import Samples
from rgtsr.runtimes import memory
from rgtsr.upscaler import layers, passes
from rgtsr.upscaler.engine import Engine, Settings
from rgtsr.upscaler.family import Family, times
from rgtsr.upscaler.tally import Tally

if TYPE_CHECKING:
    from rgtsr.pictures.regions import Large

HELD_PX = 2**26  # of ordinary pictures: what has more is decoded row by row, twice
EASY_BYTES, LEAST_BYTES = 16, 8  # a pixel of what is held, and of what is made of it on the way


def limits(scales: tuple[int, ...], settings: Settings, held_px: int | None) -> Limits:
    """What is held of a picture on its way through networks of such scales.

    ``held_px``: instead of HELD_PX, or what memory holds if that is less.
    """
    free = memory.free_bytes()
    if settings.max_memory_bytes is not None:
        free = min(free, settings.max_memory_bytes)
    easy, most = free // EASY_BYTES, free // LEAST_BYTES
    reason = None
    if settings.whole:
        reason = "it is to run as one tile (--whole)"
    elif len(scales) > 1:
        reason = "what one network hands to the next is held (a scale of 2, 3 or 4 takes one)"
    return Limits(min(HELD_PX, easy) if held_px is None else held_px, most, reason)


@dataclass
class Way:
    """A picture's way through one network after another; ``share``: how far it is restored.

    ``turn`` is held while they are at work. The tally is of all of it.
    """

    family: Family
    picture: "Picture | Large"
    scales: tuple[int, ...]
    share: float
    tally: Tally
    turn: AbstractContextManager[object]
    plans: list[tiling.Plan] = field(default_factory=list[tiling.Plan])

    def keep(self, source: Path, *options: object) -> Keep | None:
        """How a large picture's work can be gone on with; its tiles are planned now."""
        if isinstance(self.picture, Picture):
            return None
        self.plans = self._plans(self.family.engines(self.scales, self.share))
        [plan], [scale] = self.plans, self.scales
        found = source.stat()
        what = (
            source.resolve(),
            found.st_size,
            found.st_mtime_ns,
            options,
            scale,
            self.share,
            plan,
        )
        identity = hashlib.sha256(repr(what).encode()).hexdigest()

        def finished(rows: int) -> int:
            before = _rows_of_tiles(plan, scale, rows)
            return plan.rows.finished(before - 1) * scale if before else 0

        return Keep(identity, finished)

    def bands(self, rows_there: int = 0) -> Generator[Samples]:
        """What the last network makes, top to bottom; of a large picture from a row on."""
        asked = time.perf_counter()
        with self.turn:
            self.tally.waited_s = time.perf_counter() - asked
            picture = self.picture
            engines = self.family.engines(self.scales, self.share)
            plans = self.plans = self.plans or self._plans(engines)
            first_row = _rows_of_tiles(plans[-1], engines[-1].scale, rows_there)
            if first_row == len(plans[-1].rows.starts):
                return
            self.tally.done = max(0, first_row - 1) * len(plans[-1].columns.starts)
            self.tally.begin(sum(plan.count for plan in plans) * layers.count(picture))
            for engine, plan in zip(engines[:-1], plans[:-1], strict=True):
                assert isinstance(picture, Picture)
                picture = layers.enlarged(engine, picture, plan, self.tally)
            yield from layers.bands(engines[-1], picture, plans[-1], self.tally, first_row)

    def facts(self) -> dict[str, str]:
        """What made the picture, for its metadata: to these networks a tile is the world.

        Of the first network: where there are several its tiles cover most.
        """
        tile, settings = self.plans[0].tile, self.family.settings
        facts = {"Models": ", ".join(self.family.names(self.scales))}
        if settings.whole:
            return facts | {"Tile": "whole"}
        if self.tally.cut_px:
            tile = tuple(min(side, self.tally.cut_px) for side in tile)
        return facts | {"Tile": f"{tile[1]} x {tile[0]}", "Overlap": str(settings.overlap_px)}

    def _plans(self, engines: list[Engine]) -> list[tiling.Plan]:
        sizes = [times(self.picture.size, side) for side in passes.sides_before(self.scales)]
        return [engine.plan(size) for engine, size in zip(engines, sizes, strict=True)]


def _rows_of_tiles(plan: tiling.Plan, scale: int, rows: int) -> int:
    """How many rows of tiles are done when so many rows of output are there."""
    return sum(plan.rows.finished(row) * scale <= rows for row in range(len(plan.rows.starts)))
