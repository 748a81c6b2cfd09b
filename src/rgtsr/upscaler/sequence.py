"""Pictures one after another, as in a film: what is as it was in the one before is not made again.

Knows no files. Sizes are (height, width).
"""

from collections.abc import Sequence as Several
from dataclasses import replace

import numpy as np

from rgtsr import tiling
from rgtsr.pictures import Picture
from rgtsr.pictures.wear import Wear, wear
from rgtsr.runtimes import memory
from rgtsr.upscaler import layers, passes, report
from rgtsr.upscaler.family import Family, FinalSize, times
from rgtsr.upscaler.known import Known
from rgtsr.upscaler.tally import OnProgress, Tally, unheard

SHARE = 4  # of the free memory that tiles which may come again take at most
FLOAT_BYTES = 12  # a pixel of an enlarged tile


class Sequence:
    """Pictures of one size through the same networks, each as it would be made alone.

    ``examples``: some of them, by which it is decided how far all are restored. ``tiles``: how many
    went by; ``reused``: how many of them were the same as in the picture before.
    """

    def __init__(
        self, family: Family, examples: Several[Picture], final_size: FinalSize | None
    ) -> None:
        self._family = family
        before = examples[0].size
        self.size, self._scales = family.way(before, final_size)
        networks = family.networks(self._scales[0])
        worn = sorted(map(wear, examples), key=networks.share)
        self.wear: Wear = worn[len(worn) // 2]
        self.restored = networks.share(self.wear)
        self.models = family.names(self._scales)
        self.notes: tuple[str, ...] = ()
        self.tiles = self.reused = 0
        self._sides = passes.sides_before(self._scales)
        self._plans: list[tiling.Plan] = []
        self._known: list[Known] | None = None
        self._before: Picture | None = None
        self._made: Picture | None = None

    def enlarged(self, picture: Picture, on_progress: OnProgress = unheard) -> Picture:
        """The next one. ``on_progress``: told of (tiles done, tiles in all).

        Raises RgtsrError as ``Upscaler.upscale``.
        """
        engines = self._family.engines(self._scales, self.restored)
        if not self._plans:
            sizes = [times(picture.size, side) for side in self._sides]
            self._plans = [engine.plan(size) for engine, size in zip(engines, sizes, strict=True)]
        seen = layers.count(picture)
        total = sum(plan.count for plan in self._plans) * seen
        self.tiles += total
        if self._made is not None and self.is_as_before(picture):
            self.reused += total
            on_progress(total, total)
            return self._made
        tally = Tally(on_progress)
        tally.begin(total)
        known = self._known_tiles()
        made = picture
        for engine, plan, each in zip(engines, self._plans, known, strict=True):
            made = layers.enlarged(engine, made, plan, tally, each)
        self.reused += tally.reused
        self.notes = (*self.notes, *report.notes(tally))
        self._before, self._made = picture, self._resized(made)
        return self._made

    def is_as_before(self, picture: Picture) -> bool:
        """Whether it is the last one once more, bit for bit."""
        before = self._before
        return before is not None and np.array_equal(picture.to_array(), before.to_array())

    def _known_tiles(self) -> "list[Known | None]":
        """Where tiles are kept; none where memory is short of it."""
        if self._known is None:
            pixels = sum(
                plan.count * plan.tile[0] * plan.tile[1] * scale**2
                for plan, scale in zip(self._plans, self._scales, strict=True)
            )
            is_room = pixels * FLOAT_BYTES < memory.free_bytes() // SHARE
            self._known = [Known() for _ in self._plans] if is_room else []
        return list(self._known) or [None] * len(self._plans)

    def _resized(self, made: Picture) -> Picture:
        if made.size == self.size:
            return made
        from rgtsr.pictures.encoding import resized

        return replace(Picture.from_array(resized(made.to_array(), self.size)), notes=made.notes)
