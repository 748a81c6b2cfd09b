"""A whole run: photos, steps, validation, checkpoints, the end of a budget. Knows no terminal."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import signal
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor

from rgtsr import atomic, weights
from rgtsr.errors import (
    OutOfMemoryError,
    RgtsrError,
    RuntimeUnavailableError,
    TrainingError,
)
from rgtsr.evaluation.metrics import Picture8
from rgtsr.network import RGT
from rgtsr.runtimes.torch import memory_errors
from rgtsr.training import checkpoint, degrade, photos, ranks, schedule
from rgtsr.training.checkpoint import Point, Progress
from rgtsr.training.crops import Crops
from rgtsr.training.learner import Learner, Outcome
from rgtsr.training.ranks import Rank
from rgtsr.training.recipe import Recipe
from rgtsr.training.start import start, warm_start
from rgtsr.training.validation import Holdout
from rgtsr.weights import Card, Weights

CHECKPOINT = "checkpoint.safetensors"
BEFORE_COOLDOWN = "before-cooldown.safetensors"  # continue a standing run from here
WEIGHTS = "weights.safetensors"
RECENT = 200  # steps whose mean loss a point of the curve has


@dataclass(frozen=True)
class Step:
    """What a watcher sees after each step."""

    step: int
    loss: float
    learning_rate: float
    progress: float
    elapsed_s: float


@dataclass(frozen=True)
class Watcher:
    """Whom a run tells what happens: nobody, by default."""

    say: Callable[[str], None] = lambda _: None
    on_step: Callable[[Step], None] = lambda _: None
    on_point: Callable[[Point, tuple[Picture8, ...]], None] = lambda _point, _samples: None


@dataclass
class Run:
    """A run that is open: what the loop below moves."""

    recipe: Recipe
    folder: Path
    budget: schedule.Budget
    learner: Learner
    crops: Crops
    holdout: Holdout | None
    watcher: Watcher
    rank: Rank
    progress: Progress = field(default_factory=Progress)
    losses: deque[float] = field(default_factory=lambda: deque[float](maxlen=RECENT))
    under_way: deque[tuple[Outcome, float, float]] = field(default_factory=deque)

    def at(self) -> float:
        return self.budget.progress(self.learner.step, self.progress.elapsed_s)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """LR and HR patches of a step."""
        lr, hr = self.crops.draw(step)
        recipe = self.recipe
        if not recipe.degrade:
            return lr, hr
        rng = np.random.default_rng((recipe.seed, step, self.rank.index))
        preset = str(rng.choice(recipe.degrade))
        return degrade.pair(hr, recipe.scale, preset, rng, patch_px=recipe.patch_px)

    def learn(self) -> None:
        """Take a step, and hear of those before; a GPU has the next one by then."""
        step, at = self.learner.step, self.at()
        rate = schedule.learning_rate(self.recipe, step, at)
        torch.manual_seed(seed_of(self.recipe.seed, step, self.rank))
        with out_of_memory_at(step, self.recipe):
            outcome = self.learner.learn(*self.batch(step), rate=rate)
            self.under_way.append((outcome, rate, at))
            self.hear(all_but=0 if self.learner.device.type == "cpu" else 1)

    def hear(self, *, all_but: int = 0) -> None:
        """Wait for the steps under way, all but the last few, and tell the watcher."""
        while len(self.under_way) > all_but:
            outcome, rate, at = self.under_way.popleft()
            loss = outcome.loss()
            self.losses.append(loss)
            self.watcher.on_step(Step(outcome.step + 1, loss, rate, at, self.progress.elapsed_s))

    def checkpoint(self, name: str = CHECKPOINT) -> None:
        if self.rank.leads:
            checkpoint.save(self.folder / name, self.learner, self.progress)

    def keep_weights(self) -> None:
        if self.rank.leads:
            weights.save(averaged(self), self.folder / WEIGHTS)

    def validate(self) -> None:
        """Score the averaged weights on the hold-out, tell the watcher, extend the curve."""
        self.keep_weights()
        if self.holdout is None:
            return
        psnr_y, samples = self.holdout.judge(averaged(self))
        point = Point(
            step=self.learner.step,
            minutes=self.progress.elapsed_s / 60,
            loss=sum(self.losses) / len(self.losses) if self.losses else float("nan"),
            holdout_psnr_y=psnr_y,
        )
        self.progress.curve.append(point)
        self.watcher.on_point(point, samples)


def fit(
    recipe: Recipe,
    folder: Path,
    *,
    max_minutes: float | None = None,
    resume: Path | None = None,
    device: str = "auto",
    watcher: Watcher | None = None,
) -> Path:
    """Train by ``recipe`` until its steps or ``max_minutes`` (of the whole run) are spent.

    Writes ``checkpoint.safetensors`` every few minutes, at SIGTERM, SIGINT and the end, and
    ``weights.safetensors`` (the moving average) at each validation and at the end; returns the
    latter's path.
    ``resume`` continues a checkpoint; on a CPU the result is bitwise that of a run never stopped.

    Raises:
        ValueError: for a recipe without photos or without an end.
        TrainingError: for photos that cannot be used and a loss that is not finite.
    """
    with ranks.joined() as rank:
        run = open_run(recipe, folder, max_minutes, device, watcher or Watcher(), rank)
        folder.mkdir(parents=True, exist_ok=True)
        if rank.leads:
            atomic.sweep(folder)
        if resume is not None:
            run.progress = checkpoint.restore(resume, run.learner)
            run.watcher.say(f"resumed {resume} at step {run.learner.step}")
        with stop_requested() as signals:
            try:
                stopped = loop(run, signals)
            except RgtsrError:  # a loss, memory, a picture of the hold-out that has vanished
                run.checkpoint()
                raise
        run.checkpoint()  # first: whoever asked to stop may not wait for the rest
        if stopped:
            run.keep_weights()
        else:
            run.validate()
            run.checkpoint()
    return folder / WEIGHTS


def open_run(
    recipe: Recipe,
    folder: Path,
    max_minutes: float | None,
    device: str,
    watcher: Watcher,
    rank: Rank,
) -> Run:
    """Everything that a run needs, ready for its first step."""
    budget = schedule.Budget(recipe.steps, max_minutes)
    if not recipe.photos:
        raise ValueError("a run needs photos: set photos=FOLDER (or photos=A,B).")
    if recipe.batch % rank.count:
        raise ValueError(f"batch={recipe.batch} cannot be shared evenly by {rank.count} processes.")
    device = torch_device(device, rank)
    watcher = watcher if rank.leads else Watcher()
    crop_px = recipe.patch_px + (2 * degrade.MARGIN_PX if recipe.degrade else 0)
    pairs = photos.of(recipe, crop_px=crop_px, device=device, on_skip=watcher.say)
    watcher.say(f"{len(pairs)} photos, {sum(p.hr_HWC.numel() for p in pairs) / 3e6:.3g} megapixels")
    torch.manual_seed(recipe.seed)
    network = RGT(recipe.network_variant, drop_path=recipe.drop_path)
    start(network, recipe)
    if recipe.start_from is not None:
        warm_start(network, weights.load(recipe.start_from))
    crops = Crops(
        pairs,
        batch=recipe.batch,
        patch_px=crop_px,
        permute_rgb=recipe.permute_rgb,
        seed=recipe.seed,
        rank=rank,
    )
    judged = recipe.holdout if rank.leads else None
    holdout = None if judged is None else Holdout.load(judged, recipe.scale, device)
    learner = Learner(network.to(device), recipe, rank)
    return Run(recipe, folder, budget, learner, crops, holdout, watcher, rank)


def torch_device(device: str, rank: Rank) -> str:
    """torch's name for ``auto``, ``cpu`` or ``gpu``. Raises RuntimeUnavailableError."""
    if device == "gpu" and not torch.cuda.is_available():
        raise RuntimeUnavailableError("torch finds no GPU here: use --device cpu.")
    if device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    torch.cuda.set_device(rank.on_its_machine)
    return f"cuda:{rank.on_its_machine}"


