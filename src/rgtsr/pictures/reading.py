"""Picture files in: upright arrays, transparency apart, metadata, and a line for what is not there.

Knows files and libvips; knows nothing of writing. H height, W width, C channels.
"""

import dataclasses
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import pyvips

from rgtsr.errors import OutOfMemoryError, PictureError, RgtsrError, UndecodedError
from rgtsr.pictures import (
    bmp,
    decoding,
    exif,
    formats,
    jpeg,
    labels,
    mpo,
    opening,
    samples,
    streaming,
    tiff,
    vips,
)
from rgtsr.pictures.color import Samples
from rgtsr.pictures.decoding import Encoded, Lost
from rgtsr.pictures.formats import BMP, HEIC, JPEG, TIFF, Format
from rgtsr.pictures.jpeg import Compression
from rgtsr.pictures.metadata import Metadata, upright, without_gain_map
from rgtsr.pictures.streaming import Passed

WITH_ALPHA = (2, 4)  # channels
UNNAMED = "the picture"  # what messages call one that has no file
UNDECODED = ("Unsupported codec", "has not been built in")  # libheif's words

# libvips' and GLib's own words; decoders say the like of broken files
NO_MEMORY = ("out of memory -- size", "Error creating thread")


class Decoded(NamedTuple):
    """What ``Picture`` is made of."""

    pixels_HWC: Samples
    alpha_HW: Samples | None
    metadata: Metadata
    notes: tuple[str, ...]
    compression: Compression | None


class Found(NamedTuple):
    """What stands in a file: samples as they are stored, (H, W, C), and how to turn them."""

    samples_HWC: Samples | Passed
    metadata: Metadata
    orientation: int = 1
    notes: tuple[str, ...] = ()
    compression: Compression | None = None


@dataclass(frozen=True)
class Wish:
    """What is asked of a file, and its name for messages.

    ``is_streamed``: it is decoded once and not held, as ``streaming`` does it.
    """

    path: Path
    max_pixels: int
    page: int | None
    salvage: bool
    is_streamed: bool = False


def decode(
    source: str | os.PathLike[str] | bytes,
    *,
    max_pixels: int = formats.MAX_PIXELS,
    page: int | None = None,
    salvage: bool = False,
) -> Decoded:
    """Decode a picture file, or its content; raises as ``rgtsr.pictures.read`` does."""
    vips.prepare()
    path = Path(UNNAMED if isinstance(source, bytes) else source)
    wish = Wish(path, max_pixels, page, salvage)
    with opening.spooled(source) if isinstance(source, bytes) else opening.opened(path) as file:
        found = found_in(file, wish)
    assert not isinstance(found.samples_HWC, Passed)
    turned_HWC = samples.turned(found.samples_HWC, found.orientation)
    metadata, notes, compression = found.metadata, found.notes, found.compression
    if turned_HWC.shape[2] in (1, 3):
        return Decoded(np.ascontiguousarray(turned_HWC), None, metadata, notes, compression)
    alpha_HW = np.ascontiguousarray(turned_HWC[:, :, -1])
    colors_HWC = np.ascontiguousarray(turned_HWC[:, :, :-1])
    return Decoded(colors_HWC, alpha_HW, metadata, notes, compression)


def found_in(file: BinaryIO, wish: Wish) -> Found:
    """What stands in an open file; the metadata are those of the picture once it is upright.

    Raises as ``decode``, and NotStreamedError.
    """
    if wish.page is not None and wish.page < 1:
        raise ValueError(f"page={wish.page} is none: the first page is 1.")
    form = opening.recognised(wish.path, file)
    compression = jpeg.compression(file) if form is JPEG else None
    comment = jpeg.comment(file) if form is JPEG else None
    try:
        found, notes = _found(Encoded(file, form), wish)
    except (pyvips.Error, Lost) as error:
        raise damaged(form, wish, error) from error
    notes += found.notes
    is_across = found.orientation >= 5
    whole = upright(dataclasses.replace(found.metadata, comment=comment), is_across)
    metadata = without_gain_map(whole)
    if metadata.xmp != whole.xmp:
        notes += ("its HDR gain map was left out: this is the picture without it.",)
    if found.metadata.exif is not None and metadata.exif is None:
        notes += (exif.UNREAD,)
    return found._replace(metadata=metadata, notes=notes, compression=compression)


