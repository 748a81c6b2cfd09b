"""Maps band by band: rows in, rows out, with the neighbouring rows that a convolution looks at.

Knows no network. Shapes: B batch, H height, W width, C channels.
"""

from collections.abc import Callable

from torch import Tensor

from rgtsr.network.layout import channels_first, channels_last
from rgtsr.tiling import bands

HALO = 1  # rows that a 3x3 convolution looks at above and below

Rows = Callable[[Tensor], Tensor]  # (B, h, W, C) -> (B, h, W, C')


def fill(out: Tensor, function: Rows, source: Tensor, band_px: int, halo: int) -> None:
    """``out`` = function(source), where the function looks ``halo`` rows up and down."""
    for band in bands(source.shape[1], band_px):
        out[:, band.own] = function(source[:, band.around(halo)])[:, band.inside(halo)]


def add(out: Tensor, function: Rows, source: Tensor, band_px: int, halo: int) -> None:
    """``out`` += function(source), where the function looks ``halo`` rows up and down."""
    for band in bands(source.shape[1], band_px):
        out[:, band.own] += function(source[:, band.around(halo)])[:, band.inside(halo)]


def last_axis(conv: Rows) -> Rows:
    """A convolution for maps whose channels come last."""
    return lambda x_BHWC: channels_last(conv(channels_first(x_BHWC)))
