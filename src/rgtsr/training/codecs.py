"""What JPEG, WebP and AVIF do to pictures, without their files: transform, quantise, go back.

Shapes: B pictures, (B, 3, H, W) RGB in 0..1, of a quality of 1..100 each.
Sources: ITU-T T.81 (JPEG), annex K, with libjpeg's qualities; RFC 6386 (VP8), sections 9.6 and 14;
AVIF's steps are those that lose what libaom loses on four photos.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
import math
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from rgtsr.pictures.color import LUMA_RGB

# fmt: off
LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)
CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
)
# fmt: on
TO_YCC = (
    LUMA_RGB,
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)
SUBSAMPLINGS = ((1, 1), (1, 2), (2, 2))  # chroma's pixels, high and wide: 4:4:4, 4:2:2, 4:2:0
AVIF_QUALITY = (20, 35, 50, 65, 75, 85, 100)  # and the quantiser's step there, orthonormal
AVIF_STEP = (78, 49, 28, 16.5, 11.5, 8.4, 1)
VP8_INDEX = (0, 54, 90, 110, 127)  # of VP8's quantisers, and the steps of their AC part between
VP8_STEP = (4, 58, 119, 189, 284)
VP8_GAIN = 2  # of VP8's transform over an orthonormal one
VP8_DEAD = 0.42  # what is added before rounding down: less than half


def jpeg(x_BCHW: Tensor, quality_B: Tensor, subsampling_B: NDArray[np.intp]) -> Tensor:
    """As a JPEG of that quality would come back; ``subsampling_B`` counts in ``SUBSAMPLINGS``."""
    luma, chroma = _planes(x_BCHW)
    factor = torch.where(quality_B < 50, 5000 / quality_B, 200 - 2 * quality_B)[:, None]

    def steps(table: tuple[int, ...]) -> Tensor:
        base = torch.tensor(table, device=x_BCHW.device)
        return ((base * factor + 50) / 100).floor().clamp(1, 255).view(-1, 1, 8, 8)

    coarse = steps(CHROMA)
    for one, number in enumerate(subsampling_B):
        sides = SUBSAMPLINGS[number]
        smaller = _quantised(_smaller(chroma[one, None], sides), 8, coarse[one, None])
        chroma[one] = _larger(smaller, sides)[0]
    return _picture(_quantised(luma, 8, steps(LUMA)), chroma, x_BCHW.shape)


def webp(x_BCHW: Tensor, quality_B: Tensor) -> Tensor:
    """About as a lossy WebP of that quality would come back: blocks of 4x4, half the chroma.

    What VP8 predicts from its neighbours is not modelled: it changes the file's size, hardly the
    picture. Its smoothing over the edges of blocks is.
    """
    luma, chroma = _planes(x_BCHW)
    step = vp8_step(quality_B)[:, None, None, None]
    luma = _smoothed(_quantised(luma, 4, step, dead=VP8_DEAD), step)
    chroma = _larger(_quantised(_smaller(chroma, (2, 2)), 4, step, dead=VP8_DEAD), (2, 2))
    return _picture(luma, chroma, x_BCHW.shape)


def avif(x_BCHW: Tensor, quality_B: Tensor) -> Tensor:
    """About as an AVIF of that quality would come back: blocks of 8x8, evened out, half the chroma.

    AV1 predicts and chooses among many transforms; what stays to be seen of it is detail that is
    gone and edges of blocks that are not.
    """
    luma, chroma = _planes(x_BCHW)
    step = avif_step(quality_B)[:, None, None, None]
    luma = _smoothed(_quantised(luma, 8, step, dead=VP8_DEAD), step, side=8)
    chroma = _larger(_quantised(_smaller(chroma, (2, 2)), 8, step, dead=VP8_DEAD), (2, 2))
    return _picture(luma, chroma, x_BCHW.shape)


def avif_step(quality_B: Tensor) -> Tensor:
    """The step that stands for libaom's at that quality, between those measured."""
    return _between(quality_B.clamp_min(AVIF_QUALITY[0]), AVIF_QUALITY, AVIF_STEP)


