"""What a picture has been through before it came here. Knows arrays, no files."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rgtsr.pictures import blocking, color, enlargement
from rgtsr.pictures.jpeg import Compression
from rgtsr.pictures.noise import noise
from rgtsr.pictures.picture import Picture

if TYPE_CHECKING:
    from rgtsr.pictures.regions import Large

MIDDLE_PX = 1024  # of a picture is enough
BLOCKY = Compression(1.0)  # what visible blocks in a lossless file stand for: quality 50
ENLARGED = "looks enlarged before"


@dataclass(frozen=True)
class Wear:
    """How a picture was compressed, if it was, and the standard deviation of its noise, 0..255.

    ``enlarged``: whether it looks as if it had been enlarged before. Some cameras' own photos do.
    """

    compression: Compression | None
    noise: float
    enlarged: bool = False

    @property
    def coarseness(self) -> float:
        """That of the compression; 0 without."""
        return self.compression.coarseness if self.compression else 0.0

    def __str__(self) -> str:
        """``JPEG of quality 75, noise 3, looks enlarged before``."""
        parts = [f"JPEG of quality {self.compression.quality:.0f}"] if self.compression else []
        return ", ".join([*parts, f"noise {self.noise:.0f}", *[ENLARGED] * self.enlarged])


def wear(picture: "Picture | Large") -> Wear:
    """What a picture has been through, by its file's head and by its middle.

    Where the file is no JPEG, visible blocks tell of one that it was.
    """
    luma = color.luma(picture.middle(MIDDLE_PX)) * np.float32(255 / picture.peak)
    compression = picture.compression
    if compression is None and blocking.blocking(luma) > blocking.LIMIT:
        compression = BLOCKY
    return Wear(compression, noise(luma), enlargement.enlargement(luma) > enlargement.LIMIT)
