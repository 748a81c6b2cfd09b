"""L-SA as a graph: windows are rows in another order, so one Gather makes them and one undoes them.

A shifted block is cut into regions, as in ``variants.window_regions``; all windows of one shape
share one attention and one constant bias. P rows of the picture, n windows of t tokens, heads of
width d.
Source: RGT, section 3.1, and its code.
"""

import numpy as np
from numpy.typing import NDArray

from rgtsr.graph.layers import Affine, Array, Site, affine, depthwise, linear, normalized
from rgtsr.graph.order import Order, Regions, Window, ordered
from rgtsr.graph.strips import Map, Strips
from rgtsr.tiling import bands
from rgtsr.variants import BlockPlan, window_regions


def local_attention(site: Site, plan: BlockPlan, rows: str) -> str:
    """norm1 and L-SA of one block: (P, C) -> (P, C)."""
    b, at, half = site.builder, plan.name, site.variant.channels // 2
    x = normalized(site, f"{at}/norm1", rows, site.variant.channels)
    qkv = affine(site, f"{at}.attn.qkv").after_norm(site, f"{at}.norm1")
    proj = affine(site, f"{at}.attn.proj")
    products: list[str] = []
    for index, window in enumerate(site.variant.windows):
        name = f"{at}/attn/windows{index}"
        part = slice(index * half, (index + 1) * half)
        value = _half(site, name, x, qkv, index, window, shifted=plan.shifted)
        weight = b.constant(f"{name}/proj/weight", proj.weight_IO[part])
        products.append(b.op("MatMul", f"{name}/proj", value, weight))
    total = b.op("Add", f"{at}/attn/proj/sum", *products)
    return b.op("Add", f"{at}/attn/proj", total, b.constant(f"{at}.proj.bias", proj.bias_O))


