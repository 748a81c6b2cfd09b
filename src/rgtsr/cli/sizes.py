"""The output size that a user asked for. Pure arithmetic; sizes are (height, width) in pixels."""

import math
from collections.abc import Callable
from dataclasses import dataclass

LARGEST_SCALE = 16


@dataclass(frozen=True)
class Size:
    """A wish for the output's size: a scale, or sides of it, or nothing.

    Raises:
        ValueError: for wishes that contradict each other or cannot be.
    """

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    long_side: int | None = None

    def __post_init__(self) -> None:
        by_sides = self.width is not None or self.height is not None
        if (self.scale is not None) + by_sides + (self.long_side is not None) > 1:
            raise ValueError("--scale, --width/--height and --long-side exclude each other.")
        for name in ("width", "height", "long_side"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name.replace('_', '-')} {value} is not a number of pixels.")
        if self.scale is not None and not (0 < self.scale <= LARGEST_SCALE):
            raise ValueError(f"--scale {self.scale:g} is not in 0..{LARGEST_SCALE}.")

    def model_scale(self, model: str | None) -> int | None:
        """The scale that weights must have: a whole one asked for together with a model's name."""
        if model is None or self.scale is None or not self.scale.is_integer():
            return None
        return int(self.scale) if self.scale in (1, 2, 3, 4) else None

    def label(self, model_scale: int) -> str:
        """What the result's name says: ``x2``, ``x2.5``, ``1920w``."""
        if self.width is not None and self.height is not None:
            return f"{self.width}x{self.height}"
        for value, letter in ((self.width, "w"), (self.height, "h"), (self.long_side, "l")):
            if value is not None:
                return f"{value}{letter}"
        return f"x{self.scale or model_scale:g}"

    def of(self, model_scale: int) -> Callable[[tuple[int, int]], tuple[int, int]]:
        """A function from the input's size to the output's."""

        def final(size: tuple[int, int]) -> tuple[int, int]:
            height, width = size
            if self.width is not None and self.height is not None:
                return self.height, self.width
            if self.width is not None:
                factor = self.width / width
            elif self.height is not None:
                factor = self.height / height
            elif self.long_side is not None:
                factor = self.long_side / max(size)
            else:
                factor = self.scale or model_scale
            return _rounded(height * factor), _rounded(width * factor)

        return final


def _rounded(side: float) -> int:
    return max(1, math.floor(side + 0.5))
