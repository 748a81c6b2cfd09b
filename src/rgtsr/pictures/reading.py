"""Picture files in, through libvips: upright arrays, transparency apart, metadata.

Knows libvips and files; knows nothing of writing. H height, W width, C channels.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import pyvips

from rgtsr.errors import PictureError
from rgtsr.pictures import exif, formats, vips
from rgtsr.pictures.color import Samples
from rgtsr.pictures.formats import JPEG, PNG, TIFF, WEBP, Format
from rgtsr.pictures.metadata import Metadata, upright

NOTHING_SAID = (1.0, 1.0)  # libvips' pixels per millimetre where a file has none
RAW_SUFFIXES = (".arw", ".cr2", ".dng", ".nef", ".nrw", ".orf", ".pef", ".rw2", ".sr2", ".srw")


class Decoded(NamedTuple):
    """What ``Picture`` is made of."""

    pixels_HWC: Samples
    alpha_HW: Samples | None
    metadata: Metadata


def decode(path: str | os.PathLike[str], *, max_pixels: int = formats.MAX_PIXELS) -> Decoded:
    """Decode a picture file. Raises PictureError; see ``rgtsr.pictures.read``."""
    vips.prepare()
    path = Path(path)
    with _opened(path) as file:
        form = _recognised(path, file.read(formats.HEAD_BYTES))
        file.seek(0)
        try:
            image = _load(form, pyvips.Source.new_from_descriptor(file.fileno()))
            _check_size(path, image, max_pixels)
            image = _as_rgb_or_grey(path, image)
            metadata, turn = _metadata(image, form, file), _orientation(image)
            samples_HWC = _samples(image)
        except pyvips.Error as error:
            raise PictureError(
                f"{path}: this {form.name} file is damaged, incomplete or of an unknown kind "
                f"({vips.reason(error)}): get it again, or save it anew with another program."
            ) from error
    turned_HWC, metadata = _turned(samples_HWC, turn), upright(metadata, turned=turn >= 5)
    if turned_HWC.shape[2] in (1, 3):
        return Decoded(np.ascontiguousarray(turned_HWC), None, metadata)
    alpha_HW = np.ascontiguousarray(turned_HWC[:, :, -1])
    return Decoded(np.ascontiguousarray(turned_HWC[:, :, :-1]), alpha_HW, metadata)


def _opened(path: Path) -> BinaryIO:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "no regular file"
            raise PictureError(f"{path}: is {kind}: give a picture file.")
        return path.open("rb")
    except FileNotFoundError as error:
        raise PictureError(f"{path}: no such file: check the name.") from error
    except OSError as error:
        reason = error.strerror or error
        raise PictureError(
            f"{path}: cannot be opened ({reason}): check its permissions."
        ) from error


def _recognised(path: Path, head: bytes) -> Format:
    if not head:
        raise PictureError(f"{path}: is empty (0 bytes): get the file again.")
    form = formats.recognise(head)
    if form is None:
        names = ", ".join(form.name for form in formats.WRITABLE)
        raise PictureError(f"{path}: is no picture that can be read here: convert it to {names}.")
    if form is TIFF and path.suffix.lower() in RAW_SUFFIXES:
        raise PictureError(f"{path}: is a camera raw file: develop it to TIFF, PNG or JPEG first.")
    return form


def _load(form: Format, source: pyvips.Source) -> pyvips.Image:
    """The header; pixels follow when asked for. ``error`` refuses truncated files."""
    image = pyvips.Image
    if form is PNG:
        return image.pngload_source(source, access="sequential", fail_on="error")
    if form is JPEG:
        return image.jpegload_source(source, access="sequential", fail_on="error")
    if form is WEBP:
        return image.webpload_source(source, access="sequential", fail_on="error")
    if form is TIFF:
        return image.tiffload_source(source, access="sequential", fail_on="error")
    return image.heifload_source(source, access="sequential", fail_on="error")


def _check_size(path: Path, image: pyvips.Image, max_pixels: int) -> None:
    if image.height * image.width > max_pixels:
        raise PictureError(
            f"{path}: {image.width} x {image.height} pixels are more than the limit of "
            f"{max_pixels:,}: raise max_pixels (on the command line --max-pixels) if you trust "
            "the file."
        )


def _metadata(image: pyvips.Image, form: Format, file: BinaryIO) -> Metadata:
    block = exif.from_tiff(file) if form is TIFF else _block(image, vips.EXIF)
    iptc = _block(image, vips.IPTC)  # as JPEG has it; TIFF's arrives cut to a quarter
    resolution = (image.yres, image.xres)
    if resolution == NOTHING_SAID and block is not None:
        resolution = exif.resolution_per_mm(block) or resolution
    return Metadata(
        icc=_block(image, vips.ICC),
        exif=block,
        xmp=_block(image, vips.XMP),
        iptc=iptc if iptc is not None and iptc.startswith(b"Photoshop 3.0") else None,
        resolution_per_mm=None if resolution == NOTHING_SAID else resolution,
    )


def _block(image: pyvips.Image, name: str) -> bytes | None:
    return cast(bytes, image.get(name)) if image.get_typeof(name) else None


def _orientation(image: pyvips.Image) -> int:
    value = cast(int, image.get("orientation")) if image.get_typeof("orientation") else 1
    return value if 1 <= value <= 8 else 1


def _as_rgb_or_grey(path: Path, image: pyvips.Image) -> pyvips.Image:
    """CMYK through its profile to sRGB, Lab to sRGB; RGB and grey as they are."""
    if image.interpretation == "cmyk" and image.format in ("uchar", "ushort"):
        depth = 8 if image.format == "uchar" else 16
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=depth)
    if image.interpretation in ("lab", "labs", "labq"):
        image = image.colourspace("rgb16")
        image.remove(vips.ICC)
    if image.format not in ("uchar", "ushort"):
        raise PictureError(
            f"{path}: holds samples of type {image.format}: save it with 8 or 16 bits per sample."
        )
    colors = image.bands - image.hasalpha()
    if colors not in (1, 3):
        raise PictureError(
            f"{path}: holds {image.bands} channels of kind {image.interpretation}: save it as RGB "
            "or grey."
        )
    return image


def _samples(image: pyvips.Image) -> Samples:
    array = cast(Samples, image.numpy())
    samples_HWC = array.reshape(image.height, image.width, image.bands)
    if samples_HWC.dtype == np.uint16 and image.get_typeof("heif-compression"):
        return _stretched(samples_HWC, bits=cast(int, image.get("bits-per-sample")))
    return samples_HWC


def _stretched(samples_HWC: Samples, bits: int) -> Samples:
    """10 or 12 bits, which libvips only shifts up, over the whole of 0..65535."""
    values = np.arange(2**bits, dtype=np.float64) * (65535 / (2**bits - 1))
    return np.floor(values + 0.5).astype(np.uint16)[samples_HWC >> (16 - bits)]


def _turned(samples_HWC: Samples, orientation: int) -> Samples:
    """The pixels as the eye should see them. Source: Exif 2.32, tag Orientation (274)."""
    if orientation in (5, 6, 7, 8):
        samples_HWC = samples_HWC.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        samples_HWC = samples_HWC[::-1]
    if orientation in (2, 3, 6, 7):
        samples_HWC = samples_HWC[:, ::-1]
    return samples_HWC
