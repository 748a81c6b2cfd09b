"""Tiles that were enlarged a moment ago, by their place. Knows no network.

h, w of a tile; S scale.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rgtsr.pictures.color import Samples

Floats = NDArray[np.float32]


@dataclass
class Known:
    """What every tile of the last picture became: what is the same, bit for bit, is not made anew.

    A tile is compared with all that the network saw of it, so with what overlaps its neighbours.
    """

    _tiles: dict[int, tuple[Samples, Floats]] = field(
        default_factory=dict[int, tuple[Samples, Floats]]
    )

    def recall(self, number: int, samples_HWC: Samples) -> Floats | None:
        """What it became, if the tile at that place is as it was; read only."""
        before = self._tiles.get(number)
        if before is None or not np.array_equal(before[0], samples_HWC):
            return None
        return before[1]

    def keep(self, number: int, samples_HWC: Samples, enlarged_HWC: Floats) -> None:
        """The tile at that place became this."""
        self._tiles[number] = samples_HWC.copy(), enlarged_HWC.copy()


class Unknown(Known):
    """Of a picture that stands alone."""

    def recall(self, number: int, samples_HWC: Samples) -> Floats | None:
        """None of them is."""
        return None

    def keep(self, number: int, samples_HWC: Samples, enlarged_HWC: Floats) -> None:
        """Nobody is going to ask."""
