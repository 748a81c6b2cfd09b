"""Pictures as a browser shows them: 8 bits, sRGB; whole, or in tiles (Deep Zoom). Knows libvips."""

import os
from pathlib import Path

import pyvips

from rgtsr.errors import PictureError
from rgtsr.pictures import deepzoom, vips
from rgtsr.pictures.picture import Picture, read

VIEW_PIXELS = 40_000_000  # more than that is too much for a browser at once
VIEW_SIDE_PX = 16_383  # WebP's


def can_view(width: int, height: int) -> bool:
    """Whether a browser can be sent all of a picture at once."""
    return width * height <= VIEW_PIXELS and max(width, height) <= VIEW_SIDE_PX


def view(source: str | os.PathLike[str], folder: Path, name: str) -> Path:
    """The whole picture as a JPEG, or as WebP where it is transparent; returns the file.

    Raises:
        PictureError: when it cannot be read, has too many pixels, or cannot be written.
    """
    picture = read(source)
    height, width = picture.size
    if not can_view(width, height):
        raise PictureError(f"{source}: {width} x {height} pixels are too many to be shown whole.")
    image = _on_screen(picture)
    made = folder / f"{name}{'.webp' if image.hasalpha() else '.jpg'}"
    try:
        image.write_to_file(str(made), Q=deepzoom.QUALITY, keep="none")
    except pyvips.Error as error:
        raise PictureError(f"{source}: it cannot be shown ({vips.reason(error)}).") from error
    return made


def zoom(source: str | os.PathLike[str], folder: Path, name: str) -> None:
    """The picture as ``NAME.dzi`` and tiles in ``NAME_files`` (Deep Zoom), all in ``folder``.

    Raises:
        PictureError: when it cannot be read, or the tiles cannot be written.
    """
    image = _on_screen(read(source))
    if image.hasalpha():
        image = image.flatten(background=[255.0])
    try:
        deepzoom.save(image, folder / f"{name}.dzi")
    except pyvips.Error as error:
        raise PictureError(f"{source}: it cannot be shown ({vips.reason(error)}).") from error


def _on_screen(picture: Picture) -> pyvips.Image:
    samples = picture.to_array()
    image = pyvips.Image.new_from_array(samples)
    kind = {(1, 8): "b-w", (1, 16): "grey16", (3, 8): "srgb", (3, 16): "rgb16"}
    colours = 1 if picture.is_grey else 3
    image = image.copy(interpretation=kind[colours, picture.bits])
    return deepzoom.displayed(image, picture.metadata.icc)
