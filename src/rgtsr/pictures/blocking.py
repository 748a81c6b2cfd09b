"""How visible the blocks of JPEG are. Knows arrays, no files."""

import numpy as np
from numpy.typing import NDArray

BLOCK_PX = 8
LIMIT = 0.25  # of 588 good photos none lies above, of the same as JPEG of quality 30 98 % do
LEAST_PX = 64  # of a side: in fewer blocks chance decides
STRONG = 60  # third differences count no more than this: a few edges decide nothing
SHOWN = 0.6  # of the edges of blocks, at least: lines of a drawing are at a few of them

Luma = NDArray[np.float32]


def blocking(luma: Luma) -> float:
    """How much larger steps are every 8 px than elsewhere in (H, W) of 0..255: 0 for not at all.

    The grid may begin anywhere. The more even of the two directions counts. Of a picture whose
    smaller side has less than LEAST_PX nothing can be told: 0.
    """
    if min(luma.shape) < LEAST_PX:
        return 0.0
    return min(_along_rows(luma), _along_rows(luma.T))


def _along_rows(luma: Luma) -> float:
    steps = np.abs(np.diff(luma, n=3, axis=1))  # what the steps beside it do not lead to
    means = np.minimum(steps, STRONG).mean(0) if steps.size else np.zeros(0)
    count = len(means) // BLOCK_PX * BLOCK_PX
    if count == 0:
        return 0.0
    blocks = means[:count].reshape(-1, BLOCK_PX)
    phases = blocks.mean(0)
    usual = np.sort(phases)[-4]  # the edge's two neighbours are larger as well
    shown = blocks[:, phases.argmax()] > np.sort(blocks, axis=1)[:, -4]
    if usual == 0 or shown.mean() < SHOWN:
        return 0.0
    return float(phases.max() / usual - 1)