def loop(run: Run, signals: list[int]) -> bool:
    """Steps until the budget is spent, or a signal asks to stop: then it returns True."""
    recipe, state = run.recipe, run.progress
    last = time.monotonic()
    saved_s = validated_s = state.elapsed_s
    cooling = run.at() > 1 - recipe.cooldown
    while True:
        now = time.monotonic()
        state.elapsed_s, stopped = run.rank.agree(state.elapsed_s + now - last, bool(signals))
        last = now
        if stopped or run.at() >= 1:
            run.hear()
            return stopped
        if recipe.cooldown and not cooling and run.at() > 1 - recipe.cooldown:
            run.checkpoint(BEFORE_COOLDOWN)
            cooling = True
        run.learn()
        if state.elapsed_s - validated_s >= 60 * recipe.validate_minutes:
            run.hear()
            run.validate()
            validated_s = state.elapsed_s
        if state.elapsed_s - saved_s >= 60 * recipe.checkpoint_minutes:
            run.hear()
            run.checkpoint()
            saved_s = state.elapsed_s


@contextmanager
def out_of_memory_at(step: int, recipe: Recipe) -> Generator[None]:
    """torch's ways of saying that memory is out, as the end of a run."""
    try:
        with memory_errors():
            yield
    except OutOfMemoryError as error:
        raise TrainingError(
            f"step {step}: memory does not suffice for batch={recipe.batch} with"
            f" patch_px={recipe.patch_px}. The last good state is kept; lower batch and resume."
        ) from error


def seed_of(seed: int, step: int, rank: Rank) -> int:
    """Of all that is random in a step apart from its crops, so that a resumed run repeats it."""
    return int(np.random.SeedSequence((seed, step, rank.index)).generate_state(1, np.uint64)[0])


def averaged(run: Run) -> Weights:
    """The moving average of the weights as a file would hold them."""
    recipe = run.recipe
    card = Card(
        name=f"{recipe.variant}-x{recipe.scale}{'-photo' * bool(recipe.degrade)}",
        recipe=recipe.model_dump_json(exclude={"photos", "lr_photos", "holdout", "start_from"}),
        minutes=round(run.progress.elapsed_s / 60, 1),
    )
    tensors = {name: p.cpu().numpy().copy() for name, p in run.learner.average.items()}
    return Weights(recipe.network_variant, tensors, card, None)


@contextmanager
def stop_requested() -> Generator[list[int]]:
    """Collects SIGINT and SIGTERM, so that a run ends after its step and with a checkpoint."""
    received: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        received.append(signum)

    previous = {which: signal.signal(which, note) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for which, handler in previous.items():
            signal.signal(which, handler)
