"""Encoded pictures to libvips' images, and what decoders say is lost of them.

Knows libvips and open files; knows nothing of colours, metadata, names. H height, W width.

Decoders go on where data is missing, and each says so in its own way. libjpeg's warnings stop the
next strip, so those about the last strip are heard only when the file is closed, in the thread that
closes it. libtiff's tiles come back empty unless warnings are errors; its strips do not, but there
warnings about tags would be errors too. What it says of JPEG, PackBits and fax is only heard, in
any thread: such pages are read one at a time. Deflate's checksums are looked at here. The other
decoders say ``error``.
"""

import contextlib
import dataclasses
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, cast

import pyvips

from rgtsr.pictures import tiff, vips
from rgtsr.pictures.formats import JPEG, Format
from rgtsr.pictures.vips import Heard

STRIP_ROWS = 16
STRIP_PIXELS = 2**22
SAMPLE_BYTES = 8  # at most
PADDING_BYTES = 2**24  # what tiles may reach beyond a small picture
LIKELY_PIXELS_PER_BYTE = 100  # of a damaged picture that claims more, some must be there
LEAST_SHARE = 0.05
JPEG_MARGIN_ROWS = 24  # warnings come a strip late, and colours are drawn from the block below
# libtiff's words about JPEG, PackBits and fax
TIFF_LOSSES = (
    *("Corrupt JPEG data", "Premature end of JPEG", "Discarding "),
    *("Premature EO", "Line length mismatch", "Bad code word"),
)
JPEG_END = b"\xff\xd9"
JPEG_WARNED = "read gave"
ALONE = "read gave 1 warnings"
# libjpeg's words about what it reads without loss
HARMLESS = ("Invalid SOS parameters", "unknown JFIF revision", "Unknown Adobe color transform")

Result = TypeVar("Result")


_ONE_AT_A_TIME = threading.RLock()


class Lost(Exception):
    """A part of the picture is not there; the message is the decoder's."""


@dataclass(frozen=True)
class Encoded:
    """A picture file that is open, its format, which page is meant, and whether that has tiles.

    ``body``: what is decoded instead of the file's bytes; libvips reads it where it lies.
    ``stored``: how the page of a TIFF is stored.
    """

    file: BinaryIO
    form: Format
    page: int = 0
    is_tiled: bool = False
    body: bytes | None = None
    stored: tiff.Stored = tiff.UNKNOWN

    def image(self, fail_on: str, access: str = "sequential") -> pyvips.Image:
        """The header; pixels follow when asked for. Raises pyvips.Error."""
        vips.forget_errors()
        if self.body is not None:
            source = pyvips.Source.new_from_memory(self.body)
        else:
            self.file.seek(0)
            source = pyvips.Source.new_from_descriptor(self.file.fileno())
        load: Any = getattr(pyvips.Image, self.form.loader or "")  # pyvips makes it up
        options = {"page": self.page} if self.form.has_pages else {}
        return load(source, access=access, fail_on=fail_on, **options)

    def with_its_end(self) -> "Encoded | None":
        """A JPEG with its end mark put behind it; None for a file that has it, or is no JPEG."""
        if self.form is not JPEG:
            return None
        self.file.seek(0)
        body = self.file.read()
        ends = body.endswith(JPEG_END)
        return None if ends else dataclasses.replace(self, body=body + JPEG_END)


def alone(encoded: Encoded) -> contextlib.AbstractContextManager[object]:
    """To be held around reading: no other file is read whose losses might be laid to this one."""
    return _ONE_AT_A_TIME if encoded.stored.warns_only else contextlib.nullcontext()


def strictly(encoded: Encoded, work: Callable[[pyvips.Image], Result]) -> Result:
    """What ``work`` makes of the image. Raises Lost or pyvips.Error if a part is not there.

    ``work`` must keep nothing of the image: decoders say their last when it is closed.
    """
    try:
        with vips.listening() as heard:
            result = work(encoded.image(_strictness(encoded)))
    except pyvips.Error:
        if encoded.form is not JPEG:
            raise
        with vips.listening() as heard:  # without stopping at the first
            result = work(encoded.image("none"))
        if not _is_harmless(_own(heard)):
            raise
    complaint = _complaint(encoded, heard)
    if complaint is None and _broken_parts(encoded):
        complaint = "incorrect data check"
    if complaint:
        raise Lost(complaint)
    return result


