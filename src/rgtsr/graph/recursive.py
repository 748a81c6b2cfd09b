"""RG-SA as a graph: all pixels attend to a map that recursion has made small.

P rows of the picture, M rows of the representative map, R reduced channels, heads of width d.
Source: RGT, section 3.2, and its code.
"""

import functools

from rgtsr.graph.builder import Builder, Size
from rgtsr.graph.layers import Array, Site, affine, conv, linear, normalized, to_map, to_rows
from rgtsr.graph.repetition import in_chunks, repeated
from rgtsr.variants import LEAST_RECURSIONS, REDUCTION, recursions

CHUNK = 1024  # queries at a time; their rows are independent, and their scores stay in the cache
SCORES = 1 << 20  # of one head and picture at a time, where the graph is for any size


def recursive_attention(site: Site, at: str, rows: str) -> str:
    """norm1 and RG-SA of one block: (P, C) -> (P, C)."""
    b, variant = site.builder, site.variant
    name = f"{at}/attn"
    x = normalized(site, f"{at}/norm1", rows, variant.channels)
    gist, size = _representative(site, at, x)
    head_width = variant.channels / variant.heads * variant.c_ratio
    query = affine(site, f"{at}.attn.q").after_norm(site, f"{at}.norm1").times(head_width**-0.5)
    q = linear(site, f"{name}/q", x, query)
    k = linear(site, f"{name}/k", gist, affine(site, f"{at}.attn.k"))
    v = linear(site, f"{name}/v", gist, affine(site, f"{at}.attn.v"))
    v_map = to_map(site, f"{name}/cpe", v, size, variant.channels)
    v_map = conv(site, f"{at}.attn.cpe", v_map, groups=variant.channels)
    v = b.op("Add", f"{name}/v_cpe", v, to_rows(site, f"{name}/cpe", v_map, variant.channels))
    attended = _attend(site, name, q, k, v)
    return linear(site, f"{name}/proj", attended, affine(site, f"{at}.attn.proj"))


def _representative(site: Site, at: str, x: str) -> tuple[str, tuple[Size, Size]]:
    """The picture's gist: rows (M, R) and its (height, width).

    The norm's gain and offset are folded into the first step: it has no padding.
    """
    b, variant = site.builder, site.variant
    channels = variant.channels
    value = to_map(site, f"{at}/attn/reduction", x, (site.height, site.width), channels)
    weight, bias = (site.tensors[f"{at}.attn.reduction1.{part}"] for part in ("weight", "bias"))
    gain, offset = (site.tensors[f"{at}.norm1.{part}"] for part in ("weight", "bias"))
    folded = weight * gain[:, None, None, None], bias + offset * weight.sum((1, 2, 3))
    name = f"{at}/attn/reduction"
    for step in range(LEAST_RECURSIONS if site.numbers is None else recursions(*site.numbers[1:])):
        value = _reduced(site, f"{name}{step}", value, *(folded if step == 0 else (weight, bias)))
    if site.numbers is None:
        step = functools.partial(_reduced, site, f"{name}/step", weight=weight, bias=bias)
        value = repeated(b, f"{name}/more", site.more_recursions, value, step)
    size = _size(site, name, value)
    value = conv(site, f"{at}.attn.dwconv", value, groups=channels)
    rows = to_rows(site, f"{at}/attn/gist", value, channels)
    reduced = site.tensors[f"{at}.attn.conv.weight"][:, :, 0, 0]
    weight_IO = b.constant(f"{at}/attn/conv/weight", reduced.T)
    rows = b.op("MatMul", f"{at}/attn/conv/product", rows, weight_IO)
    bias_O = b.constant(f"{at}/attn/conv/bias", site.tensors[f"{at}.attn.conv.bias"])
    rows = b.op("Add", f"{at}/attn/conv", rows, bias_O)
    norm = f"{at}.attn.norm_act.0"
    gains = (b.constant(f"{norm}.{p}", site.tensors[f"{norm}.{p}"]) for p in ("weight", "bias"))
    rows = b.op("LayerNormalization", norm, rows, *gains, axis=-1, epsilon=1e-5)
    return b.op("Gelu", f"{at}/attn/gist/gelu", rows), size