def _found(encoded: Encoded, wish: Wish) -> tuple[Found, tuple[str, ...]]:
    """What is in the file, and a line for what is not, or was not taken."""
    if encoded.form is BMP:
        return _bitmap(encoded, wish)
    if not vips.can(encoded.form.loader or ""):
        raise _undecoded(encoded.form, wish)
    encoded, notes = _at_page(encoded, wish)
    if encoded.form is JPEG and (count := mpo.count(encoded.file)) > 1:
        notes += (f"the first of {count} pictures in it was read: others cannot be.",)
    if formats.is_sequence(_head(encoded)):
        notes += ("it is a film: its still was read. Into .avif an AVIF stays one, by PyAV.",)
    with decoding.alone(encoded):
        found, more = _whole_or_salvaged(encoded, wish)
    return found, notes + more


def _head(encoded: Encoded) -> bytes:
    encoded.file.seek(0)
    return encoded.file.read(formats.HEAD_BYTES)


def _whole_or_salvaged(encoded: Encoded, wish: Wish) -> tuple[Found, tuple[str, ...]]:
    """What is on the page, and a line for what is missing. Raises Lost and pyvips.Error."""
    try:
        return decoding.strictly(encoded, lambda image: _taken(image, encoded, wish)), ()
    except (pyvips.Error, Lost) as error:
        ended = encoded.with_its_end()
        if ended is not None:
            try:
                found = decoding.strictly(ended, lambda image: _taken(image, ended, wish))
            except (pyvips.Error, Lost):
                pass
            else:
                return found, ("its end mark is missing: nothing else is.",)
        if not wish.salvage:
            raise
        error.with_traceback(None)  # it holds what was decoded so far
        left = decoding.remains(encoded)  # which comes first: it may be too little
        note = f"it is damaged ({vips.reason(error)}): {left}."
        return _salvaged(encoded, wish, error), (note,)


def _salvaged(encoded: Encoded, wish: Wish, error: pyvips.Error | Lost) -> Found:
    """What can be decoded of a damaged file. Raises the error if that is nothing."""
    found = decoding.loosely(encoded, lambda image: _taken(image, encoded, wish))
    taken = found.samples_HWC
    if taken.is_flat if isinstance(taken, Passed) else np.all(taken == taken[0, 0]):
        raise error
    return found


def _taken(image: pyvips.Image, encoded: Encoded, wish: Wish) -> Found:
    """All that is wanted of an image. Raises PictureError for one that cannot be taken."""
    _check_size(wish, image.height, image.width)
    is_cmyk = image.interpretation == "cmyk"
    image = samples.as_rgb_or_grey(wish.path, image, encoded.stored.is_icclab)
    metadata, notes = labels.of(image, encoded)
    extra = encoded.stored.extra
    if image.bands in WITH_ALPHA and extra[-1:] == (tiff.UNSPECIFIED,):
        if metadata.place is not None or len(extra) > 1:
            raise PictureError(
                f"{wish.path}: has {image.bands} channels, and nothing says that the last is"
                " transparency: save it as RGB or grey, without it."
            )
        notes += ("its last channel was taken for transparency, though nothing says that it is.",)
    if is_cmyk:
        notes += ("its CMYK was converted to sRGB.",)
    taken = streaming.passed(image, encoded) if wish.is_streamed else samples.of(image)
    return Found(taken, metadata, labels.orientation(image), notes)


