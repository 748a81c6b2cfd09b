"""One saver a format: pixels and metadata into a file, in libvips' own pipeline.

libvips takes an EXIF block apart, leaves out the tags that it does not know and invents others:
so EXIF goes past it where a format lets it.
"""

import contextlib
import dataclasses
import struct
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import pyvips

from rgtsr.pictures import deepzoom, directories, embedding, exif, png, vips
from rgtsr.pictures.encoding import Plan
from rgtsr.pictures.formats import AVIF, DZI, GIF, JPEG, PNG, TIFF, WEBP, Format
from rgtsr.pictures.metadata import Metadata

PNG_COMPRESSION = 6
PNG_FILTER_SUB = 16
AVIF_EFFORT = 2  # 4 takes six times as long for files an eighth smaller
JPEG_HELD_PIXELS = 2**24  # the better code of a larger picture would hold it whole in memory
BIG_TIFF_BYTES = 2**31
TIFF_TILE_PX = 256

KEEP_EXIF, KEEP_XMP, KEEP_IPTC, KEEP_ICC = 1, 2, 4, 8


def save(image: pyvips.Image, path: Path, plan: Plan, label: Metadata) -> tuple[str, ...]:
    """Encode; returns a line for each thing that was left out. Raises pyvips.Error, OSError."""
    return SAVERS[plan.form](image, path, plan, label)


def _png(image: pyvips.Image, path: Path, plan: Plan, label: Metadata) -> tuple[str, ...]:
    chunks = png.written(label.exif, label.xmp, label.texts)
    invented = frozenset((b"pHYs",) if label.resolution_per_mm is None else ())
    keep = _attach(image, Metadata(icc=label.icc))
    with _rewritten(path, lambda start: png.head(start, chunks, invented)) as target:
        image.pngsave_target(target, compression=PNG_COMPRESSION, filter=PNG_FILTER_SUB, keep=keep)
    return ()


def _jpeg(image: pyvips.Image, path: Path, plan: Plan, label: Metadata) -> tuple[str, ...]:
    small = plan.height * plan.width <= JPEG_HELD_PIXELS
    in_exif = label.resolution_per_mm if label.exif is None else None
    keep = _attach(image, dataclasses.replace(label, exif=None), in_exif=in_exif)

    def changed(start: bytes) -> bytes | None:
        return embedding.jpeg_head(start, label.exif, label.comment)

    with _rewritten(path, changed) as target:
        image.jpegsave_target(
            target, Q=plan.q, subsample_mode="off", optimize_coding=small, keep=keep
        )
    return ()


def _webp(image: pyvips.Image, path: Path, plan: Plan, label: Metadata) -> tuple[str, ...]:
    image.webpsave(str(path), Q=plan.q, keep=_attach(image, label, in_exif=label.resolution_per_mm))
    if label.exif is not None:
        resolution = label.resolution_per_mm
        block = exif.with_resolution(label.exif, resolution) if resolution else label.exif
        embedding.into_webp(path, block)
    return ()


def _tiff(image: pyvips.Image, path: Path, plan: Plan, label: Metadata) -> tuple[str, ...]:
    big = image.width * image.height * image.bands * 2 > BIG_TIFF_BYTES
    layout: dict[str, Any] = {"tile": True, "tile_width": TIFF_TILE_PX, "tile_height": TIFF_TILE_PX}
    keep = _attach(image, label)
    image.tiffsave(
        str(path),
        compression="deflate",
        predictor="horizontal",
        bigtiff=big,
        pyramid=plan.pyramid,
        keep=keep,
        **(layout if big or plan.pyramid else {}),
    )
    lost = 0
    try:
        if label.place is not None:
            with path.open("r+b") as file:
                directories.append(file, label.place.sized(image.height, image.width), {})
        if label.exif is not None:
            lost = exif.into_tiff(path, label.exif)
    except (ValueError, struct.error):
        return ("this TIFF is full, or its EXIF makes no sense: that was left out.",)
    return (exif.left_out(lost),) if lost else ()


def _avif(image: pyvips.Image, path: Path, plan: Plan, label: Metadata) -> tuple[str, ...]:
    image.heifsave(
        str(path),
        compression="av1",
        Q=plan.q,
        bitdepth=12 if image.format == "ushort" else 8,
        subsample_mode="off",
        effort=AVIF_EFFORT,
        keep=_attach(image, label, in_exif=label.resolution_per_mm),
    )
    if label.exif is None:
        return ()
    header = pyvips.Image.heifload(str(path))
    after = cast(bytes, header.get(vips.EXIF)) if header.get_typeof(vips.EXIF) else None
    lost = exif.lost_between(label.exif, after)
    return (exif.left_out(lost),) if lost else ()


def _gif(image: pyvips.Image, path: Path, plan: Plan, label: Metadata) -> tuple[str, ...]:
    image.gifsave(str(path), keep=_attach(image, Metadata()))
    return ("GIF has 256 colours, and transparency that is whole or none.",)


def _dzi(image: pyvips.Image, path: Path, plan: Plan, label: Metadata) -> tuple[str, ...]:
    deepzoom.save(deepzoom.displayed(image, label.icc), path, plan.q)
    return ()


SAVERS: dict[Format, Callable[[pyvips.Image, Path, Plan, Metadata], tuple[str, ...]]] = {
    PNG: _png,
    JPEG: _jpeg,
    WEBP: _webp,
    TIFF: _tiff,
    AVIF: _avif,
    DZI: _dzi,
    GIF: _gif,
}


def _attach(
    image: pyvips.Image, label: Metadata, *, in_exif: tuple[float, float] | None = None
) -> int:
    """Hand libvips the blocks that it is to write; returns the kinds that it may.

    ``in_exif``: what stands in EXIF alone; libvips makes such a block where there is none.
    """
    blocks = ((vips.ICC, label.icc), (vips.EXIF, label.exif))
    for name, block in (*blocks, (vips.XMP, label.xmp), (vips.IPTC, label.iptc)):
        if block is not None:
            image.set_type(pyvips.GValue.blob_type, name, block)  # type: ignore - stubs forget bytes
    keep = KEEP_ICC | KEEP_XMP | KEEP_IPTC
    return keep if label.exif is None and in_exif is None else keep | KEEP_EXIF


@contextlib.contextmanager
def _rewritten(path: Path, changed: Callable[[bytes], bytes | None]) -> Generator[pyvips.Target]:
    """A target that changes the head of what is encoded. Raises pyvips.Error, OSError."""
    with path.open("wb") as file:  # without a buffer a full disk takes a part and says nothing
        rewriter = embedding.Rewriter(file, changed)
        target = pyvips.TargetCustom()
        target.on_write(rewriter.write)
        try:
            yield target
        except pyvips.Error:
            if rewriter.error is None:
                raise
            raise pyvips.Error("", rewriter.error) from None
