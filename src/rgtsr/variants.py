"""The numbers that make an RGT. Knows no framework, no file.

Source: RGT (Chen et al., ICLR 2024), section 4.1, for ``rgt`` and ``rgt-s``; the others are ours.
"""

import difflib
import math
from dataclasses import dataclass, replace
from typing import Literal

SCALES = (1, 2, 3, 4)
DIV2K_MEAN_RGB = (0.4488, 0.4371, 0.4040)  # subtracted from every input, RGT's code
FEATURES = 64  # channels between the body and the upsampler, RGT's code
REDUCTION = 4  # side of the depthwise kernel that RG-SA applies again and again, section 3.2
LEAST_RECURSIONS = 2  # of RG-SA however small the picture, RGT's code
UPSAMPLER_STEPS = {1: (), 2: (2,), 3: (3,), 4: (2, 2)}  # sub-pixel convolutions per scale

ResiConnection = Literal["1conv", "3conv"]


@dataclass(frozen=True)
class Variant:
    """One RGT, completely: two equal variants are the same function of the same weights.

    ``depths`` counts the blocks of each residual group, ``split`` is (height, width) of the windows
    of the first half of the channels (the second half has it turned by 90 degrees).

    Raises:
        ValueError: for numbers that no RGT can have.
    """

    name: str
    scale: int
    channels: int
    depths: tuple[int, ...]
    heads: int
    split: tuple[int, int]
    mlp_ratio: float = 2.0
    c_ratio: float = 0.5
    resi_connection: ResiConnection = "1conv"
    mean_rgb: tuple[float, float, float] = DIV2K_MEAN_RGB

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale={self.scale} is not one of {SCALES}.")
        if self.heads < 2 or self.heads % 2 or self.channels % self.heads:
            raise ValueError(
                f"heads={self.heads} must be even and divide channels={self.channels}."
            )
        if self.channels < 32:
            raise ValueError(f"channels={self.channels} is too few: the position bias needs 32.")
        if not self.depths or min(self.depths) < 1:
            raise ValueError(f"depths={self.depths} must hold at least one block a group.")
        if min(self.split) < 2:
            raise ValueError(f"split={self.split} is too small: windows have at least 2x2 tokens.")
        if self.reduced_channels < 1 or self.reduced_channels % self.heads:
            raise ValueError(
                f"c_ratio={self.c_ratio} leaves {self.reduced_channels} channels for queries and"
                f" keys, which heads={self.heads} does not divide."
            )
        if self.hidden_channels < 2 or self.hidden_channels % 2:
            raise ValueError(f"mlp_ratio={self.mlp_ratio} gives an odd hidden width.")

    @property
    def reduced_channels(self) -> int:
        """C_r: channels of RG-SA's queries and keys. Source: RGT, section 3.2."""
        return int(self.channels * self.c_ratio)

    @property
    def hidden_channels(self) -> int:
        """Width of the MLP between ``fc1`` and the gate."""
        return int(self.channels * self.mlp_ratio)

    @property
    def position_channels(self) -> int:
        """p: width of the MLP that makes the position bias."""
        return self.channels // 2 // 4 // 4

    @property
    def multiple_px(self) -> int:
        """L-SA pads height and width to a multiple of this, which both windows divide."""
        return math.lcm(*self.split)


BASES: dict[str, Variant] = {
    base.name: base
    for base in (
        Variant("tiny", 2, 48, (4, 4), 4, (8, 16)),
        Variant("small", 2, 64, (6, 6), 4, (8, 16)),
        Variant("light", 2, 96, (6, 6), 6, (8, 32)),
        Variant("medium", 2, 128, (6,) * 4, 8, (8, 32)),
        Variant("seed", 2, 180, (12, 12), 6, (8, 32)),
        Variant("rgt-s", 2, 180, (6,) * 6, 6, (8, 32)),
        Variant("rgt", 2, 180, (6,) * 8, 6, (8, 32)),
    )
}


def find(name: str, *, scale: int = 2) -> Variant:
    """The variant of that name at that scale.

    Raises:
        ValueError: for an unknown name, with the nearest known one.
    """
    if name not in BASES:
        nearest = difflib.get_close_matches(name, BASES, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else f" There are: {', '.join(BASES)}."
        raise ValueError(f"unknown variant {name!r}.{hint}")
    return replace(BASES[name], scale=scale)


def recursions(height: int, width: int) -> int:
    """T: how often RG-SA reduces a map of (height, width) tokens by four.

    The authors' rule for evaluation, in training as well: a pure function of the size.
    Source: RGT, section 3.2, and its code.
    """

    def deepest(side: int) -> int:
        return int(math.log(side // 16, 4)) if side >= 16 else 0

    return max(LEAST_RECURSIONS, deepest(height), deepest(width))


def smallest_side(height: int, width: int) -> int:
    """The shortest side that T recursions can reduce: shorter pictures are mirrored up to it."""
    return REDUCTION ** recursions(height, width)


def is_shifted(group: int, block: int) -> bool:
    """Whether this L-SA block's windows are moved by half a window. Source: RGT's code."""
    if group % 2 == 0:
        return block > 0 and (block - 2) % 4 == 0
    return block % 4 == 0


def window_regions(length: int, window: int, *, shifted: bool) -> tuple[tuple[int, int, int], ...]:
    """Cut one axis into parts whose windows never see each other: (start, stop, window length).

    ``length`` is a multiple of ``window``. Rolling by half a window and masking, as RGT's code
    does, is the same as attending inside these parts alone.
    """
    if not shifted:
        return ((0, length, window),)
    shift = window // 2
    last = length - (window - shift)
    middle = ((shift, last, window),) if length > window else ()
    return ((0, shift, shift), *middle, (last, length, window - shift))
