"""Pictures as a browser shows them: 8 bits, sRGB; whole, or in tiles (Deep Zoom). Knows libvips.

They flow from file to file: what is held of one does not grow with its height. Files appear whole
or not at all.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import cast

import pyvips

from rgtsr.errors import PictureError
from rgtsr.pictures import deepzoom, opening, png, samples, tiff, vips
from rgtsr.pictures.decoding import Encoded
from rgtsr.pictures.formats import BMP, PNG, TIFF
from rgtsr.pictures.picture import read
from rgtsr.pictures.writing import FULL_DISK_BYTES

VIEW_PIXELS = 40_000_000  # more than that is too much for a browser at once
VIEW_SIDE_PX = 16_383  # WebP's
KINDS = {(1, "uchar"): "b-w", (1, "ushort"): "grey16", (3, "uchar"): "srgb", (3, "ushort"): "rgb16"}


def can_view(width: int, height: int) -> bool:
    """Whether a browser can be sent all of a picture at once."""
    return width * height <= VIEW_PIXELS and max(width, height) <= VIEW_SIDE_PX


def view(source: str | os.PathLike[str], folder: Path, name: str) -> Path:
    """The whole picture as a JPEG, or as WebP where it is transparent; returns the file.

    Raises:
        PictureError: when it cannot be read, has too many pixels, or cannot be written.
    """
    with _drafts(source, folder) as drafts, _on_screen(Path(source)) as image:
        if not can_view(image.width, image.height):
            raise PictureError(
                f"{source}: {image.width} x {image.height} pixels are too many to be shown whole."
            )
        made = f"{name}{'.webp' if image.hasalpha() else '.jpg'}"
        image.write_to_file(str(drafts / made), Q=deepzoom.QUALITY, keep="none")
        return (drafts / made).replace(folder / made)


def zoom(source: str | os.PathLike[str], folder: Path, name: str) -> None:
    """The picture as ``NAME.dzi`` and tiles in ``NAME_files`` (Deep Zoom), all in ``folder``.

    Raises:
        PictureError: when it cannot be read, or the tiles cannot be written.
    """
    with _drafts(source, folder) as drafts, _on_screen(Path(source)) as image:
        solid = image.flatten(background=[255.0]) if image.hasalpha() else image
        deepzoom.save(solid, drafts / f"{name}.dzi")
        for made in (f"{name}_files", f"{name}.dzi"):  # what says that it is there comes last
            (drafts / made).replace(folder / made)


@contextlib.contextmanager
def _drafts(source: str | os.PathLike[str], folder: Path) -> Generator[Path]:
    """A folder in that one, gone afterwards. Raises PictureError for libvips' errors within."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".draft-") as drafts:
            try:
                yield Path(drafts)
            except pyvips.Error as error:
                is_full = shutil.disk_usage(folder).free < FULL_DISK_BYTES
                cause = OSError(errno.ENOSPC, str(error)) if is_full else error
                reason = "no space is left on the disk" if is_full else vips.reason(error)
                raise PictureError(f"{source}: it cannot be shown ({reason}).") from cause
    except OSError as error:
        raise PictureError(f"{source}: it cannot be shown ({error.strerror}).") from error


@contextlib.contextmanager
def _on_screen(path: Path) -> Generator[pyvips.Image]:
    """The picture, upright, decoded as it is asked for. Raises PictureError, pyvips.Error."""
    vips.prepare()
    with opening.opened(path) as file:
        form = opening.recognised(path, file)
        if form is BMP:  # which libvips does not read
            yield _shown(pyvips.Image.new_from_array(read(path).to_array()), None)
            return
        icc = png.read(file).icc if form is PNG else None
        stored = tiff.stored(file, 0) if form is TIFF else tiff.UNKNOWN
        encoded = Encoded(file, form, stored=stored)
        header = encoded.image("none")
        encoded = Encoded(file, form, page=_number(header, "heif-primary"), stored=stored)
        is_turned = _number(header, "orientation") > 1  # takes rows in another order
        image = encoded.image("error", access="random" if is_turned else "sequential")
        image = samples.as_rgb_or_grey(path, image, stored.is_icclab)
        yield _shown(image.autorot(), icc)


def _number(header: pyvips.Image, name: str) -> int:
    return cast(int, header.get(name)) if header.get_typeof(name) else 0


def _shown(image: pyvips.Image, icc: bytes | None) -> pyvips.Image:
    colours = image.bands - image.hasalpha()
    image = image.copy(interpretation=KINDS[colours, str(image.format)])
    if icc is None and image.get_typeof(vips.ICC):
        icc = cast(bytes, image.get(vips.ICC))
    return deepzoom.displayed(image, icc)