def loosely(encoded: Encoded, work: Callable[[pyvips.Image], Result]) -> Result:
    """What ``work`` makes of what is there. Raises pyvips.Error if that is nothing."""
    return work(encoded.image("none"))


def remains(encoded: Encoded) -> str:
    """How much of a damaged picture is there, in words. Raises Lost for next to nothing."""
    header = encoded.image("none")
    is_likely = could_hold(encoded.file, header.height, header.width)
    if encoded.is_tiled and is_likely:
        return _tiles_left(encoded, header)
    height, rows = header.height, 0 if encoded.is_tiled else _sound_rows(encoded, header.height)
    if not is_likely and rows < height * LEAST_SHARE:
        raise Lost(f"next to nothing is there of {header.width} x {height} pixels")
    if rows == 0:
        return "no part of it is sure to be as it was"
    return f"{rows} of its {height} rows are sure to be as they were ({rows / height:.0%})"


def could_hold(file: BinaryIO, height: int, width: int) -> bool:
    """Whether a file is large enough for most of such a picture, as photos are compressed."""
    return height * width <= LIKELY_PIXELS_PER_BYTE * os.fstat(file.fileno()).st_size


def _strictness(encoded: Encoded) -> str:
    if encoded.form is JPEG:
        return "warning"
    return "warning" if encoded.is_tiled else "error"


def is_tiled(header: pyvips.Image) -> bool:
    """Whether a picture is stored in tiles that can be read one by one."""
    return bool(header.get_typeof("tile-width"))


def _own(heard: list[Heard]) -> list[str]:
    return [text for thread, text in heard if thread == threading.get_ident()]


def _complaint(encoded: Encoded, heard: list[Heard]) -> str | None:
    """What the decoder said of a loss without stopping, if anything."""
    if encoded.stored.warns_only:
        return next((text for _, text in heard if text.startswith(TIFF_LOSSES)), None)
    texts = _own(heard)
    if encoded.form is not JPEG or not any(text.startswith(JPEG_WARNED) for text in texts):
        return None
    return None if _is_harmless(texts) else vips.reason("\n".join(texts[1:]))


def _broken_parts(encoded: Encoded) -> list[int]:
    """The numbers of a TIFF's strips or tiles whose checksum is wrong."""
    if encoded.stored.compression not in tiff.DEFLATE:
        return []
    header = encoded.image("none")
    pixel_bytes = header.width * header.height * header.bands * SAMPLE_BYTES
    return list(tiff.broken(encoded.file, encoded.stored, PADDING_BYTES + pixel_bytes))


def _is_harmless(texts: list[str]) -> bool:
    """Whether a JPEG gave one warning, about nothing; further ones would not be put into words."""
    return ALONE in texts and any(words in text for text in texts for words in HARMLESS)


def _tiles_left(encoded: Encoded, header: pyvips.Image) -> str:
    high, wide = (cast(int, header.get(name)) for name in ("tile-height", "tile-width"))
    image = encoded.image("warning", access="random")
    corners = [(y, x) for y in range(0, header.height, high) for x in range(0, header.width, wide)]
    count = len(corners)
    lost = {number % count for number in _broken_parts(encoded)}
    for number, (top, left) in enumerate(corners):
        size = min(wide, header.width - left), min(high, header.height - top)
        try:
            image.crop(left, top, *size).avg()
        except pyvips.Error:
            lost.add(number)
    return f"{len(lost)} of its {count} tiles are lost, {1 - len(lost) / count:.0%} is there"


def _sound_rows(encoded: Encoded, height: int) -> int:
    """How many rows from the top are decoded before the decoder first complains."""
    rows = 0
    with vips.listening() as heard, contextlib.suppress(pyvips.Error):
        rows = _rows_until_error(encoded)
    if encoded.form is JPEG:
        return max(0, rows - JPEG_MARGIN_ROWS)
    if _complaint(encoded, heard):
        return 0
    strips = -(-height // encoded.stored.strip_rows)
    broken = [number % strips for number in _broken_parts(encoded)]
    return min([rows, *(number * encoded.stored.strip_rows for number in broken)])


def _rows_until_error(encoded: Encoded) -> int:
    image = encoded.image(_strictness(encoded))
    rows = max(1, min(STRIP_ROWS, STRIP_PIXELS // image.width))
    region, top = pyvips.Region.new(image), 0
    with contextlib.suppress(pyvips.Error):
        while top < image.height:
            high = min(rows, image.height - top)
            region.fetch(0, top, image.width, high)
            top += high
    return top
