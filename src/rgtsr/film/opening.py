"""Film files, told apart from pictures and opened. Knows PyAV, which is an extra: on demand."""

import contextlib
import importlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr.errors import DiskFullError, PictureError, RuntimeUnavailableError
from rgtsr.pictures import formats
from rgtsr.pictures.disk import FULL

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# fmt: off
SUFFIXES = (
    ".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".ts", ".vob", ".webm", ".wmv",
)
# fmt: on
HEAD_BYTES = 2 * 192  # of transport streams two packets
STARTS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"FLV",
    b"OggS",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02",  # MXF
)
BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
PACKETS = ((188, 0), (192, 4))  # of a transport stream: how long, and where it is marked
MARK = 0x47


def is_film(path: Path) -> bool:
    """Whether a file is a film: by how it begins, or by its name where that tells nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:  # whoever opens it says why
        return path.suffix.lower() in SUFFIXES
    if formats.recognise(head[: formats.HEAD_BYTES]) is not None:
        return False
    return _begins_as_film(head) or path.suffix.lower() in SUFFIXES


def _begins_as_film(head: bytes) -> bool:
    if head.startswith(STARTS) or head[4:8] in BOXES:
        return True
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return True
    return any(
        len(head) > length + place and head[place] == head[place + length] == MARK
        for length, place in PACKETS
    )


def is_there() -> bool:
    """Whether PyAV is installed."""
    try:
        importlib.import_module("av")
    except ImportError:
        return False
    return True


def library() -> None:
    """Raise RuntimeUnavailableError where PyAV is not installed; it says what to do."""
    if not is_there():
        raise RuntimeUnavailableError(
            'films need PyAV, which is not installed: pip install "rgtsr[video]".'
        )


@contextlib.contextmanager
def opened(path: Path) -> "Generator[tuple[InputContainer, VideoStream]]":
    """A film and its moving picture.

    Raises:
        PictureError: for a file that cannot be opened, or has no moving picture.
        RuntimeUnavailableError: without PyAV.
    """
    library()
    import av

    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "no such file"
        raise PictureError(f"{path}: {kind}: give a film.")
    with blaming(path, "cannot be read as a film"):
        # a name such as 12:30.mp4 would be that of a protocol
        container = av.open(path.absolute(), "r", metadata_errors="replace")
    with container:
        stream = picture_of(container)
        if stream is None:
            raise PictureError(f"{path}: has no moving picture: only films can be enlarged.")
        if not getattr(stream, "codec_context", None):  # which PyAV's stubs take to be there
            raise PictureError(f"{path}: its pictures are of a codec that is not known here.")
        stream.thread_type = "AUTO"
        yield container, stream


def picture_of(container: "InputContainer") -> "VideoStream | None":
    """The stream that is enlarged: the first that is no cover, and no still if anything moves."""
    from av.stream import Disposition

    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return next((film for film in films if film.frames != 1), next(iter(films), None))


@contextlib.contextmanager
def blaming(path: Path, what: str) -> Generator[None]:
    """What goes wrong in PyAV or in the file system is said of that file."""
    try:
        yield
    except failures() as error:
        kind = DiskFullError if getattr(error, "errno", None) in FULL else PictureError
        raise kind(f"{path}: {what} ({reason(error)}).") from error


def failures() -> tuple[type[Exception], ...]:
    """What PyAV and the file system raise."""
    from av.error import FFmpegError

    return FFmpegError, OSError


def reason(error: Exception) -> str:
    """What is the matter, as the system says it."""
    return str(getattr(error, "strerror", None) or error).lower()
