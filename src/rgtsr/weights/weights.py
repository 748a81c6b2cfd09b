"""Weights: the numbers of one trained network and what is known about them. Knows no files."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr.variants import Variant

Tensors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Card:
    """What a weights file says about itself: all that a user has to know before using it."""

    name: str
    licence: str = ""
    training_data: str = ""
    recipe: str = ""
    minutes: float | None = None
    purpose: str = ""
    scores: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, eq=False)
class Weights:
    """All tensors of one RGT in float32, by the authors' state-dict names; no buffers.

    ``path`` is the file that they came from, if any.
    """

    variant: Variant
    tensors: Tensors
    card: Card
    path: Path | None = None

    def digest(self) -> str:
        """SHA-256 of all tensors and their names, in hexadecimal."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.tensors.items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(tensor).data)
        return digest.hexdigest()
