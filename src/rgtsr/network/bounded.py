"""The whole network over bands of rows, so that any picture fits under a memory limit, exactly.

Three maps of the whole picture are held: a group's input, the residual stream, and what a block
makes of it. Everything else exists for a band of rows at a time. Without gradients.

Shapes: B batch, H height, W width, C channels.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import torch
from torch import Tensor, nn

from rgtsr.network.bands import HALO, add, fill, last_axis
from rgtsr.network.block import Block
from rgtsr.network.layout import channels_first, channels_last
from rgtsr.network.rgt import RGT, ResidualGroup, mirrored_up_to
from rgtsr.tiling import OnShare, bands, stepping, unheard
from rgtsr.variants import Variant, smallest_side, steps

MAPS = 3
FLOAT_BYTES = 4
RECONSTRUCTION_HALO = 3  # rows of the input that everything after the body looks at up and down


def held_bytes(variant: Variant, shape_BCHW: tuple[int, ...]) -> int:
    """Of what is there as long as the picture is: the maps, the picture and the enlarged one."""
    batch, _, height, width = shape_BCHW
    floats = MAPS * variant.channels + 2 * 3 * (1 + variant.scale**2)
    return batch * floats * height * width * FLOAT_BYTES


def smallest_band(variant: Variant) -> int:
    """Rows below which windows would be cut."""
    return max(variant.split)


@torch.inference_mode()
def forward(network: RGT, x_BCHW: Tensor, *, band_px: int, on_share: OnShare = unheard) -> Tensor:
    """``network(x_BCHW)``, exactly, with about ``band_px`` rows at a time.

    ``on_share`` is told after each of ``variants.steps``.
    """
    step = stepping(steps(network.variant), on_share)
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
            block.attn.banded(block.norm1, source, made, band_px=band_px)
            step()
            finish(block, source, made, stream, band_px)
            step()
            source = stream
        add(entry, last_axis(group.conv), stream, band_px, halo_of(group.conv))
    fill(made, shallow, x, band_px, HALO)
    add(made, deep, entry, band_px, halo_of(network.conv_after_body))
    del entry, stream
    enlarged = reconstruct(network, made, band_px)
    step()
    return enlarged[..., : height * network.variant.scale, : width * network.variant.scale]


def finish(block: Block, source: Tensor, made: Tensor, stream: Tensor, band_px: int) -> None:
    """``stream`` = made + MLP(norm2(made)) + gamma * source; it may be the source itself."""
    for band in bands(made.shape[1], band_px):
        mixed = block.mlp(block.norm2(made[:, band.around(HALO)]))[:, band.inside(HALO)]
        stream[:, band.own] = torch.addcmul(
            made[:, band.own] + mixed, block.gamma, source[:, band.own]
        )


def reconstruct(network: RGT, features: Tensor, band_px: int) -> Tensor:
    """Everything after the body: (B, H, W, C) -> (B, 3, H * S, W * S)."""
    batch, height, width = features.shape[:3]
    scale = network.variant.scale
    enlarged = features.new_empty(batch, 3, height * scale, width * scale)
    for band in bands(height, band_px):
        x = channels_first(features[:, band.around(RECONSTRUCTION_HALO)])
        x = network.colors(network.upsample(network.conv_before_upsample(x)))
        inside = band.inside(RECONSTRUCTION_HALO, scale)
        enlarged[:, :, band.top * scale : band.bottom * scale] = x[:, :, inside]
    return enlarged


def halo_of(conv: nn.Module) -> int:
    """How many 3x3 convolutions follow each other."""
    return sum(isinstance(m, nn.Conv2d) and m.kernel_size[0] == 3 for m in conv.modules())
