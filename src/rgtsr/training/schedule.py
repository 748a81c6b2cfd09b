"""The learning rate and EMA over a run. Pure functions of step and progress; knows no torch."""

import math
from dataclasses import dataclass

from rgtsr.errors import UsageError
from rgtsr.training.recipe import Recipe


@dataclass(frozen=True)
class Budget:
    """How long a run lasts: in steps, in minutes, or whichever ends first."""

    steps: int | None
    minutes: float | None

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise UsageError("a run needs an end: set steps=N or --max-minutes.")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise UsageError(f"--max-minutes {self.minutes:g}: must be more than 0, and end.")

    def progress(self, step: int, elapsed_s: float) -> float:
        """0 at the start, 1 at the end."""
        by_steps = step / self.steps if self.steps else 0.0
        by_clock = elapsed_s / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(by_steps, by_clock))


def learning_rate(recipe: Recipe, step: int, progress: float) -> float:
    """Warm-up, constant, then halved at milestones or falling linearly in the cooldown."""
    rate = recipe.learning_rate
    if step < recipe.warmup_steps:
        rate *= (step + 1) / recipe.warmup_steps
    rate *= 0.5 ** sum(step >= milestone for milestone in recipe.milestones)
    if recipe.cooldown and progress > 1 - recipe.cooldown:
        rate *= (1 - progress) / recipe.cooldown
    return rate


def ema_decay(recipe: Recipe, step: int) -> float:
    """Rises from 0.1 to the recipe's value, so that the start is soon forgotten."""
    return min(recipe.ema, (1 + step) / (10 + step))
