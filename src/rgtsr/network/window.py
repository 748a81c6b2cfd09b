"""L-SA: attention inside windows, half of the channels in tall ones and half in wide ones.

Shifted blocks need neither a roll nor a mask here: rolling by half a window and masking cuts the
picture into regions (interior, edges, corners) whose windows never see each other, so each region
attends on its own. The position bias depends on offsets alone and serves all of them.

Shapes: B batch, H height, W width, C channels; n windows of N = h * w tokens, heads of width d.
Source: RGT, section 3.1 (L-SA), its code, and CAT (Chen et al., NeurIPS 2022) for the windows.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgtsr.network.attention import attend
from rgtsr.network.layout import channels_first, channels_last
from rgtsr.network.position import PositionBias
from rgtsr.variants import Variant, window_regions

Regions = tuple[tuple[int, int, int], ...]
Biases = dict[tuple[int, int], Tensor]


class LocalAttention(nn.Module):
    """Window attention plus a depthwise convolution of the values: (B, H, W, C) -> (B, H, W, C)."""

    def __init__(self, variant: Variant, *, shifted: bool) -> None:
        super().__init__()
        channels = variant.channels
        self.heads = variant.heads // 2
        self.multiple = variant.multiple_px
        self.qkv = nn.Linear(channels, channels * 3)
        self.attns = nn.ModuleList(
            WindowAttention(variant, window, shifted=shifted)
            for window in (variant.split, (variant.split[1], variant.split[0]))
        )
        self.get_v = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        height, width, channels = x_BHWC.shape[1:]
        qkv = self.qkv(x_BHWC)
        detail = channels_last(self.get_v(channels_first(qkv[..., 2 * channels :])))
        # Zeros after the linear map: padding tokens take part in the softmax, as in RGT's code.
        qkv = F.pad(qkv, (0, 0, 0, -width % self.multiple, 0, -height % self.multiple))
        halves = qkv.unflatten(-1, (3, 2, self.heads, -1)).unbind(4)
        attended = [attn(half) for attn, half in zip(self.attns, halves, strict=True)]
        return self.proj(torch.cat(attended, dim=-1)[:, :height, :width] + detail)


class WindowAttention(nn.Module):
    """Attention inside windows of one shape: (B, H, W, 3, heads, d) -> (B, H, W, heads * d)."""

    def __init__(self, variant: Variant, window: tuple[int, int], *, shifted: bool) -> None:
        super().__init__()
        self.window = window
        self.shifted = shifted
        self.pos = PositionBias(window, variant.position_channels, variant.heads // 2)

    def forward(self, qkv: Tensor) -> Tensor:
        rows, columns = self.regions(*qkv.shape[1:3])
        biases = self.biases(rows, columns)
        bands = [
            self.attend_band(qkv[:, top:bottom], h, columns, biases) for top, bottom, h in rows
        ]
        return torch.cat(bands, dim=1)

    def regions(self, height: int, width: int) -> tuple[Regions, Regions]:
        """How rows and columns are cut: (start, stop, window length) each."""
        tall, wide = self.window
        return (
            window_regions(height, tall, shifted=self.shifted),
            window_regions(width, wide, shifted=self.shifted),
        )

    def biases(self, rows: Regions, columns: Regions) -> Biases:
        """The position bias for each shape of window."""
        return self.pos(*itertools.product({h for *_, h in rows}, {w for *_, w in columns}))

    def attend_band(self, qkv: Tensor, h: int, columns: Regions, biases: Biases) -> Tensor:
        """Attention in a band of rows that windows of height ``h`` cover without a rest."""
        parts = [
            attend_inside(qkv[:, :, left:right], (h, w), biases[h, w]) for left, right, w in columns
        ]
        return torch.cat(parts, dim=2)


def attend_inside(qkv: Tensor, window: tuple[int, int], bias: Tensor) -> Tensor:
    """Attention inside windows that cover a region without a rest."""
    batch, height, width, _, heads, d = qkv.shape
    h, w = window
    windows = qkv.reshape(batch, height // h, h, width // w, w, 3, heads, d)
    q, k, v = windows.permute(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, -1, heads, h * w, d)
    attended = attend(q, k, v, bias=bias)
    attended = attended.reshape(batch, height // h, width // w, heads, h, w, d)
    return attended.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, height, width, heads * d)
