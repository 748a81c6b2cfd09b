"""From raw samples in a file to an encoded one: sizes, depths, metadata, in libvips' own pipeline.

Everything here is lazy: pixels flow only while ``save`` runs, in strips. Knows no safety of files;
``writing`` sees to that.
"""

import contextlib
import dataclasses
import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import cast

import pyvips

from rgtsr.pictures import embedding, exif, metadata, png, vips
from rgtsr.pictures.formats import AVIF, JPEG, PNG, TIFF, WEBP, Format
from rgtsr.pictures.metadata import MM_PER_INCH, Metadata

DPI_UNSAID = 72.0
PNG_COMPRESSION = 6
PNG_FILTER_SUB = 16
AVIF_EFFORT = 2  # 4 takes six times as long for files an eighth smaller
JPEG_HELD_PIXELS = 2**24  # the better code of a larger picture would hold it whole in memory
JPEG_BLOCK_BYTES = 65_000
BIG_TIFF_BYTES = 2**31

RESOLUTION_KNOWN = "rgtsr-resolution-known"
VERBATIM = "rgtsr-verbatim"
KEEP_EXIF, KEEP_XMP, KEEP_IPTC, KEEP_ICC = 1, 2, 4, 8


@dataclass(frozen=True)
class Plan:
    """What is to be written: the format, the final size, and what to keep."""

    form: Format
    height: int
    width: int
    strip: bool = False
    quality: int | None = None

    @property
    def q(self) -> int:
        """The quality to encode with, 1..100."""
        return self.quality or self.form.quality or 100


@dataclass(frozen=True)
class Raw:
    """Samples in a file and nothing else: uint8, or uint16 if ``is_deep``, row by row."""

    path: Path
    shape_HWC: tuple[int, int, int]
    is_deep: bool


def prepared(
    samples: mmap, raw: Raw, plan: Plan, source: Metadata
) -> tuple[pyvips.Image, tuple[str, ...]]:
    """The pipeline that ``save`` runs, and a line for each thing that the format cannot hold."""
    image = _resized(_opened(samples, raw), plan.height, plan.width)
    image, notes = _fitted(image, plan)
    source, more = _small_enough(source, plan)
    return _labelled(image, source, plan), notes + more


def _opened(samples: mmap, raw: Raw) -> pyvips.Image:
    """The mapped samples as an image, without a copy."""
    height, width, channels = raw.shape_HWC
    deep, grey = raw.is_deep, channels < 3
    form = "ushort" if deep else "uchar"
    image = pyvips.Image.new_from_memory(memoryview(samples), width, height, channels, form)
    kind = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    return image.copy(interpretation=kind)


def _resized(image: pyvips.Image, height: int, width: int) -> pyvips.Image:
    """Exactly (height, width), by Lanczos 3; a different shape is covered and cropped evenly."""
    if (image.height, image.width) == (height, width):
        return image
    vertical, horizontal = height / image.height, width / image.width
    is_rounding = (
        abs(height - image.height * horizontal) < 1 or abs(width - image.width * vertical) < 1
    )
    if not is_rounding:  # a shape of its own: cover it
        vertical = horizontal = max(vertical, horizontal)
    form, interpretation = image.format, image.interpretation
    if image.hasalpha():
        image = image.premultiply()
    image = image.resize(horizontal, vscale=vertical, kernel="lanczos3")
    if image.hasalpha():
        image = image.unpremultiply()
    image = _exactly(image, height, width)
    return image.rint().cast(form).copy(interpretation=interpretation)


def _exactly(image: pyvips.Image, height: int, width: int) -> pyvips.Image:
    """Crop what covers; a side that rounding left a pixel short repeats its last pixel."""
    if image.height < height or image.width < width:
        high, wide = max(image.height, height), max(image.width, width)
        image = image.embed(0, 0, wide, high, extend="copy")
    top, left = (image.height - height) // 2, (image.width - width) // 2
    return image.crop(left, top, width, height)


