"""Whether a picture has been enlarged before. Knows arrays, no files.

Source: Gallagher, "Detection of linear and cubic interpolation in JPEG compressed images" (2005).
"""

import numpy as np
from numpy.typing import NDArray

from rgtsr.pictures.blocking import BLOCK_PX

LIMIT = 8.0  # of 588 good photos none lies above, of the same enlarged by 1.5 to 4 99 % do
LEAST_PX = 96  # of a row in which a rhythm can be told
USUAL_PEAK = 4  # of any frequency of a photo over the median
SLOWEST = 0.29  # beats per px: bricks, windows and JPEG's blocks in a reduced photo are slower

Luma = NDArray[np.float32]


def enlargement(luma: Luma) -> float:
    """How far the rhythm that interpolation leaves stands out of a photo's spectrum of detail.

    About 3 for a photo as taken, 10 to 1000 for one enlarged by 1.4 to 4. The more even of the
    two directions counts.
    """
    return min(
        max(_rhythm(np.diff(side, n=order, axis=1)) for order in (2, 3)) for side in (luma, luma.T)
    )


def _rhythm(detail: Luma) -> float:
    """How far a rhythm, not slower than SLOWEST or that of a quarter, stands out along rows.

    An enlargement by f beats 1 / f times a pixel; JPEG's blocks of 8 beat at every eighth, so that
    at the half and the quarter, where it must be told apart, more is asked where there are blocks.
    """
    means = np.abs(detail).mean(0) if detail.size else np.zeros(0)
    count = len(means) // 24 * 24  # which holds halves, thirds and eighths in single frequencies
    if count < LEAST_PX or means.max() == 0:
        return 0.0
    logs = np.log(means[:count] + 0.05)
    spectrum = np.abs(np.fft.rfft((logs - logs.mean()) * np.hanning(count)))
    spectrum /= np.median(spectrum[count // 10 :]) + 1e-9

    def peak(part: int, period: int) -> float:
        middle = count * part // period
        return float(spectrum[middle - 1 : middle + 2].max())

    blocks = max(peak(1, BLOCK_PX), peak(3, BLOCK_PX))
    on_grid = max(peak(1, 2), peak(1, 4)) / max(1.0, blocks / USUAL_PEAK)
    eighths = BLOCK_PX * np.arange(len(spectrum)) / count
    is_apart = np.abs(eighths - eighths.round()) * count > 3 * BLOCK_PX  # of the window's lobe
    apart = spectrum[is_apart & (eighths > BLOCK_PX * SLOWEST)].max()
    return max(on_grid, float(apart))
