"""How much noise there is in a picture. Knows arrays, no files."""

import numpy as np
from numpy.typing import NDArray

from rgtsr.pictures.blocking import BLOCK_PX

EVENEST = 5  # the percentile of blocks that decides: what is even there is noise, not texture
EVENEST_SHARE = 0.77  # of white noise's deviation that it has, by chance
TEXTURE = 1.5  # times as much in the picture of half the size as in white noise: it is texture
DARKEST, BRIGHTEST = 16, 240  # of a block's mean: beyond, noise is clipped
DRAWN = 0.25  # of a block without any curve: it was drawn, and its edges are no noise
GAIN = 6.0  # of the kernel: the root of the sum of its squares

Luma = NDArray[np.float32]


def noise(luma: Luma) -> float:
    """The standard deviation of noise in (H, W) of 0..255, in the evenest parts; 0 where unknown.

    White noise comes out right. Texture is told from it by how much is left in the picture of half
    the size: so grain several px wide, which JPEG leaves of noise, comes out much too small.
    Source: Immerkaer, "Fast noise variance estimation" (1996).
    """
    here, halved = _evenest(luma), 2 * _evenest(_halved(luma))
    return here / EVENEST_SHARE * min(1.0, TEXTURE * here / max(halved, 1e-6)) ** 2


def _evenest(luma: Luma) -> float:
    """The deviation in the evenest blocks; 0 where there is none."""
    if min(luma.shape) < BLOCK_PX + 2:
        return 0.0
    curved = np.diff(np.diff(luma, 2, axis=0), 2, axis=1)  # 0 on any plane
    rows, columns = (side // BLOCK_PX for side in curved.shape)
    deviations = np.sqrt(_block_means(curved**2, rows, columns)) / GAIN
    deviations[_block_means(curved == 0, rows, columns) > DRAWN] = 0.0
    means = _block_means(luma[1:-1, 1:-1], rows, columns)
    telling = deviations[(means > DARKEST) & (means < BRIGHTEST)]
    return float(np.percentile(telling, EVENEST)) if telling.size else 0.0


def _halved(luma: Luma) -> Luma:
    height, width = (side // 2 * 2 for side in luma.shape)
    return luma[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3))


def _block_means(values: Luma | NDArray[np.bool_], rows: int, columns: int) -> Luma:
    blocks = values[: rows * BLOCK_PX, : columns * BLOCK_PX]
    return blocks.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean((1, 3))
