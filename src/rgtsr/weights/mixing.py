"""Two networks in one: the line between their weights. Knows no files."""

import numpy as np

from rgtsr.errors import WeightsError
from rgtsr.weights.weights import Card, Weights


def mixed(start: Weights, end: Weights, share: float) -> Weights:
    """``start`` and, to ``share`` of 0..1, ``end``, which was trained from it.

    The card is that of ``start``, with both names. Source: Wortsman et al., "Robust fine-tuning of
    zero-shot models" (CVPR 2022), section 3.

    Raises:
        ValueError: for a share out of range.
        WeightsError: for weights of different networks.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share} is out of range: 0 to 1.")
    if start.variant != end.variant:
        raise WeightsError(
            f"{start.card.name} and {end.card.name} are different networks: only weights of one"
            " network, one trained from the other, can be mixed."
        )
    if share in (0, 1):
        return end if share else start
    tensors = {
        name: np.asarray((1 - share) * tensor + share * end.tensors[name], np.float32)
        for name, tensor in start.tensors.items()
    }
    name = f"{start.card.name} + {share:g} {end.card.name}"
    return Weights(start.variant, tensors, Card(name, licence=start.card.licence))
