"""A training run as its user sees it: bars or plain lines, a log, TensorBoard, sample pictures."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import sys
import time
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from rgtsr import atomic
from rgtsr.evaluation.metrics import Picture8
from rgtsr.training import recipe as recipes
from rgtsr.training.history import Point
from rgtsr.training.recipe import Recipe
from rgtsr.training.run import Callbacks, Step

PLAIN_EVERY = 100  # steps between lines in the log, and where there is no terminal
RECIPE, LOG = "recipe.yml", "train.log"


class RunLog:
    """Holds the bars and the logs of one run open.

    What was said before the first step goes into the log with it: a run that cannot begin leaves
    nothing. ``before_s``: what the run took before this session.
    """

    def __init__(self, folder: Path, recipe: Recipe, before_s: float = 0.0) -> None:
        console = Console(stderr=True)
        self._folder, self._recipe, self._before_s = folder, recipe, before_s
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._bar.add_task("training", total=1.0)
        self._judging = self._bar.add_task("validating", total=1.0, visible=False)
        self._lines: list[str] = []
        self.minutes = self.minutes_in_all = 0.0
        self.callbacks = Callbacks(
            say=self._say,
            on_step=self._on_step,
            on_point=self._on_point,
            on_validation=self._on_validation,
        )

    @cached_property
    def _board(self) -> SummaryWriter:
        """Opened by the first figure, so that a run that fails before leaves nothing."""
        return SummaryWriter(str(self._folder / "tensorboard"))

    @cached_property
    def _file(self) -> TextIO:
        """The log, opened by the first step: the folder is there then."""
        with atomic.replacing(self._folder / RECIPE) as draft:
            draft.write_text(recipes.as_yaml(self._recipe), encoding="utf-8")
        return (self._folder / LOG).open("a", encoding="utf-8")

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
        if "_board" in vars(self):
            self._board.close()
        if "_file" in vars(self):
            if error is not None:
                self._write(f"ended: {error}")
            self._file.close()

    def _say(self, line: str) -> None:
        self._write(line)
        if self._bar.disable:
            print(line, flush=True)
        else:
            self._bar.console.print(line, highlight=False, markup=False)

    def _write(self, line: str) -> None:
        self._lines.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")
        if "_file" in vars(self):
            self._file.writelines(self._lines)
            self._file.flush()
            self._lines.clear()

    def _time(self, minutes_in_all: float) -> str:
        """This session's minutes, and the whole run's where there were more."""
        self.minutes_in_all = minutes_in_all
        self.minutes = max(0.0, minutes_in_all - self._before_s / 60)
        whole = f" of this session, {minutes_in_all:.1f} of the run" if self._before_s else ""
        return f"{self.minutes:.1f} min{whole}"

    def _log(self, what: str, value: float, step: int) -> None:
        self._board.add_scalar(what, value, step)

    def _on_step(self, step: Step) -> None:
        _ = self._file
        self._bar.start()  # the first time, and only in the process that has something to say
        words = f"step {step.step}  loss {step.loss:.5f}"
        self._bar.update(self._task, completed=step.progress, description=words)
        line = f"{words}  {self._time(step.elapsed_s / 60)}"
        if step.step % 10 == 0:
            self._log("loss", step.loss, step.step)
            self._log("learning_rate", step.learning_rate, step.step)
        if step.step % PLAIN_EVERY == 0:
            self._write(line)
            if self._bar.disable:
                print(line, flush=True)

    def _on_validation(self, done: int, total: int) -> None:
        if self._bar.disable and done == 0:
            print(f"validating: {total} pictures", flush=True)
        words = f"validating {done}/{total}"
        self._bar.update(
            self._judging,
            completed=done / total,
            description=words,
            visible=done < total,
            refresh=True,  # a quick one is seen as well
        )

    def _on_point(self, point: Point, samples: tuple[Picture8, ...]) -> None:
        self._log("holdout_psnr_y", point.holdout_psnr_y, point.step)
        for index, sample in enumerate(samples):
            self._board.add_image(f"holdout/{index}", sample, point.step, dataformats="HWC")
        time_ = self._time(point.minutes)
        self._say(f"step {point.step}  {time_}  hold-out {point.holdout_psnr_y:.3f} dB")
