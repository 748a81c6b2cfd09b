"""The line between two networks."""

from dataclasses import replace

import numpy as np
import pytest

from rgtsr import variants, weights
from rgtsr.errors import WeightsError
from rgtsr.weights import Weights


@pytest.fixture(scope="module")
def both() -> tuple[Weights, Weights]:
    tiny = variants.find("tiny")
    return weights.random(tiny), weights.random(tiny, seed=1)


def test_the_ends_are_the_networks_themselves(both: tuple[Weights, Weights]) -> None:
    start, end = both
    assert weights.mixed(start, end, 0) is start
    assert weights.mixed(start, end, 1) is end


def test_a_quarter_is_three_parts_of_one_and_one_of_the_other(
    both: tuple[Weights, Weights],
) -> None:
    start, end = both
    mixed = weights.mixed(start, end, 0.25)
    assert mixed.tensors.keys() == start.tensors.keys()
    for name, tensor in mixed.tensors.items():
        assert tensor.dtype == np.float32
        expected = 0.75 * start.tensors[name].astype(np.float64) + 0.25 * end.tensors[name]
        np.testing.assert_allclose(tensor, expected, rtol=1e-6, atol=1e-6)
    assert start.card.name in mixed.card.name
    assert end.card.name in mixed.card.name


def test_what_cannot_be_mixed_is_refused(both: tuple[Weights, Weights]) -> None:
    start, end = both
    with pytest.raises(ValueError, match=r"0 to 1"):
        weights.mixed(start, end, 1.5)
    other = Weights(replace(end.variant, name="other"), end.tensors, end.card)
    with pytest.raises(WeightsError, match="different networks"):
        weights.mixed(start, other, 0.5)
