"""Softmax attention, exactly, by whichever formulation is fastest where it runs.

Shapes: B batch, N queries, M keys, heads of width d (values d').
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import torch
from torch import Tensor
from torch.nn import functional as F

SCORES_LIMIT_BYTES = 64 << 20  # one chunk of queries never makes a larger attention matrix
NARROW = 64  # keys; the bf16 softmax of a CPU is three times slower than float32's below


def attend(
    q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None, bias: Tensor | None = None
) -> Tensor:
    """(B, heads, N, d), (B, heads, M, d), (B, heads, M, d') -> (B, heads, N, d').

    ``bias`` (heads, N, M) is added to the scores; ``scale`` defaults to d^-1/2.
    """
    factor: float = q.shape[-1] ** -0.5 if scale is None else scale
    if torch.is_grad_enabled() and q.device.type == "cpu":
        return _written_out(q, k, v, factor, bias)
    # the fused kernel wants heads of one width, and a bias with an axis for the batch
    widening = (0, max(0, v.shape[-1] - q.shape[-1]))
    q, k = F.pad(q, widening), F.pad(k, widening)
    bias = None if bias is None else bias.to(q.dtype)[None]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=factor)


def attend_in_chunks(q: Tensor, k: Tensor, v: Tensor, *, scale: float) -> Tensor:
    """The same for many queries: their rows are independent, so chunks of them are exact."""
    row_bytes = q.shape[0] * q.shape[1] * k.shape[2] * 4
    rows = max(1, SCORES_LIMIT_BYTES // row_bytes)
    if q.shape[2] <= rows:
        return attend(q, k, v, scale=scale)
    return torch.cat([attend(part, k, v, scale=scale) for part in q.split(rows, 2)], dim=2)


def _written_out(q: Tensor, k: Tensor, v: Tensor, scale: float, bias: Tensor | None) -> Tensor:
    # On a CPU, torch's fused kernel has no gradient for a bias, and the fallback that it takes
    # instead spends a fifth of a training step on checks for rows that are masked entirely.
    scores = (q * scale) @ k.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    if k.shape[2] < NARROW and scores.dtype == torch.bfloat16:
        scores = scores.float()
    return scores.softmax(-1).to(v.dtype) @ v
