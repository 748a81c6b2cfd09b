"""What there is to choose from, said to those who ask."""

import functools
from dataclasses import asdict

from rgtsr import weights
from rgtsr.pictures import ability
from rgtsr.serving import asking, messages
from rgtsr.serving.options import Options


def of(options: Options) -> messages.Models:
    """The packaged weights, formats, and limits of a service."""
    return messages.Models(
        models=tuple(map(_model, weights.listing())),
        formats=asking.FORMATS,
        reads=ability.suffixes(),
        limits=messages.Limits.model_validate(asdict(options)),
        restores=_restores(options.model),
    )


@functools.cache
def _restores(usual: str | None) -> bool:
    """Whether what pictures get that name no model can restore."""
    return usual is None or weights.photo_sibling(weights.load(usual).card.name) is not None


def _model(entry: weights.Entry) -> messages.Model:
    told = {
        "family": entry.family,
        "is_default": entry.name in weights.DEFAULTS.values(),
        "restores": weights.photo_sibling(entry.name) is not None,
    }
    return messages.Model.model_validate(asdict(entry) | told)
