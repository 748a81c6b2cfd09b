"""Which tensors an RGT has, and which RGT has these tensors. Knows no files, no values.

Names are the authors' state-dict keys. Source: RGT's code.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from rgtsr import variants
from rgtsr.variants import REDUCTION, UPSAMPLER_STEPS, BlockPlan, Kind, ResiConnection, Variant

Shape = tuple[int, ...]
Shapes = dict[str, Shape]


def parameter_shapes(variant: Variant) -> Shapes:
    """Name and shape of every tensor of this network."""
    return dict(tensors(variant))


def tensors(variant: Variant) -> Iterator[tuple[str, Shape]]:
    """Names and shapes one by one: a network that a file only claims is never made as a whole."""
    channels = variant.channels
    yield from (_conv("conv_first", 3, channels) | _norm("before_RG.1", channels)).items()
    for number, depth in enumerate(variant.depths):
        for index in range(depth):
            yield from _block(variant, variants.block(number, index)).items()
        yield from _residual(f"layers.{number}.conv", channels, variant.resi_connection).items()
    yield from _norm("norm", channels).items()
    yield from _residual("conv_after_body", channels, variant.resi_connection).items()
    num_feat = variant.num_feat
    yield from _conv("conv_before_upsample.0", channels, num_feat).items()
    for place, step in enumerate(UPSAMPLER_STEPS[variant.scale]):
        yield from _conv(f"upsample.{2 * place}", num_feat, num_feat * step**2).items()
    yield from _conv("conv_last", num_feat, 3).items()


def infer(shapes: Mapping[str, Shape], *, split: tuple[int, int] | None = None) -> Variant:
    """The network that has tensors of these shapes.

    ``split`` is the window's (height, width), which no tensor's shape shows; without it, a named
    variant of otherwise the same numbers decides.

    Raises:
        ValueError: when these are no RGT's tensors, or the split cannot be known.
    """
    try:
        found = _read(shapes)
    except (LookupError, ValueError, ArithmeticError) as error:
        raise ValueError(f"these are not the tensors of an RGT: {error}") from error
    if split is None:
        twins = [base for base in variants.BASES.values() if _same_but_split(base, found)]
        if not twins:
            raise ValueError(
                "the window size is not in these tensors, and no named variant is like them: the"
                " file lacks the buffers 'rpe_biases' that would tell."
            )
        split = twins[0].split
    found = replace(found, split=split)
    names = [base.name for base in variants.BASES.values() if same_numbers(base, found)]
    return replace(found, name=names[0] if names else "custom")


def same_numbers(base: Variant, other: Variant) -> bool:
    """Whether two variants differ in name, scale and mean at most."""
    return replace(base, name=other.name, scale=other.scale, mean_rgb=other.mean_rgb) == other


def _same_but_split(base: Variant, other: Variant) -> bool:
    body = replace(base, split=other.split, num_feat=other.num_feat)  # no window sees the upsampler
    return same_numbers(body, other)


def _read(shapes: Mapping[str, Shape]) -> Variant:
    channels = shapes["conv_first.weight"][0]
    blocks = [m for name in shapes if (m := re.match(r"layers\.(\d+)\.blocks\.(\d+)\.", name))]
    deepest: dict[int, int] = {}
    for group, index in ((int(m[1]), int(m[2])) for m in blocks):
        deepest[group] = max(index, deepest.get(group, 0))
    if sorted(deepest) != list(range(len(deepest))):
        raise ValueError("not every group of blocks is there")
    depths = tuple(1 + deepest[group] for group in range(len(deepest)))
    heads = {
        2 * shape[0] for name, shape in shapes.items() if name.endswith("attns.0.pos.pos3.2.weight")
    }
    if len(heads) != 1:
        raise ValueError(f"groups with different head counts ({sorted(heads)}) are not supported")
    reduced = next((s[0] for n, s in shapes.items() if n.endswith(".attn.conv.weight")), None)
    connection: ResiConnection = "1conv" if "conv_after_body.weight" in shapes else "3conv"
    num_feat = shapes["conv_before_upsample.0.weight"][0]
    return Variant(
        name="custom",
        scale=_scale(shapes, num_feat),
        channels=channels,
        depths=depths,
        heads=heads.pop(),
        split=(2, 2),
        mlp_ratio=_ratio(shapes["layers.0.blocks.0.mlp.fc1.weight"][0], channels),
        c_ratio=0.5 if reduced is None else _ratio(reduced, channels),
        resi_connection=connection,
        num_feat=num_feat,
    )


def _ratio(part: int, channels: int) -> float:
    """The number that, times ``channels`` and cut to an integer, gives ``part``."""
    ratio = part / channels
    return ratio if int(channels * ratio) == part else math.nextafter(ratio, math.inf)


def _scale(shapes: Mapping[str, Shape], num_feat: int) -> int:
    steps: list[int] = []
    while (name := f"upsample.{2 * len(steps)}.weight") in shapes:
        steps.append(round((shapes[name][0] / num_feat) ** 0.5))
    for scale, known in UPSAMPLER_STEPS.items():
        if known == tuple(steps):
            return scale
    raise ValueError(f"an upsampler of steps {steps} belongs to no known scale")


def _block(variant: Variant, block: BlockPlan) -> Shapes:
    at, channels, hidden = block.name, variant.channels, variant.hidden_channels
    return (
        {f"{at}.gamma": (channels,)}
        | _norm(f"{at}.norm1", channels)
        | ATTENTIONS[block.kind](variant, f"{at}.attn")
        | _norm(f"{at}.norm2", channels)
        | _linear(f"{at}.mlp.fc1", channels, hidden)
        | _norm(f"{at}.mlp.sg.norm", hidden // 2)
        | _depthwise(f"{at}.mlp.sg.conv", hidden // 2, 3)
        | _linear(f"{at}.mlp.fc2", hidden // 2, channels)
    )


def _local(variant: Variant, at: str) -> Shapes:
    channels, narrow = variant.channels, variant.position_channels
    shapes = _linear(f"{at}.qkv", channels, 3 * channels) | _depthwise(f"{at}.get_v", channels, 3)
    shapes |= _linear(f"{at}.proj", channels, channels)
    for half in range(2):
        pos = f"{at}.attns.{half}.pos"
        shapes |= _linear(f"{pos}.pos_proj", 2, narrow)
        for part, outputs in (("pos1", narrow), ("pos2", narrow), ("pos3", variant.heads // 2)):
            shapes |= _norm(f"{pos}.{part}.0", narrow)
            shapes |= _linear(f"{pos}.{part}.2", narrow, outputs)
    return shapes


def _recursive(variant: Variant, at: str) -> Shapes:
    channels, reduced = variant.channels, variant.reduced_channels
    return (
        _depthwise(f"{at}.reduction1", channels, REDUCTION)
        | _depthwise(f"{at}.dwconv", channels, 3)
        | _conv(f"{at}.conv", channels, reduced, side=1)
        | _norm(f"{at}.norm_act.0", reduced)
        | _linear(f"{at}.q", channels, reduced)
        | _linear(f"{at}.k", reduced, reduced)
        | _linear(f"{at}.v", reduced, channels)
        | _depthwise(f"{at}.cpe", channels, 3)
        | _linear(f"{at}.proj", channels, channels)
    )


ATTENTIONS: dict[Kind, Callable[[Variant, str], Shapes]] = {
    "local": _local,
    "recursive": _recursive,
}


def _residual(at: str, channels: int, connection: ResiConnection) -> Shapes:
    if connection == "1conv":
        return _conv(at, channels, channels)
    narrow = channels // 4
    return (
        _conv(f"{at}.0", channels, narrow)
        | _conv(f"{at}.2", narrow, narrow, side=1)
        | _conv(f"{at}.4", narrow, channels)
    )


def _conv(at: str, inputs: int, outputs: int, *, side: int = 3) -> Shapes:
    return {f"{at}.weight": (outputs, inputs, side, side), f"{at}.bias": (outputs,)}


def _depthwise(at: str, channels: int, side: int) -> Shapes:
    return {f"{at}.weight": (channels, 1, side, side), f"{at}.bias": (channels,)}


def _linear(at: str, inputs: int, outputs: int) -> Shapes:
    return {f"{at}.weight": (outputs, inputs), f"{at}.bias": (outputs,)}


def _norm(at: str, channels: int) -> Shapes:
    return {f"{at}.weight": (channels,), f"{at}.bias": (channels,)}
