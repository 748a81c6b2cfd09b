"""The same network over bands of rows, so that a whole picture fits under a memory limit, exactly.

Three maps of the whole picture are held: a group's input, the residual stream, and what a block
makes of it. Everything else exists for a band of rows at a time, with the neighbouring rows that
its convolutions look at. Without gradients.

Shapes: B batch, H height, W width, C channels; ``[top, bottom)`` are rows.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgtsr.network.block import Block
from rgtsr.network.layout import channels_first, channels_last
from rgtsr.network.recursive import RecursiveGeneralizationAttention
from rgtsr.network.rgt import RGT, ResidualGroup, mirrored_up_to
from rgtsr.network.window import LocalAttention, WindowAttention
from rgtsr.variants import REDUCTION, Variant, recursions, smallest_side

MAPS = 3
FLOAT_BYTES = 4
HALO = 1  # rows that a 3x3 convolution looks at above and below
RECONSTRUCTION_HALO = 3  # the same for everything after the body, in rows of the input

Rows = Callable[[Tensor], Tensor]  # (B, h, W, C) -> (B, h, W, C')


@dataclass(frozen=True)
class Band:
    """Some rows of a map, and how to read them with their neighbours."""

    top: int
    bottom: int
    height: int

    def around(self, halo: int) -> slice:
        """The band and up to ``halo`` rows on either side, as far as the map goes."""
        return slice(max(0, self.top - halo), min(self.height, self.bottom + halo))

    def inside(self, halo: int, factor: int = 1) -> slice:
        """Where the band lies in what was read, or in what is ``factor`` times as high."""
        above = min(self.top, halo)
        return slice(above * factor, (above + self.bottom - self.top) * factor)


def held_bytes(variant: Variant, shape_BCHW: tuple[int, ...]) -> int:
    """Of what is there as long as the picture is: the maps, the picture and the enlarged one."""
    batch, _, height, width = shape_BCHW
    floats = MAPS * variant.channels + 2 * 3 * (1 + variant.scale**2)
    return batch * floats * height * width * FLOAT_BYTES


def smallest_band(variant: Variant) -> int:
    """Rows below which windows would be cut."""
    return max(variant.split)


@torch.inference_mode()
def forward(network: RGT, x_BCHW: Tensor, *, band_px: int) -> Tensor:
    """``network(x_BCHW)``, exactly, with about ``band_px`` rows at a time."""
    height, width = x_BCHW.shape[-2:]
    x_BCHW = mirrored_up_to(x_BCHW, smallest_side(height, width)) - network.mean
    x = channels_last(x_BCHW)
    shape = (*x.shape[:3], network.variant.channels)
    entry, stream, made = (x.new_empty(shape) for _ in range(MAPS))

    def shallow(rows: Tensor) -> Tensor:
        return last_axis(network.shallow)(rows)

    def deep(rows: Tensor) -> Tensor:
        return last_axis(network.conv_after_body)(network.norm(rows))

    fill(entry, lambda rows: network.before_RG(shallow(rows)), x, band_px, HALO)
    for group in network.layers:
        assert isinstance(group, ResidualGroup)
        source = entry
        for block in group.blocks:
            assert isinstance(block, Block)
            attend(block, source, made, band_px)
            finish(block, source, made, stream, band_px)
            source = stream
        add(entry, last_axis(group.conv), stream, band_px, halo_of(group.conv))
    fill(made, shallow, x, band_px, HALO)
    add(made, deep, entry, band_px, halo_of(network.conv_after_body))
    del entry, stream
    return reconstruct(network, made, band_px)[
        ..., : height * network.variant.scale, : width * network.variant.scale
    ]


def attend(block: Block, source: Tensor, made: Tensor, band_px: int) -> None:
    """``made`` = source + attention(norm1(source))."""
    if isinstance(block.attn, LocalAttention):
        attend_in_windows(block.attn, block.norm1, source, made, band_px)
    else:
        attend_recursively(block.attn, block.norm1, source, made, band_px)


def finish(block: Block, source: Tensor, made: Tensor, stream: Tensor, band_px: int) -> None:
    """``stream`` = made + MLP(norm2(made)) + gamma * source; it may be the source itself."""
    for band in bands(made.shape[1], band_px):
        own = slice(band.top, band.bottom)
        mixed = block.mlp(block.norm2(made[:, band.around(HALO)]))[:, band.inside(HALO)]
        stream[:, own] = torch.addcmul(made[:, own] + mixed, block.gamma, source[:, own])


def attend_in_windows(
    attn: LocalAttention, norm: Rows, source: Tensor, made: Tensor, band_px: int
) -> None:
    half = source.shape[-1] // 2
    for index in range(2):
        part = slice(index * half, (index + 1) * half)
        fill_windows(attn, index, norm, source, made[..., part], band_px=band_px)
    value = slice(2 * source.shape[-1], None)
    weight, bias = attn.qkv.weight[value], attn.qkv.bias[value]
    detail_of = last_axis(attn.get_v)
    for band in bands(source.shape[1], band_px):
        own = slice(band.top, band.bottom)
        values = F.linear(norm(source[:, band.around(HALO)]), weight, bias)
        detail = detail_of(values)[:, band.inside(HALO)]
        made[:, own] = source[:, own] + attn.proj(made[:, own] + detail)


def fill_windows(
    attn: LocalAttention, index: int, norm: Rows, source: Tensor, out: Tensor, *, band_px: int
) -> None:
    """One half of the channels attended in its windows, before the projection."""
    windows = attn.attns[index]
    assert isinstance(windows, WindowAttention)
    height, width, channels = source.shape[1:]
    halves = (2, channels // 2)
    weight = attn.qkv.weight.view(3, *halves, channels)[:, index].flatten(0, 1)
    bias = attn.qkv.bias.view(3, *halves)[:, index].flatten()
    pad = -width % attn.multiple
    regions, columns = windows.regions(height + -height % attn.multiple, width + pad)
    biases = windows.biases(regions, columns)
    for start, stop, h in regions:
        for band in bands(stop, max(h, band_px // h * h), start):
            rows = source[:, band.top : min(band.bottom, height)]
            if not rows.shape[1]:
                continue  # a region of padding alone
            qkv = F.linear(norm(rows), weight, bias)
            qkv = F.pad(qkv, (0, 0, 0, pad, 0, band.bottom - band.top - rows.shape[1]))
            qkv = qkv.unflatten(-1, (3, attn.heads, -1))
            attended = windows.attend_band(qkv, h, columns, biases)
            out[:, band.top : band.bottom] = attended[:, : rows.shape[1], :width]


def attend_recursively(
    attn: RecursiveGeneralizationAttention, norm: Rows, source: Tensor, made: Tensor, band_px: int
) -> None:
    height, width = source.shape[1:3]
    step = max(REDUCTION, band_px // REDUCTION * REDUCTION)
    whole = height // REDUCTION * REDUCTION
    x = torch.cat(
        [attn.reduced(norm(source[:, band.top : band.bottom])) for band in bands(whole, step)],
        dim=1,
    )
    for _ in range(recursions(height, width) - 1):
        x = attn.reduced(x)
    keys_and_values = attn.keys_and_values(x)
    for band in bands(height, band_px):
        rows = source[:, band.top : band.bottom]
        made[:, band.top : band.bottom] = rows + attn.attend(norm(rows), *keys_and_values)


def reconstruct(network: RGT, features: Tensor, band_px: int) -> Tensor:
    """Everything after the body: (B, H, W, C) -> (B, 3, H * S, W * S)."""
    batch, height, width = features.shape[:3]
    scale = network.variant.scale
    enlarged = features.new_empty(batch, 3, height * scale, width * scale)
    for band in bands(height, band_px):
        x = channels_first(features[:, band.around(RECONSTRUCTION_HALO)])
        x = network.colours(network.upsample(network.conv_before_upsample(x)))
        inside = band.inside(RECONSTRUCTION_HALO, scale)
        enlarged[:, :, band.top * scale : band.bottom * scale] = x[:, :, inside]
    return enlarged


def fill(out: Tensor, function: Rows, source: Tensor, band_px: int, halo: int) -> None:
    """``out`` = function(source), where the function looks ``halo`` rows up and down."""
    for band in bands(source.shape[1], band_px):
        made = function(source[:, band.around(halo)])
        out[:, band.top : band.bottom] = made[:, band.inside(halo)]


def add(out: Tensor, function: Rows, source: Tensor, band_px: int, halo: int) -> None:
    """``out`` += function(source)."""
    for band in bands(source.shape[1], band_px):
        made = function(source[:, band.around(halo)])
        out[:, band.top : band.bottom] += made[:, band.inside(halo)]


def bands(height: int, step: int, start: int = 0) -> Iterator[Band]:
    """Cut the rows from ``start`` on into bands of at most ``step``."""
    for top in range(start, height, step):
        yield Band(top, min(top + step, height), height)


def halo_of(conv: nn.Module) -> int:
    """How many 3x3 convolutions follow each other."""
    return sum(isinstance(m, nn.Conv2d) and m.kernel_size[0] == 3 for m in conv.modules())


def last_axis(conv: Rows) -> Rows:
    """A convolution for maps whose channels come last."""
    return lambda x_BHWC: channels_last(conv(channels_first(x_BHWC)))
