"""What a film is: its size, its colours, its turning, by its header and its first picture.

Sizes are (height, width), as stored.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr.errors import PictureError
from rgtsr.film import decoding, hdr, opening
from rgtsr.film.colour import WEIGHTS, Coding

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.format import VideoFormat
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# code points of ITU-T H.273
UNSAID, RGB, BT709, BT601 = 2, 0, 1, 6
UNSAID_RANGE, LIMITED, FULL = 0, 1, 2
HD_ROWS = 720  # from which on players take BT.709 for a film that says nothing
CENTRED = ("mjpeg", "mpeg1video")  # codecs whose chroma lies between luma's columns
# codecs that take grey as pictures have it; those of films take it as luma
OF_PICTURES = ("bmp", "ffv1", "ffvhuff", "huffyuv", "magicyuv", "png", "rawvideo")
SUBSAMPLED = {(2, 2): "420", (1, 2): "422", (1, 1): "444"}
MICROSECONDS = 1_000_000  # in which containers count
FASTEST = 240  # pictures a second

Size = tuple[int, int]


@dataclass(frozen=True)
class Tags:
    """What a film says of its colours, by the code points of ITU-T H.273; range: 1 or 2."""

    primaries: int
    transfer: int
    matrix: int
    range: int


@dataclass(frozen=True)
class Film:
    """A film by its header and its first picture.

    ``layout``: PyAV's name for planes that hold it; ``aspect``: of a pixel, width by height;
    ``turning``: the matrix by which players turn it; ``count``: of pictures, as the header says,
    or would be by its length, 0 if it tells neither.
    """

    size: Size
    time_base: Fraction
    rate: Fraction | None
    codec: str
    layout: str
    coding: Coding
    tags: Tags
    aspect: Fraction | None
    turning: tuple[int, ...] | None
    light: hdr.Light
    count: int
    notes: tuple[str, ...]

    @property
    def is_turned(self) -> bool:
        """Whether height and width change places when it is shown."""
        return self.turning is not None and self.turning[0] == self.turning[4] == 0


def head(path: Path) -> tuple[Size, int]:
    """The (height, width) of a film's pictures and about how many there are, by its header."""
    with opening.opened(path) as (container, stream):
        size = stream.codec_context.height, stream.codec_context.width
        return size, _tempo(container, stream)[0]


def look(path: Path) -> Film:
    """What a film is. Raises PictureError for one that cannot be enlarged as it is; it says why."""
    with opening.opened(path) as (container, stream), opening.blaming(path, "cannot be decoded"):
        frame = next(decoding.frames(container, stream, lambda _: None), None)
        if frame is None:
            raise PictureError(f"{path}: not one picture in it can be decoded.")
        if stream.time_base is None:
            raise PictureError(f"{path}: says nothing of the time of its pictures.")
        if stream.metadata.get("alpha_mode") == "1":
            raise _transparent(path)
        coding, layout, tags = _colours(path, frame, stream.codec_context.name)
        count, rate = _tempo(container, stream)
        return Film(
            size=(frame.height, frame.width),
            time_base=stream.time_base,
            rate=rate,
            codec=stream.codec_context.name,
            layout=layout,
            coding=coding,
            tags=tags,
            aspect=stream.sample_aspect_ratio or None,
            turning=hdr.turning(frame),
            light=hdr.light(frame),
            count=count,
            notes=hdr.dropped(frame),
        )


def _tempo(container: "InputContainer", stream: "VideoStream") -> tuple[int, Fraction | None]:
    """About how many pictures there are, and how many a second, if anything tells."""
    rate = stream.guessed_rate or stream.average_rate
    is_told = rate and stream.frames and rate == stream.average_rate
    if not rate or (rate > FASTEST and not is_told):  # or it is that of the clock's ticks
        return _counted(container, stream)
    if stream.frames:
        return stream.frames, rate
    if stream.duration is not None and stream.time_base is not None:
        return round(stream.duration * stream.time_base * rate), rate
    return round((container.duration or 0) * rate / MICROSECONDS), rate


def _counted(container: "InputContainer", stream: "VideoStream") -> tuple[int, Fraction | None]:
    container.seek(0)
    times = [packet.pts for packet in container.demux(stream) if packet.size]
    known = [time for time in times if time is not None]
    if len(known) < 2 or stream.time_base is None or (length := max(known) - min(known)) <= 0:
        return len(times), None
    return len(times), ((len(known) - 1) / (length * stream.time_base)).limit_denominator(1001)


def _colours(path: Path, frame: "VideoFrame", codec: str) -> tuple[Coding, str, Tags]:
    form = frame.format
    if any(component.is_alpha for component in form.components) or form.has_palette:
        raise _transparent(path)
    layout = layout_of(form)
    if layout is None:
        raise PictureError(f"{path}: is stored as {form.name}, which is not read here.")
    bits = _bits(form)
    matrix = frame.colorspace
    is_rgb = layout.startswith("gbr")
    is_full = is_rgb or form.name.startswith("yuvj") or frame.color_range == FULL
    if matrix in (UNSAID, RGB) and not is_rgb:
        matrix = BT709 if frame.height >= HD_ROWS else BT601
    is_grey = layout.startswith("gray")
    is_full |= is_grey and frame.color_range == UNSAID_RANGE and codec in OF_PICTURES
    if not is_rgb and not is_grey and matrix not in WEIGHTS:
        raise PictureError(
            f"{path}: its colours are coded by matrix {matrix} of H.273, which is not read here."
        )
    down, across = _shared(form)
    coding = Coding(
        bits=bits,
        is_full=is_full,
        weights=None if is_rgb or is_grey else WEIGHTS[matrix],
        planes=1 if is_grey else 3,
        down=down,
        across=across,
        is_centred=codec in CENTRED,
    )
    tags = Tags(
        frame.color_primaries,
        frame.color_trc,
        RGB if is_rgb else matrix,
        FULL if is_full else LIMITED,
    )
    return coding, layout, tags


def _transparent(path: Path) -> PictureError:
    return PictureError(f"{path}: is transparent in parts, which films cannot keep here.")


def _bits(form: "VideoFormat") -> int:
    bits = max(component.bits for component in form.components)
    return max(8, bits)


def layout_of(form: "VideoFormat") -> str | None:
    """The name of the planes that hold the same; None for what none hold."""
    bits = _bits(form)
    ending = "" if bits == 8 else f"{bits}le"
    if form.is_bayer or bits > 16:
        return None
    if form.is_rgb:
        return f"gbrp{ending}"
    if len(form.components) == 1:
        return f"gray{ending}"
    shared = SUBSAMPLED.get(_shared(form))
    return shared and f"yuv{shared}p{ending}"


def _shared(form: "VideoFormat") -> tuple[int, int]:
    """How many rows and columns of luma share a sample of chroma."""
    if form.is_rgb or len(form.components) < 3:
        return 1, 1
    luma, chroma = form.components[0], form.components[1]
    return -(-luma.height // chroma.height), -(-luma.width // chroma.width)