def _reduced(site: Site, name: str, value: str, weight: Array, bias: Array) -> str:
    """One step of the recursion: (N, C, h, w) -> (N, C, h // 4, w // 4)."""
    b = site.builder
    return b.op(
        "Conv",
        name,
        value,
        b.constant(f"{name}/weight", weight),
        b.constant(f"{name}/bias", bias),
        group=len(bias),
        kernel_shape=(REDUCTION, REDUCTION),
        strides=(REDUCTION, REDUCTION),
    )


def _size(site: Site, name: str, gist: str) -> tuple[Size, Size]:
    """Height and width of the map after the recursion."""
    if site.numbers is None:
        b = site.builder
        return (
            b.op("Shape", f"{name}/height", gist, start=2, end=3),
            b.op("Shape", f"{name}/width", gist, start=3, end=4),
        )
    _, height, width = site.numbers
    factor = REDUCTION ** recursions(height, width)
    return height // factor, width // factor


def _attend(site: Site, name: str, q: str, k: str, v: str) -> str:
    """Softmax attention of all pixels to the gist: (P, R), (M, R), (M, C) -> (P, C)."""
    b, variant = site.builder, site.variant
    heads, reduced = variant.heads, variant.reduced_channels
    k = b.reshape(f"{name}/k/split", k, (site.batch, -1, heads, reduced // heads))
    v = b.reshape(f"{name}/v/split", v, (site.batch, -1, heads, variant.channels // heads))
    if site.numbers is None:
        k, v = _two_at_least(b, name, k, v)
    k = b.transpose(f"{name}/k/heads", k, (0, 2, 3, 1))
    v = b.transpose(f"{name}/v/heads", v, (0, 2, 1, 3))
    if site.numbers is None:
        return _attend_in_rounds(site, name, q, k, v)
    shape = (-1, _chunk(*site.numbers), heads, reduced // heads)
    value = _attend_to(b, name, b.reshape(f"{name}/q/split", q, shape), k, v)
    return b.reshape(f"{name}/rows", value, (-1, variant.channels))


def _attend_to(b: Builder, name: str, q: str, k: str, v: str) -> str:
    """Queries (n, queries, heads, d) to keys and values by heads: (n, queries, heads, d)."""
    q = b.transpose(f"{name}/q/heads", q, (0, 2, 1, 3))
    scores = b.op("MatMul", f"{name}/scores", q, k)
    scores = b.op("Softmax", f"{name}/softmax", scores, axis=-1)
    value = b.op("MatMul", f"{name}/product", scores, v)
    return b.transpose(f"{name}/tokens", value, (0, 2, 1, 3))


def _chunk(batch: int, height: int, width: int) -> int:
    per_picture = height * width
    return CHUNK if batch == 1 and per_picture % CHUNK == 0 else per_picture


def _two_at_least(b: Builder, name: str, k: str, v: str) -> tuple[str, str]:
    """The same keys and values, (N, M, heads, d), but one is doubled: that changes no mean.

    OpenVINO 2026.4 attends wrongly at later sizes when the first that it saw had a single key.
    """
    count = b.op("Shape", f"{name}/keys", k, start=1, end=2)
    places = b.op("Mod", f"{name}/places", b.counted(b.computed("Max", count, 2)), count)
    return (
        b.op("Gather", f"{name}/k/two", k, places, axis=1),
        b.op("Gather", f"{name}/v/two", v, places, axis=1),
    )


def _attend_in_rounds(site: Site, name: str, q: str, k: str, v: str) -> str:
    """The same in a loop, so that the scores of a large picture need not be there at once."""
    b, variant = site.builder, site.variant
    count = b.computed("Mul", site.height, site.width)
    gist = b.op("Shape", f"{name}/k/count", k, start=3, end=4)
    most = b.op("Div", f"{name}/most", b.integers([SCORES]), gist)
    split = (site.batch, -1, variant.heads, variant.reduced_channels // variant.heads)

    def attend(rows: str) -> str:
        return _attend_to(b, name, b.reshape(f"{name}/q/split", rows, split), k, v)

    q = b.reshape(f"{name}/q/pictures", q, (site.batch, -1, variant.reduced_channels))
    value = in_chunks(b, f"{name}/chunks", q, count, attend, most=most)
    value = b.transpose(f"{name}/pictures", value, (1, 0, 2, 3, 4))
    value = b.reshape(f"{name}/repeated", value, (site.batch, -1, variant.channels))
    limits = b.integers([0]), count, b.integers([1])
    value = b.op("Slice", f"{name}/once", value, *limits)
    return b.reshape(f"{name}/rows", value, (-1, variant.channels))
