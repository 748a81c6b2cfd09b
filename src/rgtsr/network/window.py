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

from rgtsr.network.attention import Attention, attend
from rgtsr.network.bands import HALO, Rows, last_axis
from rgtsr.network.layout import channels_first, channels_last
from rgtsr.network.position import Biases, PositionBias
from rgtsr.tiling import bands
from rgtsr.variants import BlockPlan, Variant, window_regions

Regions = tuple[tuple[int, int, int], ...]


class LocalAttention(Attention):
    """Window attention plus a depthwise convolution of the values: (B, H, W, C) -> (B, H, W, C)."""

    def __init__(self, variant: Variant, plan: BlockPlan) -> None:
        super().__init__()
        channels = variant.channels
        self.heads = variant.heads // 2
        self.multiple = variant.multiple_px
        self.qkv = nn.Linear(channels, channels * 3)
        self.attns = nn.ModuleList(
            WindowAttention(variant, window, shifted=plan.shifted) for window in variant.windows
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

    def banded(self, norm: Rows, source: Tensor, made: Tensor, *, band_px: int) -> None:
        """See ``Attention``: each half in bands of its own windows, then the detail and proj."""
        half = source.shape[-1] // 2
        for index in range(2):
            part = slice(index * half, (index + 1) * half)
            self.fill_windows(index, norm, source, made[..., part], band_px=band_px)
        value = slice(2 * source.shape[-1], None)
        weight, bias = self.qkv.weight[value], self.qkv.bias[value]
        detail_of = last_axis(self.get_v)
        for band in bands(source.shape[1], band_px):
            values = F.linear(norm(source[:, band.around(HALO)]), weight, bias)
            detail = detail_of(values)[:, band.inside(HALO)]
            made[:, band.own] = source[:, band.own] + self.proj(made[:, band.own] + detail)

    def fill_windows(
        self, index: int, norm: Rows, source: Tensor, out: Tensor, *, band_px: int
    ) -> None:
        """One half of the channels attended in its windows, before the projection."""
        windows = self.attns[index]
        assert isinstance(windows, WindowAttention)
        height, width, channels = source.shape[1:]
        halves = (2, channels // 2)
        weight = self.qkv.weight.view(3, *halves, channels)[:, index].flatten(0, 1)
        bias = self.qkv.bias.view(3, *halves)[:, index].flatten()
        pad = -width % self.multiple
        regions, columns = windows.regions(height + -height % self.multiple, width + pad)
        biases = windows.biases(regions, columns)
        for start, stop, h in regions:
            for band in bands(stop, max(h, band_px // h * h), start):
                rows = source[:, band.top : min(band.bottom, height)]
                if not rows.shape[1]:
                    continue  # a region of padding alone
                qkv = F.linear(norm(rows), weight, bias)
                qkv = F.pad(qkv, (0, 0, 0, pad, 0, band.bottom - band.top - rows.shape[1]))
                qkv = qkv.unflatten(-1, (3, self.heads, -1))
                attended = windows.attend_band(qkv, h, columns, biases)
                out[:, band.own] = attended[:, : rows.shape[1], :width]


class WindowAttention(nn.Module):
    """Attention inside windows of one shape: (B, H, W, 3, heads, d) -> (B, H, W, heads * d)."""

    def __init__(self, variant: Variant, window: tuple[int, int], *, shifted: bool) -> None:
        super().__init__()
        self.window = window
        self.shifted = shifted
        self.frozen = False
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
        shapes = itertools.product({h for *_, h in rows}, {w for *_, w in columns})
        if self.frozen:
            return {(h, w): self.get_buffer(f"bias_{h}x{w}") for h, w in shapes}
        return self.pos(*shapes)

    @torch.no_grad()
    def freeze(self) -> None:
        """Compute the position biases for good: from now on the weights of ``pos`` stay."""
        tall, wide = self.window
        for (h, w), bias in self.biases(*self.regions(2 * tall, 2 * wide)).items():
            self.register_buffer(f"bias_{h}x{w}", bias, persistent=False)
        self.frozen = True

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
