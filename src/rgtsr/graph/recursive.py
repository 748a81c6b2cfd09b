"""RG-SA as a graph: all pixels attend to a map that recursion has made small.

P rows of the picture, M rows of the representative map, R reduced channels, heads of width d.
Source: RGT, section 3.2, and its code.
"""

import functools

import numpy as np

from rgtsr.graph.builder import Builder, Size
from rgtsr.graph.fixed import CHUNK
from rgtsr.graph.layers import Site, affine, conv, linear, normalized, to_map, to_rows
from rgtsr.graph.strips import Map, Strips
from rgtsr.tiling import bands
from rgtsr.variants import REDUCTION, BlockPlan, recursions

SCORES = 1 << 22  # at a time, where a picture is enlarged in bands


def recursive_attention(site: Site, plan: BlockPlan, rows: str) -> str:
    """norm1 and RG-SA of one block: (P, C) -> (P, C)."""
    at, variant = plan.name, site.variant
    x = normalized(site, f"{at}/norm1", rows, variant.channels)
    name, size = f"{at}/attn/reduction", (site.geometry.height, site.geometry.width)
    value = to_map(site, name, x, size, variant.channels)
    value, size = site.geometry.recurred(name, value, functools.partial(_reduced, site, at))
    gist = _gist(site, at, value)
    q = _queries(site, at, x)
    return _answers(site, at, q, *_keys_and_values(site, at, gist, size))