def _fitted(image: pyvips.Image, plan: Plan) -> tuple[pyvips.Image, tuple[str, ...]]:
    """The samples as the format can hold them, and a line for each thing that it cannot."""
    notes: list[str] = []
    name, bits = plan.form.name, plan.form.bits
    if image.hasalpha() and not plan.form.has_alpha:
        white = 255.0 if image.format == "uchar" else 65535.0
        notes.append(f"{name} has no transparency: the picture was laid on white.")
        image = image.flatten(background=[white], max_alpha=white)
    if image.format == "ushort" and bits < 16:
        notes.append(f"{name} holds {bits} bits a sample: 16 were reduced to {bits}.")
        image = _reduced(image, bits)
    return image, tuple(notes)


def _reduced(image: pyvips.Image, bits: int) -> pyvips.Image:
    """16 bit rounded to 8, or to 12 in the upper bits of 16, which is what the encoder takes."""
    grey = image.bands < 3
    values = ((image / 65535.0) * float(2**bits - 1) + 0.5).floor()
    if bits == 8:
        return values.cast("uchar").copy(interpretation="b-w" if grey else "srgb")
    values = values * float(2 ** (16 - bits))
    return values.cast("ushort").copy(interpretation="grey16" if grey else "rgb16")


def _small_enough(source: Metadata, plan: Plan) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata without what the format cannot hold, and a line for each such thing."""
    if plan.strip or plan.form is PNG:
        return source, ()
    if source.texts:
        source, more = _without_texts(source, plan)
        kept, notes = _small_enough(source, plan)
        return kept, more + notes
    if plan.form is not JPEG:
        return source, ()
    blocks = {"exif": source.exif, "xmp": source.xmp, "iptc": source.iptc}
    left_out = [name for name, block in blocks.items() if len(block or b"") > JPEG_BLOCK_BYTES]
    notes = [f"JPEG holds at most 64 KiB of {name.upper()}: it was left out." for name in left_out]
    return dataclasses.replace(source, **dict.fromkeys(left_out)), tuple(notes)


def _without_texts(source: Metadata, plan: Plan) -> tuple[Metadata, tuple[str, ...]]:
    names = png.names(source.texts)
    note = f"{plan.form.name} has no place for PNG's texts: {names} were left out."
    return dataclasses.replace(source, texts=()), (note,)


def _labelled(image: pyvips.Image, source: Metadata, plan: Plan) -> pyvips.Image:
    """The image with the metadata of ``source``, made true for the new size."""
    label = metadata.sized(source, plan.height, plan.width)
    default = DPI_UNSAID / MM_PER_INCH
    vertical, horizontal = label.resolution_per_mm or (default, default)
    image = image.copy(xres=horizontal, yres=vertical)
    image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    if label.resolution_per_mm is not None:
        image.set_type(pyvips.GValue.gint_type, RESOLUTION_KNOWN, 1)
    whole = _whole_block(label, plan)
    if whole:
        image.set_type(pyvips.GValue.blob_type, VERBATIM, whole)  # type: ignore - as below
    if plan.form is PNG:
        label = Metadata(icc=label.icc)
    elif plan.form is JPEG and whole:
        label = dataclasses.replace(label, exif=None)
    iptc = label.iptc if plan.form is JPEG else None
    blocks = ((vips.ICC, label.icc), (vips.EXIF, label.exif))
    for name, block in (*blocks, (vips.XMP, label.xmp), (vips.IPTC, iptc)):
        if block is not None and not (plan.strip and name != vips.ICC):
            image.set_type(pyvips.GValue.blob_type, name, block)  # type: ignore - stubs forget bytes
    return image


def _whole_block(label: Metadata, plan: Plan) -> bytes:
    """What is to stand in the file as it is: PNG's chunks, JPEG's and WebP's EXIF."""
    if plan.strip:
        return b""
    if plan.form is PNG:
        return png.written(label.exif, label.xmp, label.texts)
    if label.exif is None or plan.form not in (JPEG, WEBP):
        return b""
    if plan.form is WEBP and label.resolution_per_mm is not None:
        return exif.with_resolution(label.exif, label.resolution_per_mm)
    return label.exif


def save(image: pyvips.Image, path: Path, plan: Plan) -> tuple[str, ...]:
    """Encode; returns a line for each thing that was left out. Raises pyvips.Error, OSError."""
    return SAVERS[plan.form](image, path, plan)


