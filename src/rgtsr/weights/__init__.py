"""Weights: named or from any file, and out again. Knows no network and no torch."""

from rgtsr.weights.catalog import (
    DEFAULT_NAME,
    DEFAULTS,
    Entry,
    Name,
    default,
    find,
    listing,
    photo_sibling,
    siblings,
)
from rgtsr.weights.converting import convert
from rgtsr.weights.files import save
from rgtsr.weights.loading import load
from rgtsr.weights.mixing import mixed
from rgtsr.weights.random import random
from rgtsr.weights.shapes import parameter_shapes
from rgtsr.weights.weights import Card, Weights

__all__ = [
    "DEFAULTS",
    "DEFAULT_NAME",
    "Card",
    "Entry",
    "Name",
    "Weights",
    "convert",
    "default",
    "find",
    "listing",
    "load",
    "mixed",
    "parameter_shapes",
    "photo_sibling",
    "random",
    "save",
    "siblings",
]
