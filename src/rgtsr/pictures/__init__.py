"""Pictures: the only place that knows libvips. Files in and out, metadata, colour, bicubic."""

from rgtsr.pictures.formats import SUFFIXES, WRITABLE_SUFFIXES
from rgtsr.pictures.metadata import Metadata
from rgtsr.pictures.picture import Picture, read
from rgtsr.pictures.reading import MAX_PIXELS
from rgtsr.pictures.writing import write, write_bands

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "WRITABLE_SUFFIXES",
    "Metadata",
    "Picture",
    "read",
    "write",
    "write_bands",
]