def _between(x: Tensor, known: tuple[float, ...], values: tuple[float, ...]) -> Tensor:
    """What lies between known values, on straight lines."""
    found = torch.zeros_like(x)
    for (low, high), (start, stop) in zip(pairwise(known), pairwise(values), strict=True):
        inside = (x >= low) & (x <= high)
        found = torch.where(inside, start + (stop - start) * (x - low) / (high - low), found)
    return found


def vp8_step(quality_B: Tensor) -> Tensor:
    """The quantiser's step of libwebp's quality, for an orthonormal transform of 8-bit samples."""
    part = quality_B / 100
    linear = torch.where(part < 0.75, part * 2 / 3, 2 * part - 1).clamp_min(0)
    index = (127 * (1 - linear ** (1 / 3))).clamp(0, 127)
    return _between(index, VP8_INDEX, VP8_STEP) / VP8_GAIN


def rounded(x: Tensor) -> Tensor:
    """To the steps of 8 bits."""
    return (255 * x.clamp(0, 1)).round() / 255


def _smaller(chroma: Tensor, sides: tuple[int, int]) -> Tensor:
    return F.avg_pool2d(chroma, sides)


def _larger(chroma: Tensor, sides: tuple[int, int]) -> Tensor:
    return F.interpolate(chroma, scale_factor=sides, mode="bilinear", align_corners=False)


def _planes(x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (B, 1, H, W) and chroma (B, 2, H, W) about 0, in 8-bit steps, sides filled up to 16."""
    height, width = x_BCHW.shape[-2:]
    filled = F.pad(x_BCHW, (0, -width % 16, 0, -height % 16), mode="replicate")
    matrix = torch.tensor(TO_YCC, device=x_BCHW.device)
    ycc = torch.einsum("oc,bchw->bohw", matrix, 255 * rounded(filled))
    return ycc[:, :1] - 128, ycc[:, 1:]


def _picture(luma: Tensor, chroma: Tensor, shape: torch.Size) -> Tensor:
    ycc = torch.cat([(luma + 128).round().clamp(0, 255), chroma.round().clamp(-128, 127)], 1)
    matrix = torch.linalg.inv(torch.tensor(TO_YCC, dtype=torch.float64)).to(ycc)
    rgb = torch.einsum("oc,bchw->bohw", matrix, ycc)
    return rounded(rgb[..., : shape[-2], : shape[-1]] / 255)


def _quantised(plane: Tensor, side: int, steps: Tensor, *, dead: float = 0.5) -> Tensor:
    """Blocks through an orthonormal DCT, in whole steps; ``dead``: what is added, then cut off."""
    batch, channels, height, width = plane.shape
    blocks = plane.view(batch, channels, height // side, side, width // side, side)
    blocks = blocks.permute(0, 1, 2, 4, 3, 5)
    basis = _cosines(side).to(plane)
    steps = steps[:, :, None, None] if steps.shape[-1] == side else steps[..., None, None]
    counts = (basis @ blocks @ basis.T) / steps
    whole = counts.sign() * (counts.abs() + dead).floor()
    blocks = basis.T @ (whole * steps) @ basis
    return blocks.permute(0, 1, 2, 4, 3, 5).reshape(plane.shape)


@functools.cache
def _cosines(side: int) -> Tensor:
    """The orthonormal DCT-II, (frequency, place)."""
    place, frequency = torch.arange(side) + 0.5, torch.arange(side)[:, None]
    basis = (math.pi * frequency * place / side).cos() * math.sqrt(2 / side)
    basis[0] /= math.sqrt(2)
    return basis


def _smoothed(plane: Tensor, step: Tensor, *, side: int = 4) -> Tensor:
    """Steps at the edges of blocks that are smaller than the quantiser's are evened out."""
    for axis in (2, 3):
        sides = plane.unflatten(axis, (-1, side))
        last = sides.select(axis + 1, side - 1).narrow(axis, 0, sides.shape[axis] - 1)
        first = sides.select(axis + 1, 0).narrow(axis, 1, sides.shape[axis] - 1)
        gap = first - last
        change = torch.where(gap.abs() < step, gap / 4, 0.0)
        plane = sides.clone()
        plane.select(axis + 1, side - 1).narrow(axis, 0, plane.shape[axis] - 1).add_(change)
        plane.select(axis + 1, 0).narrow(axis, 1, plane.shape[axis] - 1).sub_(change)
        plane = plane.flatten(axis, axis + 1)
    return plane
