"""The two faces of one memory: (B, H, W, C) for linear maps, (B, C, H, W) for convolutions.

Both are views of the same channels-last bytes; nothing here copies.
"""

from torch import Tensor


def channels_first(x_BHWC: Tensor) -> Tensor:
    """The map as convolutions name its axes."""
    return x_BHWC.permute(0, 3, 1, 2)


def channels_last(x_BCHW: Tensor) -> Tensor:
    """The map as linear layers and norms name its axes."""
    return x_BCHW.permute(0, 2, 3, 1)
