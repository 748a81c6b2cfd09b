"""The few habits of libvips that reading and writing share."""

import contextlib
import functools
import logging
import threading
from collections.abc import Generator
from typing import Any, NamedTuple

import pyvips

ICC = "icc-profile-data"
EXIF = "exif-data"
XMP = "xmp-data"
IPTC = "iptc-data"

GLIB_DOMAINS = (b"GLib", b"GLib-GObject", b"GLib-GIO", b"GModule")
GLIB_LEVELS = 0xFC  # errors to debugging


class Heard(NamedTuple):
    """A warning of libvips, and the thread that gave it."""

    thread: int
    text: str


class _Ear(logging.Handler):
    """Hands libvips' warnings, which pyvips logs, to whoever listens."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.listeners: tuple[list[Heard], ...] = ()
        self._changing = threading.Lock()

    def add(self, listener: list[Heard]) -> None:
        """From now on it hears."""
        with self._changing:
            self.listeners = (*self.listeners, listener)

    def drop(self, listener: list[Heard]) -> None:
        """It hears no more."""
        with self._changing:
            self.listeners = tuple(other for other in self.listeners if other is not listener)

    def emit(self, record: logging.LogRecord) -> None:
        """Called in the thread that warns."""
        text = record.getMessage().removeprefix("VIPS: ").strip()
        for listener in self.listeners:
            listener.append(Heard(threading.get_ident(), text))


_EAR = _Ear()


@functools.cache
def prepare() -> None:
    """Make libvips forgetful, careful and quiet.

    Its memory of past operations would keep files open, deleted temporary ones too, and answer
    with the old picture after a file has changed. Readers that were never made safe against files
    that mean harm are shut off, but for JPEG XL's: people have such pictures, libjxl's own project
    fuzzes it without end, and benchmarks/fuzz.py does where there is one. What libvips and GLib
    print goes to pyvips' logger.
    """
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoadJxl", False)
    logger = logging.getLogger("pyvips")
    logger.addHandler(_EAR)
    if logger.level == logging.NOTSET or logger.level > logging.WARNING:
        logger.setLevel(logging.WARNING)
    with contextlib.suppress(AttributeError):
        _read_any_words()
    with contextlib.suppress(AttributeError):
        _hear_glib()


def _read_any_words() -> None:
    """Let pyvips take any bytes for text: libvips quotes damaged files, whose are not UTF-8.

    Raises AttributeError, and changes nothing, where this pyvips has other private parts.
    """
    library: Any = pyvips  # its stubs leave out what it says of C
    ffi, places = library.ffi, (library, library.error)
    _ = [place._to_string for place in places]

    def text(words: Any) -> str:  # a char* of C, for which cffi has no type
        if words == ffi.NULL:
            return ""
        return ffi.string(words).decode("utf-8", errors="replace")

    for place in places:
        place._to_string = text


def _hear_glib() -> None:
    """What GLib would print goes where libvips' words go. Raises AttributeError, as above."""
    library: Any = pyvips  # as above
    set_handler, handler = library.glib_lib.g_log_set_handler, library._log_handler_cb
    for domain in GLIB_DOMAINS:
        set_handler(domain, GLIB_LEVELS, handler, library.ffi.NULL)


@contextlib.contextmanager
def listening() -> Generator[list[Heard]]:
    """What libvips warns of in the meantime, whichever file it is about."""
    heard: list[Heard] = []
    _EAR.add(heard)
    try:
        yield heard
    finally:
        _EAR.drop(heard)


def forget_errors() -> None:
    """Drop what earlier files left of errors that nobody raised: it would be laid to the next."""
    library: Any = pyvips  # as above
    with contextlib.suppress(AttributeError):
        library.vips_lib.vips_error_clear()


def can(operation: str) -> bool:
    """Whether this libvips has the operation."""
    return bool(pyvips.type_find("VipsOperation", operation))


def reason(error: Exception | str) -> str:
    """The most telling line of what libvips says, without the lines that tell nothing."""
    lines = [line.strip().rstrip(".") for line in str(error).splitlines()]
    vague = ("unable to", "source: bad seek", "write_vips")
    telling = [line for line in lines if line and not line.startswith(vague)]
    return telling[0] if telling else "it breaks off"
