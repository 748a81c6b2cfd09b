"""The picture: upright pixels, transparency apart, and what its file said about it.

Knows arrays; files are read by ``reading``. H height, W width, C channels.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from rgtsr.pictures import color
from rgtsr.pictures.color import Samples
from rgtsr.pictures.formats import MAX_PIXELS
from rgtsr.pictures.jpeg import Compression
from rgtsr.pictures.metadata import Metadata

NO_METADATA = Metadata()
LEAST_FLOAT, MOST_FLOAT = -1.0, 2.0  # beyond which 0 to 1 was not meant
PIL_MODES = ("L", "LA", "RGB", "RGBA", "I;16")  # whose arrays are pictures

# a picture, its file's path or content, an array (see ``from_array``; or floats in 0..1), PIL's
Source = Any


@dataclass(frozen=True)
class Limits:
    """How many pixels of a picture are held: above ``held_px`` none where that can be avoided.

    Above ``most_px`` there is no memory for them; ``reason``: why they must be held all the same,
    as in ``it is ...``.
    """

    held_px: int
    most_px: int
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory.

    ``pixels_HWC``: uint8 or uint16, (H, W, 1) grey or (H, W, 3) RGB, upright, not premultiplied.
    ``alpha_HW``: (H, W) of the same dtype, 0 clear, ``peak`` solid; None for an opaque picture.
    ``notes``: lines about what its file lacked, or held beside it.
    ``compression``: how strongly the JPEG that it comes from was compressed.
    """

    pixels_HWC: Samples
    alpha_HW: Samples | None = None
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()
    compression: Compression | None = None

    def __post_init__(self) -> None:
        """Refuse what is no picture. Raises ValueError."""
        shape, dtype = self.pixels_HWC.shape, self.pixels_HWC.dtype
        if len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape:
            raise ValueError(f"pixels of shape {shape} are not (H, W, 1) or (H, W, 3).")
        color.peak(dtype)  # raises
        alpha = self.alpha_HW
        if alpha is not None and (alpha.shape != shape[:2] or alpha.dtype != dtype):
            raise ValueError(
                f"alpha of {alpha.dtype} {alpha.shape} does not fit pixels of {dtype} {shape}."
            )

    def __repr__(self) -> str:
        height, width = self.size
        kind = "grey" if self.is_grey else "RGB"
        alpha = "" if self.alpha_HW is None else " and alpha"
        return f"<Picture {width} x {height}, {kind}{alpha}, {self.bits} bit>"

    @classmethod
    def from_array(cls, array: NDArray[np.generic], metadata: Metadata = NO_METADATA) -> Picture:
        """Make a picture of a uint8 or uint16 array.

        ``array``: (H, W) or (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB, (H, W, 4)
        RGB and alpha. Raises ValueError for anything else.
        """
        channels = 1 if array.ndim == 2 else array.shape[-1]
        if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4):
            raise ValueError(
                f"an array of shape {array.shape} is no picture: (H, W), or (H, W, C) with C = "
                "1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha."
            )
        array_HWC = cast(Samples, array).reshape(*array.shape[:2], channels)
        color.peak(array.dtype)  # raises
        opaque = channels % 2 == 1
        colors = channels if opaque else channels - 1
        alpha = None if opaque else np.ascontiguousarray(array_HWC[:, :, -1])
        return cls(np.ascontiguousarray(array_HWC[:, :, :colors]), alpha, metadata)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        max_pixels: int = MAX_PIXELS,
        page: int | None = None,
        salvage: bool = False,
    ) -> Picture:
        """Read a picture file; the same as ``rgtsr.pictures.read``."""
        from rgtsr.pictures import reading  # with it comes libvips

        return cls(*reading.decode(path, max_pixels=max_pixels, page=page, salvage=salvage))

    @classmethod
    def from_bytes(
        cls,
        content: bytes,
        *,
        max_pixels: int = MAX_PIXELS,
        page: int | None = None,
        salvage: bool = False,
    ) -> Picture:
        """Read what a picture file holds; everything else as ``rgtsr.pictures.read``."""
        from rgtsr.pictures import reading  # with it comes libvips

        return cls(*reading.decode(content, max_pixels=max_pixels, page=page, salvage=salvage))

    @classmethod
    def of(cls, source: Source) -> Picture:
        """A picture from whatever holds one: see ``Source``.

        Floats are taken for 0..1 and become 16 bit; what is a little out of it, as filters leave
        it, is clipped. Raises as ``read`` and ``from_array``, and TypeError for anything else.
        """
        if isinstance(source, Picture):
            return source
        if isinstance(source, str | os.PathLike):
            return cls.from_file(cast("str | os.PathLike[str]", source))
        if isinstance(source, bytes | bytearray | memoryview):
            return cls.from_bytes(bytes(cast(bytes, source)))
        if not hasattr(source, "__array_interface__"):
            kind = type(source).__name__
            raise TypeError(f"a {kind} is no picture: give a path, bytes, an array.")
        if getattr(source, "mode", "RGB") not in PIL_MODES:
            source = source.convert("RGBA" if source.has_transparency_data else "RGB")
        array = np.asarray(source)
        if np.issubdtype(array.dtype, np.floating):
            low, high = np.min(array, initial=0.0), np.max(array, initial=0.0)
            if not (low >= LEAST_FLOAT and high <= MOST_FLOAT):  # nor for what is no number
                raise ValueError(f"floats from {low:g} to {high:g} are no picture: 0 to 1 are.")
            array = color.from_float(array, np.uint16)
        return cls.from_array(array)

    def save(
        self, path: str | os.PathLike[str], *, strip: bool = False, quality: int | None = None
    ) -> tuple[str, ...]:
        """Write the picture; the same as ``rgtsr.pictures.write``."""
        from rgtsr.pictures import writing  # with it comes libvips

        return writing.write(self, path, strip=strip, quality=quality)

    def to_bytes(self, form: str, *, strip: bool = False, quality: int | None = None) -> bytes:
        """What a file of that format, such as ``png`` or ``jpg``, holds; raises as ``write``."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"picture.{form}"
            self.save(path, strip=strip, quality=quality)
            return path.read_bytes()

    def to_array(self) -> Samples:
        """One array (H, W, C): C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha."""
        if self.alpha_HW is None:
            return self.pixels_HWC
        return np.concatenate([self.pixels_HWC, self.alpha_HW[:, :, None]], axis=2)

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return self.pixels_HWC.shape[0]

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return self.pixels_HWC.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def bits(self) -> Literal[8, 16]:
        """Bits a sample."""
        return 8 if self.peak == 255 else 16

    @property
    def peak(self) -> Literal[255, 65535]:
        """The value of white."""
        return color.peak(self.pixels_HWC.dtype)

    def middle(self, side_px: int) -> Samples:
        """The square in the middle, (h, w, C), or as much of it as there is."""
        top, left = (max(0, side - side_px) // 2 for side in self.size)
        return self.pixels_HWC[top : top + side_px, left : left + side_px]

    @property
    def is_grey(self) -> bool:
        """True for one channel of colour."""
        return self.pixels_HWC.shape[2] == 1


def read(
    path: str | os.PathLike[str],
    *,
    max_pixels: int = MAX_PIXELS,
    page: int | None = None,
    salvage: bool = False,
) -> Picture:
    """Read a picture file, upright, with its profile and metadata; see its ``notes``.

    PNG, JPEG, WebP, TIFF, AVIF, GIF and BMP; HEIC and JPEG XL where libvips has a decoder. 8 and
    16 bit and grey are kept, palettes expanded, CMYK converted to sRGB; 10 and 12 bit become 16.
    ``max_pixels``: larger headers are refused before memory is taken.
    ``page``: which frame of an animation or page of many, from 1; else the first, or HEIC's own.
    ``salvage``: take what is there of a damaged file; a note says how much that is.

    What the decoder reports as lost, or a checksum shows (PNG's; Deflate's in TIFF), is damage. Not
    seen are flipped bits where a format has no checksum (JPEG's coefficients, LZW, bare samples),
    and in TIFF those of Deflate with mirrored bits or more than 1 MiB of part tables.

    Raises:
        ValueError: for a page below 1.
        PictureError: for a file that is missing, damaged, too large, no picture or lacks the page.
    """
    return Picture.from_file(path, max_pixels=max_pixels, page=page, salvage=salvage)
