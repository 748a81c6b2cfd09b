"""Small films, made by PyAV: moving waves, with sound, subtitles, chapters and all else asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.packet import Packet

from rgtsr.film import colour
from rgtsr.film.colour import Coding

SIZE = (32, 48)
TITLES = (b"first", b"second")


@dataclass(frozen=True)
class Clip:
    """What a film is made of. ``starts``: when pictures are shown, in ticks of ``base``."""

    codec: str = "libx264"
    layout: str = "yuv420p"
    size: tuple[int, int] = SIZE
    starts: Sequence[int] = tuple(range(0, 12 * 512, 512))
    base: Fraction = Fraction(1, 12_800)
    rate: int = 25
    tags: tuple[int, int, int, int] = (1, 1, 1, 1)  # primaries, transfer, matrix, range
    aspect: Fraction | None = None
    degrees: int = 0
    is_still: bool = False
    has_sound: bool = True
    subtitles: str | None = None
    options: tuple[tuple[str, str], ...] = (("crf", "12"),)


def waves(number: int, size: tuple[int, int], bits: int = 8, shared: tuple[int, int] = (2, 2)):
    """Planes of a picture: waves that move."""
    height, width = size
    top = (1 << bits) - 1
    planes = []
    for plane, (down, across) in enumerate([(1, 1), shared, shared]):
        y, x = np.mgrid[: -(-height // down), : -(-width // across)]
        wave = np.sin(y / (3 + plane) + number / 3) * np.cos(x / (4 + plane) - number / 2)
        planes.append((top * (0.5 + (0.3 if plane == 0 else 0.1) * wave)).astype("u1" if bits == 8 else "u2"))
    return planes


def write(path: Path, clip: Clip) -> Path:
    """Make the film."""
    with av.open(str(path), "w") as out:
        film = out.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
        film.height, film.width = clip.size
        film.pix_fmt, film.codec_context.time_base = clip.layout, clip.base
        film.time_base = clip.base
        context = film.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = clip.tags
        if clip.aspect:
            context.sample_aspect_ratio = clip.aspect
        if clip.degrees:
            film.set_display_rotation(clip.degrees)
        streams = [film]
        if clip.has_sound:
            sound = out.add_stream("aac", rate=48_000)
            sound.metadata["language"] = "fra"
        if clip.subtitles:
            titles = out.add_mux_stream(clip.subtitles)
            titles.metadata["language"] = "deu"
            titles.time_base = Fraction(1, 1000)
            streams.append(titles)
        out.metadata["title"] = "Waves"
        length_s = float(clip.starts[-1] * clip.base)
        out.set_chapters(
            [
                {"id": n, "start": int(a * 1000), "end": int(b * 1000), "time_base": Fraction(1, 1000), "metadata": {"title": name}}
                for n, (a, b, name) in enumerate([(0, length_s / 2, "One"), (length_s / 2, length_s, "Two")])
            ]
        )
        form = av.VideoFormat(clip.layout, 64, 64)
        shared = (64 // form.components[1].height, 64 // form.components[1].width)
        bits = form.components[0].bits
        coding = Coding(bits=bits, is_full=False, weights=None)
        for number, start in enumerate(clip.starts):
            frame = av.VideoFrame(clip.size[1], clip.size[0], clip.layout)
            for plane, samples in zip(frame.planes, waves(0 if clip.is_still else number, clip.size, bits, shared), strict=True):
                row = plane.line_size // samples.itemsize
                np.frombuffer(plane, samples.dtype)[: plane.height * row].reshape(plane.height, row)[:, : plane.width] = samples
            frame.pts, frame.time_base = start, clip.base
            out.mux(film.encode(frame))
        out.mux(film.encode())
        if clip.has_sound:
            count = int(length_s * 48_000) // 1024 + 1
            for number in range(count):
                tone = np.sin(np.arange(number * 1024, (number + 1) * 1024) / 20).astype("f4")
                block = av.AudioFrame.from_ndarray(np.stack([tone, tone]) * 0.3, "fltp", "stereo")
                block.sample_rate, block.pts, block.time_base = 48_000, number * 1024, Fraction(1, 48_000)
                out.mux(sound.encode(block))
            out.mux(sound.encode())
        if clip.subtitles:
            for number, words in enumerate(TITLES):
                packet = Packet(words if clip.subtitles == "subrip" else len(words).to_bytes(2, "big") + words)
                packet.stream, packet.time_base = titles, Fraction(1, 1000)
                packet.pts = packet.dts = number * 100
                packet.duration = 90
                out.mux_one(packet)
    return path
