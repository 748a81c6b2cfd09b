"""One transformer block: attention, gated MLP, hybrid adaptive integration (HAI).

Shapes: maps are (B, H, W, C); rC is the MLP's hidden width.
Source: RGT, section 3.1 (block), section 3.3 (HAI), and its code for the gate.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgtsr.network.attention import Attention
from rgtsr.network.layout import channels_first, channels_last
from rgtsr.network.recursive import RecursiveGeneralizationAttention
from rgtsr.network.window import LocalAttention
from rgtsr.variants import BlockPlan, Kind, Variant

GAMMA_START = 1e-4  # HAI's scale at the start of training, RGT's code

ATTENTIONS: dict[Kind, Callable[[Variant, BlockPlan], Attention]] = {
    "local": LocalAttention,
    "recursive": RecursiveGeneralizationAttention,
}


class Block(nn.Module):
    """Attention of the plan's kind and the MLP; HAI adds the block's input once more, scaled.

    ``drop_path``, a tensor of one number, is the chance of stochastic depth; None: there is none.
    """

    def __init__(
        self, variant: Variant, plan: BlockPlan, *, drop_path: Tensor | None = None
    ) -> None:
        super().__init__()
        # a tensor, as a number would be compiled anew for every block
        self.register_buffer("chance", drop_path, persistent=False)
        self.chance: Tensor | None
        self.norm1 = nn.LayerNorm(variant.channels)
        self.attn = ATTENTIONS[plan.kind](variant, plan)
        self.norm2 = nn.LayerNorm(variant.channels)
        self.mlp = GatedMLP(variant)
        self.gamma = nn.Parameter(torch.full((variant.channels,), GAMMA_START))

    def forward(self, x_BHWC: Tensor) -> Tensor:
        x = x_BHWC + self.drop_path(self.attn(self.norm1(x_BHWC)))
        x = x + self.drop_path(self.mlp(self.norm2(x)))
        return torch.addcmul(x, self.gamma, x_BHWC)

    def drop_path(self, branch_BHWC: Tensor) -> Tensor:
        """Stochastic depth: in training, a sample loses the branch with the block's chance."""
        if self.chance is None or not self.training:
            return branch_BHWC
        kept = 1 - self.chance.expand(branch_BHWC.shape[0], 1, 1, 1)
        return branch_BHWC * (torch.bernoulli(kept) / kept).to(branch_BHWC.dtype)


class GatedMLP(nn.Module):
    """C -> rC, GELU, one half gated by the other, rC/2 -> C."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        gated = variant.hidden_channels // 2
        self.fc1 = nn.Linear(variant.channels, variant.hidden_channels)
        self.sg = SpatialGate(gated)
        self.fc2 = nn.Linear(gated, variant.channels)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        content, gate = F.gelu(self.fc1(x_BHWC)).chunk(2, dim=-1)
        return self.fc2(content * self.sg(gate))


class SpatialGate(nn.Module):
    """A norm and a depthwise 3x3: what a pixel's neighbourhood lets through."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        return channels_last(self.conv(channels_first(self.norm(x_BHWC))))
