"""What is decided of a film before its first picture is made: sizes, codec, colours, restoring.

Sizes are (height, width).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr.errors import PictureError
from rgtsr.film import codecs, colour, decoding, looking, opening, planes
from rgtsr.film.codecs import USUAL, Asked, Spec
from rgtsr.film.colour import Coding
from rgtsr.film.encoding import Shape
from rgtsr.film.looking import BT709, FULL, LIMITED, Film, Size, Tags
from rgtsr.pictures import MAX_PIXELS, Picture
from rgtsr.upscaler import Sequence, Upscaler

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

SEGMENT_FRAMES = 48  # of which a kill costs the last at most; each begins with a key picture
EXAMPLES = 5  # by which it is decided how far all are restored

FinalSize = Callable[[Size], Size]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a film is to become.

    ``final_size``, ``max_pixels`` and ``quality`` are those of a picture, the last for animations;
    ``is_exact``: the size was said in pixels, so that no side may be rounded.
    """

    asked: Asked = USUAL
    final_size: FinalSize | None = None
    is_exact: bool = False
    strip: bool = False
    salvage: bool = False
    quality: int | None = None
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Plan:
    """What was decided. ``identity`` changes with whatever would change the packets."""

    film: Film
    shape: Shape
    sequence: Sequence
    identity: str
    notes: tuple[str, ...]


def plan(upscaler: Upscaler, source: Path, target: Path, order: Order) -> Plan:
    """Decide it. Raises PictureError and UsageError for what cannot be."""
    film = looking.look(source)
    if film.size[0] * film.size[1] > order.max_pixels:
        pixels = f"{film.size[1]} x {film.size[0]} pixels"
        raise PictureError(f"{source}: {pixels}: more than --max-pixels.")
    spec = codecs.spec(
        target,
        order.asked,
        layout=film.layout,
        bits=film.coding.bits,
        codec=film.codec,
        light=film.light,
    )
    final_size, notes = order.final_size, [*film.notes, *spec.notes]
    if film.is_turned and final_size is not None:
        final_size = _turned(final_size)
    sequence = upscaler.sequence(_examples(source, film), final_size)
    even = _even(target, sequence.size, spec, order)
    if even != sequence.size:
        notes.append(
            f"{sequence.size[1]} x {sequence.size[0]} became {even[1]} x {even[0]}: sides are even"
            " where chroma is shared"
        )
        sequence = upscaler.sequence(_examples(source, film), lambda _: even)
    coding, tags = _coded(film, spec)
    shape = Shape(sequence.size, film.time_base, film.rate, film.aspect, tags, spec, coding)
    identity = _identity(upscaler, source, order, shape, sequence)
    return Plan(film, shape, sequence, identity, tuple(notes))


def _identity(
    upscaler: Upscaler, source: Path, order: Order, shape: Shape, sequence: Sequence
) -> str:
    """Changes with whatever would change the packets."""
    import av

    found = source.stat()
    what = (
        (str(source.resolve()), found.st_size, found.st_mtime_ns),
        (upscaler.identity, sequence.restored, sequence.size, order.salvage),
        (shape, SEGMENT_FRAMES, av.__version__),
    )
    return hashlib.sha256(repr(what).encode()).hexdigest()


def _turned(final_size: FinalSize) -> FinalSize:
    """The same of a film that is stored on its side: sizes are meant as it is shown."""

    def turned(size: Size) -> Size:
        width, height = final_size((size[1], size[0]))
        return height, width

    return turned


def _even(target: Path, size: Size, spec: Spec, order: Order) -> Size:
    """A size of which all chroma samples are whole.

    Raises PictureError where the size was exact, or is too small for the encoder.
    """
    down, across = spec.shared
    if min(size) < spec.codec.least_px:
        raise PictureError(
            f"{target}: {size[1]} x {size[0]} is too small for {spec.codec.name}, which needs"
            f" {spec.codec.least_px} pixels a side: take another --codec."
        )
    if spec.codec is codecs.FFV1:
        return size
    even = size[0] + size[0] % down, size[1] + size[1] % across
    if even != size and order.is_exact:
        raise PictureError(
            f"{target}: {size[1]} x {size[0]} has an odd side, which {spec.codec.name} cannot store"
            f" with shared chroma: ask for {even[1]} x {even[0]}, or for .mkv with --codec ffv1."
        )
    return even


def _coded(film: Film, spec: Spec) -> tuple[Coding, Tags]:
    """How the result holds colours: as the film does, as far as its codec can."""
    down, across = spec.shared
    coding = replace(film.coding, bits=spec.bits, down=down, across=across, is_centred=False)
    if spec.layout.startswith("yuv") and film.coding.weights is None:  # of RGB, or of grey
        matrix = film.tags.matrix if film.coding.planes == 1 else BT709
        weights = colour.WEIGHTS.get(matrix, colour.WEIGHTS[BT709])
        is_full = film.coding.planes == 1 and film.coding.is_full
        tags = replace(film.tags, matrix=matrix, range=FULL if is_full else LIMITED)
        return replace(coding, weights=weights, planes=3, is_full=is_full), tags
    return coding, film.tags


def _examples(source: Path, film: Film) -> list[Picture]:
    """Some pictures from all over the film; of one that cannot be leapt through, the first."""
    found: list[Picture] = []
    with opening.opened(source) as (container, stream):
        begin, length = stream.start_time or 0, stream.duration
        if length is None and container.duration is not None:
            length = round(container.duration / 1e6 / film.time_base)
        for part in range(EXAMPLES if length else 0):
            try:
                container.seek(
                    begin + (2 * part + 1) * (length or 0) // (2 * EXAMPLES), stream=stream
                )
                frame = next(decoding.frames(container, stream, lambda _: None), None)
            except opening.failures():
                break
            if frame is not None and (frame.height, frame.width) == film.size:
                found.append(picture(frame, film))
    if not found:
        with opening.opened(source) as (container, stream):
            first = next(decoding.frames(container, stream, lambda _: None))
            found.append(picture(first, film))
    return found


def picture(frame: "VideoFrame", film: Film) -> Picture:
    return Picture(colour.to_rgb(planes.of(frame, film), film.coding))
