"""A training run as its user sees it: a bar or plain lines, TensorBoard, sample pictures."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from functools import cached_property
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from rgtsr.evaluation.metrics import Picture8
from rgtsr.training.history import Point
from rgtsr.training.run import Callbacks, Step

PLAIN_EVERY = 100  # steps between lines where there is no terminal


class RunLog:
    """Holds the bar and the TensorBoard log of one run open."""

    def __init__(self, folder: Path) -> None:
        console = Console(stderr=True)
        self._folder = folder / "tensorboard"
        self._bar = Progress(
            TextColumn("step {task.fields[step]}  loss {task.fields[loss]:.5f}"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=1.0, step=0, loss=0.0)
        self.callbacks = Callbacks(say=self._say, on_step=self._on_step, on_point=self._on_point)

    @cached_property
    def _board(self) -> SummaryWriter:
        """Opened by the first figure, so that a run that fails before leaves nothing."""
        return SummaryWriter(str(self._folder))

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

    def _say(self, line: str) -> None:
        if self._bar.disable:
            print(line, flush=True)
        else:
            self._bar.console.print(line, highlight=False, markup=False)

    def _log(self, what: str, value: float, step: int) -> None:
        self._board.add_scalar(what, value, step)

    def _on_step(self, step: Step) -> None:
        self._bar.start()  # the first time, and only in the process that has something to say
        self._bar.update(self._task, completed=step.progress, step=step.step, loss=step.loss)
        if step.step % 10 == 0:
            self._log("loss", step.loss, step.step)
            self._log("learning_rate", step.learning_rate, step.step)
        if self._bar.disable and step.step % PLAIN_EVERY == 0:
            print(
                f"step {step.step}  loss {step.loss:.5f}  {step.elapsed_s / 60:.1f} min", flush=True
            )

    def _on_point(self, point: Point, samples: tuple[Picture8, ...]) -> None:
        self._log("holdout_psnr_y", point.holdout_psnr_y, point.step)
        for index, sample in enumerate(samples):
            self._board.add_image(f"holdout/{index}", sample, point.step, dataformats="HWC")
        self._say(
            f"step {point.step}  {point.minutes:.1f} min  hold-out {point.holdout_psnr_y:.3f} dB"
        )
