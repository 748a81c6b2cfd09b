"""Random aligned crops of photos, a pure function of seed and step. Knows no files, no network.

Shapes: B crops in a batch, S scale; photos lie as (H, W, 3) uint8, each for itself, on one device.
Source: RGT, section 4.1 (flips and quarter turns).
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rgtsr.pictures.pairs import Pair
from rgtsr.training.distributed import Rank

Integers = NDArray[np.int64]


class Crops:
    """Random batches of aligned crops; the same seed and step give the same batch.

    Photos are drawn by their area, so that every place is equally likely (the authors draw crops of
    almost equal size, each once an epoch, which comes to the same). Each crop is flipped and
    turned at random, and its colours are permuted when ``permute_rgb``. Of several ranks each cuts
    its share of the same batch. Of ``pairs`` one at a time is held beside what is kept.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        *,
        batch: int,
        patch_px: int,
        permute_rgb: bool,
        seed: int,
        rank: Rank | None = None,
        device: str = "cpu",
    ) -> None:
        self.batch = batch
        self.patch_px = patch_px
        self.permute_rgb = permute_rgb
        self.seed = seed
        self.rank = rank or Rank()
        self.lr: list[Tensor] = []
        self.hr: list[Tensor] = []
        for pair in pairs:
            self.lr.append(torch.tensor(pair.lr_HWC).to(device))
            self.hr.append(torch.tensor(pair.hr_HWC).to(device))
        self.scale = self.hr[0].shape[0] // self.lr[0].shape[0]
        self.sides = np.array([photo.shape[:2] for photo in self.lr])
        areas = self.sides.prod(1)
        self.chances = areas / areas.sum()

    @property
    def megapixels(self) -> float:
        """Of all HR photos together."""
        return sum(photo.numel() for photo in self.hr) / 3e6

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """This rank's part of a batch: LR (B, 3, patch, patch), HR (B, 3, patch * S, patch * S).

        Both are float32 in 0..1.
        """
        rng, shape = np.random.default_rng((self.seed, step)), (self.batch, 1)
        photo = rng.choice(len(self.chances), shape, p=self.chances)
        top = rng.integers(self.sides[photo, 0] - self.patch_px + 1)
        left = rng.integers(self.sides[photo, 1] - self.patch_px + 1)
        symmetry = rng.integers(2, size=(self.batch, 3))
        colors = np.tile(np.arange(3), (self.batch, 1))
        if self.permute_rgb:
            colors = rng.permuted(colors, axis=1)
        drawn = np.concatenate([photo, top, left, symmetry, colors], axis=1)
        mine = drawn[self.rank.index :: self.rank.world_size]
        return self._cut(self.lr, mine, 1), self._cut(self.hr, mine, self.scale)

    def _cut(self, photos_HWC: Sequence[Tensor], drawn: Integers, factor: int) -> Tensor:
        side = self.patch_px * factor
        crops_BHWC = torch.stack(
            [
                photos_HWC[photo][top : top + side, left : left + side]
                for photo, top, left in (drawn[:, :3] * (1, factor, factor)).tolist()
            ]
        )
        return turned(crops_BHWC, drawn[:, 3:]).permute(0, 3, 1, 2).float() / 255


def turned(crops_BHWC: Tensor, how: Integers) -> Tensor:
    """Each square crop flipped, turned and recoloured: (transposed, down, across, r, g, b)."""
    side, device = crops_BHWC.shape[1], crops_BHWC.device
    numbers = torch.from_numpy(np.ascontiguousarray(how)).to(device, non_blocking=True)
    transposed, down, across, *colors = numbers[:, :, None, None].unbind(1)
    place = torch.arange(side, device=device)
    i, j = place[None, :, None], place[None, None, :]
    y, x = torch.where(transposed == 1, j, i), torch.where(transposed == 1, i, j)
    y, x = torch.where(down == 1, side - 1 - y, y), torch.where(across == 1, side - 1 - x, x)
    crop = torch.arange(len(crops_BHWC), device=device)[:, None, None]
    rows = crops_BHWC[crop, y, x]
    return rows.gather(3, torch.stack(colors, 3).expand_as(rows))
