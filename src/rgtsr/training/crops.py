"""Random aligned crops of photos, a pure function of seed and step. Knows no files, no network.

Shapes: B crops in a batch, S scale; photos lie as rows of pixels, (P, 3) uint8, on one device.
Source: RGT, section 4.1 (flips and quarter turns).
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rgtsr.training.photos import Pair
from rgtsr.training.ranks import Rank

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Pixels:
    """All photos of one size, HR or LR, one after the other: that one gather cuts a batch."""

    rows_P3: Tensor
    starts: Integers  # the first row of each photo
    widths: Integers

    @classmethod
    def of(cls, photos_HWC: Sequence[Tensor]) -> "Pixels":
        counts = [photo.shape[0] * photo.shape[1] for photo in photos_HWC]
        return cls(
            rows_P3=torch.cat([photo.reshape(-1, 3) for photo in photos_HWC]),
            starts=np.cumsum([0, *counts[:-1]]),
            widths=np.array([photo.shape[1] for photo in photos_HWC]),
        )


class Crops:
    """Random batches of aligned crops; the same seed and step give the same batch.

    Photos are drawn by their area, so that every place is equally likely (the authors draw crops of
    almost equal size, each once an epoch, which comes to the same). Each crop is flipped and
    turned at random, and its colours are permuted when ``permute_rgb``. Of several ranks each cuts
    its share of the same batch.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        batch: int,
        patch_px: int,
        permute_rgb: bool,
        seed: int,
        rank: Rank | None = None,
    ) -> None:
        self.batch = batch
        self.patch_px = patch_px
        self.permute_rgb = permute_rgb
        self.seed = seed
        self.rank = rank or Rank()
        self.scale = pairs[0].hr_HWC.shape[0] // pairs[0].lr_HWC.shape[0]
        self.lr = Pixels.of([pair.lr_HWC for pair in pairs])
        self.hr = Pixels.of([pair.hr_HWC for pair in pairs])
        self.heights = np.array([pair.lr_HWC.shape[0] for pair in pairs])
        areas = self.heights * self.lr.widths
        self.chances = areas / areas.sum()

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """This rank's part of a batch: LR (B, 3, patch, patch), HR (B, 3, patch * S, patch * S).

        Both are float32 in 0..1.
        """
        rng, shape = np.random.default_rng((self.seed, step)), (self.batch, 1)
        photo = rng.choice(len(self.chances), shape, p=self.chances)
        top = rng.integers(self.heights[photo] - self.patch_px + 1)
        left = rng.integers(self.lr.widths[photo] - self.patch_px + 1)
        symmetry = rng.integers(2, size=(self.batch, 3))
        colours = np.tile(np.arange(3), (self.batch, 1))
        if self.permute_rgb:
            colours = rng.permuted(colours, axis=1)
        drawn = np.concatenate([photo, top, left, symmetry, colours], axis=1)
        mine = drawn[self.rank.index :: self.rank.count]
        return self._cut(self.lr, mine, 1), self._cut(self.hr, mine, self.scale)

    def _cut(self, pixels: Pixels, drawn: Integers, factor: int) -> Tensor:
        side = self.patch_px * factor
        photo, top, left = drawn[:, 0], drawn[:, 1] * factor, drawn[:, 2] * factor
        corners = pixels.starts[photo] + top * pixels.widths[photo] + left
        numbers = np.column_stack([corners, pixels.widths[photo], drawn[:, 3:]])
        device = pixels.rows_P3.device
        columns = (
            torch.from_numpy(numbers).to(device, non_blocking=True)[:, :, None, None].unbind(1)
        )
        corner, width, turned, down, across, *colours = columns
        place = torch.arange(side, device=device)
        i, j = place[None, :, None], place[None, None, :]
        y, x = torch.where(turned == 1, j, i), torch.where(turned == 1, i, j)
        y, x = torch.where(down == 1, side - 1 - y, y), torch.where(across == 1, side - 1 - x, x)
        rows = pixels.rows_P3[corner + y * width + x]
        permuted = rows.gather(3, torch.stack(colours, 3).expand_as(rows))
        return permuted.permute(0, 3, 1, 2).float() / 255
