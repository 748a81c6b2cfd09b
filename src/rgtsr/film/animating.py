"""GIF, WebP and PNG that move: every frame as a picture of a film, delays and loops kept.

What was made into GIF and WebP is kept when work is broken off, as that of a large picture. Sizes
are (height, width).
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from rgtsr import atomic, pictures
from rgtsr.errors import PictureError
from rgtsr.film import apng, enlarging, looking, opening
from rgtsr.film.planning import Order
from rgtsr.pictures import Keep, Metadata, Picture, animations, formats
from rgtsr.pictures.animations import Pages
from rgtsr.pictures.color import Samples
from rgtsr.pictures.formats import ANIMATED, AVIF, PNG
from rgtsr.upscaler import Report, Sequence, Upscaler

EXAMPLES = 5
ABLE = tuple(suffix for form in (*ANIMATED, PNG) for suffix in form.suffixes)

OnProgress = Callable[[float, int], object]
Turn = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Moving:
    """An animation that is open."""

    frames: Callable[[], Iterator[Samples]]
    pages: Pages
    metadata: Metadata


def stays(source: Path, target: Path) -> bool:
    """Whether a file is an animation, and its result can be one; for PNG and AVIF: by PyAV."""
    if not source.is_file():
        return False
    if target.suffix.lower() in AVIF.suffixes:
        return opening.is_there() and _is_sequence(source)
    if target.suffix.lower() not in ABLE:
        return False
    is_png = apng.control(source) is not None
    if is_png or target.suffix.lower() in PNG.suffixes:
        return opening.is_there() and (is_png or animations.is_one(source))
    return animations.is_one(source)


def count(source: Path) -> int:
    """How many frames an animation has; in AVIF about. Raises PictureError."""
    if _is_sequence(source):
        return looking.head(source)[1]
    with _opened(source) as moving:
        return moving.pages.count


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
    """Enlarge an animation into another; everything else as ``film.enlarge``.

    AVIF's sequences are films in all but their name.
    """
    if _is_sequence(source):
        return enlarging.enlarge(
            upscaler,
            source,
            target,
            order,
            on_progress=on_progress,
            on_whole=on_whole,
            turn=turn,
        )
    started_s = time.perf_counter()
    reports: list[Report] = []
    with _opened(source) as moving:
        examples = _examples(source, moving, order)
        sequence = upscaler.sequence(examples, order.final_size)

        def whole(draft: Path, lost: tuple[str, ...]) -> None:
            notes = (f"{moving.pages.count} frames", *_reused(sequence), *lost, *sequence.notes)
            seconds = time.perf_counter() - started_s
            about = sequence.models, sequence.wear, sequence.restored
            reports.append(Report(sequence.size, seconds, notes, *about))
            on_whole(draft, reports[0])

        def frames(first: int) -> Generator[Samples]:
            return _enlarged(moving, sequence, first, on_progress, turn)

        if target.suffix.lower() in PNG.suffixes:
            _write_png(target, frames(0), moving, whole)
            return reports[0]
        height, width = sequence.size
        with ExitStack() as stack:  # or an error that is kept keeps the turn
            pictures.write_bands(
                lambda rows: stack.enter_context(closing(frames(rows // height))),
                target,
                like=replace(examples[0], metadata=moving.metadata),
                size=(moving.pages.count * height, width),
                pages=moving.pages,
                strip=order.strip,
                quality=order.quality,
                keep=_keep(upscaler, source, sequence),
                on_moment=lambda: on_progress(moving.pages.count, moving.pages.count),
                on_whole=whole,
            )
    return reports[0]


def _is_sequence(source: Path) -> bool:
    with source.open("rb") as file:
        head = file.read(formats.HEAD_BYTES)
    return formats.recognise(head) is formats.AVIF and formats.is_sequence(head)


@contextlib.contextmanager
def _opened(source: Path) -> Generator[Moving]:
    control = apng.control(source)
    if control is not None:
        delays = apng.delays(source)
        pages = Pages(len(delays), tuple(delays), control[1])
        if pages.count != control[0]:
            there = f"{pages.count} of its {control[0]} frames are there"
            raise PictureError(f"{source}: is damaged: {there}: --page 1 takes the first.")
        yield Moving(lambda: apng.frames(source), pages, pictures.read(source).metadata)
        return
    with animations.opened(source) as animation:
        if animation is None:
            raise PictureError(f"{source}: is no animation.")
        yield Moving(animation.frames, animation.pages, animation.metadata)


def _examples(source: Path, moving: Moving, order: Order) -> list[Picture]:
    """Some frames from all over; all of them are decoded, so that damage is known now."""
    if not order.salvage and animations.is_cut_off(source):
        raise PictureError(f"{source}: is cut off: --salvage takes the frames that are there.")
    step = max(1, moving.pages.count // EXAMPLES)
    found: list[Picture] = []
    for number, frame in enumerate(moving.frames()):
        height, width = frame.shape[:2]
        if height * width > order.max_pixels:
            raise PictureError(f"{source}: {width} x {height} pixels: more than --max-pixels.")
        if number % step == 0:
            found.append(Picture.from_array(frame.copy()))
    return found


def _enlarged(
    moving: Moving, sequence: Sequence, first: int, on_progress: OnProgress, turn: Turn
) -> Generator[Samples]:
    count = moving.pages.count
    on_progress(first, count)
    for number, frame in enumerate(islice(moving.frames(), first, None), first):

        def told(done: float, tiles: int, number: int = number) -> None:
            on_progress(number + done / max(1, tiles), count)

        with turn():
            made = sequence.enlarged(Picture.from_array(frame.copy()), told)
        yield made.to_array()


def _write_png(
    target: Path,
    frames: Iterator[Samples],
    moving: Moving,
    on_whole: Callable[[Path, tuple[str, ...]], object],
) -> None:
    opening.library()
    has_more = moving.metadata != Metadata(resolution_per_mm=moving.metadata.resolution_per_mm)
    lost = ("colour profile and metadata were left out of the animation.",) if has_more else ()
    with opening.blaming(target, "cannot be written"), atomic.replacing(target) as draft:
        apng.write(draft, frames, moving.pages)
        on_whole(draft, lost)


def _keep(upscaler: Upscaler, source: Path, sequence: Sequence) -> Keep:
    found = source.stat()
    what = (
        (str(source.resolve()), found.st_size, found.st_mtime_ns),
        (upscaler.identity, sequence.restored, sequence.size),
    )
    height = sequence.size[0]
    identity = hashlib.sha256(repr(what).encode()).hexdigest()
    return Keep(identity, lambda rows: rows - rows % height)


def _reused(sequence: Sequence) -> tuple[str, ...]:
    if not sequence.reused:
        return ()
    return (f"{sequence.reused} of {sequence.tiles} tiles were as in the one before",)
