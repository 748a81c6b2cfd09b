"""PNG that moves: libvips reads and writes one frame of it, PyAV all."""

# PyAV is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np

from rgtsr.errors import PictureError
from rgtsr.film import opening
from rgtsr.pictures.animations import Pages
from rgtsr.pictures.color import Samples

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CONTROL, PIXELS = b"acTL", b"IDAT"
MS = Fraction(1, 1000)


def control(path: Path) -> tuple[int, int] | None:
    """How many frames there are and how often all are shown, 0 for ever; None for a still."""
    with path.open("rb") as file:
        if file.read(len(SIGNATURE)) != SIGNATURE:
            return None
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind == CONTROL:
                count, plays = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
                return (count, plays) if count > 1 else None
            if kind == PIXELS:
                return None
            file.seek(size + 4, 1)
    return None


def delays(path: Path) -> list[int]:
    """How long each frame is shown, in milliseconds; all are decoded. Raises PictureError."""
    with opening.opened(path) as (container, stream), opening.blaming(path, "is damaged"):
        base = stream.time_base or MS
        return [round(frame.duration * base / MS) for frame in container.decode(stream)]


def frames(path: Path) -> Iterator[Samples]:
    """Each with its transparency, (H, W, 4). Raises PictureError."""
    with opening.opened(path) as (container, stream), opening.blaming(path, "is damaged"):
        for frame in container.decode(stream):
            deep = max(component.bits for component in frame.format.components) > 8
            samples = frame.to_ndarray(format="rgba64le" if deep else "rgba")
            yield cast(Samples, samples)


def write(path: Path, made: Iterable[Samples], pages: Pages) -> None:
    """Frames as a file. Raises PictureError for none, and what PyAV raises."""
    import av

    options = {"plays": str(pages.loop), "final_delay": f"{pages.delays_ms[-1]}/1000"}
    stream, at_ms = None, 0
    with av.open(str(path), "w", format="apng", container_options=options) as out:
        for samples, delay_ms in zip(made, pages.delays_ms, strict=True):
            whole: Any = _solid(samples)
            if stream is None:
                stream = out.add_stream("apng", rate=25)
                stream.codec_context.height, stream.codec_context.width = samples.shape[:2]
                deep = samples.dtype == np.uint16
                stream.codec_context.pix_fmt = "rgba64be" if deep else "rgba"
                stream.codec_context.time_base = stream.time_base = MS
            name: Any = "rgba64le" if samples.dtype == np.uint16 else "rgba"
            frame = av.VideoFrame.from_ndarray(whole, name)
            frame.pts, frame.time_base, frame.duration = at_ms, MS, delay_ms
            at_ms += delay_ms
            out.mux(stream.encode(frame))
        if stream is None:
            raise PictureError(f"{path}: has no frame.")
        out.mux(stream.encode())


def _solid(samples_HWC: Samples) -> Samples:
    """With transparency, as the encoder takes it; grey three times."""
    channels = samples_HWC.shape[2]
    if channels < 3:
        colours = samples_HWC[:, :, :1].repeat(3, 2)
        samples_HWC = np.concatenate([colours, samples_HWC[:, :, 1:]], axis=2)
    if channels in (2, 4):
        return np.ascontiguousarray(samples_HWC)
    alpha = np.full((*samples_HWC.shape[:2], 1), np.iinfo(samples_HWC.dtype).max, samples_HWC.dtype)
    return np.concatenate([samples_HWC, alpha], axis=2)
