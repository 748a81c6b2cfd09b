"""An upscaler whose results are known, and one with a network."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fakes import Repeating
from rgtsr import variants, weights
from rgtsr.upscaler import Upscaler


@pytest.fixture
def repeating() -> Iterator[Upscaler]:
    """Repeats each pixel."""
    network = weights.random(variants.find("tiny"), seed=0)
    with Upscaler(network, runtime=Repeating()) as upscaler:
        yield upscaler


@pytest.fixture(scope="session")
def enlarging() -> Iterator[Upscaler]:
    """Has a network of random weights."""
    network = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=1)
    with Upscaler(network, precision="float32") as upscaler:
        yield upscaler
