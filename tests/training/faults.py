"""Photos with faults that were put in: what ``rgtsr data check`` must find."""

from fractions import Fraction

import numpy as np
import pyvips
from numpy.typing import NDArray

from rgtsr.pictures import bicubic

Pixels = NDArray[np.uint8]


def blurred(photo_HWC: Pixels, sigma_px: float) -> Pixels:
    image = pyvips.Image.new_from_array(photo_HWC).gaussblur(sigma_px, min_ampl=0.005)
    return image.rint().cast("uchar").numpy()


def compressed(photo_HWC: Pixels, quality: int) -> Pixels:
    saved = pyvips.Image.new_from_array(photo_HWC).jpegsave_buffer(Q=quality)
    return pyvips.Image.new_from_buffer(saved, "").numpy()


def enlarged(photo_HWC: Pixels, factor: int | Fraction) -> Pixels:
    """A part of the photo, enlarged to its size."""
    height, width = (int(side / factor) for side in photo_HWC.shape[:2])
    return bicubic.resize(photo_HWC[:height, :width], factor).astype(np.uint8)


def reduced(photo_HWC: Pixels, scale: int) -> Pixels:
    return bicubic.resize(photo_HWC, Fraction(1, scale)).astype(np.uint8)
