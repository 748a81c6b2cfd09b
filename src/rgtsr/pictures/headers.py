"""How large a picture file is, from its header alone. Knows libvips; knows nothing of samples."""

import dataclasses
import os
import struct
from pathlib import Path
from typing import cast

import pyvips

from rgtsr.errors import PictureError, UndecodedError
from rgtsr.pictures import bmp, opening, vips
from rgtsr.pictures.decoding import Encoded
from rgtsr.pictures.formats import BMP

TURNED = 5  # from this EXIF orientation on height and width change places


def size(path: str | os.PathLike[str], *, page: int | None = None) -> tuple[int, int]:
    """(height, width) of the picture as ``read`` would return it; no pixel is decoded.

    Raises:
        PictureError: for a file that is missing, no picture, or whose header cannot be read.
    """
    vips.prepare()
    path = Path(path)
    with opening.opened(path) as file:
        form = opening.recognised(path, file)
        try:
            if form is BMP:
                file.seek(0)
                bitmap = bmp.header(file.read())
                return bitmap.height, bitmap.width
            if not vips.can(form.loader or ""):
                raise UndecodedError(f"{path}: there is no decoder of {form.name} here.")
            encoded = Encoded(file, form)
            if page is not None:
                encoded = dataclasses.replace(encoded, page=page - 1)
            header = encoded.image("none")
        except (pyvips.Error, struct.error, ValueError, NotImplementedError) as error:
            reason = vips.reason(error)
            raise PictureError(f"{path}: its header cannot be read ({reason}).") from error
        orientation = cast(int, header.get_typeof("orientation") and header.get("orientation"))
        height, width = header.height, header.width
        return (width, height) if TURNED <= orientation <= 8 else (height, width)
