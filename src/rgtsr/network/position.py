"""The learned position bias of window attention: a small MLP over relative offsets.

Knows nothing of pictures; its input are raw offsets (dh, dw) in pixels.
Source: RGT's code, after CrossFormer (Wang et al., ICLR 2022), dynamic position bias.
"""

import torch
from torch import Tensor, nn


class PositionBias(nn.Module):
    """Bias for every pair of tokens of an h x w window: (heads, h * w, h * w).

    In evaluation the result is kept for each window shape until a weight changes.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.pos_proj = nn.Linear(2, channels)
        self.pos1 = _norm_relu_linear(channels, channels)
        self.pos2 = _norm_relu_linear(channels, channels)
        self.pos3 = _norm_relu_linear(channels, heads)
        self._kept: dict[tuple[int, int], Tensor] = {}
        self._kept_for: object = None

    def forward(self, h: int, w: int) -> Tensor:
        if torch.is_grad_enabled():
            return self.compute(h, w)
        state = tuple((p.data_ptr(), p._version, p.dtype) for p in self.parameters())
        if state != self._kept_for:
            self._kept, self._kept_for = {}, state
        if (h, w) not in self._kept:
            self._kept[h, w] = self.compute(h, w)
        return self._kept[h, w]

    def compute(self, h: int, w: int) -> Tensor:
        weight = self.pos_proj.weight
        dh = torch.arange(1 - h, h, device=weight.device)
        dw = torch.arange(1 - w, w, device=weight.device)
        offsets = torch.cartesian_prod(dh, dw).to(weight.dtype)
        with torch.autocast(weight.device.type, enabled=False):
            table = self.pos3(self.pos2(self.pos1(self.pos_proj(offsets))))
        return table.t()[:, _pair_index(h, w, weight.device)].unflatten(1, (h * w, h * w))


def _norm_relu_linear(channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(channels), nn.ReLU(inplace=True), nn.Linear(channels, outputs)
    )


def _pair_index(h: int, w: int, device: torch.device) -> Tensor:
    """Row of the offset table for each pair (query, key) of an h x w window, flattened."""
    rows = torch.arange(h, device=device).repeat_interleave(w)
    cols = torch.arange(w, device=device).repeat(h)
    dh = rows[:, None] - rows + h - 1
    dw = cols[:, None] - cols + w - 1
    return (dh * (2 * w - 1) + dw).flatten()
