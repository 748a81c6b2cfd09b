"""What a network is to make small. Knows no network."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]  # enlarged, HR, both (B, 3, H, W) in 0..1 -> one number


def l1_fft_loss(enlarged_BCHW: Tensor, hr_BCHW: Tensor, *, fft_share: float = 0.0) -> Tensor:
    """The mean absolute error in 0..1, ``fft_share`` of it that of the Fourier coefficients.

    A coefficient sums up a whole patch, so that its median, which an absolute error asks for, is
    close to its mean, which PSNR rewards; and fine detail weighs as much as large areas. With
    orthonormal coefficients both parts are of one size, whatever the patch.

    Source: the frequency loss of Cho et al., Rethinking Coarse-to-Fine Approach in Single Image
    Deblurring, ICCV 2021.
    """
    l1 = F.l1_loss(enlarged_BCHW, hr_BCHW)
    if not fft_share:
        return l1
    coefficients = torch.fft.rfft2(enlarged_BCHW - hr_BCHW, norm="ortho")
    return torch.lerp(l1, coefficients.abs().mean(), fft_share)
