"""L-SA as a graph: windows are rows in another order, so one Gather makes them and one undoes them.

A shifted block is cut into regions, as in ``variants.window_regions``; all windows of one shape
share one attention and one constant bias. P rows of the picture, n windows of t tokens, heads of
width d.
Source: RGT, section 3.1, and its code.
"""

import numpy as np
from numpy.typing import NDArray

from rgtsr.graph.layers import Affine, Array, Site, affine, depthwise, linear, normalized
from rgtsr.graph.order import Order, Window
from rgtsr.variants import window_regions


def local_attention(site: Site, at: str, rows: str, *, shifted: bool) -> str:
    """norm1 and L-SA of one block: (P, C) -> (P, C)."""
    b, half = site.builder, site.variant.channels // 2
    x = normalized(site, f"{at}/norm1", rows, site.variant.channels)
    qkv = affine(site, f"{at}.attn.qkv").after_norm(site, f"{at}.norm1")
    proj = affine(site, f"{at}.attn.proj")
    products: list[str] = []
    tall, wide = site.variant.split
    for index, window in enumerate(((tall, wide), (wide, tall))):
        name = f"{at}/attn/windows{index}"
        part = slice(index * half, (index + 1) * half)
        value = _half(site, name, x, qkv, index, window, shifted=shifted)
        weight = b.constant(f"{name}/proj/weight", proj.weight_IO[part])
        products.append(b.op("MatMul", f"{name}/proj", value, weight))
    total = b.op("Add", f"{at}/attn/proj/sum", *products)
    return b.op("Add", f"{at}/attn/proj", total, b.constant(f"{at}.proj.bias", proj.bias_O))


def _half(
    site: Site, name: str, x: str, qkv: Affine, index: int, window: Window, *, shifted: bool
) -> str:
    """One half of the channels in windows of one shape, with the detail of its values."""
    b, channels = site.builder, site.variant.channels
    half, heads = channels // 2, site.variant.heads // 2
    block = name.split("/", maxsplit=1)[0]
    order = window_order(site, window, shifted=shifted)
    maps = [
        qkv.columns(k * channels + index * half, k * channels + (index + 1) * half)
        for k in range(3)
    ]
    maps[0] = maps[0].times((half // heads) ** -0.5)
    q, k, v = (
        linear(site, f"{name}/{letter}", x, layer)
        for letter, layer in zip("qkv", maps, strict=True)
    )
    detail = depthwise(
        site,
        f"{name}/get_v",
        v,
        site.tensors[f"{block}.attn.get_v.weight"][index * half : (index + 1) * half],
        site.tensors[f"{block}.attn.get_v.bias"][index * half : (index + 1) * half],
    )
    parts = [
        _in_windows(site, f"{name}/{letter}", r, order)
        for letter, r in zip("qkv", (q, k, v), strict=True)
    ]
    table = position_table(site, f"{block}.attn.attns.{index}.pos", window)
    attended = [
        _attend(site, f"{name}/{h}x{w}", group, (h, w), pair_biases(table, window, (h, w)))
        for group, (h, w) in zip(zip(*parts, strict=True), order.sizes, strict=True)
    ]
    joined = b.join(f"{name}/joined", attended)
    restored = b.op("Gather", f"{name}/restored", joined, order.back, axis=0)
    return b.op("Add", f"{name}/with_detail", restored, detail)


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


def window_order(site: Site, window: Window, *, shifted: bool) -> Order:
    """The rows of all windows, windows of one shape together."""
    if site.numbers is None:
        return site.orders[window, shifted]
    b, (batch, *size) = site.builder, site.numbers
    height, width = (side + -side % site.variant.multiple_px for side in size)
    pixels = batch * size[0] * size[1]
    index = np.full((batch, height, width), pixels, np.int64)
    index[:, : size[0], : size[1]] = np.arange(pixels).reshape(batch, *size)
    by_shape: dict[Window, list[NDArray[np.int64]]] = {}
    for top, bottom, h in window_regions(height, window[0], shifted=shifted):
        for left, right, w in window_regions(width, window[1], shifted=shifted):
            region = index[:, top:bottom, left:right]
            cells = region.reshape(batch, (bottom - top) // h, h, (right - left) // w, w)
            by_shape.setdefault((h, w), []).append(cells.transpose(0, 1, 3, 2, 4).ravel())
    shapes = {shape: np.concatenate(cells) for shape, cells in by_shape.items()}
    rows = np.concatenate(list(shapes.values()))
    back = np.empty(pixels, np.int64)
    inside = rows < pixels
    back[rows[inside]] = np.flatnonzero(inside)
    return Order(
        rows=b.integers(rows.tolist()),
        back=b.integers(back.tolist()),
        sizes={shape: len(cells) for shape, cells in shapes.items()},
        is_padded=len(rows) > pixels,
    )


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
