"""The numbers that make an RGT. Knows no framework, no file.

Source: RGT (Chen et al., ICLR 2024), section 4.1, for ``rgt`` and ``rgt-s``; the others are ours.
"""

import difflib
import itertools
import math
from dataclasses import dataclass, replace
from typing import Literal

SCALES = (1, 2, 3, 4)
DIV2K_MEAN_RGB = (0.4488, 0.4371, 0.4040)  # subtracted from every input, RGT's code
NUM_FEAT = 64  # channels between the body and the upsampler, RGT's code
LEAST_NUM_FEAT = 6  # RGB passes the LeakyReLU before the upsampler in three pairs, see training
REDUCTION = 4  # side of the depthwise kernel that RG-SA applies again and again, section 3.2
LEAST_RECURSIONS = 2  # of RG-SA however small the picture, RGT's code
UPSAMPLER_STEPS = {1: (), 2: (2,), 3: (3,), 4: (2, 2)}  # sub-pixel convolutions per scale

ResiConnection = Literal["1conv", "3conv"]
Kind = Literal["local", "recursive"]  # of attention: L-SA, RG-SA


@dataclass(frozen=True)
class Variant:
    """One RGT, completely: two equal variants are the same function of the same weights.

    ``depths`` counts the blocks of each residual group, ``split`` is (height, width) of the windows
    of the first half of the channels (the second half has it turned by 90 degrees), ``num_feat``
    the channels between the body and the upsampler.

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
    num_feat: int = NUM_FEAT

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
        if self.num_feat < LEAST_NUM_FEAT:
            raise ValueError(f"num_feat={self.num_feat} is too few: RGB needs {LEAST_NUM_FEAT}.")

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
    def windows(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(height, width) of the windows of each half of the channels."""
        tall, wide = self.split
        return (tall, wide), (wide, tall)

    @property
    def multiple_px(self) -> int:
        """L-SA pads height and width to a multiple of this, which both windows divide."""
        return math.lcm(*self.split)


BASES: dict[str, Variant] = {
    base.name: base
    for base in (
        Variant("tiny", 2, 48, (4, 4), 4, (8, 16)),
        Variant("small", 2, 64, (6, 6), 4, (8, 16)),
        Variant("swift", 2, 96, (4,), 2, (8, 16), num_feat=32),
        Variant("light", 2, 96, (6, 6), 6, (8, 32)),
        Variant("medium", 2, 128, (6,) * 4, 8, (8, 32)),
        Variant("baseline", 2, 180, (12, 12), 6, (8, 32)),
        Variant("rgt-s", 2, 180, (6,) * 6, 6, (8, 32)),
        Variant("rgt", 2, 180, (6,) * 8, 6, (8, 32)),
    )
}
FORMER_NAMES = {"seed": "baseline"}  # in older recipes and files


def current_name(name: str) -> str:
    """What the variant of that name, or former name, is called today."""
    return FORMER_NAMES.get(name, name)


def find(name: str, *, scale: int = 2) -> Variant:
    """The variant of that name, or former name, at that scale.

    Raises:
        ValueError: for an unknown name, with the nearest known one.
    """
    name = current_name(name)
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


@dataclass(frozen=True)
class BlockPlan:
    """What one block of a variant is: where it stands, which attention it has.

    ``shifted``: its windows are moved by half a window; only a ``local`` block has windows.
    """

    group: int
    index: int
    kind: Kind
    shifted: bool = False

    @property
    def name(self) -> str:
        """What the names of its tensors start with: the authors' state-dict key."""
        return f"layers.{self.group}.blocks.{self.index}"


def block(group: int, index: int) -> BlockPlan:
    """What stands at a place of any variant: L-SA and RG-SA by turns. Source: RGT, section 3.1."""
    if index % 2 == 0:
        return BlockPlan(group, index, "local", shifted=is_shifted(group, index))
    return BlockPlan(group, index, "recursive")


def groups(variant: Variant) -> tuple[tuple[BlockPlan, ...], ...]:
    """The blocks of each residual group in order."""
    return tuple(
        tuple(block(group, index) for index in range(depth))
        for group, depth in enumerate(variant.depths)
    )


def blocks(variant: Variant) -> tuple[BlockPlan, ...]:
    """All blocks of a variant in order."""
    return tuple(itertools.chain.from_iterable(groups(variant)))


def steps(variant: Variant) -> int:
    """Of a picture that runs in bands: each block's attention, the rest of it; and the end."""
    return 2 * sum(variant.depths) + 1


def is_shifted(group: int, index: int) -> bool:
    """Whether an L-SA at that place has its windows moved by half a window. Source: RGT's code."""
    if group % 2 == 0:
        return index > 0 and (index - 2) % 4 == 0
    return index % 4 == 0


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
