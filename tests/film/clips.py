"""Small films, made by PyAV: moving waves, with sound, subtitles, chapters and more."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

TITLES = (b"first", b"second")
NOTHING = b"\0\0"
MS = Fraction(1, 1000)
RATE = 48_000
INTERLACED = 1 << 18 | 1 << 29  # FFmpeg's flags


@dataclass(frozen=True)
class Clip:
    """What a film is made of. ``starts``: when pictures are shown, in ticks of ``base``.

    ``tags``: primaries, transfer, matrix, range; ``moves``: how many pictures before it moves;
    ``flat``: codes of the planes, instead of waves.
    """

    codec: str = "libx264"
    layout: str = "yuv420p"
    size: tuple[int, int] = (32, 48)
    starts: Sequence[int] = tuple(range(0, 8 * 512, 512))
    base: Fraction = Fraction(1, 12_800)
    tags: tuple[int, int, int, int] = (1, 1, 1, 1)
    aspect: Fraction | None = None
    degrees: int = 0
    has_sound: bool = True
    sound: str = "aac"
    subtitles: str | None = None
    attachment: bytes | None = None
    options: tuple[tuple[str, str], ...] = ()
    flat: tuple[int, int, int] | None = None
    moves: int = 0
    is_woven: bool = False


def write(path: Path, clip: Clip) -> Path:
    """Make the film."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        film = out.add_stream(clip.codec, rate=25, options=dict(clip.options))
        context = film.codec_context
        context.height, context.width = clip.size
        context.pix_fmt, context.time_base = clip.layout, clip.base
        film.time_base = clip.base
        if clip.is_woven:
            context.flags |= INTERLACED
        context.color_primaries, context.color_trc = clip.tags[:2]
        context.colorspace, context.color_range = clip.tags[2:]
        if clip.aspect:
            context.sample_aspect_ratio = clip.aspect
        if clip.degrees:
            film.set_display_rotation(clip.degrees)
        sound = out.add_stream(clip.sound, rate=RATE) if clip.has_sound else None
        titles = out.add_mux_stream(clip.subtitles, time_base=MS) if clip.subtitles else None
        for stream, language in ((sound, "fra"), (titles, "ger")):
            if stream is not None:
                stream.metadata["language"] = language
        if clip.attachment:
            out.add_attachment("font.ttf", "font/ttf", clip.attachment)
        out.metadata["title"] = "Waves"
        length_s = float(clip.starts[-1] * clip.base)
        out.set_chapters([chapter(0, 0, length_s / 2), chapter(1, length_s / 2, length_s)])
        for number, start in enumerate(clip.starts):
            frame = picture(clip, number)
            frame.pts, frame.time_base = start, clip.base
            out.mux(film.encode(frame))
        out.mux(film.encode())
        if sound is not None:
            write_sound(out, sound, length_s)
        if titles is not None:
            write_titles(out, titles, is_counted=clip.subtitles == "mov_text")
    return path


def chapter(number: int, start_s: float, end_s: float) -> dict:
    start, end = int(start_s * 1000), int(end_s * 1000)
    about = {"title": f"Part {number}"}
    return {"id": number, "start": start, "end": end, "time_base": MS, "metadata": about}


def picture(clip: Clip, number: int) -> av.VideoFrame:
    height, width = clip.size
    frame = av.VideoFrame(width, height, clip.layout)
    bits = frame.format.components[0].bits
    for index, plane in enumerate(frame.planes):
        y, x = np.mgrid[: plane.height, : plane.width]
        moved = max(0, number - clip.moves)
        wave = np.sin(y / (3 + index) + moved / 3) * np.cos(x / (4 + index) - moved / 2)
        codes = ((1 << bits) - 1) * (0.5 + (0.1 if index else 0.3) * wave)
        samples = np.full_like(codes, clip.flat[index]) if clip.flat else codes
        dtype = np.uint8 if bits == 8 else np.uint16
        row = plane.line_size // dtype().itemsize
        whole = np.frombuffer(plane, dtype)[: plane.height * row].reshape(plane.height, row)
        whole[:, : plane.width] = samples.astype(dtype)
    return frame


def write_sound(out: OutputContainer, sound: Stream, length_s: float) -> None:
    for number in range(int(length_s * RATE) // 1024 + 1):
        tone = np.sin(np.arange(number * 1024, (number + 1) * 1024) / 20).astype("f4") * 0.3
        block = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
        block.sample_rate, block.pts, block.time_base = RATE, number * 1024, Fraction(1, RATE)
        out.mux(sound.encode(block))
    out.mux(sound.encode())


def write_titles(out: OutputContainer, titles: Stream, *, is_counted: bool) -> None:
    for number, words in enumerate(TITLES):
        packet = Packet(len(words).to_bytes(2, "big") + words if is_counted else words)
        packet.stream, packet.time_base = titles, MS
        packet.pts = packet.dts = number * 100
        packet.duration = 90
        out.mux_one(packet)


def frames(path: Path) -> list[av.VideoFrame]:
    """All pictures of a film."""
    with av.open(str(path)) as film:
        return list(film.decode(max(film.streams.video, key=lambda stream: stream.frames)))


def moments(path: Path) -> list[Fraction | None]:
    """When each of them is shown, in seconds."""
    return [None if f.pts is None else f.pts * f.time_base for f in frames(path)]


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """What the streams of a kind hold, and when; not the silence between subtitles."""
    with av.open(str(path)) as film:
        streams = [s for s in film.streams if s.type == kind and s.name != "bin_data"]
        there = (
            [p for p in film.demux(*streams) if p.size and bytes(p) != NOTHING] if streams else []
        )
        return [(p.pts * p.time_base, bytes(p)) for p in there]
