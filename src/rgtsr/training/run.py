"""A run that is open: its steps, what it reports, what it writes. Knows no clock, no terminal."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rgtsr import weights
from rgtsr.errors import OutOfMemoryError, RuntimeUnavailableError, TrainingError, UsageError
from rgtsr.evaluation.metrics import Picture8
from rgtsr.network import RGT
from rgtsr.runtimes.torch import memory_errors
from rgtsr.training import checkpoint, photos, schedule
from rgtsr.training.crops import Crops
from rgtsr.training.degrade import MARGIN_PX, Degrade
from rgtsr.training.degrade import pair as degraded_pair
from rgtsr.training.distributed import Rank
from rgtsr.training.history import History, Point
from rgtsr.training.init import from_pretrained, init
from rgtsr.training.learner import Learner, Outcome
from rgtsr.training.loss import Loss
from rgtsr.training.recipe import Recipe
from rgtsr.training.validation import Holdout
from rgtsr.weights import Card, Weights

CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"
RECENT = 200  # steps whose mean loss a point of the curve has


@dataclass(frozen=True)
class Step:
    """What is told after each step."""

    step: int
    loss: float
    learning_rate: float
    progress: float
    elapsed_s: float


@dataclass(frozen=True)
class Callbacks:
    """Whom a run tells what happens: nobody, by default."""

    say: Callable[[str], None] = lambda _: None
    on_step: Callable[[Step], None] = lambda _: None
    on_point: Callable[[Point, tuple[Picture8, ...]], None] = lambda _point, _samples: None
    on_validation: Callable[[int, int], None] = lambda _done, _total: None  # pictures


@dataclass
class Run:
    """A run that is open: what the loop of ``fit`` moves."""

    recipe: Recipe
    folder: Path
    budget: schedule.Budget
    learner: Learner
    crops: Crops
    holdout: Holdout | None
    callbacks: Callbacks
    rank: Rank
    degrade: Degrade | None = None  # in place of the recipe's
    history: History = field(default_factory=History)
    losses: deque[float] = field(default_factory=lambda: deque[float](maxlen=RECENT))
    pending: deque[tuple[Outcome, float, float]] = field(default_factory=deque)

    @property
    def progress(self) -> float:
        """How much of the budget is spent: 0 at the start, 1 at the end."""
        return self.budget.progress(self.learner.step, self.history.elapsed_s)

    def train_step(self) -> None:
        """Draw a batch, learn from it, and report the step before; a GPU has this one by then."""
        step, progress = self.learner.step, self.progress
        rate = schedule.learning_rate(self.recipe, step, progress)
        torch.manual_seed(seed_of(self.recipe.seed, step, self.rank))
        with out_of_memory_at(step, self.recipe):
            lr, hr = self.batch(step)
            outcome = self.learner.train_step(lr, hr, rate=rate)
            self.pending.append((outcome, rate, progress))
            self.report(all_but=0 if self.learner.device.type == "cpu" else 1)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """LR and HR patches of a step: crops as they are, or with LR that was made worse."""
        lr, hr = self.crops.draw(step)
        recipe = self.recipe
        if not recipe.degrade and self.degrade is None:
            return lr, hr
        rng = np.random.default_rng((recipe.seed, step, self.rank.index))
        how = self.degrade or recipe.degrade
        return degraded_pair(hr, recipe.scale, how, rng, patch_px=recipe.patch_px)

    def report(self, *, all_but: int = 0) -> None:
        """Wait for the pending steps, all but the last few, and tell of them."""
        while len(self.pending) > all_but:
            outcome, rate, progress = self.pending.popleft()
            loss = outcome.loss()
            self.losses.append(loss)
            elapsed_s = self.history.elapsed_s
            self.callbacks.on_step(Step(outcome.step + 1, loss, rate, progress, elapsed_s))

    def checkpoint(self, name: str = CHECKPOINT) -> None:
        if self.rank.is_main:
            checkpoint.save(self.folder / name, self.learner, self.history)

    def keep_weights(self) -> None:
        if self.rank.is_main:
            weights.save(averaged(self), self.folder / WEIGHTS)

    def validate(self) -> None:
        """Score the averaged weights on the hold-out, tell of it, extend the curve."""
        self.keep_weights()
        if self.holdout is None:
            return
        psnr_y, samples = self.holdout.judge(averaged(self), self.callbacks.on_validation)
        point = Point(
            step=self.learner.step,
            minutes=self.history.elapsed_s / 60,
            loss=sum(self.losses) / len(self.losses) if self.losses else float("nan"),
            holdout_psnr_y=psnr_y,
        )
        self.history.curve.append(point)
        self.callbacks.on_point(point, samples)


def is_trained_on(recipe: Recipe) -> bool:
    """Whether photos of the hold-out are among those of the training, as folders tell."""
    if recipe.holdout is None:
        return False
    judged = recipe.holdout.resolve()
    trained = [folder.resolve() for folder in recipe.photos]
    return any(one == judged or one in judged.parents or judged in one.parents for one in trained)


def open_run(
    recipe: Recipe,
    folder: Path,
    *,
    budget: schedule.Budget,
    device: str,
    rank: Rank,
    callbacks: Callbacks,
    loss: Loss | None = None,
    degrade: Degrade | None = None,
) -> Run:
    """Everything that a run needs, ready for its first step."""
    if not recipe.photos:
        raise UsageError("a run needs photos: set photos=FOLDER (or photos=A,B).")
    if recipe.batch % rank.world_size:
        raise UsageError(
            f"batch={recipe.batch} cannot be shared evenly by {rank.world_size} processes."
        )
    if degrade is not None and recipe.lr_photos:
        raise UsageError("degrade makes LR pictures, lr_photos gives them: use one of them.")
    crop_px = recipe.patch_px + (2 * MARGIN_PX if degrade or recipe.degrade else 0)
    judged = recipe.holdout if rank.is_main else None
    holdout = None if judged is None else Holdout.load(judged, recipe.scale, device)
    crops = Crops(
        photos.of(recipe, crop_px=crop_px, on_skip=callbacks.say),
        batch=recipe.batch,
        patch_px=crop_px,
        permute_rgb=recipe.permute_rgb,
        seed=recipe.seed,
        rank=rank,
        device=device,
    )
    callbacks.say(f"{len(crops.hr)} photos, {crops.megapixels:.3g} megapixels")
    if is_trained_on(recipe):
        callbacks.say("the hold-out is trained on: its scores say nothing about other pictures")
    torch.manual_seed(recipe.seed)
    network = RGT(recipe.network_variant, drop_path=recipe.drop_path)
    init(network, recipe)
    if recipe.pretrained is not None:
        from_pretrained(network, weights.load(recipe.pretrained), upsampler=recipe.upsampler)
    learner = Learner(network.to(device), recipe, rank, loss=loss)
    return Run(recipe, folder, budget, learner, crops, holdout, callbacks, rank, degrade)


def torch_device(device: str, rank: Rank) -> str:
    """torch's name for ``auto``, ``cpu`` or ``gpu``. Raises RuntimeUnavailableError."""
    if device == "gpu" and not torch.cuda.is_available():
        raise RuntimeUnavailableError("torch finds no GPU here: use --device cpu.")
    if device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    torch.cuda.set_device(rank.local_index)
    return f"cuda:{rank.local_index}"


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
    recipe, variant = run.recipe, run.recipe.network_variant
    for_photos = bool(recipe.degrade or run.degrade)
    card = Card(
        name=str(weights.Name(variant.name, recipe.scale, for_photos)),
        recipe=recipe.model_dump_json(exclude={"photos", "lr_photos", "holdout", "pretrained"}),
        minutes=round(run.history.elapsed_s / 60, 1),
    )
    tensors = {name: p.cpu().numpy().copy() for name, p in run.learner.average.items()}
    return Weights(variant, tensors, card, None)
