"""The mean over the 8 flips and turns of a tile. Knows no network.

Source: EDSR (Lim et al., 2017), section 3.4.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

COUNT = 8

Floats = NDArray[np.float32]


def mean(run: Callable[[Floats], Floats], tile_NCHW: Floats) -> Floats:
    """What ``run`` makes of the tile in each orientation, turned back and averaged."""
    results = [back(run(np.ascontiguousarray(there(tile_NCHW)))) for there, back in symmetries()]
    return np.asarray(np.mean(results, axis=0), np.float32)


def symmetries() -> Iterator[tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]]:
    """The 8 flips and turns of a square, each with its inverse, on (N, C, H, W) arrays."""
    for turns in range(4):
        for flip in (False, True):

            def there(x: Floats, turns: int = turns, flip: bool = flip) -> Floats:
                turned = np.rot90(x, turns, (2, 3))
                return turned[..., ::-1] if flip else turned

            def back(x: Floats, turns: int = turns, flip: bool = flip) -> Floats:
                return np.rot90(x[..., ::-1] if flip else x, -turns, (2, 3))

            yield there, back
