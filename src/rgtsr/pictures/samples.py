"""libvips' images to samples: RGB or grey, 8 or 16 bits, upright.

Knows libvips and arrays; knows no files. H height, W width, C channels.
"""

from pathlib import Path
from typing import cast

import numpy as np
import pyvips

from rgtsr.errors import PictureError
from rgtsr.pictures import vips
from rgtsr.pictures.color import Samples

KINDS = {"char": "int8", "short": "int16", "int": "int32", "uint": "uint32", "float": "float32"}
LAB_ZERO = 128


def as_rgb_or_grey(path: Path, image: pyvips.Image, is_icclab: bool) -> pyvips.Image:
    """CMYK through its profile to sRGB, Lab to sRGB; RGB and grey as they are.

    ``is_icclab``: the file says that the samples are ICC's encoding of Lab, which libvips passes
    on as they are. Raises PictureError, which names ``path``, for other kinds of samples.
    """
    if is_icclab and image.bands == 3 and image.format in ("uchar", "ushort"):
        image = _lab(image)
    if image.interpretation == "cmyk" and image.format in ("uchar", "ushort"):
        depth = 8 if image.format == "uchar" else 16
        return image.icc_transform(
            "srgb",
            embedded=True,
            input_profile="cmyk",
            depth=depth,
            black_point_compensation=True,
        )
    if image.interpretation in ("lab", "labs", "labq"):
        image = image.colourspace("rgb16")
        image.remove(vips.ICC)
    if image.format not in ("uchar", "ushort"):
        raise PictureError(
            f"{path}: holds samples of type {KINDS.get(str(image.format), image.format)}, of which "
            "nothing says which is black and which white: save it with unsigned whole numbers of "
            "8 or 16 bits."
        )
    colors = image.bands - image.hasalpha()
    if colors not in (1, 3):
        raise PictureError(
            f"{path}: holds {image.bands} channels of kind {image.interpretation}: save it as RGB "
            "or grey."
        )
    return image


def _lab(image: pyvips.Image) -> pyvips.Image:
    """Lab in floats of ICC's encoding. Source: ICC.1:2001-04, annex A, table 37."""
    white, unit = (255.0, 1.0) if image.format == "uchar" else (65280.0, 256.0)
    scaled = image.linear([100 / white, 1 / unit, 1 / unit], [0, -LAB_ZERO, -LAB_ZERO])
    return scaled.copy(interpretation="lab")


def of(image: pyvips.Image) -> Samples:
    """All samples, (H, W, C), uint8 or uint16. Raises pyvips.Error."""
    array = cast(Samples, image.numpy())
    return stretched(array.reshape(image.height, image.width, image.bands), image)


def stretched(samples_HWC: Samples, image: pyvips.Image) -> Samples:
    """Samples of an image over the whole of 0..65535, where HEIC's or AVIF's are not."""
    if samples_HWC.dtype == np.uint16 and image.get_typeof("heif-compression"):
        return _stretched(samples_HWC, bits=cast(int, image.get("bits-per-sample")))
    return samples_HWC


def _stretched(samples_HWC: Samples, bits: int) -> Samples:
    """10 or 12 bits, which libvips only shifts up, over the whole of 0..65535."""
    values = np.arange(2**bits, dtype=np.float64) * (65535 / (2**bits - 1))
    return np.floor(values + 0.5).astype(np.uint16)[samples_HWC >> (16 - bits)]


def turned(samples_HWC: Samples, orientation: int) -> Samples:
    """The pixels as the eye should see them. Source: Exif 2.32, tag Orientation (274)."""
    if orientation in (5, 6, 7, 8):
        samples_HWC = samples_HWC.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        samples_HWC = samples_HWC[::-1]
    if orientation in (2, 3, 6, 7):
        samples_HWC = samples_HWC[:, ::-1]
    return samples_HWC
