"""What there is to choose from, said to those who ask."""

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
    )


def _model(entry: weights.Entry) -> messages.Model:
    told = {
        "family": entry.family,
        "is_default": entry.name in weights.DEFAULTS.values(),
        "restores": weights.photo_sibling(entry.name) is not None,
    }
    return messages.Model.model_validate(asdict(entry) | told)
