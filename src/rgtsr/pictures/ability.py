"""Which picture formats can be read on this machine: libvips differs from one to the next."""

import functools

from rgtsr.errors import RgtsrError, UndecodedError
from rgtsr.pictures import formats, reading, vips
from rgtsr.pictures.formats import HEIC, Format

# A HEIC file without a picture in it. libvips opens HEIC wherever it opens AVIF; whether libheif
# has a decoder for it shows when one is asked for.
EMPTY_HEIC = bytes.fromhex(
    "000000186674797068656963000000006d69663168656963000000d46d65746100000000000000216864"
    "6c72000000000000000070696374000000000000000000000000000000000e7069746d00000000000100"
    "00001e696c6f630000000044000001000100000001000000f4000000640000002369696e660000000000"
    "0100000015696e66650200000000010000687663310000000058697072700000003b6970636f00000014"
    "697370650000000000000040000000400000001f687663430101600000009000000000005df000fcfdf8"
    "f800000f000000001569706d61000000000000000100010281020000006c6d64617400000060"
) + bytes(96)


@functools.cache
def readable() -> tuple[Format, ...]:
    """The formats that can be."""
    vips.prepare()
    return tuple(form for form in formats.READABLE if _can_read(form))


def suffixes() -> tuple[str, ...]:
    """Those of their files."""
    return tuple(suffix for form in readable() for suffix in form.suffixes)


def _can_read(form: Format) -> bool:
    if form is not HEIC:
        return form.loader is None or vips.can(form.loader)
    try:
        reading.decode(EMPTY_HEIC)
    except UndecodedError:
        return False
    except RgtsrError:  # a decoder looked, and found nothing
        return True
    return True
