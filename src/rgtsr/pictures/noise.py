"""How much noise there is in a picture. Knows arrays, no files."""

import numpy as np
from numpy.typing import NDArray

from rgtsr.pictures.blocking import BLOCK_PX

EVENEST = 5  # the percentile of blocks that decides: what is even there is noise, not texture
EVENEST_SHARE = 0.77  # of white noise's deviation that it has, by chance
DARKEST, BRIGHTEST = 16, 240  # of a block's mean: beyond, noise is clipped
GAIN = 6.0  # of the kernel: the root of the sum of its squares

Luma = NDArray[np.float32]


def noise(luma: Luma) -> float:
    """The standard deviation of noise in (H, W) of 0..255, in the evenest parts; 0 where unknown.

    White noise comes out right; grain several px wide, as JPEG leaves it, at less than half.
    Source: Immerkaer, "Fast noise variance estimation" (1996).
    """
    curved = np.diff(np.diff(luma, 2, axis=0), 2, axis=1)  # 0 on any plane
    rows, columns = (side // BLOCK_PX for side in curved.shape)
    if not rows * columns:
        return 0.0
    deviations = np.sqrt(_block_means(curved**2, rows, columns)) / GAIN
    means = _block_means(luma[1:-1, 1:-1], rows, columns)
    telling = deviations[(means > DARKEST) & (means < BRIGHTEST)]
    return float(np.percentile(telling, EVENEST)) / EVENEST_SHARE if telling.size else 0.0


def _block_means(values: Luma, rows: int, columns: int) -> Luma:
    blocks = values[: rows * BLOCK_PX, : columns * BLOCK_PX]
    return blocks.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean((1, 3))
