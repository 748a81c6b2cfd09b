"""From raw samples in a file to what is to be encoded: sizes, depths, metadata, all of it lazy.

Pixels flow only while ``savers.save`` runs, in strips. Knows no safety of files; ``writing`` sees
to that.
"""

import dataclasses
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyvips

from rgtsr.pictures import animations, color, metadata, png, vips
from rgtsr.pictures.animations import Pages
from rgtsr.pictures.color import Samples
from rgtsr.pictures.formats import TIFF, Format
from rgtsr.pictures.metadata import MM_PER_INCH, Metadata

DPI_UNSAID = 72.0
NAMES = {"exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "comment": "comments"}


@dataclass(frozen=True)
class Plan:
    """What is to be written: the format, the final size, and what to keep.

    ``pyramid``: with smaller copies behind it. ``pages``: of an animation, one below the other.
    """

    form: Format
    height: int
    width: int
    strip: bool = False
    quality: int | None = None
    pyramid: bool = False
    pages: Pages | None = None

    @property
    def page_height(self) -> int:
        """Of what is shown at once."""
        return self.height // (self.pages.count if self.pages else 1)

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


class Prepared(NamedTuple):
    """What ``savers.save`` is to write, and a line for each thing that the format cannot hold."""

    image: pyvips.Image
    label: Metadata
    notes: tuple[str, ...]


def is_cropped(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a picture loses borders on its way from one (H, W) to another.

    It does where its shape changes by more than rounding would.
    """
    height, width = before[0] * after[1] / before[1], before[1] * after[0] / before[0]
    return abs(after[0] - height) >= 1 and abs(after[1] - width) >= 1


def prepared(samples: mmap, raw: Raw, plan: Plan, source: Metadata) -> Prepared:
    """The pipeline from the mapped samples to what is to be written, not run yet."""
    image = _resized(_opened(samples, raw), plan.height, plan.width)
    image, notes = _fitted(image, plan)
    label, more = _label(source, plan)
    default = DPI_UNSAID / MM_PER_INCH
    vertical, horizontal = label.resolution_per_mm or (default, default)
    image = image.copy(xres=horizontal, yres=vertical)
    image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    if plan.pages is not None:
        image = animations.labelled(image, plan.pages)
    return Prepared(image, label, notes + more)


def resized(samples_HWC: Samples, size: tuple[int, int]) -> Samples:
    """A picture that is held at another (H, W), as it would be written."""
    is_deep = color.peak(samples_HWC.dtype) == 65535
    raw = Raw(Path(), samples_HWC.shape, is_deep=is_deep)
    vips.prepare()
    image = _resized(_opened(np.ascontiguousarray(samples_HWC).data, raw), *size)
    return np.frombuffer(image.write_to_memory(), samples_HWC.dtype).reshape(*size, -1)


def _opened(samples: mmap | memoryview, raw: Raw) -> pyvips.Image:
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
    if is_cropped((image.height, image.width), (height, width)):
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


def _label(source: Metadata, plan: Plan) -> tuple[Metadata, tuple[str, ...]]:
    """The metadata, true for the new size, and a line for what the format has no place for."""
    if plan.strip:
        return Metadata(icc=source.icc), ()
    form = plan.form
    left_out: dict[str, tuple[bytes, ...] | None] = {}
    notes: list[str] = []
    if source.texts and not form.has_texts:
        left_out["texts"] = ()
        names = png.names(source.texts)
        notes.append(f"{form.name} has no place for PNG's texts: {names} were left out.")
    if source.iptc is not None and not form.has_iptc:
        left_out["iptc"] = None
        notes.append(f"{form.name} has no place for IPTC here: it was left out.")
    if source.comment is not None and not form.has_comment:
        left_out["comment"] = None
        notes.append(f"{form.name} has no place for JPEG's comment: it was left out.")
    if source.place is not None and form is not TIFF:
        left_out["place"] = None
        notes.append(f"{form.name} has no place for where it lies on the earth: it was left out.")
    blocks = {"exif": source.exif, "xmp": source.xmp}
    blocks |= {"iptc": source.iptc, "comment": source.comment}
    for name, block in blocks.items():
        if len(block or b"") > form.max_block_bytes and name not in left_out:
            left_out[name] = None
            notes.append(f"{form.name} holds at most 64 KiB of {NAMES[name]}: it was left out.")
    kept = dataclasses.replace(source, **left_out)
    return metadata.sized(kept, plan.height, plan.width), tuple(notes)
