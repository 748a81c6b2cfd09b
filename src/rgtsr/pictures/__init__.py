"""Pictures: the only place that knows libvips. Files in and out, metadata, colour, bicubic.

libvips is loaded when the first file is read or written: arrays need none.
"""

import importlib
from typing import TYPE_CHECKING

from rgtsr.pictures.formats import MAX_PIXELS, SUFFIXES, UNREAD_SUFFIXES, WRITABLE_SUFFIXES
from rgtsr.pictures.metadata import Metadata
from rgtsr.pictures.picture import Limits, Picture, read
from rgtsr.pictures.spooling import Keep

if TYPE_CHECKING:
    from rgtsr.pictures.regions import opened
    from rgtsr.pictures.writing import check, write, write_bands

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "UNREAD_SUFFIXES",
    "WRITABLE_SUFFIXES",
    "Keep",
    "Limits",
    "Metadata",
    "Picture",
    "check",
    "opened",
    "read",
    "write",
    "write_bands",
]

LATER = {
    "check": "rgtsr.pictures.writing",
    "opened": "rgtsr.pictures.regions",
    "write": "rgtsr.pictures.writing",
    "write_bands": "rgtsr.pictures.writing",
}


def __getattr__(name: str) -> object:
    if name not in LATER:
        raise AttributeError(f"module 'rgtsr.pictures' has no attribute {name!r}")
    value = getattr(importlib.import_module(LATER[name]), name)
    globals()[name] = value
    return value
