"""How far each picture is to be restored, and the networks for that. Knows no runtime.

Between the weights for clean pictures (share 0) and those trained from them for worn ones (share 1)
lies a line of networks; which share a picture is given is read from a table that
``benchmarks/restore.py`` fits on photos that no training saw.
"""

import functools
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from rgtsr import weights
from rgtsr.errors import UsageError
from rgtsr.pictures.wear import Wear
from rgtsr.weights import Weights
from rgtsr.weights.catalog import FOLDER, PHOTO

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
TABLES = FOLDER / "restore.json"


class Networks:
    """The weights for clean pictures, and the line from there to those for worn ones.

    ``restore``: 0..1, or ``auto``, as a picture's wear asks for.

    Raises:
        UsageError: for a share out of range, or one above 0 where there are no such weights.
    """

    def __init__(self, clean: Weights, restore: float | Literal["auto"]) -> None:
        self.clean = clean
        self._fixed = None if restore == "auto" else restore
        if self._fixed is not None and not 0 <= self._fixed <= 1:
            raise UsageError(f"restore={self._fixed:g} is out of range: 0 to 1.")
        entry = weights.photo_sibling(clean.card.name) if restore else None
        self._photo = weights.load(entry.path) if entry else None
        if self._fixed and not self._photo:
            name = clean.card.name
            way = "restores by itself" if name.endswith(PHOTO) else "has no weights that restore"
            raise UsageError(f"{name} {way}: leave restore out.")

    @property
    def is_auto(self) -> bool:
        """Whether a picture's wear decides."""
        return self._fixed is None

    @property
    def usual(self) -> float:
        """The share of most pictures."""
        return self._fixed or 0.0

    def share(self, wear: Wear) -> float:
        """How far a picture is restored."""
        if self._fixed is not None:
            return self._fixed
        return 0.0 if self._photo is None else asked_for(wear, self.clean.card.name)

    def at(self, share: float) -> Weights:
        """The network that restores so far."""
        return self.clean if self._photo is None else weights.mixed(self.clean, self._photo, share)


def asked_for(wear: Wear, name: str) -> float:
    """The share, one of SHARES, that suits a picture best by the table of those weights."""
    table = tables().get(name)
    if table is None:
        return 0.0
    cells = around((wear.coarseness, wear.noise), (table["coarseness"], table["noise"]))
    share = sum(part * table["share"][row][column] for (row, column), part in cells.items())
    return min(SHARES, key=lambda allowed: abs(allowed - share))


def around(
    place: tuple[float, float], knots: tuple[Sequence[float], Sequence[float]]
) -> dict[tuple[int, int], float]:
    """The cells of a table, (row, column), between which a place lies: parts of 1."""
    rows, columns = (_between(*axis) for axis in zip(place, knots, strict=True))
    return {
        (row, column): down * across
        for row, down in rows.items()
        for column, across in columns.items()
    }


def _between(value: float, knots: Sequence[float]) -> dict[int, float]:
    place = float(np.interp(value, knots, range(len(knots))))
    below = min(int(place), len(knots) - 2)
    return {below: 1 - (place - below), below + 1: place - below}


@functools.cache
def tables() -> dict[str, Any]:
    """By the name of weights: knots of coarseness and noise, and the share at each."""
    return json.loads(TABLES.read_text(encoding="utf-8"))
