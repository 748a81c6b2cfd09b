"""Real picture files, made by libvips itself and not by the code under test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

FORMATS = (".png", ".jpg", ".webp", ".tif", ".avif")
Save = Callable[..., Path]

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6">'
    b"<tiff:ImageWidth>60</tiff:ImageWidth></rdf:Description></rdf:RDF></x:xmpmeta>"
    b'<?xpacket end="w"?>'
)


def lossless(suffix: str) -> dict[str, object]:
    """The saver's options that keep samples, where the format can."""
    if suffix == ".jpg":
        return {"Q": 100, "subsample_mode": "off"}
    if suffix in (".webp", ".avif"):
        return {"lossless": True}
    return {}


def labelled(
    image: pyvips.Image,
    *,
    interpretation: str | None = None,
    orientation: int | None = None,
    per_mm: float | None = None,
    exif: dict[str, str] | None = None,
    **blocks: bytes,
) -> pyvips.Image:
    """The image with metadata; ``blocks``: icc, xmp, iptc."""
    image = image.copy(interpretation=interpretation or image.interpretation)
    if per_mm is not None:
        image = image.copy(xres=per_mm, yres=per_mm)
    if orientation is not None:
        image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    for tag, text in (exif or {}).items():
        image.set_type(pyvips.GValue.gstr_type, f"exif-{tag}", text)
    names = {"icc": "icc-profile-data", "xmp": "xmp-data", "iptc": "iptc-data"}
    for name, block in blocks.items():
        image.set_type(pyvips.GValue.blob_type, names[name], block)
    return image


def photo(height: int = 40, width: int = 60, channels: int = 3) -> NDArray[np.uint8]:
    """A smooth, colourful picture without symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin((c + 1) * (x / 17 + y / 31) + c) for c in range(channels)]
    return np.stack(planes, axis=2).astype(np.uint8)


def profile(name: str) -> bytes:
    """One of libvips' own ICC profiles: srgb, p3, cmyk."""
    return pyvips.Image.profile_load(name)
