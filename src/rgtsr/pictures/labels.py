"""What a picture file says about its samples. Knows libvips and open files."""

import dataclasses
from typing import cast

import pyvips

from rgtsr.pictures import exif, geotiff, png, vips
from rgtsr.pictures.decoding import Encoded
from rgtsr.pictures.formats import PNG, TIFF
from rgtsr.pictures.metadata import Metadata

NO_DATA = (
    "its value of no data ({}) was enlarged as any other, so near where there is none values are"
    " between: mask them anew."
)
NOTHING_SAID = (1.0, 1.0)  # libvips' pixels per millimetre where a file has none


def of(image: pyvips.Image, encoded: Encoded) -> tuple[Metadata, tuple[str, ...]]:
    """All that an image or its file says beside the samples, and a line for what is left out."""
    iptc = _block(image, vips.IPTC)  # as JPEG has it; TIFF's arrives cut to a quarter
    metadata = Metadata(
        icc=_block(image, vips.ICC),
        exif=_block(image, vips.EXIF),
        xmp=_block(image, vips.XMP),
        iptc=iptc if iptc is not None and iptc.startswith(b"Photoshop 3.0") else None,
    )
    metadata, notes = AS_STORED.get(encoded.form, _as_heard)(encoded, metadata)
    if encoded.form is TIFF:
        metadata, more = _placed(image, encoded, metadata)
        notes += more
    resolution = (image.yres, image.xres)
    if resolution == NOTHING_SAID and metadata.exif is not None:
        resolution = exif.resolution_per_mm(metadata.exif) or resolution
    known = None if resolution == NOTHING_SAID else resolution
    return dataclasses.replace(metadata, resolution_per_mm=known), notes


def _as_heard(_: Encoded, heard: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    return heard, ()


def _of_tiff(encoded: Encoded, heard: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    block, notes = exif.from_tiff(encoded.file, encoded.page)
    return dataclasses.replace(heard, exif=block), notes


def _of_png(encoded: Encoded, heard: Metadata) -> tuple[Metadata, tuple[str, ...]]:
    said = png.read(encoded.file)
    icc = heard.icc or said.icc
    return Metadata(icc=icc, exif=said.exif, xmp=said.xmp, texts=said.texts), said.notes


def _placed(
    image: pyvips.Image, encoded: Encoded, metadata: Metadata
) -> tuple[Metadata, tuple[str, ...]]:
    place = geotiff.read(encoded.file, encoded.page, (image.height, image.width))
    if place is not None and orientation(image) > 1:
        return metadata, ("its place on the earth was left out: it is stored turned.",)
    notes = () if place is None or place.no_data is None else (NO_DATA.format(place.no_data),)
    return dataclasses.replace(metadata, place=place), notes


# where the file itself tells more than libvips passes on
AS_STORED = {PNG: _of_png, TIFF: _of_tiff}


def _block(image: pyvips.Image, name: str) -> bytes | None:
    return cast(bytes, image.get(name)) if image.get_typeof(name) else None


def orientation(image: pyvips.Image) -> int:
    """How the samples are to be turned, 1..8, as EXIF counts."""
    value = cast(int, image.get("orientation")) if image.get_typeof("orientation") else 1
    return value if 1 <= value <= 8 else 1
