"""Picture files, opened and told apart. Knows no libvips."""

import stat
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from rgtsr.errors import PictureError
from rgtsr.pictures import formats
from rgtsr.pictures.formats import TIFF, Format


def spooled(content: bytes) -> BinaryIO:
    """The content as a file, which decoders map and read at any place."""
    file = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 -- the caller closes it
    put(content, file)
    file.seek(0)
    return file


def put(content: bytes | memoryview, file: BinaryIO) -> None:
    """Write all of it to a file without a buffer, which may take a part at a time."""
    rest = memoryview(content).cast("B")
    while rest:
        rest = rest[file.write(rest) :]


def opened(path: Path) -> BinaryIO:
    """A regular file, open without a buffer. Raises PictureError, which says what is the matter."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "no regular file"
            raise PictureError(f"{path}: is {kind}: give a picture file.")
        return path.open("rb", buffering=0)  # libvips shares the descriptor and its place
    except FileNotFoundError as error:
        raise PictureError(f"{path}: no such file: check the name.") from error
    except OSError as error:
        reason = error.strerror or error
        raise PictureError(
            f"{path}: cannot be opened ({reason}): check its permissions."
        ) from error


def recognised(path: Path, file: BinaryIO) -> Format:
    """Which format an open file is of, by how it begins. Raises PictureError for none."""
    head = file.read(formats.HEAD_BYTES)
    if not head:
        raise PictureError(f"{path}: is empty (0 bytes): get the file again.")
    form = formats.recognise(head)
    if form is None:
        names = ", ".join(form.name for form in formats.WRITABLE)
        raise PictureError(f"{path}: is no picture that can be read here: convert it to {names}.")
    if form is TIFF and path.suffix.lower() in formats.RAW_SUFFIXES:
        raise PictureError(f"{path}: is a camera raw file: develop it to TIFF, PNG or JPEG first.")
    return form
