"""What a picture file says about its pixels, and how that stays true when their number changes.

Pure bytes and numbers: knows no files, no pixels, no libvips.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from rgtsr.pictures import exif

MM_PER_INCH = 25.4
OWN_XMP = "urn:rgtsr:enlarged:1"  # the name of our properties' space
EMPTY_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta>'
    '<?xpacket end="w"?>'
).encode()
GAIN_MAP = b"hdrgm:Version"
GAIN_MAP_ELEMENTS = (
    *(b"hdrgm:" + name for name in (b"Version", b"GainMapMin", b"GainMapMax", b"Gamma")),
    *(b"hdrgm:" + name for name in (b"OffsetSDR", b"OffsetHDR", b"BaseRenditionIsHDR")),
    *(b"hdrgm:" + name for name in (b"HDRCapacityMin", b"HDRCapacityMax")),
    b"Container:Directory",
    b"GContainer:Directory",
)


@dataclass(frozen=True)
class Metadata:
    """Everything in a picture file beside the pixels that is worth carrying over.

    The four blocks of bytes are as they stand in files (``exif`` with its ``Exif\\0\\0`` prefix).
    ``resolution_per_mm`` is (vertical, horizontal) in pixels per millimetre. ``texts`` are PNG's
    text chunks, each its kind and its data; ``comment`` is JPEG's.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    resolution_per_mm: tuple[float, float] | None = None
    texts: tuple[bytes, ...] = ()
    comment: bytes | None = None


def upright(metadata: Metadata, turned: bool = False) -> Metadata:
    """The metadata of a picture whose pixels have been turned upright.

    Orientation says 1 afterwards and the thumbnail is gone, for it shows the picture as it was.
    ``turned``: height and width have changed places.
    """
    resolution = metadata.resolution_per_mm
    if turned and resolution is not None:
        resolution = (resolution[1], resolution[0])
    return dataclasses.replace(
        metadata,
        exif=None if metadata.exif is None else exif.corrected(metadata.exif),
        xmp=None if metadata.xmp is None else _corrected_xmp(metadata.xmp),
        resolution_per_mm=resolution,
    )


def sized(metadata: Metadata, height: int, width: int) -> Metadata:
    """The metadata of a picture that now has ``height`` x ``width`` pixels."""
    size = (height, width)
    return dataclasses.replace(
        metadata,
        exif=None if metadata.exif is None else exif.corrected(metadata.exif, size),
        xmp=None if metadata.xmp is None else _corrected_xmp(metadata.xmp, size),
    )


def noted(metadata: Metadata, facts: Mapping[str, str], most_bytes: int) -> Metadata:
    """The metadata, with what made the picture as our own properties in its XMP.

    What an earlier enlargement said goes. An XMP that would be larger than ``most_bytes`` then, or
    that has no place for it, stays as it was.
    """
    if not facts:
        return metadata
    said = " ".join(f"rgtsr:{name}={quoteattr(text)}" for name, text in facts.items())
    element = f'<rdf:Description rdf:about="" xmlns:rgtsr="{OWN_XMP}" {said}/>'.encode()
    former = re.escape(f'<rdf:Description rdf:about="" xmlns:rgtsr="{OWN_XMP}"'.encode())
    xmp = re.sub(former + rb"[^<>]*/>", b"", EMPTY_XMP if metadata.xmp is None else metadata.xmp)
    before, end, after = xmp.rpartition(b"</rdf:RDF>")
    whole = before + element + end + after
    if not end or len(whole) > most_bytes:
        return metadata
    return dataclasses.replace(metadata, xmp=whole)


def without_gain_map(metadata: Metadata) -> Metadata:
    """The metadata without what its XMP says of an HDR gain map and of the file's other parts.

    Source: Ultra HDR image format 1.1, "XMP data for gain map metadata" and "GContainer".
    """
    xmp = metadata.xmp
    if xmp is None or GAIN_MAP not in xmp:
        return metadata
    xmp = re.sub(rb"\shdrgm:\w+\s*=\s*(?:\"[^\"]*\"|'[^']*')", b"", xmp)
    for name in GAIN_MAP_ELEMENTS:
        xmp = _without_element(xmp, name)
    return dataclasses.replace(metadata, xmp=xmp)


def _without_element(xmp: bytes, name: bytes) -> bytes:
    """XMP without the elements of this name and all that is in them."""
    kept, place = b"", 0
    for start in re.finditer(rb"<" + name + rb"(?:\s[^<>]*)?(/?)>", xmp):
        if start.start() < place:
            continue
        closing = b"</" + name + b">"
        end = start.end() if start[1] else xmp.find(closing, start.end()) + len(closing)
        if end < start.end():
            break
        kept += xmp[place : start.start()]
        place = end
    return kept + xmp[place:]


def _corrected_xmp(xmp: bytes, size: tuple[int, int] | None = None) -> bytes:
    """XMP repeats some EXIF tags as ``tiff:Name="1"`` or ``<tiff:Name>1</tiff:Name>``."""
    values = {b"tiff:Orientation": 1}
    if size is not None:
        values |= {b"tiff:ImageLength": size[0], b"exif:PixelYDimension": size[0]}
        values |= {b"tiff:ImageWidth": size[1], b"exif:PixelXDimension": size[1]}
    for name, value in values.items():
        pattern = rb"(" + name + rb"(?:\s*=\s*[\"']|>)\s*)\d+"
        xmp = re.sub(pattern, rb"\g<1>%d" % value, xmp)
    return xmp
