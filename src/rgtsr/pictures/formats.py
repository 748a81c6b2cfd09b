"""Which picture formats there are, how each is recognised, and what each can hold.

Plain data: knows no libvips.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

MAX_PIXELS = 400_000_000


@dataclass(frozen=True)
class Format:
    """A picture format. ``bits``: the most it holds in a sample; ``quality``: 1..100 if lossy."""

    name: str
    suffixes: tuple[str, ...]
    bits: int
    has_alpha: bool
    has_grey: bool
    quality: int | None
    max_side_px: int


PNG = Format("PNG", (".png",), 16, True, True, None, 2**31 - 1)
JPEG = Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), 8, False, True, 95, 65_500)
WEBP = Format("WebP", (".webp",), 8, True, False, 95, 16_383)
TIFF = Format("TIFF", (".tif", ".tiff"), 16, True, True, None, 2**31 - 1)
AVIF = Format("AVIF", (".avif",), 12, True, False, 85, 16_384)
HEIC = Format("HEIC", (".heic", ".heif"), 12, True, False, 85, 16_384)

WRITABLE = (PNG, JPEG, WEBP, TIFF, AVIF)
READABLE = (*WRITABLE, HEIC)
SUFFIXES = tuple(suffix for form in READABLE for suffix in form.suffixes)
WRITABLE_SUFFIXES = tuple(suffix for form in WRITABLE for suffix in form.suffixes)

HEAD_BYTES = 32
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
)
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def recognise(head: bytes) -> Format | None:
    """The format of a file that begins with these 32 bytes: what it is, not what it is called."""
    for start, form in _STARTS:
        if head.startswith(start):
            return form
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        brands = [head[at : at + 4] for at in range(8, len(head), 4)]
        if any(brand in _AVIF_BRANDS for brand in brands):
            return AVIF
        if any(brand in _HEIC_BRANDS for brand in brands):
            return HEIC
    return None


def for_writing(path: Path) -> Format:
    """The format that a file name asks for. Raises ValueError when it cannot be written."""
    suffix = path.suffix.lower()
    for form in WRITABLE:
        if suffix in form.suffixes:
            return form
    nearest = difflib.get_close_matches(suffix, WRITABLE_SUFFIXES, n=1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    raise ValueError(
        f"{path}: cannot write {suffix or 'a name without suffix'}{hint}: "
        f"use one of {', '.join(WRITABLE_SUFFIXES)}."
    )
