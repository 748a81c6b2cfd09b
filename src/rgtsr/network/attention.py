"""Softmax attention, exactly, by whichever formulation is fastest where it runs.

Shapes: B batch, N queries, M keys, heads of width d (values d').
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgtsr.network.bands import Rows

FUSED = ("cpu", "cuda")  # devices with a kernel that never holds all scores
ALIGNED = 8  # heads of a multiple of this width are what fused kernels of GPUs take
SCORES_LIMIT_BYTES = 64 << 20  # where the scores are held, a chunk of queries makes no more
NARROW = 64  # keys; the bf16 softmax of a CPU is three times slower than float32's below


class Attention(nn.Module):
    """What a block asks of its attention: (B, H, W, C) -> (B, H, W, C), at once or in bands."""

    def banded(self, norm: Rows, source: Tensor, made: Tensor, *, band_px: int) -> None:
        """``made`` = source + attention(norm(source)), with about ``band_px`` rows at a time."""
        raise NotImplementedError


def attend(
    q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None, bias: Tensor | None = None
) -> Tensor:
    """(B, heads, N, d), (B, heads, M, d), (B, heads, M, d') -> (B, heads, N, d').

    ``bias`` (heads, N, M) is added to the scores; ``scale`` defaults to d^-1/2.
    """
    factor: float = q.shape[-1] ** -0.5 if scale is None else scale
    if _is_written_out(q):
        return _written_out(q, k, v, factor, bias)
    # the fused kernels want heads of one width, and a bias with an axis for the batch
    width = max(q.shape[-1], v.shape[-1])
    if q.device.type != "cpu":
        width += -width % ALIGNED
    bias = None if bias is None else bias.to(q.dtype)[None]
    q, k, wide_v = (_widened(each, width) for each in (q, k, v))
    attended = F.scaled_dot_product_attention(q, k, wide_v, attn_mask=bias, scale=factor)
    return attended[..., : v.shape[-1]]


def attend_in_chunks(q: Tensor, k: Tensor, v: Tensor, *, scale: float) -> Tensor:
    """``attend`` for so many queries that their scores might not fit into memory.

    Rows of queries are independent, so chunks of them are exact; a fused kernel needs none.
    """
    row_bytes = q.shape[0] * q.shape[1] * k.shape[2] * 4
    rows = max(1, SCORES_LIMIT_BYTES // row_bytes)
    if is_fused(q) or q.shape[2] <= rows:
        return attend(q, k, v, scale=scale)
    return torch.cat([attend(part, k, v, scale=scale) for part in q.split(rows, 2)], dim=2)


def is_fused(q: Tensor) -> bool:
    """Whether ``attend`` never holds all scores of these queries."""
    return q.device.type in FUSED and not _is_written_out(q)


def _is_written_out(q: Tensor) -> bool:
    # On a CPU, torch's fused kernel has no gradient for a bias, and the fallback that it takes
    # instead spends a fifth of a training step on checks for rows that are masked entirely.
    return torch.is_grad_enabled() and q.device.type == "cpu"


def _written_out(q: Tensor, k: Tensor, v: Tensor, scale: float, bias: Tensor | None) -> Tensor:
    scores = (q * scale) @ k.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    if k.shape[2] < NARROW and scores.dtype == torch.bfloat16:
        scores = scores.float()
    return scores.softmax(-1).to(v.dtype) @ v


def _widened(x: Tensor, width: int) -> Tensor:
    """Heads with zeros up to that width."""
    return x if x.shape[-1] == width else F.pad(x, (0, width - x.shape[-1]))
