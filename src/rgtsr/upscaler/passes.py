"""Which networks, one after another, reach a size at the least cost. Pure arithmetic."""

import itertools
import math
import operator
from collections.abc import Collection, Sequence

MOST = 4
ROUNDING = 1e-6


def chain(factor: float, scales: Collection[int]) -> tuple[int, ...]:
    """The scales of the networks to run, in order, so that what is left is a reduction.

    ``factor``: how many times longer the sides are to be; ``scales``: of the networks there are.
    Of those that reach it, the fewest pixels seen, then the least overshoot. Where none does, as
    often as may be; a network of scale 1 runs once.
    """
    enlarging = sorted(scale for scale in scales if scale > 1)
    if not enlarging:
        return (1,)
    every = itertools.chain.from_iterable(
        itertools.combinations_with_replacement(enlarging, count) for count in range(1, MOST + 1)
    )
    reaching = [scales for scales in every if math.prod(scales) >= factor - ROUNDING]
    if not reaching:
        return (enlarging[-1],) * MOST
    return min(reaching, key=lambda scales: (pixels_seen(scales), math.prod(scales)))


def pixels_seen(scales: Sequence[int]) -> int:
    """How many pixels the networks see in all, for each of the input."""
    return sum(side**2 for side in sides_before(scales))


def sides_before(scales: Sequence[int]) -> list[int]:
    """How many times longer the sides are before each network."""
    return list(itertools.accumulate((1, *scales[:-1]), operator.mul))
