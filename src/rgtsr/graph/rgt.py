"""The whole network as an ONNX graph, straight from the weights: for one tile shape, or for any.

Needs no torch.
Shapes: N tiles, H, W their sides, S scale, P = N * H * W rows of C channels.
Source: RGT (Chen et al., ICLR 2024), section 3.1 and figure 2.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import onnx

from rgtsr import variants
from rgtsr.graph.any_size import AnySize
from rgtsr.graph.builder import Builder
from rgtsr.graph.fixed import Fixed
from rgtsr.graph.geometry import Geometry
from rgtsr.graph.layers import Site, conv, convolution, layer_norm, to_map, to_rows
from rgtsr.graph.mlp import gated_mlp
from rgtsr.graph.recursive import banded_recursive_attention, recursive_attention
from rgtsr.graph.strips import Map, Strips
from rgtsr.graph.window import banded_local_attention, local_attention
from rgtsr.variants import UPSAMPLER_STEPS, BlockPlan, Kind
from rgtsr.weights import Weights

INPUT, OUTPUT = "tiles", "enlarged"
# the parts after the body, by the start of their names: their rounding reaches the picture undamped
RECONSTRUCTION = ("conv_before_upsample", "upsample", "conv_last")


class Attention(NamedTuple):
    """norm1 and attention of one kind, at once or, with the block's input on top, in bands."""

    at_once: Callable[[Site, BlockPlan, str], str]  # rows (P, C) -> (P, C)
    banded: Callable[[Strips, BlockPlan, Map, Map], None]  # fills the second map from the first


ATTENTIONS: dict[Kind, Attention] = {
    "local": Attention(local_attention, banded_local_attention),
    "recursive": Attention(recursive_attention, banded_recursive_attention),
}


def build(weights: Weights, *, batch: int = 1, height: int, width: int) -> onnx.ModelProto:
    """The graph that enlarges tiles of one shape; all that the shape decides is a constant.

    Input ``tiles``: float32 (N, 3, H, W) in 0..1. Output ``enlarged``: (N, 3, H * S, W * S),
    unclipped. Any H and W from 1 up, as ``network.RGT``.
    """
    b = Builder()
    return _model(b, weights, Fixed(b, weights.variant, batch, (height, width)))


def build_any_size(weights: Weights) -> onnx.ModelProto:
    """The graph that enlarges tiles of any shape, for other programs; it computes what ``build``
    makes constants of. Input and output are as there, with any N.
    """
    b = Builder()
    return _model(b, weights, AnySize(b, weights.variant, INPUT))


def _model(b: Builder, weights: Weights, geometry: Geometry) -> onnx.ModelProto:
    scale = weights.variant.scale
    site = Site(b, weights.tensors, weights.variant, geometry)
    geometry.left(OUTPUT, enlarged(site, geometry.entered(INPUT)), scale)
    inputs, outputs = (INPUT, geometry.shape(3)), (OUTPUT, geometry.shape(3, scale))
    return b.model(inputs=[inputs], outputs=[outputs])


def enlarged(site: Site, tiles: str) -> str:
    """Tiles (N, 3, H, W) through the network: (N, 3, H * S, W * S)."""
    b = site.builder
    shallow = shallow_features(site, tiles)
    deep = residual(site, "conv_after_body", _body(site, shallow))
    return reconstruction(site, b.op("Add", "features", deep, shallow))


def shallow_features(site: Site, tiles: str) -> str:
    """The first convolution, of what differs from the mean: (N, 3, H, W) -> (N, C, H, W)."""
    b = site.builder
    mean = np.array(site.variant.mean_rgb, np.float32).reshape(1, 3, 1, 1)
    return conv(site, "conv_first", b.op("Sub", "centered", tiles, b.constant("mean", mean)))


def _body(site: Site, shallow: str) -> str:
    channels, size = site.variant.channels, (site.geometry.height, site.geometry.width)
    x = layer_norm(site, "before_RG.1", to_rows(site, "shallow", shallow, channels))
    for group, plans in enumerate(variants.groups(site.variant)):
        entry = x
        for plan in plans:
            x = _block(site, plan, x)
        x = to_map(site, f"layers.{group}/conv/in", x, size, channels)
        x = residual(site, f"layers.{group}.conv", x)
        x = to_rows(site, f"layers.{group}/conv/out", x, channels)
        x = site.builder.op("Add", f"layers.{group}", x, entry)
    return to_map(site, "body", layer_norm(site, "norm", x), size, channels)


def _block(site: Site, plan: BlockPlan, rows: str) -> str:
    b, at = site.builder, plan.name
    attended = ATTENTIONS[plan.kind].at_once(site, plan, rows)
    return finished(site, plan, b.op("Add", f"{at}/after_attention", rows, attended), rows)


def finished(site: Site, plan: BlockPlan, attended: str, rows: str) -> str:
    """What of a block follows its attention: the MLP, and HAI of the block's input ``rows``."""
    b, at = site.builder, plan.name
    x = b.op("Add", f"{at}/after_mlp", attended, gated_mlp(site, at, attended))
    gamma = b.constant(f"{at}.gamma", site.tensors[f"{at}.gamma"])
    return b.op("Add", at, x, b.op("Mul", f"{at}/hai", rows, gamma))


def residual(site: Site, at: str, value: str) -> str:
    """The convolution, or convolutions, that end a group and the body."""
    if site.variant.resi_connection == "1conv":
        return conv(site, at, value)
    x = value
    for place in (0, 2, 4):
        x = conv(site, f"{at}.{place}", x)
        if place < 4:
            x = site.builder.op("LeakyRelu", f"{at}.{place + 1}", x, alpha=0.2)
    return x


def reconstruction(site: Site, features: str) -> str:
    """Everything after the body: a map (N, C, H, W) -> (N, 3, H * S, W * S)."""
    b = site.builder
    x = conv(site, "conv_before_upsample.0", features)
    x = b.op("LeakyRelu", "conv_before_upsample.1", x, alpha=0.01)
    for place, step in enumerate(UPSAMPLER_STEPS[site.variant.scale]):
        x = conv(site, f"upsample.{2 * place}", x)
        x = b.op("DepthToSpace", f"upsample.{2 * place + 1}", x, blocksize=step, mode="CRD")
    bias = site.tensors["conv_last.bias"] + np.array(site.variant.mean_rgb, np.float32)
    return convolution(site, "conv_last", x, site.tensors["conv_last.weight"], bias)
