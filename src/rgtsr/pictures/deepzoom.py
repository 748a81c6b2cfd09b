"""Tiles for viewers on the web: NAME.dzi, and a folder NAME_files beside it. Knows libvips.

Source: "Deep Zoom File Format Overview" of Microsoft.
"""

import os
from pathlib import Path
from typing import Any

import pyvips

from rgtsr import atomic
from rgtsr.pictures import vips

QUALITY = 92
TILE_PX = 510  # and a pixel of each neighbour


def save(image: pyvips.Image, path: Path, quality: int = QUALITY) -> None:
    """Write sRGB or grey of 8 bits as ``path``, which ends in .dzi. Raises pyvips.Error."""
    image.dzsave(
        str(path.with_suffix("")),
        tile_size=TILE_PX,
        overlap=1,
        suffix=f".jpg[Q={quality},keep=none]",
    )


def files(path: Path) -> Path:
    """The folder of tiles that belongs to a .dzi file."""
    return path.with_name(f"{path.stem}_files")


def is_foreign(path: Path) -> bool:
    """Whether somebody else's folder lies where the tiles would."""
    return files(path).exists() and not path.exists()


def publish(draft: Path, path: Path) -> None:
    """Tiles under their name first, the file that tells of them then. Raises OSError."""
    path = Path(os.path.realpath(path))
    former = atomic.beside(path, "former")
    if files(path).exists():
        files(path).replace(former)
    files(draft).replace(files(path))
    atomic.publish(draft, path)
    atomic.remove(former)


def remove(draft: Path) -> None:
    """Whatever is left of a draft."""
    atomic.remove(draft)
    atomic.remove(files(draft))


def displayed(image: pyvips.Image, icc: bytes | None) -> pyvips.Image:
    """sRGB of 8 bits."""
    if icc:
        image = image.copy()  # nobody else's: it may be changed
        profile: Any = icc  # Any: the stubs forget bytes
        image.set_type(pyvips.GValue.blob_type, vips.ICC, profile)
        try:
            return image.icc_transform("srgb", embedded=True, depth=8)
        except pyvips.Error:  # a profile that is damaged: shown as if it had none
            pass
    return image.colourspace("srgb").cast("uchar")
