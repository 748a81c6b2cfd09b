"""Decoded pictures to arrays and back. Knows PyAV's frames; what colours are, ``colour`` knows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rgtsr.film.colour import Coding
from rgtsr.film.encoding import Shape
from rgtsr.film.looking import Film
from rgtsr.pictures.color import Samples

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane


def of(frame: "VideoFrame", film: Film) -> list[Samples]:
    """The planes of a decoded picture, without a copy where that can be."""
    name = frame.format.name.replace("yuvj", "yuv")
    if name != film.layout:
        frame = frame.reformat(format=film.layout)
    return [_array(plane, film.coding) for plane in frame.planes]


def as_frame(planes: Sequence[Samples], shape: Shape) -> "VideoFrame":
    """A picture for an encoder."""
    from av.video.frame import VideoFrame

    height, width = planes[0].shape
    layout, coding, tags = shape.spec.layout, shape.coding, shape.tags
    if coding.weights is None and coding.planes == 3:  # the encoder orders them as it likes
        layout = "gbrp" if coding.bits == 8 else f"gbrp{coding.bits}le"
    frame = VideoFrame(width, height, layout)
    for plane, samples in zip(frame.planes, planes, strict=True):
        _array(plane, coding)[:] = samples
    frame.colorspace, frame.color_range = tags.matrix, tags.range
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    return frame


def _array(plane: "VideoPlane", coding: Coding) -> Samples:
    buffer: Any = plane  # which PyAV's stubs do not call a buffer
    samples = np.frombuffer(buffer, coding.dtype)
    row = plane.line_size // samples.itemsize
    return samples[: plane.height * row].reshape(plane.height, row)[:, : plane.width]
