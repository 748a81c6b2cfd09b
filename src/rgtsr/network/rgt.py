"""The whole network: shallow features, residual groups, reconstruction. Knows no files.

Shapes: B batch, C channels, H height, W width, S scale. Maps between modules are (B, H, W, C).
Source: RGT (Chen et al., ICLR 2024), section 3.1 and figure 2.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import itertools

import torch
from torch import Tensor, nn

from rgtsr import variants
from rgtsr.network.block import Block
from rgtsr.network.layout import channels_first, channels_last
from rgtsr.network.window import WindowAttention
from rgtsr.variants import UPSAMPLER_STEPS, BlockPlan, ResiConnection, Variant, smallest_side
from rgtsr.weights import Weights


class RGT(nn.Module):
    """Enlarge pictures: RGB in 0..1, (B, 3, H, W) -> (B, 3, H * S, W * S), unclipped.

    Any H and W from 1 up: sides too short for the recursion are mirrored first, cropped after.
    ``drop_path`` is the last block's chance of stochastic depth; it grows linearly from 0.
    """

    def __init__(self, variant: Variant, *, drop_path: float = 0.0) -> None:
        super().__init__()
        self.variant = variant
        mean_1311 = torch.tensor(variant.mean_rgb).view(1, 3, 1, 1)
        self.register_buffer("mean", mean_1311, persistent=False)
        self.mean: Tensor

        self.conv_first = nn.Conv2d(3, variant.channels, 3, padding=1)
        self.before_RG = nn.Sequential(nn.Identity(), nn.LayerNorm(variant.channels))
        chances = torch.linspace(0, drop_path, sum(variant.depths)).split(variant.depths)
        self.layers = nn.ModuleList(
            ResidualGroup(variant, group, part if drop_path else None)
            for group, part in zip(variants.groups(variant), chances, strict=True)
        )
        self.norm = nn.LayerNorm(variant.channels)
        self.conv_after_body = residual_conv(variant.channels, variant.resi_connection)

        self.conv_before_upsample = nn.Sequential(
            nn.Conv2d(variant.channels, variant.num_feat, 3, padding=1), nn.LeakyReLU(inplace=True)
        )
        self.upsample = upsampler(variant.scale, variant.num_feat)
        self.conv_last = nn.Conv2d(variant.num_feat, 3, 3, padding=1)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] -- absent from torch's stub

    def forward(self, x_BCHW: Tensor) -> Tensor:
        height, width = x_BCHW.shape[-2:]
        x = mirrored_up_to(x_BCHW - self.mean, smallest_side(height, width))
        shallow = self.shallow(x)
        deep = self.conv_after_body(channels_first(self.body(channels_last(shallow))))
        x = self.colors(self.upsample(self.conv_before_upsample(deep + shallow)))
        return x[..., : height * self.variant.scale, : width * self.variant.scale]

    # Under autocast products are bf16, but what the blocks add to stays in full precision, and so
    # do the convolutions from and to colors: in bf16 the first one alone loses 0.01 dB.

    def shallow(self, x_BCHW: Tensor) -> Tensor:
        with torch.autocast(x_BCHW.device.type, enabled=False):
            return self.conv_first(x_BCHW.contiguous(memory_format=torch.channels_last))

    def body(self, x_BHWC: Tensor) -> Tensor:
        x = self.before_RG(x_BHWC)
        for group in self.layers:
            x = group(x)
        return self.norm(x)

    def freeze(self) -> "RGT":
        """This network for enlarging alone: what only weights decide is computed here, once."""
        for module in self.eval().requires_grad_(False).modules():
            if isinstance(module, WindowAttention):
                module.freeze()
        return self

    def colors(self, features_BCHW: Tensor) -> Tensor:
        with torch.autocast(features_BCHW.device.type, enabled=False):
            return self.conv_last(features_BCHW.to(self.mean.dtype)) + self.mean


class ResidualGroup(nn.Module):
    """Blocks of alternating L-SA and RG-SA, a convolution, and the group's input on top."""

    def __init__(
        self, variant: Variant, group: tuple[BlockPlan, ...], drop_paths: Tensor | None
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(variant, plan, drop_path=None if drop_paths is None else drop_paths[plan.index])
            for plan in group
        )
        self.conv = residual_conv(variant.channels, variant.resi_connection)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        x = x_BHWC
        for block in self.blocks:
            x = block(x)
        return channels_last(self.conv(channels_first(x))) + x_BHWC


def residual_conv(channels: int, connection: ResiConnection) -> nn.Module:
    """The convolution that ends a residual group and the body."""
    if connection == "1conv":
        return nn.Conv2d(channels, channels, 3, padding=1)
    narrow = channels // 4
    return nn.Sequential(
        nn.Conv2d(channels, narrow, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(narrow, narrow, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(narrow, channels, 3, padding=1),
    )


def upsampler(scale: int, num_feat: int) -> nn.Sequential:
    """Sub-pixel convolutions: one of 3 for x3, one or two of 2 for x2 and x4, none for x1."""
    steps = UPSAMPLER_STEPS[scale]
    pairs = (
        (nn.Conv2d(num_feat, num_feat * step**2, 3, padding=1), nn.PixelShuffle(step))
        for step in steps
    )
    return nn.Sequential(*itertools.chain.from_iterable(pairs))


def mirrored_up_to(x_BCHW: Tensor, side_px: int) -> Tensor:
    """Mirror pictures below ``side_px`` at the bottom and the right, the edge sample repeated."""
    for axis in (2, 3):
        length = x_BCHW.shape[axis]
        if length < side_px:
            period = torch.arange(side_px, device=x_BCHW.device) % (2 * length)
            x_BCHW = x_BCHW.index_select(axis, torch.minimum(period, 2 * length - 1 - period))
    return x_BCHW


def from_weights(weights: Weights) -> RGT:
    """The network of these weights, in evaluation mode and float32 on the CPU."""
    network = RGT(weights.variant)
    state = {name: torch.tensor(tensor) for name, tensor in weights.tensors.items()}
    network.load_state_dict(state)
    return network.eval()
