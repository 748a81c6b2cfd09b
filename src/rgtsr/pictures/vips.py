"""The few habits of libvips that reading and writing share."""

import functools

import pyvips

ICC = "icc-profile-data"
EXIF = "exif-data"
XMP = "xmp-data"
IPTC = "iptc-data"


@functools.cache
def prepare() -> None:
    """Switch off libvips' memory of past operations.

    It would keep files open, deleted temporary ones too, and answer with the old picture after a
    file has changed.
    """
    pyvips.cache_set_max(0)


def reason(error: Exception) -> str:
    """The most telling line of what libvips says, without the lines that tell nothing."""
    lines = [line.strip().rstrip(".") for line in str(error).splitlines()]
    vague = ("unable to", "source: bad seek", "write_vips")
    telling = [line for line in lines if line and not line.startswith(vague)]
    return telling[0] if telling else "it breaks off"