def banded_local_attention(strips: Strips, plan: BlockPlan, source: Map, made: Map) -> None:
    """``made`` = source + L-SA: each half in bands of its own windows, then the detail and proj."""
    height, half = len(source), source.shape[-1] // 2
    multiple = strips.variant.multiple_px
    for index, (tall, _) in enumerate(strips.variant.windows):
        part = slice(index * half, (index + 1) * half)
        regions = window_regions(height + -height % multiple, tall, shifted=plan.shifted)
        for start, stop, h in regions:
            for band in bands(stop, max(h, strips.band_px // h * h), start):
                rows = source[band.top : min(band.bottom, height)]
                if not len(rows):
                    continue  # a region of padding alone
                down = ((0, band.bottom - band.top, h),)
                made[band.own, :, part] = strips.rows(
                    _half_of_a_band, rows, plan=plan, index=index, down=down
                )
    strips.fill(made, _projected, source, made, halo=1, plan=plan)


def _half_of_a_band(site: Site, rows: str, *, plan: BlockPlan, index: int, down: Regions) -> str:
    """One half of the channels attended in windows that cover a band: (P, C) -> (P, C / 2)."""
    height, width = site.geometry.height, site.geometry.width
    assert isinstance(height, int)
    assert isinstance(width, int)
    padded, across = width + -width % site.variant.multiple_px, site.variant.windows[index][1]
    columns = window_regions(padded, across, shifted=plan.shifted)
    x = normalized(site, f"{plan.name}/norm1", rows, site.variant.channels)
    qkv = affine(site, f"{plan.name}.attn.qkv").after_norm(site, f"{plan.name}.norm1")
    name = f"{plan.name}/attn/windows{index}"
    values = _queries_keys_values(site, name, x, qkv, index)
    order = ordered(site.builder, (1, height, width), down, columns)
    return _attended(site, name, index, values, order)


def _projected(site: Site, rows: str, attended: str, *, plan: BlockPlan) -> str:
    """Both halves as they were attended, their detail, and the block's input on top: (P, C)."""
    b, at, channels = site.builder, plan.name, site.variant.channels
    x = normalized(site, f"{at}/norm1", rows, channels)
    qkv = affine(site, f"{at}.attn.qkv").after_norm(site, f"{at}.norm1")
    v = linear(site, f"{at}/attn/v", x, qkv.columns(2 * channels, 3 * channels))
    weight, bias = (site.tensors[f"{at}.attn.get_v.{part}"] for part in ("weight", "bias"))
    detail = depthwise(site, f"{at}/attn/get_v", v, weight, bias)
    x = b.op("Add", f"{at}/attn/with_detail", attended, detail)
    x = linear(site, f"{at}/attn/proj", x, affine(site, f"{at}.attn.proj"))
    return b.op("Add", f"{at}/after_attention", rows, x)


def _half(
    site: Site, name: str, x: str, qkv: Affine, index: int, window: Window, *, shifted: bool
) -> str:
    """One half of the channels in windows of one shape, with the detail of its values."""
    b, half = site.builder, site.variant.channels // 2
    block = name.split("/", maxsplit=1)[0]
    order = site.geometry.order(window, shifted=shifted)
    values = _queries_keys_values(site, name, x, qkv, index)
    detail = depthwise(
        site,
        f"{name}/get_v",
        values[2],
        site.tensors[f"{block}.attn.get_v.weight"][index * half : (index + 1) * half],
        site.tensors[f"{block}.attn.get_v.bias"][index * half : (index + 1) * half],
    )
    restored = _attended(site, name, index, values, order)
    return b.op("Add", f"{name}/with_detail", restored, detail)


def _queries_keys_values(site: Site, name: str, x: str, qkv: Affine, index: int) -> list[str]:
    """Three of (P, C / 2) for one half; the scale is folded into the first."""
    channels = site.variant.channels
    half, heads = channels // 2, site.variant.heads // 2
    maps = [
        qkv.columns(k * channels + index * half, k * channels + (index + 1) * half)
        for k in range(3)
    ]
    maps[0] = maps[0].times((half // heads) ** -0.5)
    return [
        linear(site, f"{name}/{letter}", x, layer)
        for letter, layer in zip("qkv", maps, strict=True)
    ]


def _attended(site: Site, name: str, index: int, values: list[str], order: Order) -> str:
    """Queries, keys and values attended in their windows: (P, C / 2)."""
    b, block = site.builder, name.split("/", maxsplit=1)[0]
    window = site.variant.windows[index]
    parts = [
        _in_windows(site, f"{name}/{letter}", r, order)
        for letter, r in zip("qkv", values, strict=True)
    ]
    table = position_table(site, f"{block}.attn.attns.{index}.pos", window)
    attended = [
        _attend(site, f"{name}/{h}x{w}", group, (h, w), pair_biases(table, window, (h, w)))
        for group, (h, w) in zip(zip(*parts, strict=True), order.sizes, strict=True)
    ]
    joined = b.join(f"{name}/joined", attended)
    return b.op("Gather", f"{name}/restored", joined, order.back, axis=0)


def _in_windows(site: Site, name: str, rows: str, order: Order) -> list[str]:
    """Rows in the order of windows, split by window shape."""
    b, half = site.builder, site.variant.channels // 2
    if order.is_padded:
        zeros = b.constant(f"zeros.1.{half}", np.zeros((1, half), np.float32))
        rows = b.op("Concat", f"{name}/padded", rows, zeros, axis=0)
    ordered = b.op("Gather", f"{name}/ordered", rows, order.rows, axis=0)
    return b.split(f"{name}/split", ordered, list(order.sizes.values()))


def _attend(
    site: Site, name: str, qkv: tuple[str, ...], window: Window, bias: NDArray[np.float32]
) -> str:
    """Attention inside windows of one shape: three (n * t, C / 2) -> (n * t, C / 2)."""
    b, half, heads = site.builder, site.variant.channels // 2, site.variant.heads // 2
    shape = (-1, window[0] * window[1], heads, half // heads)
    q, k, v = (
        b.reshape(f"{name}/{letter}", rows, shape) for letter, rows in zip("qkv", qkv, strict=True)
    )
    q = b.transpose(f"{name}/q/heads", q, (0, 2, 1, 3))
    k = b.transpose(f"{name}/k/heads", k, (0, 2, 3, 1))
    v = b.transpose(f"{name}/v/heads", v, (0, 2, 1, 3))
    scores = b.op("MatMul", f"{name}/scores", q, k)
    scores = b.op("Add", f"{name}/biased", scores, b.constant(f"{name}/bias", bias[None]))
    scores = b.op("Softmax", f"{name}/softmax", scores, axis=-1)
    value = b.op("MatMul", f"{name}/product", scores, v)
    value = b.transpose(f"{name}/tokens", value, (0, 2, 1, 3))
    return b.reshape(f"{name}/rows", value, (-1, half))


def position_table(site: Site, at: str, window: Window) -> Array:
    """The bias of every offset: (heads, 2h - 1, 2w - 1)."""
    h, w = window
    dh, dw = np.meshgrid(np.arange(1.0 - h, h), np.arange(1.0 - w, w), indexing="ij")
    offsets = np.stack([dh.ravel(), dw.ravel()], axis=1)
    first = affine(site, f"{at}.pos_proj")
    x = offsets @ first.weight_IO + first.bias_O
    for part in ("pos1", "pos2", "pos3"):
        gain, offset = site.tensors[f"{at}.{part}.0.weight"], site.tensors[f"{at}.{part}.0.bias"]
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        layer = affine(site, f"{at}.{part}.2")
        x = np.maximum(x * gain + offset, 0) @ layer.weight_IO + layer.bias_O
    return x.T.reshape(-1, 2 * h - 1, 2 * w - 1).astype(np.float32)


def pair_biases(table: Array, window: Window, part: Window) -> Array:
    """The bias of every pair of tokens in a window of shape ``part``: (heads, t, t)."""
    h, w = part
    y, x = np.divmod(np.arange(h * w), w)
    return table[:, y[:, None] - y + window[0] - 1, x[:, None] - x + window[1] - 1]