def _png(image: pyvips.Image, path: Path, plan: Plan) -> tuple[str, ...]:
    known = image.get_typeof(RESOLUTION_KNOWN) and not plan.strip
    chunks = _verbatim(image)
    dropped = frozenset(() if known else (b"pHYs",))
    with _rewritten(path, lambda start: png.head(start, chunks, dropped)) as target:
        image.pngsave_target(
            target, compression=PNG_COMPRESSION, filter=PNG_FILTER_SUB, keep=KEEP_ICC
        )
    return ()


def _jpeg(image: pyvips.Image, path: Path, plan: Plan) -> tuple[str, ...]:
    small = plan.height * plan.width <= JPEG_HELD_PIXELS
    keep, block = _keep(image, plan), _verbatim(image)
    with _rewritten(path, lambda start: embedding.jpeg_head(start, block)) as target:
        image.jpegsave_target(
            target, Q=plan.q, subsample_mode="off", optimize_coding=small, keep=keep
        )
    return ()


def _webp(image: pyvips.Image, path: Path, plan: Plan) -> tuple[str, ...]:
    block = _verbatim(image)
    image.webpsave(str(path), Q=plan.q, keep=_keep(image, plan))
    if block:
        embedding.into_webp(path, block)
    return ()


def _verbatim(image: pyvips.Image) -> bytes:
    """What goes into the file byte for byte, past libvips."""
    return cast(bytes, image.get(VERBATIM)) if image.get_typeof(VERBATIM) else b""


@contextlib.contextmanager
def _rewritten(path: Path, changed: Callable[[bytes], bytes | None]) -> Generator[pyvips.Target]:
    """A target that changes the head of what is encoded. Raises pyvips.Error, OSError."""
    with path.open("wb", buffering=0) as file:
        rewriter = embedding.Rewriter(file, changed)
        target = pyvips.TargetCustom()
        target.on_write(rewriter.write)
        try:
            yield target
        except pyvips.Error:
            if rewriter.error is None:
                raise
            raise pyvips.Error("", rewriter.error) from None


def _tiff(image: pyvips.Image, path: Path, plan: Plan) -> tuple[str, ...]:
    big = image.width * image.height * image.bands * 2 > BIG_TIFF_BYTES
    image.tiffsave(
        str(path),
        compression="deflate",
        predictor="horizontal",
        bigtiff=big,
        keep=_keep(image, plan),
    )
    if not image.get_typeof(vips.EXIF):
        return ()
    try:
        lost = exif.into_tiff(path, cast(bytes, image.get(vips.EXIF)))
    except (ValueError, struct.error):
        return ("TIFF of more than 2 GiB holds no EXIF here: it was left out.",)
    return (exif.left_out(lost),) if lost else ()


def _avif(image: pyvips.Image, path: Path, plan: Plan) -> tuple[str, ...]:
    image.heifsave(
        str(path),
        compression="av1",
        Q=plan.q,
        bitdepth=12 if image.format == "ushort" else 8,
        subsample_mode="off",
        effort=AVIF_EFFORT,
        keep=_keep(image, plan),
    )
    if not image.get_typeof(vips.EXIF):
        return ()
    header = pyvips.Image.heifload(str(path))
    after = cast(bytes, header.get(vips.EXIF)) if header.get_typeof(vips.EXIF) else None
    lost = exif.lost_between(cast(bytes, image.get(vips.EXIF)), after)
    return (exif.left_out(lost),) if lost else ()


SAVERS: dict[Format, Callable[[pyvips.Image, Path, Plan], tuple[str, ...]]] = {
    PNG: _png,
    JPEG: _jpeg,
    WEBP: _webp,
    TIFF: _tiff,
    AVIF: _avif,
}


def _keep(image: pyvips.Image, plan: Plan) -> int:
    """Which kinds of metadata to write; libvips invents an EXIF block if it may write one."""
    if plan.strip:
        return KEEP_ICC
    keep = KEEP_ICC | KEEP_XMP | KEEP_IPTC
    if plan.form is JPEG and image.get_typeof(VERBATIM):
        return keep
    only_place = plan.form in (JPEG, WEBP, AVIF) and image.get_typeof(RESOLUTION_KNOWN)
    return keep | KEEP_EXIF if image.get_typeof(vips.EXIF) or only_place else keep