def _at_page(encoded: Encoded, wish: Wish) -> tuple[Encoded, tuple[str, ...]]:
    """The file at the page that is wanted, or at its main one, and a line about the others."""
    if encoded.form is TIFF:
        stored = tiff.stored(encoded.file, (wish.page or 1) - 1)
        if stored.is_overfull:
            raise Lost("its tags claim more than there is")
        encoded = dataclasses.replace(encoded, stored=stored)
    header = encoded.image("none") if encoded.form.has_pages else None
    count = _number(header, "n-pages", 1)
    page = wish.page or _number(header, "heif-primary", 0) + 1
    if page > count:
        raise PictureError(
            f"{wish.path}: has no page {page}, only {count} that can be read: take one of them."
        )
    encoded = dataclasses.replace(encoded, page=page - 1)
    if header is not None:
        header = encoded.image("none") if page > 1 else header
        encoded = dataclasses.replace(encoded, is_tiled=decoding.is_tiled(header))
    return encoded, _beside(encoded, page, count)


def _beside(encoded: Encoded, page: int, count: int) -> tuple[str, ...]:
    """A line for each kind of what else is in a file of so many pages."""
    kinds = tiff.kinds(encoded.file, count) if encoded.form is TIFF and count > 1 else [0] * count
    own, notes = kinds[page - 1], ()
    if not own & tiff.MASK and any(kind & tiff.MASK for kind in kinds):
        notes = ("its mask, which says where there is data, was left out.",)
    if own & tiff.NO_PICTURE or sum(not kind & tiff.NO_PICTURE for kind in kinds) > 1:
        notes = (*notes, f"page {page} of {count} was read: --page takes another.")
    return notes


def _number(header: pyvips.Image | None, name: str, default: int) -> int:
    if header is None or not header.get_typeof(name):
        return default
    return cast(int, header.get(name))


def _bitmap(encoded: Encoded, wish: Wish) -> tuple[Found, tuple[str, ...]]:
    if (wish.page or 1) > 1:
        raise PictureError(f"{wish.path}: has no page {wish.page}, only 1: take that.")
    encoded.file.seek(0)
    body = encoded.file.read()
    try:
        bitmap = bmp.header(body)
    except NotImplementedError as error:
        raise PictureError(
            f"{wish.path}: is a BMP file, {error}, which is not read here: save it as PNG."
        ) from error
    except (ValueError, struct.error) as error:
        raise Lost(str(error)) from error
    _check_size(wish, bitmap.height, bitmap.width)
    there, height = bmp.rows_there(body, bitmap), bitmap.height
    is_likely = decoding.could_hold(encoded.file, height, bitmap.width)
    if there < height and not (wish.salvage and there and is_likely):
        raise Lost(f"it holds {there} of {height} rows")
    metadata = Metadata(icc=bitmap.icc, resolution_per_mm=bitmap.resolution_per_mm)
    notes = () if there == height else (f"it is damaged: {there} of its {height} rows are there.",)
    return Found(bmp.samples(body, bitmap), metadata), notes


def damaged(form: Format, wish: Wish, error: Exception) -> RgtsrError:
    """What a decoder's words amount to."""
    reason = vips.reason(error)
    if any(words in str(error) for words in NO_MEMORY):
        return OutOfMemoryError(f"{wish.path}: memory does not suffice to hold it ({reason}).")
    if form is HEIC and any(words in str(error) for words in UNDECODED):
        return _undecoded(form, wish)
    way_out = "get it again, or save it anew with another program"
    if not wish.salvage:
        way_out += "; salvage (--salvage) takes what is there of it"
    return PictureError(
        f"{wish.path}: this {form.name} file is damaged, incomplete or of an unknown kind "
        f"({reason}): {way_out}."
    )


def _undecoded(form: Format, wish: Wish) -> UndecodedError:
    return UndecodedError(
        f"{wish.path}: is {form.name}, and there is no decoder for it in this libvips: save it as "
        "PNG or JPEG, or install a libvips that has one."
    )


def _check_size(wish: Wish, height: int, width: int) -> None:
    if height * width > wish.max_pixels:
        raise PictureError(
            f"{wish.path}: {width} x {height} pixels are more than the limit of "
            f"{wish.max_pixels:,}: raise max_pixels (on the command line --max-pixels) if you "
            "trust the file."
        )
