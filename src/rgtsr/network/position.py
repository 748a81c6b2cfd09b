"""The learned position bias of window attention: a small MLP over relative offsets.

Knows nothing of pictures; its input are raw offsets (dh, dw) in pixels.
Source: RGT's code, after CrossFormer (Wang et al., ICLR 2022), dynamic position bias.
"""

import torch
from torch import Tensor, nn

Biases = dict[tuple[int, int], Tensor]  # by the window's (height, width)


class PositionBias(nn.Module):
    """Bias for every pair of tokens of an h x w window: (heads, h * w, h * w).

    ``window`` is the largest h x w that will be asked for: the MLP runs once over its offsets, and
    smaller windows, whose offsets are among them, read the same table.
    """

    def __init__(self, window: tuple[int, int], channels: int, heads: int) -> None:
        super().__init__()
        self.window = window
        self.pos_proj = nn.Linear(2, channels)
        self.pos1 = _norm_relu_linear(channels, channels)
        self.pos2 = _norm_relu_linear(channels, channels)
        self.pos3 = _norm_relu_linear(channels, heads)

    def forward(self, *windows: tuple[int, int]) -> Biases:
        """One bias per window shape."""
        weight = self.pos_proj.weight
        (dh, dw) = (torch.arange(1 - side, side, device=weight.device) for side in self.window)
        offsets = torch.cartesian_prod(dh, dw).to(weight.dtype)
        with torch.autocast(weight.device.type, enabled=False):
            table = self.pos3(self.pos2(self.pos1(self.pos_proj(offsets)))).t()
        return {
            (h, w): table[:, self._pairs(h, w)].unflatten(1, (h * w, h * w)) for h, w in windows
        }

    def _pairs(self, h: int, w: int) -> Tensor:
        """Row of the offset table for each pair (query, key) of an h x w window, flattened."""
        device = self.pos_proj.weight.device
        rows = torch.arange(h, device=device).repeat_interleave(w)
        cols = torch.arange(w, device=device).repeat(h)
        dh = rows[:, None] - rows + self.window[0] - 1
        dw = cols[:, None] - cols + self.window[1] - 1
        return (dh * (2 * self.window[1] - 1) + dw).flatten()


def _norm_relu_linear(channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(channels), nn.ReLU(inplace=True), nn.Linear(channels, outputs)
    )
