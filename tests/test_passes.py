"""Which networks reach a size: by hand, and against every order there is."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgtsr.upscaler import passes


@pytest.mark.parametrize(
    ("factor", "scales", "expected"),
    [
        (2, {2, 3, 4}, (2,)),
        (2.5, {2, 3, 4}, (3,)),
        (4, {2, 3, 4}, (4,)),
        (0.5, {2, 3, 4}, (2,)),
        (5, {2, 3, 4}, (2, 3)),
        (7, {2, 3, 4}, (2, 4)),
        (9, {2, 3, 4}, (3, 3)),
        (16, {2, 3, 4}, (4, 4)),
        (5, {2}, (2, 2, 2)),
        (40, {2}, (2, 2, 2, 2)),
        (3, {1}, (1,)),
    ],
)
def test_chains_by_hand(factor: float, scales: set[int], expected: tuple[int, ...]) -> None:
    assert passes.chain(factor, scales) == expected


@given(st.floats(0.1, 16), st.sets(st.sampled_from([2, 3, 4]), min_size=1))
def test_no_other_order_reaches_it_with_fewer_pixels(factor: float, scales: set[int]) -> None:
    chosen = passes.chain(factor, scales)
    assert math.prod(chosen) >= factor - 1e-5
    for count in range(1, 4):
        for other in itertools.product(scales, repeat=count):
            if math.prod(other) >= factor:
                assert passes.pixels_seen(chosen) <= passes.pixels_seen(other)
