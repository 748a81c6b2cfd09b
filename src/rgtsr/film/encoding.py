"""Pictures to packets, a closed segment at a time. Knows PyAV's encoders, no files.

Every segment has an encoder of its own: it begins with a key picture, and nothing in it refers to
another, so that it can be made at any time, by any process.
"""

# PyAV is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from rgtsr.film.codecs import X264, Spec
from rgtsr.film.colour import Coding
from rgtsr.film.looking import Tags

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

GLOBAL_HEADER = 1 << 22  # FFmpeg's flag: parameters stand before the packets, once


# x264 (core 165), looking ahead with AVX-512, reads what is not its own: no two films are the same
X264_EVEN = {"x264-params": "asm=AVX2"}


@functools.cache
def has_avx512() -> bool:
    """Whether this CPU has it, as far as Linux says."""
    try:
        return "avx512" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


class Record(NamedTuple):
    """A packet: when it is shown and for how long, in ticks, and whether decoding can begin."""

    start: int
    length: int
    is_key: bool
    body: bytes


@dataclass(frozen=True)
class Shape:
    """What every encoder of a film is told. ``size``: (height, width)."""

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction | None
    aspect: Fraction | None
    tags: Tags
    spec: Spec
    coding: Coding


def segment(frames: "Iterable[VideoFrame]", shape: Shape) -> Iterator[Record]:
    """All packets of some pictures. Their ``pts`` and ``duration`` are those of the film."""
    import av

    context = cast("VideoCodecContext", av.CodecContext.create(shape.spec.encoder, "w"))
    _tell(context, shape)
    context.flags |= GLOBAL_HEADER
    for frame in _ended(frames):
        for packet in context.encode(frame):
            assert packet.pts is not None
            yield Record(packet.pts, packet.duration or 0, packet.is_keyframe, bytes(packet))


def _ended(frames: "Iterable[VideoFrame]") -> "Iterator[VideoFrame | None]":
    yield from frames
    yield None  # which lets the encoder give what it holds


def set_up(stream: "VideoStream", shape: Shape) -> None:
    """Make a file's stream one of such packets."""
    _tell(stream.codec_context, shape)
    stream.time_base = shape.time_base


def _tell(context: "VideoCodecContext", shape: Shape) -> None:
    os.environ.setdefault("SVT_LOG", "1")  # or SVT-AV1 tells all about itself
    context.height, context.width = shape.size
    context.pix_fmt = shape.spec.layout
    context.time_base = shape.time_base
    if shape.rate:
        context.framerate = shape.rate
    if shape.aspect:
        context.sample_aspect_ratio = shape.aspect
    tags = shape.tags
    context.color_primaries, context.color_trc = tags.primaries, tags.transfer
    context.colorspace, context.color_range = tags.matrix, tags.range
    context.options = dict(shape.spec.options)
    if shape.spec.codec is X264 and has_avx512():
        context.options = context.options | X264_EVEN
    context.thread_type = "AUTO"
