"""The whole network as a static ONNX graph for one tile shape, straight from the weights.

Position biases, window orders and padding are constants of the graph. Needs no torch.
Shapes: N tiles, H, W their sides, S scale, P = N * H * W rows of C channels.
Source: RGT (Chen et al., ICLR 2024), section 3.1 and figure 2.
"""

import numpy as np
import onnx

from rgtsr.graph.builder import Builder
from rgtsr.graph.layers import Site, conv, convolution, layer_norm, to_map, to_rows
from rgtsr.graph.mlp import gated_mlp
from rgtsr.graph.recursive import recursive_attention
from rgtsr.graph.window import local_attention
from rgtsr.variants import UPSAMPLER_STEPS, is_shifted, smallest_side
from rgtsr.weights import Weights

INPUT, OUTPUT = "tiles", "enlarged"
# the parts after the body, by the start of their names: their rounding reaches the picture undamped
RECONSTRUCTION = ("conv_before_upsample", "upsample", "conv_last")


def build(weights: Weights, *, batch: int = 1, height: int, width: int) -> onnx.ModelProto:
    """The graph that enlarges tiles of one shape.

    Input ``tiles``: float32 (N, 3, H, W) in 0..1. Output ``enlarged``: (N, 3, H * S, W * S),
    unclipped. Any H and W from 1 up, as ``network.RGT``.
    """
    variant, builder = weights.variant, Builder()
    short = smallest_side(height, width)
    size = max(height, short), max(width, short)
    site = Site(builder, weights.tensors, variant, batch, *size)
    x = enlarged(site, _mirrored(builder, INPUT, (height, width), size))
    x = _cropped(builder, x, (height, width), size, variant.scale)
    out = (batch, 3, height * variant.scale, width * variant.scale)
    builder.op("Identity", OUTPUT, x)
    return builder.model(inputs=(INPUT, (batch, 3, height, width)), outputs=(OUTPUT, out))


def enlarged(site: Site, tiles: str) -> str:
    """Tiles (N, 3, H, W) through the network: (N, 3, H * S, W * S)."""
    b = site.builder
    mean = np.array(site.variant.mean_rgb, np.float32).reshape(1, 3, 1, 1)
    x = b.op("Sub", "centered", tiles, b.constant("mean", mean))
    shallow = conv(site, "conv_first", x)
    deep = _residual(site, "conv_after_body", _body(site, shallow))
    return _reconstruction(site, b.op("Add", "features", deep, shallow))


def _body(site: Site, shallow: str) -> str:
    channels, size = site.variant.channels, (site.height, site.width)
    x = layer_norm(site, "before_RG.1", to_rows(site, "shallow", shallow, channels))
    for group, depth in enumerate(site.variant.depths):
        entry = x
        for index in range(depth):
            x = _block(site, group, index, x)
        x = to_map(site, f"layers.{group}/conv/in", x, size, channels)
        x = _residual(site, f"layers.{group}.conv", x)
        x = to_rows(site, f"layers.{group}/conv/out", x, channels)
        x = site.builder.op("Add", f"layers.{group}", x, entry)
    return to_map(site, "body", layer_norm(site, "norm", x), size, channels)


def _block(site: Site, group: int, index: int, rows: str) -> str:
    b, at = site.builder, f"layers.{group}.blocks.{index}"
    if index % 2 == 0:
        attended = local_attention(site, at, rows, shifted=is_shifted(group, index))
    else:
        attended = recursive_attention(site, at, rows)
    x = b.op("Add", f"{at}/after_attention", rows, attended)
    x = b.op("Add", f"{at}/after_mlp", x, gated_mlp(site, at, x))
    gamma = b.constant(f"{at}.gamma", site.tensors[f"{at}.gamma"])
    return b.op("Add", at, x, b.op("Mul", f"{at}/hai", rows, gamma))


def _residual(site: Site, at: str, value: str) -> str:
    if site.variant.resi_connection == "1conv":
        return conv(site, at, value)
    x = value
    for place in (0, 2, 4):
        x = conv(site, f"{at}.{place}", x)
        if place < 4:
            x = site.builder.op("LeakyRelu", f"{at}.{place + 1}", x, alpha=0.2)
    return x


def _reconstruction(site: Site, features: str) -> str:
    b = site.builder
    x = conv(site, "conv_before_upsample.0", features)
    x = b.op("LeakyRelu", "conv_before_upsample.1", x, alpha=0.01)
    for place, step in enumerate(UPSAMPLER_STEPS[site.variant.scale]):
        x = conv(site, f"upsample.{2 * place}", x)
        x = b.op("DepthToSpace", f"upsample.{2 * place + 1}", x, blocksize=step, mode="CRD")
    bias = site.tensors["conv_last.bias"] + np.array(site.variant.mean_rgb, np.float32)
    return convolution(site, "conv_last", x, site.tensors["conv_last.weight"], bias)


def _mirrored(b: Builder, value: str, size: tuple[int, int], wanted: tuple[int, int]) -> str:
    """Sides too short for the recursion, mirrored at the bottom and the right."""
    for axis, (length, side) in enumerate(zip(size, wanted, strict=True), start=2):
        if side > length:
            period = np.arange(side) % (2 * length)
            indices = np.minimum(period, 2 * length - 1 - period)
            value = b.op(
                "Gather", f"mirrored.{axis}", value, b.integers(indices.tolist()), axis=axis
            )
    return value


def _cropped(
    b: Builder, value: str, size: tuple[int, int], padded: tuple[int, int], scale: int
) -> str:
    if size == padded:
        return value
    ends = b.integers([size[0] * scale, size[1] * scale])
    return b.op("Slice", "cropped", value, b.integers([0, 0]), ends, b.integers([2, 3]))
