"""rgtsr: enlarge pictures with the Recursive Generalization Transformer, and train it.

>>> import rgtsr
>>> enlarged = rgtsr.upscale("photo.jpg")          # or bytes, an array, a picture of PIL's
>>> enlarged.save("photo_x2.png")                  # colours, depth and metadata are kept

>>> with rgtsr.Upscaler(scale=4) as upscaler:      # opened once for many pictures
...     upscaler.upscale_file("photo.jpg", "photo_x4.jpg")

``list_weights`` tells which weights there are, ``load_weights`` reads files of others. What can
fail outside the program raises a kind of ``RgtsrError``; what was asked for wrongly a
``ValueError``, ``UsageError`` among them.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rgtsr.errors import (
        DiskFullError,
        EvaluationError,
        ExportError,
        NoRoomError,
        OutOfMemoryError,
        PictureError,
        Refused,
        RgtsrError,
        RuntimeUnavailableError,
        TrainingError,
        UndecodedError,
        UnknownWeightsError,
        UsageError,
        WeightsError,
    )
    from rgtsr.pictures import Picture
    from rgtsr.upscaler import Settings, Upscaler, upscale
    from rgtsr.variants import Variant
    from rgtsr.weights import listing as list_weights
    from rgtsr.weights import load as load_weights

__all__ = [
    "DiskFullError",
    "EvaluationError",
    "ExportError",
    "NoRoomError",
    "OutOfMemoryError",
    "Picture",
    "PictureError",
    "Refused",
    "RgtsrError",
    "RuntimeUnavailableError",
    "Settings",
    "TrainingError",
    "UndecodedError",
    "UnknownWeightsError",
    "Upscaler",
    "UsageError",
    "Variant",
    "WeightsError",
    "list_weights",
    "load_weights",
    "upscale",
]

HOMES = {
    "Picture": ("rgtsr.pictures", "Picture"),
    "Settings": ("rgtsr.upscaler", "Settings"),
    "Upscaler": ("rgtsr.upscaler", "Upscaler"),
    "Variant": ("rgtsr.variants", "Variant"),
    "list_weights": ("rgtsr.weights", "listing"),
    "load_weights": ("rgtsr.weights", "load"),
    "upscale": ("rgtsr.upscaler", "upscale"),
}


def __getattr__(name: str) -> object:
    """Public names are fetched when first used: ``rgtsr --help`` waits for no array library."""
    if name not in __all__:
        raise AttributeError(f"module 'rgtsr' has no attribute {name!r}")
    module, attribute = HOMES.get(name, ("rgtsr.errors", name))
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
