"""Training: recipes, photos, steps, checkpoints. Needs torch, which is imported with ``fit``."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rgtsr.training.fitting import fit
    from rgtsr.training.run import Callbacks

__all__ = ["Callbacks", "fit"]


def __getattr__(name: str) -> object:
    """``data check`` and ``data pack`` come here without torch."""
    if name not in __all__:
        raise AttributeError(f"module 'rgtsr.training' has no attribute {name!r}")
    return getattr(importlib.import_module("rgtsr.training.fitting"), name)