def banded_recursive_attention(strips: Strips, plan: BlockPlan, source: Map, made: Map) -> None:
    """``made`` = source + RG-SA: the gist from bands of whole cells, then the queries."""
    height, width, channels = source.shape
    whole, step = height // REDUCTION * REDUCTION, strips.band_px // REDUCTION * REDUCTION
    reduced = np.concatenate(
        [
            strips.run(_reduced_once, (len(rows), width), rows.reshape(-1, channels), plan=plan)[0]
            for rows in (source[band.own] for band in bands(whole, max(REDUCTION, step)))
        ]
    )
    size, times = (height // REDUCTION, width // REDUCTION), recursions(height, width)
    k, v = strips.run(_gist_of_reduced, size, reduced, plan=plan, times=times)
    queries, answers = source.reshape(-1, channels), made.reshape(-1, channels)
    for some in bands(len(queries), _queries_at_once(strips, len(k), width)):
        rows = queries[some.own]
        answers[some.own] = strips.run(_answered, (1, len(rows)), rows, k, v, plan=plan)[0]


def _queries_at_once(strips: Strips, keys: int, width: int) -> int:
    """No more than a band has, nor than leave room for their scores."""
    fitting = max(1, min(strips.band_px * width, SCORES // (keys * strips.variant.heads)))
    return fitting // CHUNK * CHUNK or fitting


def _reduced_once(site: Site, rows: str, *, plan: BlockPlan) -> str:
    """The first step of the recursion, for some rows of cells: (P, C) -> (P / 16, C)."""
    channels, name = site.variant.channels, f"{plan.name}/attn/reduction"
    x = normalized(site, f"{plan.name}/norm1", rows, channels)
    value = to_map(site, name, x, (site.geometry.height, site.geometry.width), channels)
    return to_rows(site, name, _reduced(site, plan.name, f"{name}0", value, 0), channels)


def _gist_of_reduced(site: Site, rows: str, *, plan: BlockPlan, times: int) -> tuple[str, str]:
    """Keys and values from what the first of so many steps left: (M, R) and (M, C)."""
    size, name = (site.geometry.height, site.geometry.width), f"{plan.name}/attn/reduction"
    value = to_map(site, name, rows, size, site.variant.channels)
    for before in range(1, times):
        value = _reduced(site, plan.name, f"{name}{before}", value, before)
    height, width = (int(side) // REDUCTION ** (times - 1) for side in size)
    return _keys_and_values(site, plan.name, _gist(site, plan.name, value), (height, width))


def _answered(site: Site, rows: str, k: str, v: str, *, plan: BlockPlan) -> str:
    """Some pixels and what each finds in the representative map: (P, C)."""
    x = normalized(site, f"{plan.name}/norm1", rows, site.variant.channels)
    answers = _answers(site, plan.name, _queries(site, plan.name, x), k, v)
    return site.builder.op("Add", f"{plan.name}/after_attention", rows, answers)


def _queries(site: Site, at: str, x: str) -> str:
    """Of all pixels: (P, R), the scale folded in."""
    head_width = site.variant.channels / site.variant.heads * site.variant.c_ratio
    query = affine(site, f"{at}.attn.q").after_norm(site, f"{at}.norm1").times(head_width**-0.5)
    return linear(site, f"{at}/attn/q", x, query)


def _keys_and_values(site: Site, at: str, gist: str, size: tuple[Size, Size]) -> tuple[str, str]:
    """Of the representative map: (M, R) and (M, C)."""
    name, channels = f"{at}/attn", site.variant.channels
    k = linear(site, f"{name}/k", gist, affine(site, f"{at}.attn.k"))
    v = linear(site, f"{name}/v", gist, affine(site, f"{at}.attn.v"))
    v_map = to_map(site, f"{name}/cpe", v, size, channels)
    v_map = conv(site, f"{at}.attn.cpe", v_map, groups=channels)
    v_rows = to_rows(site, f"{name}/cpe", v_map, channels)
    return k, site.builder.op("Add", f"{name}/v_cpe", v, v_rows)


def _answers(site: Site, at: str, q: str, k: str, v: str) -> str:
    """What each pixel finds in the representative map, projected: (P, C)."""
    attended = _attend(site, f"{at}/attn", q, k, v)
    return linear(site, f"{at}/attn/proj", attended, affine(site, f"{at}.attn.proj"))


def _gist(site: Site, at: str, value: str) -> str:
    """The reduced map (N, C, h, w) as rows of R channels: (M, R)."""
    b, channels = site.builder, site.variant.channels
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
    return b.op("Gelu", f"{at}/attn/gist/gelu", rows)


def _reduced(site: Site, at: str, name: str, value: str, before: int) -> str:
    """One step of the recursion, after so many: (N, C, h, w) -> (N, C, h // 4, w // 4).

    The norm's gain and offset are folded into the first one: it has no padding.
    """
    b = site.builder
    weight, bias = (site.tensors[f"{at}.attn.reduction1.{part}"] for part in ("weight", "bias"))
    if before == 0:
        gain, offset = (site.tensors[f"{at}.norm1.{part}"] for part in ("weight", "bias"))
        weight, bias = weight * gain[:, None, None, None], bias + offset * weight.sum((1, 2, 3))
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


def _attend(site: Site, name: str, q: str, k: str, v: str) -> str:
    """Softmax attention of all pixels to the gist: (P, R), (M, R), (M, C) -> (P, C)."""
    b, variant, geometry = site.builder, site.variant, site.geometry
    heads, reduced = variant.heads, variant.reduced_channels
    k = b.reshape(f"{name}/k/split", k, (geometry.batch, -1, heads, reduced // heads))
    v = b.reshape(f"{name}/v/split", v, (geometry.batch, -1, heads, variant.channels // heads))
    k, v = geometry.keys(name, k, v)
    k = b.transpose(f"{name}/k/heads", k, (0, 2, 3, 1))
    v = b.transpose(f"{name}/v/heads", v, (0, 2, 1, 3))
    attend = functools.partial(_attend_to, b, name, k=k, v=v)
    value = geometry.attended(name, q, k, (heads, reduced // heads), attend)
    return b.reshape(f"{name}/rows", value, (-1, variant.channels))


def _attend_to(b: Builder, name: str, q: str, *, k: str, v: str) -> str:
    """Queries (n, queries, heads, d) to keys and values by heads: (n, queries, heads, d)."""
    q = b.transpose(f"{name}/q/heads", q, (0, 2, 1, 3))
    scores = b.op("MatMul", f"{name}/scores", q, k)
    scores = b.op("Softmax", f"{name}/softmax", scores, axis=-1)
    value = b.op("MatMul", f"{name}/product", scores, v)
    return b.transpose(f"{name}/tokens", value, (0, 2, 1, 3))
