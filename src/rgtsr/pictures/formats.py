"""Which picture formats there are, how each is recognised, and what each can hold.

Plain data: knows no libvips, only how libvips calls what reads and writes each.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

from rgtsr.errors import UsageError

MAX_PIXELS = 400_000_000


@dataclass(frozen=True)
class Format:
    """A picture format.

    ``loader``, ``saver``: libvips' operations; None where libvips has none. ``bits``: the most that
    it holds in a sample; ``quality``: 1..100 if lossy; ``max_block_bytes``: of EXIF, XMP or IPTC.
    ``pixel_bytes``: what a pixel of enlarged photos takes, 8 bit, of the noisiest of the demo's.
    """

    name: str
    suffixes: tuple[str, ...]
    loader: str | None
    saver: str | None
    bits: int = 8
    has_alpha: bool = True
    quality: int | None = None
    max_side_px: int = 2**31 - 1
    has_pages: bool = False
    has_texts: bool = False
    has_iptc: bool = False
    has_comment: bool = False
    max_block_bytes: int = 2**31 - 1
    pixel_bytes: float = 2.0


PNG = Format("PNG", (".png",), "pngload_source", "pngsave", bits=16, has_texts=True)
JPEG = Format(
    "JPEG",
    (".jpg", ".jpeg", ".jpe", ".jfif"),
    "jpegload_source",
    "jpegsave",
    has_alpha=False,
    quality=95,
    max_side_px=65_500,
    has_iptc=True,
    has_comment=True,
    max_block_bytes=65_000,
    pixel_bytes=0.5,
)
WEBP = Format(
    "WebP",
    (".webp",),
    "webpload_source",
    "webpsave",
    quality=95,
    max_side_px=16_383,
    has_pages=True,
    pixel_bytes=0.4,
)
TIFF = Format("TIFF", (".tif", ".tiff"), "tiffload_source", "tiffsave", bits=16, has_pages=True)
AVIF = Format(
    "AVIF",
    (".avif",),
    "heifload_source",
    "heifsave",
    bits=12,
    quality=85,
    max_side_px=16_384,
    has_pages=True,
    pixel_bytes=0.25,
)
HEIC = Format("HEIC", (".heic", ".heif", ".hif"), "heifload_source", None, bits=12, has_pages=True)
GIF = Format(
    "GIF",
    (".gif",),
    "gifload_source",
    "gifsave",
    max_side_px=65_535,
    has_pages=True,
    pixel_bytes=1.0,
)
BMP = Format("BMP", (".bmp", ".dib"), None, None)
JXL = Format("JPEG XL", (".jxl",), "jxlload_source", None, bits=16, has_pages=True)
# tiles for viewers on the web: a small file, and a folder beside it
DZI = Format("Deep Zoom", (".dzi",), None, "dzsave", has_alpha=False, quality=92, pixel_bytes=0.7)

READABLE = (PNG, JPEG, WEBP, TIFF, AVIF, HEIC, GIF, BMP, JXL)
ANIMATED = (GIF, WEBP)  # read and written frame by frame
# of 256 colours: for animations, and whoever asks for it
WRITABLE = tuple(form for form in READABLE if form.saver and form is not GIF)
SUFFIXES = tuple(suffix for form in READABLE for suffix in form.suffixes)
WRITABLE_SUFFIXES = tuple(suffix for form in WRITABLE for suffix in form.suffixes)

# fmt: off
RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf",
    ".srw", ".x3f",
)
# what people have too and what is not read here, or not as one expects it
UNREAD_SUFFIXES = (
    *RAW_SUFFIXES, ".apng", ".dds", ".eps", ".exr", ".hdr", ".ico", ".j2c", ".j2k", ".jls", ".jp2",
    ".jpf", ".jpx", ".jxr", ".kra", ".mpo", ".ora", ".pam", ".pbm", ".pcx", ".pdf", ".pgm", ".pnm",
    ".ppm", ".psb", ".psd", ".qoi", ".svg", ".tga", ".wdp", ".xcf",
)
# fmt: on

HEAD_BYTES = 32
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"\xff\x0a", JXL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JXL),
)
_AVIF_BRANDS = (b"avif", b"avis")
_SEQUENCE_BRANDS = (b"avis", b"hevc", b"msf1")  # in the first place: it moves
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def recognise(head: bytes) -> Format | None:
    """The format of a file that begins with these 32 bytes: what it is, not what it is called."""
    for start, form in _STARTS:
        if head.startswith(start):
            return form
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return BMP
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        brands = [head[at : at + 4] for at in range(8, len(head), 4)]
        if any(brand in _AVIF_BRANDS for brand in brands):
            return AVIF
        if any(brand in _HEIC_BRANDS for brand in brands):
            return HEIC
    return None


def is_sequence(head: bytes) -> bool:
    """Whether an AVIF or HEIC file that begins so holds a film; its main picture is a still."""
    return recognise(head) in (AVIF, HEIC) and head[8:12] in _SEQUENCE_BRANDS


def for_writing(path: Path) -> Format:
    """The format that a file name asks for. Raises UsageError when it cannot be written."""
    suffix = path.suffix.lower()
    for form in (*WRITABLE, DZI, GIF):
        if suffix in form.suffixes:
            return form
    nearest = difflib.get_close_matches(suffix, WRITABLE_SUFFIXES, n=1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    raise UsageError(
        f"{path}: cannot write {suffix or 'a name without suffix'}{hint}: "
        f"use one of {', '.join(WRITABLE_SUFFIXES)}."
    )
