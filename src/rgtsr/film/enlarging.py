"""A film into a larger one: looked through, enlarged in segments that are kept, then joined.

H height, W width; sizes are (height, width).
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr import atomic
from rgtsr.errors import PictureError, UsageError
from rgtsr.film import (
    codecs,
    colour,
    encoding,
    joining,
    keeping,
    looking,
    opening,
    planes,
    planning,
)
from rgtsr.film.keeping import Kept
from rgtsr.film.planning import Order, Plan
from rgtsr.pictures import disk
from rgtsr.upscaler import Report, Upscaler

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

FRAME_BYTES = 100  # of a segment at least


def enlarge(
    upscaler: Upscaler,
    source: Path,
    target: Path,
    order: Order,
    *,
    on_progress: Callable[[float, int], object] = lambda _done, _total: None,
    on_whole: Callable[[Path, Report], object] = lambda _draft, _report: None,
    turn: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Report:
    """Enlarge a film into another, with its sound and all else that it has.

    What was done when it is broken off stays, in a hidden file beside the target: the same goes on
    behind the last segment. ``on_progress``: told of (pictures done, pictures in all), the one at
    work in part, and of none while it is looked through. ``on_whole`` and ``turn``, which is asked
    for each picture, are those of ``Upscaler.upscale_file``.

    Raises:
        UsageError: for a target or an encoder that cannot be.
        PictureError: for a film that is damaged, or that cannot be enlarged as it is.
        RuntimeUnavailableError: without PyAV.
    """
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target} would replace its own source: give another target.")
    codecs.kind_of(target)
    started_s = time.perf_counter()
    plan = planning.plan(upscaler, source, target, order)
    work = Work(plan, source, target, order, started_s)
    with (
        opening.blaming(target, "cannot be written"),
        keeping.opened(target, work.plan.identity) as kept,
    ):
        if kept.times is None:
            kept.begin(work.look_through(on_progress))
        work.check_room(kept)
        work.make(kept, on_progress, turn)
        return work.finish(kept, on_whole)


@dataclass
class Work:
    """One film on its way; ``plan``: what was decided before its first picture."""

    plan: Plan
    source: Path
    target: Path
    order: Order
    started_s: float

    def look_through(self, on_progress: Callable[[float, int], object]) -> looking.Times:
        """All of it, once, before work begins."""
        count = max(1, self.plan.film.count)
        return looking.times(
            self.source,
            self.plan.film,
            is_salvaged=self.order.salvage,
            on_frame=lambda _number: on_progress(0, count),
        )

    def check_room(self, kept: Kept) -> None:
        """Raises PictureError where the disk has none."""
        assert kept.times is not None
        count, (height, width) = len(kept.times.starts), self.plan.shape.size
        deep = 2 if self.plan.shape.spec.bits > 8 else 1
        each = height * width * self.plan.shape.spec.codec.pixel_bytes * deep + FRAME_BYTES
        pictures, copied = int(count * each), self.source.stat().st_size
        left = int((count - kept.done) * each)
        disk.check(
            self.target,
            {
                "its segments on their way": left,
                "the result": max(pictures, kept.size_bytes) + copied,
            },
        )

    def make(
        self,
        kept: Kept,
        on_progress: Callable[[float, int], object],
        turn: Callable[[], AbstractContextManager[object]],
    ) -> None:
        """Every segment that is not there yet."""
        assert kept.times is not None
        total = len(kept.times.starts)
        on_progress(kept.done, total)
        if kept.done == total:
            return
        with closing(self._decoded()) as frames:
            for _ in islice(frames, kept.done):  # counted from the first, which is always right
                on_progress(kept.done, total)

            def enlarged(numbers: range) -> "Iterator[VideoFrame]":
                for number, frame in zip(numbers, frames, strict=False):

                    def told(done: float, tiles: int, number: int = number) -> None:
                        on_progress(number + done / max(1, tiles), total)

                    with turn():
                        yield self._enlarged(frame, kept, number, told)

            while kept.done < total:
                numbers = range(kept.done, min(total, kept.done + planning.SEGMENT_FRAMES))
                records = list(encoding.segment(enlarged(numbers), self.plan.shape))
                if len(records) != len(numbers):
                    raise PictureError(
                        f"{self.source}: {len(records)} of {len(numbers)} pictures could be encoded"
                        f" from the {numbers.start + 1}th on."
                    )
                kept.facts["tiles"] = kept.facts.get("tiles", 0) + self.plan.sequence.tiles
                kept.facts["reused"] = kept.facts.get("reused", 0) + self.plan.sequence.reused
                self.plan.sequence.tiles = self.plan.sequence.reused = 0
                kept.add(records, numbers.stop)

    def _decoded(self) -> "Generator[VideoFrame]":
        with opening.opened(self.source) as (container, stream):
            yield from looking.frames(container, stream, lambda _: None)

    def _enlarged(
        self,
        frame: "VideoFrame",
        kept: Kept,
        number: int,
        on_progress: Callable[[float, int], None],
    ) -> "VideoFrame":
        assert kept.times is not None
        made = self.plan.sequence.enlarged(planning.picture(frame, self.plan.film), on_progress)
        samples = colour.from_rgb(made.pixels_HWC, self.plan.shape.coding)
        layout = self.plan.shape.spec.layout
        if self.plan.shape.coding.weights is None and self.plan.shape.coding.planes == 3:
            layout = self.plan.film.layout  # the encoder orders them as it likes
        coded = planes.as_frame(samples, layout, self.plan.shape.coding, self.plan.shape.tags)
        coded.pts, coded.time_base = kept.times.starts[number], self.plan.shape.time_base
        coded.duration = kept.times.lengths[number]
        return coded

    def finish(self, kept: Kept, on_whole: Callable[[Path, Report], object]) -> Report:
        """All segments and all else in one file, under its name when it is whole."""
        assert kept.times is not None
        notes = list(self.plan.notes)
        with atomic.replacing(self.target) as draft:
            notes += joining.join(
                kept,
                self.source,
                draft,
                self.target,
                self.plan.shape,
                turning=self.plan.film.turning,
                is_stripped=self.order.strip,
            )
            notes += joining.check(draft, self.target, kept, self.plan.shape)
            report = self._report(kept, notes)
            on_whole(draft, report)
        return report

    def _report(self, kept: Kept, notes: list[str]) -> Report:
        assert kept.times is not None
        tiles, reused = kept.facts.get("tiles", 0), kept.facts.get("reused", 0)
        told = [f"{len(kept.times.starts)} pictures by {self.plan.shape.spec.codec.name}"]
        if reused:
            told.append(f"{reused} of {tiles} tiles were as in the picture before, and reused")
        lost = [f"damaged: {each}" for each in dict.fromkeys(kept.times.lost)]
        return Report(
            size=self.plan.shape.size,
            seconds=time.perf_counter() - self.started_s,
            notes=(*told, *lost, *dict.fromkeys((*notes, *self.plan.sequence.notes))),
            models=self.plan.sequence.models,
            wear=self.plan.sequence.wear,
            restored=self.plan.sequence.restored,
        )
