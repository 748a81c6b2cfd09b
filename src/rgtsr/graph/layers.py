"""What every part of the graph is made of: linear maps, norms and convolutions on rows.

Shapes: rows are (P, C), P = N * H * W pixels in the order of the picture; maps are (N, C, H, W).
Knows no attention.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgtsr.graph.builder import Builder, Size
from rgtsr.graph.geometry import Geometry
from rgtsr.variants import Variant
from rgtsr.weights.weights import Tensors

EPSILON = 1e-5  # of every LayerNorm, torch's default

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Site:
    """Where the graph is being built: the weights, and what depends on the size of the tiles."""

    builder: Builder
    tensors: Tensors
    variant: Variant
    geometry: Geometry


@dataclass(frozen=True)
class Affine:
    """y = x @ weight_IO + bias_O."""

    weight_IO: Array
    bias_O: Array

    def after_norm(self, site: Site, norm: str) -> "Affine":
        """This map with the gain and offset of the norm before it folded in."""
        gain, offset = site.tensors[f"{norm}.weight"], site.tensors[f"{norm}.bias"]
        bias_O = np.asarray(self.bias_O + offset @ self.weight_IO, np.float32)
        return Affine(gain[:, None] * self.weight_IO, bias_O)

    def columns(self, start: int, stop: int) -> "Affine":
        """The part that makes the outputs start..stop."""
        return Affine(self.weight_IO[:, start:stop], self.bias_O[start:stop])

    def times(self, factor: float) -> "Affine":
        """The map whose outputs are ``factor`` times as large."""
        return Affine(self.weight_IO * np.float32(factor), self.bias_O * np.float32(factor))


def affine(site: Site, at: str) -> Affine:
    """The linear layer of that name."""
    return Affine(site.tensors[f"{at}.weight"].T, site.tensors[f"{at}.bias"])


def linear(site: Site, name: str, rows: str, layer: Affine) -> str:
    """Rows through a linear map."""
    b = site.builder
    product = b.op("MatMul", f"{name}/product", rows, b.constant(f"{name}/weight", layer.weight_IO))
    return b.op("Add", name, product, b.constant(f"{name}/bias", layer.bias_O))


def normalized(site: Site, name: str, rows: str, channels: int) -> str:
    """Rows of mean 0 and variance 1; the norm's gain and offset are folded into what follows."""
    ones = site.builder.constant(f"ones.{channels}", np.ones(channels, np.float32))
    return site.builder.op("LayerNormalization", name, rows, ones, axis=-1, epsilon=EPSILON)


def layer_norm(site: Site, at: str, rows: str) -> str:
    """A LayerNorm whose gain and offset cannot be folded: a padded convolution follows."""
    b = site.builder
    gain = b.constant(f"{at}.weight", site.tensors[f"{at}.weight"])
    offset = b.constant(f"{at}.bias", site.tensors[f"{at}.bias"])
    return b.op("LayerNormalization", at, rows, gain, offset, axis=-1, epsilon=EPSILON)


def to_map(site: Site, name: str, rows: str, size: tuple[Size, Size], channels: int) -> str:
    """Rows (N * h * w, C) as a map (N, C, h, w)."""
    shape = (site.geometry.batch, *size, channels)
    nhwc = site.builder.reshape(f"{name}/NHWC", rows, shape)
    return site.builder.transpose(f"{name}/NCHW", nhwc, (0, 3, 1, 2))


def to_rows(site: Site, name: str, value: str, channels: int) -> str:
    """A map (N, C, h, w) as rows (N * h * w, C)."""
    nhwc = site.builder.transpose(f"{name}/to_NHWC", value, (0, 2, 3, 1))
    return site.builder.reshape(f"{name}/rows", nhwc, (-1, channels))


def conv(site: Site, at: str, value: str, *, groups: int = 1) -> str:
    """A convolution of a map that keeps its size."""
    weight, bias = site.tensors[f"{at}.weight"], site.tensors[f"{at}.bias"]
    return convolution(site, at, value, weight, bias, groups=groups)


def convolution(
    site: Site, name: str, value: str, weight: Array, bias: Array, *, groups: int = 1
) -> str:
    """A convolution with these values, of a map that keeps its size."""
    b, side = site.builder, weight.shape[-1]
    constants = b.constant(f"{name}/weight", weight), b.constant(f"{name}/bias", bias)
    return b.op(
        "Conv",
        name,
        value,
        *constants,
        group=groups,
        kernel_shape=(side, side),
        pads=(side // 2,) * 4,
    )


def depthwise(site: Site, name: str, rows: str, weight: Array, bias: Array) -> str:
    """A depthwise 3x3 of rows of the whole picture."""
    channels = len(bias)
    value = to_map(site, name, rows, (site.geometry.height, site.geometry.width), channels)
    value = convolution(site, name, value, weight, bias, groups=channels)
    return to_rows(site, name, value, channels)
