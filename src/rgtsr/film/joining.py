"""Packets of pictures, and all else that a film has, into one file. Knows PyAV's containers.

What was not enlarged is copied packet by packet; what the new file cannot hold is told, in a line
each. The file is read again before it counts as made.
"""

# PyAV is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rgtsr.film import checking, encoding, opening
from rgtsr.film.codecs import AVIF, X265, Kind, kind_of
from rgtsr.film.encoding import Shape
from rgtsr.film.keeping import Kept
from rgtsr.film.planning import Plan

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

APPLE = "com."  # how the names of QuickTime's own metadata begin
FEW = 100  # packets of sound and all else that a rehearsal takes
LISTED = ("bin_data", "tmcd")  # chapters and time codes: muxers make them of what they are told


@dataclass(frozen=True)
class Piece:
    """A packet on its way into the file, and when it has to be there, in seconds."""

    at_s: Fraction
    packet: "Packet[Any]"


def join(
    kept: Kept, source: Path, draft: Path, target: Path, plan: Plan, *, is_stripped: bool
) -> list[str]:
    """Write the film to ``draft``; returns a line for each thing that it cannot hold.

    Raises PictureError, and what PyAV raises where the file cannot be written.
    """
    import av

    kind, notes = kind_of(target), list[str]()
    with opening.opened(source) as (container, picture):
        options = _options(kind, container, plan.shape)
        with av.open(str(draft), "w", format=kind.muxer, container_options=options) as out:
            made, copies = _streams(out, kind, container, picture, plan, notes)
            if not is_stripped:
                _label(container, out, [(picture, made), *copies.items()])
            out.start_encoding()
            streams = _pictures(kept, made, plan.shape), _copied(container, copies)
            notes += _mux(out, heapq.merge(*streams, key=lambda piece: piece.at_s))
        wanted = [] if is_stripped else [(picture, 0), *((s, c.index) for s, c in copies.items())]
        notes += checking.lost(draft, target, kept, plan)
        notes += checking.unsaid(draft, container, wanted)
    return notes


def rehearse(source: Path, target: Path, plan: Plan) -> None:
    """The same with the first packets of all but the pictures, in memory, before work begins.

    Raises PictureError for what the new file does not take.
    """
    import av

    kind = kind_of(target)
    with opening.opened(source) as (container, picture):
        options = _options(kind, container, plan.shape)
        what = f"does not take all that is in {source}; .mkv takes most"
        with (
            opening.blaming(target, what),
            av.open(BytesIO(), "w", format=kind.muxer, container_options=options) as out,
        ):
            _, copies = _streams(out, kind, container, picture, plan, [])
            out.start_encoding()
            _mux(out, islice(_copied(container, copies), FEW))


def _streams(
    out: "OutputContainer",
    kind: Kind,
    container: "InputContainer",
    picture: "VideoStream",
    plan: Plan,
    notes: list[str],
) -> "tuple[VideoStream, dict[Stream, Stream]]":
    """The file's streams: of the pictures, and for each that is copied."""
    shape, turning = plan.shape, plan.film.turning
    made = cast("VideoStream", out.add_stream(shape.spec.encoder, rate=shape.rate))
    encoding.set_up(made, shape)
    if turning is not None:
        made.set_display_matrix(turning)
    if shape.spec.codec is X265 and kind.muxer != "matroska":
        made.codec_context.codec_tag = "hvc1"  # without it Apple's players show nothing
    return made, _copies(container, picture, out, kind, notes)


def _options(kind: Kind, container: "InputContainer", shape: Shape) -> dict[str, str]:
    if kind.muxer not in ("mp4", "mov"):
        return {}
    options: dict[str, str] = {}
    if shape.time_base.numerator == 1:
        options["video_track_timescale"] = str(shape.time_base.denominator)
    if any(key.startswith(APPLE) for key in container.metadata):
        options["movflags"] = "+use_metadata_tags"
    return options


