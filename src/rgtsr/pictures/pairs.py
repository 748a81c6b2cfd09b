"""HR and LR: a picture and the smaller one that belongs to it. Read, made, matched; nowhere else.

Shapes: H, W of HR; LR is (H / S, W / S), S the scale. Pixels are uint8.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import PictureError
from rgtsr.pictures import bicubic
from rgtsr.pictures.picture import Picture, read

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """One picture in both sizes, (H, W, C) and (H / S, W / S, C)."""

    name: str
    hr_HWC: Pixels
    lr_HWC: Pixels


@dataclass(frozen=True)
class Files:
    """A picture's file, and that of its LR where one is given."""

    hr: Path
    lr: Path | None = None

    def read(self, scale: int, *, rgb: bool = False) -> Pair:
        """Both sizes, read.

        Raises:
            PictureError: as ``read8`` and ``pair``.
        """
        lr = None if self.lr is None else read8(self.lr, rgb=rgb)
        return self.pair(read8(self.hr, rgb=rgb), lr, scale)

    def pair(self, hr_HWC: Pixels, lr_HWC: Pixels | None, scale: int) -> Pair:
        """Both sizes of what was read; LR is made where none is given. Named without suffix.

        Raises:
            PictureError: as ``made`` and ``matched``.
        """
        if lr_HWC is None:
            return Pair(self.hr.stem, *made(hr_HWC, scale, name=str(self.hr)))
        cut = matched(hr_HWC, lr_HWC, scale, hr_name=str(self.hr), lr_name=str(self.lr))
        return Pair(self.hr.stem, cut, lr_HWC)


def read8(path: Path, *, rgb: bool = False) -> Pixels:
    """A picture of 8 bits, (H, W, C); with ``rgb`` a grey one has three channels too.

    Raises:
        PictureError: when it cannot be read.
    """
    return eight_bits(read(path), rgb=rgb)


def eight_bits(picture: Picture, *, rgb: bool = False) -> Pixels:
    """The pixels of a picture; those of 16 bits are rounded."""
    pixels = picture.pixels_HWC
    if pixels.dtype == np.uint16:
        pixels = (pixels.astype(np.uint32) + 128) // 257
    if rgb:
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return pixels.astype(np.uint8)


def made(hr_HWC: Pixels, scale: int, *, name: str = "a picture") -> tuple[Pixels, Pixels]:
    """HR cut to a multiple of ``scale``, and its LR by the exact bicubic, rounded once.

    Raises:
        PictureError: for a side below ``scale``.
    """
    height, width = (side // scale * scale for side in hr_HWC.shape[:2])
    if min(height, width) == 0:
        raise PictureError(f"{name} of {_size(hr_HWC)} is too small for x{scale}.")
    hr = np.ascontiguousarray(hr_HWC[:height, :width])
    return hr, bicubic.resize(hr, Fraction(1, scale)).astype(np.uint8)


def matched(hr_HWC: Pixels, lr_HWC: Pixels, scale: int, *, hr_name: str, lr_name: str) -> Pixels:
    """HR cut to its LR * ``scale``: less than ``scale`` is left over.

    Raises:
        PictureError: for sizes that do not belong together.
    """
    height, width = (side * scale for side in lr_HWC.shape[:2])
    spare = hr_HWC.shape[0] - height, hr_HWC.shape[1] - width
    if not all(0 <= side < scale for side in spare):
        raise PictureError(
            f"{lr_name} is {_size(lr_HWC)}: at x{scale} it cannot belong to"
            f" {hr_name} of {_size(hr_HWC)}."
        )
    return np.ascontiguousarray(hr_HWC[:height, :width])


def _size(pixels_HWC: Pixels) -> str:
    return f"{pixels_HWC.shape[1]}x{pixels_HWC.shape[0]}"
