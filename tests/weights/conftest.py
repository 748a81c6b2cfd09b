"""Small weights of every kind, and spandrel with an empty torchvision in its place."""

from dataclasses import replace

import pytest

from parity import conftest as parity
from rgtsr import variants, weights
from rgtsr.weights import Weights

empty_torchvision = parity.empty_torchvision
spandrel_rgt = parity.spandrel_rgt


@pytest.fixture(scope="session")
def small() -> Weights:
    """Two groups, both kinds of block, a position bias that depends on the position."""
    return weights.random(replace(variants.find("small"), depths=(3, 2), name="custom"), seed=0)