def _copies(
    container: "InputContainer",
    picture: "VideoStream",
    out: "OutputContainer",
    kind: Kind,
    notes: list[str],
) -> "dict[Stream, Stream]":
    """A stream of the file for each that is copied; what it cannot hold is noted."""
    copies: dict[Stream, Stream] = {}
    for stream in container.streams:
        if stream is picture or (stream.type == "data" and stream.name in LISTED):
            continue
        is_avif = kind is AVIF
        if is_avif and stream.type == "video" and stream.frames == 1:
            continue  # its still, which is made of the first picture again
        try:
            has_place = kind.muxer == "matroska" if stream.type == "attachment" else not is_avif
            if stream.type == "data" or not has_place:
                raise ValueError("no place")
            copies[stream] = out.add_stream_from_template(stream, opaque=True)
        except ValueError:
            language = f" in {stream.language}" if stream.language else ""
            notes.append(
                f"{kind.name} has no place for its {stream.type} ({_codec(stream)}{language}): left"
                " out"
            )
    others = sum(each.type == "video" and not _is_cover(each) for each in copies)
    if others:
        notes.append(f"{others} more moving pictures were copied as they are")
    return copies


def _codec(stream: "Stream") -> str:
    return stream.name or "of no known codec"


def _is_cover(stream: "Stream") -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _label(
    container: "InputContainer",
    out: "OutputContainer",
    pairs: "Iterable[tuple[Stream, Stream]]",
) -> None:
    out.metadata.update(checking.said(container.metadata))
    if chapters := container.chapters():
        out.set_chapters(chapters)
    for stream, copy in pairs:
        copy.disposition = stream.disposition
        copy.metadata.update(checking.said(stream.metadata))


def _pictures(kept: Kept, stream: "VideoStream", shape: Shape) -> Iterator[Piece]:
    """The pictures' packets, each with the time at which it must be decoded."""
    from av.packet import Packet

    for record, decoded in zip(kept.records(), decoding_times(list(kept.starts())), strict=True):
        packet = cast("Packet[Any]", Packet(record.body))
        packet.stream, packet.time_base = stream, shape.time_base
        packet.pts, packet.dts = record.start, decoded
        packet.duration, packet.is_keyframe = record.length, record.is_key
        yield Piece(decoded * shape.time_base, packet)


def decoding_times(starts: Sequence[int]) -> list[int]:
    """When packets, which come in such an order, are decoded: rising, none later than its start.

    The n-th is decoded when the one that is shown n - d-th is, d being how far they are reordered;
    before that in equal steps.
    """
    shown = sorted(starts)
    rank = {start: n for n, start in enumerate(shown)}
    depth = max((n - rank[start] for n, start in enumerate(starts)), default=0)
    if not depth:
        return list(starts)
    step = max(1, (shown[min(depth, len(shown) - 1)] - shown[0]) // depth)
    before = [shown[0] - n * step for n in range(depth, 0, -1)]
    return [*before, *shown][: len(starts)]


def _mux(out: "OutputContainer", pieces: Iterable[Piece]) -> list[str]:
    """All packets, in that order; a line for those that are damaged, which no file takes."""
    from av.error import InvalidDataError

    spoilt: Counter[str] = Counter()
    for piece in pieces:
        kind = piece.packet.stream.type
        try:
            out.mux_one(piece.packet)
        except InvalidDataError:
            if kind == "video":
                raise
            spoilt[kind] += 1
    return [
        f"damaged: {count} packets of its {kind} were left out" for kind, count in spoilt.items()
    ]


def _copied(container: "InputContainer", copies: "dict[Stream, Stream]") -> Iterator[Piece]:
    at_s = Fraction(0)
    sources = [stream for stream in copies if stream.type != "attachment"]
    if not sources:
        return
    for packet in container.demux(*sources):
        when = packet.dts if packet.dts is not None else packet.pts
        if when is None:  # the end of a stream
            continue
        at_s = max(at_s, when * packet.time_base)  # as they come: merging wants it to rise
        packet.stream = copies[packet.stream]
        yield Piece(at_s, packet)
