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
        self.listeners: list[list[Heard]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Called in the thread that warns."""
        text = record.getMessage().removeprefix("VIPS: ").strip()
        for listener in tuple(self.listeners):
            listener.append(Heard(threading.get_ident(), text))


_EAR = _Ear()


@functools.cache
def prepare() -> None:
    """Make libvips forgetful, careful and quiet.

    Its memory of past operations would keep files open, deleted temporary ones too, and answer
    with the old picture after a file has changed. Readers that were never made safe against files
    that mean harm are shut off. What libvips and GLib print goes to pyvips' logger.
    """
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoadJxl", False)
    logger = logging.getLogger("pyvips")
    logger.addHandler(_EAR)
    if logger.level == logging.NOTSET or logger.level > logging.WARNING:
        logger.setLevel(logging.WARNING)
    library: Any = pyvips  # its stubs leave out what it says of C
    library._to_string = library.error._to_string = _text
    for domain in GLIB_DOMAINS:
        library.glib_lib.g_log_set_handler(
            domain, GLIB_LEVELS, library._log_handler_cb, library.ffi.NULL
        )


def _text(words: Any) -> str:  # a char* of C, for which cffi has no type
    """What libvips says, which quotes damaged files: pyvips would stumble over their bytes."""
    library: Any = pyvips  # as above
    if words == library.ffi.NULL:
        return ""
    return library.ffi.string(words).decode("utf-8", errors="replace")


@contextlib.contextmanager
def listening() -> Generator[list[Heard]]:
    """What libvips warns of in the meantime, whichever file it is about."""
    heard: list[Heard] = []
    _EAR.listeners.append(heard)
    try:
        yield heard
    finally:
        _EAR.listeners = [other for other in _EAR.listeners if other is not heard]


def forget_errors() -> None:
    """Drop what earlier files left of errors that nobody raised: it would be laid to the next."""
    library: Any = pyvips  # as above
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
