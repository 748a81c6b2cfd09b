"""RG-SA: every pixel attends to a map of the whole picture that recursion has made small.

Shapes: B batch, H height, W width, C channels, R reduced channels, h*w the representative map.
Source: RGT, section 3.2, equations 3 to 6, and its code.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import torch
from torch import Tensor, nn

from rgtsr.network.attention import Attention, attend_in_chunks
from rgtsr.network.bands import Rows
from rgtsr.network.layout import channels_first, channels_last
from rgtsr.tiling import bands
from rgtsr.variants import REDUCTION, BlockPlan, Variant, recursions


class RecursiveGeneralizationAttention(Attention):
    """Cross-attention from all pixels to the representative map: (B, H, W, C) -> (B, H, W, C)."""

    def __init__(self, variant: Variant, _plan: BlockPlan) -> None:
        super().__init__()
        channels, reduced = variant.channels, variant.reduced_channels
        self.heads = variant.heads
        self.scale = (channels / variant.heads * variant.c_ratio) ** -0.5
        # RGT's code makes the kernel of the recursion depthwise and shares it between its steps.
        self.reduction1 = nn.Conv2d(channels, channels, REDUCTION, REDUCTION, groups=channels)
        self.dwconv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.conv = nn.Conv2d(channels, reduced, 1)
        self.norm_act = nn.Sequential(nn.LayerNorm(reduced), nn.GELU())
        self.q = nn.Linear(channels, reduced)
        self.k = nn.Linear(reduced, reduced)
        self.v = nn.Linear(reduced, channels)
        self.cpe = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        x = x_BHWC
        for _ in range(recursions(*x_BHWC.shape[1:3])):
            x = self.reduced(x)
        return self.attend(x_BHWC, *self.keys_and_values(x))

    def banded(self, norm: Rows, source: Tensor, made: Tensor, *, band_px: int) -> None:
        """See ``Attention``: the representative map from bands of whole cells, then the queries."""
        height, width = source.shape[1:3]
        step = max(REDUCTION, band_px // REDUCTION * REDUCTION)
        whole = height // REDUCTION * REDUCTION
        x = torch.cat([self.reduced(norm(source[:, b.own])) for b in bands(whole, step)], dim=1)
        for _ in range(recursions(height, width) - 1):
            x = self.reduced(x)
        keys_and_values = self.keys_and_values(x)
        for band in bands(height, band_px):
            rows = source[:, band.own]
            made[:, band.own] = rows + self.attend(norm(rows), *keys_and_values)

    def keys_and_values(self, x_BhwC: Tensor) -> tuple[Tensor, Tensor]:
        """Both of the representative map, by heads, from what T steps of the recursion left."""
        map_BhwR = self.norm_act(channels_last(self.conv(self.dwconv(channels_first(x_BhwC)))))
        v_BhwC = self.v(map_BhwR)
        v_BhwC = v_BhwC + channels_last(self.cpe(channels_first(v_BhwC)))
        return self.split_heads(self.k(map_BhwR)), self.split_heads(v_BhwC)

    def attend(self, x_BHWC: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Each pixel's answer from the representative map; pixels do not see each other."""
        q = self.split_heads(self.q(x_BHWC))
        attended = attend_in_chunks(q, k, v, scale=self.scale)
        return self.proj(attended.transpose(1, 2).reshape(x_BHWC.shape))

    def reduced(self, x_BHWC: Tensor) -> Tensor:
        """One step of the recursion: (B, H, W, C) -> (B, H // 4, W // 4, C)."""
        if not torch.is_grad_enabled() or x_BHWC.device.type != "cpu":
            return channels_last(self.reduction1(channels_first(x_BHWC)))
        # As a product: on a CPU the gradient of a depthwise convolution with a stride takes a
        # tenth of a training step, this one a third of that.
        batch, height, width, channels = x_BHWC.shape
        h, w = height // REDUCTION, width // REDUCTION
        cells = x_BHWC[:, : h * REDUCTION, : w * REDUCTION]
        cells = cells.to(self.reduction1.weight.dtype)
        cells = cells.reshape(batch, h, REDUCTION, w, REDUCTION, channels)
        bias = self.reduction1.bias
        assert bias is not None
        kernel = self.reduction1.weight.permute(1, 2, 3, 0).unflatten(1, (REDUCTION, 1))
        return (cells * kernel[0]).sum((2, 4)) + bias

    def split_heads(self, x_BHWC: Tensor) -> Tensor:
        """(B, H, W, heads * d) -> (B, heads, H * W, d)."""
        return x_BHWC.flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2)
