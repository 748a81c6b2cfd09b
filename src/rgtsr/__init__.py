"""rgtsr: enlarge pictures with the Recursive Generalization Transformer, and train it."""

from rgtsr.errors import (
    EvaluationError,
    PictureError,
    RgtsrError,
    RuntimeUnavailableError,
    TrainingError,
    UnknownWeightsError,
    WeightsError,
)
from rgtsr.pictures import Picture
from rgtsr.upscaler import Settings, Upscaler, upscale
from rgtsr.variants import Variant
from rgtsr.weights import listing as list_weights
from rgtsr.weights import load as load_weights

__all__ = [
    "EvaluationError",
    "Picture",
    "PictureError",
    "RgtsrError",
    "RuntimeUnavailableError",
    "Settings",
    "TrainingError",
    "UnknownWeightsError",
    "Upscaler",
    "Variant",
    "WeightsError",
    "list_weights",
    "load_weights",
    "upscale",
]
