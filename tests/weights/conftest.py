"""Small weights of every kind."""

from dataclasses import replace

import pytest

from rgtsr import variants, weights
from rgtsr.weights import Weights


@pytest.fixture(scope="session")
def small() -> Weights:
    """Two groups, both kinds of block, a position bias that depends on the position."""
    return weights.random(replace(variants.find("small"), depths=(3, 2), name="custom"), seed=0)
