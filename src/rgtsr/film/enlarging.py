"""A film into a larger one: let by once, enlarged in segments that are kept, then joined."""

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
    decoding,
    encoding,
    joining,
    keeping,
    opening,
    passing,
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

OnProgress = Callable[[float, int], object]  # (pictures done, the one at work in part; in all)
Turn = Callable[[], AbstractContextManager[object]]


def enlarge(
    upscaler: Upscaler,
    source: Path,
    target: Path,
    order: Order,
    *,
    on_progress: OnProgress = lambda _done, _total: None,
    on_whole: Callable[[Path, Report], object] = lambda _draft, _report: None,
    turn: Turn = nullcontext,
) -> Report:
    """Enlarge a film into another, with its sound and all else that it has.

    What was done when it is broken off stays, in a hidden file beside the target: the same goes on
    behind the last segment. ``on_progress`` is told of none while the film is let by. ``on_whole``
    and ``turn``, which is asked for each picture, are those of ``Upscaler.upscale_file``.

    Raises:
        UsageError: for a target or an encoder that cannot be.
        PictureError: for a film that is damaged, or that cannot be enlarged as it is.
        RuntimeUnavailableError: without PyAV.
    """
    opening.library()
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target} would replace its own source: give another target.")
    codecs.kind_of(target)
    started_s = time.perf_counter()
    plan = planning.plan(upscaler, source, target, order)
    joining.rehearse(source, target, plan)
    with (
        opening.blaming(target, "cannot be written"),
        keeping.opened(target, plan.identity) as kept,
    ):
        work = Work(plan, source, target, order, kept)
        if kept.times is None:
            kept.begin(work.let_by(on_progress))
        work.check_room()
        work.resumed = kept.done
        work.make(on_progress, turn)
        return work.finish(started_s, on_whole)


@dataclass
class Work:
    """One film on its way; ``plan``: what was decided before its first picture.

    ``resumed``: pictures that were there when it was gone on with.
    """

    plan: Plan
    source: Path
    target: Path
    order: Order
    kept: Kept
    resumed: int = 0

    def let_by(self, on_progress: OnProgress) -> passing.Times:
        """All of it, once."""
        count = max(1, self.plan.film.count)
        return passing.times(
            self.source,
            self.plan.film,
            is_salvaged=self.order.salvage,
            on_frame=lambda _number: on_progress(0, count),
        )

    @property
    def times(self) -> passing.Times:
        """When pictures are shown."""
        assert self.kept.times is not None
        return self.kept.times

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.times.starts)

    def check_room(self) -> None:
        """Raises PictureError where the disk has none."""
        (height, width), spec = self.plan.shape.size, self.plan.shape.spec
        deep = 2 if spec.bits > 8 else 1
        each = height * width * spec.codec.pixel_bytes * deep + FRAME_BYTES
        left = int((self.count - self.kept.done) * each)
        whole = max(int(self.count * each), self.kept.size_bytes) + self.source.stat().st_size
        disk.check(self.target, {"its segments on their way": left, "the result": whole})

    def make(self, on_progress: OnProgress, turn: Turn) -> None:
        """Every segment that is not there yet."""
        kept, sequence = self.kept, self.plan.sequence
        on_progress(kept.done, self.count)
        if kept.done == self.count:
            return
        with closing(self._decoded()) as frames:
            for _ in islice(frames, kept.done):  # counted from the first, which is always right
                on_progress(kept.done, self.count)
            while kept.done < self.count:
                numbers = range(kept.done, min(self.count, kept.done + planning.SEGMENT_FRAMES))
                enlarged = self._enlarged(zip(numbers, frames, strict=False), on_progress, turn)
                records = list(encoding.segment(enlarged, self.plan.shape))
                if len(records) != len(numbers):
                    raise PictureError(
                        f"{self.source}: {len(records)} of {len(numbers)} pictures came through the"
                        f" encoder from the {numbers.start + 1}th on."
                    )
                for name, count in (("tiles", sequence.tiles), ("reused", sequence.reused)):
                    kept.facts[name] = kept.facts.get(name, 0) + count
                sequence.tiles = sequence.reused = 0
                kept.add(records, numbers.stop)

    def _decoded(self) -> "Generator[VideoFrame]":
        with opening.opened(self.source) as (container, stream):
            yield from decoding.frames(container, stream, lambda _: None)

    def _enlarged(
        self, frames: "Iterator[tuple[int, VideoFrame]]", on_progress: OnProgress, turn: Turn
    ) -> "Iterator[VideoFrame]":
        for number, frame in frames:

            def told(done: float, tiles: int, number: int = number) -> None:
                on_progress(number + done / max(1, tiles), self.count)

            with turn():
                made = self.plan.sequence.enlarged(planning.picture(frame, self.plan.film), told)
            shape = self.plan.shape
            coded = planes.as_frame(colour.from_rgb(made.pixels_HWC, shape.coding), shape)
            coded.pts, coded.time_base = self.times.starts[number], shape.time_base
            coded.duration = self.times.lengths[number]
            yield coded

    def finish(self, started_s: float, on_whole: Callable[[Path, Report], object]) -> Report:
        """All segments and all else in one file, under its name when it is whole."""
        notes = list(self.plan.notes)
        with atomic.replacing(self.target) as draft:
            notes += joining.join(
                self.kept,
                self.source,
                draft,
                self.target,
                self.plan,
                is_stripped=self.order.strip,
            )
            report = self._report(notes, time.perf_counter() - started_s)
            on_whole(draft, report)
        return report

    def _report(self, notes: list[str], seconds: float) -> Report:
        sequence, facts = self.plan.sequence, self.kept.facts
        told = [f"{self.count} pictures by {self.plan.shape.spec.codec.name}"]
        if facts.get("reused"):
            told.append(f"{facts['reused']} of {facts['tiles']} tiles were as in the one before")
        if self.resumed:
            told.append(f"{self.resumed} of them were there from before")
        if self.times.moved:
            told.append(f"{self.times.moved} came at the time of another: a tick later now")
        lost = [f"damaged: {each}" for each in dict.fromkeys(self.times.lost)]
        return Report(
            size=self.plan.shape.size,
            seconds=seconds,
            notes=(*told, *lost, *dict.fromkeys((*notes, *sequence.notes))),
            models=sequence.models,
            wear=sequence.wear,
            restored=sequence.restored,
        )
