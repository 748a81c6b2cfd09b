"""What a user sees while pictures are made: a bar with the time left, or plain lines."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rgtsr.cli.files import Job


class Display:
    """A progress bar on a terminal; results on stdout and complaints on stderr everywhere."""

    def __init__(self, pictures: int) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._pictures = self._progress.add_task("pictures", total=pictures)
        self._tiles = self._progress.add_task("tiles", total=None)

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def tiles(self, done: int, total: int) -> None:
        """Some tiles of the present picture are done."""
        self._progress.update(self._tiles, completed=done, total=total)

    def finished(self, job: Job) -> None:
        """One picture is done, or given up."""
        self._progress.advance(self._pictures)
        self._progress.update(self._tiles, completed=0, description=f"tiles of {job.source.name}")

    def say(self, line: str) -> None:
        """A line about a result."""
        if self._progress.disable:
            print(line, flush=True)
        else:
            self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def complain(self, line: str) -> None:
        """A line about a failure."""
        text = f"rgtsr: {' '.join(line.split())}"
        if self._progress.disable:
            print(text, file=sys.stderr, flush=True)
        else:
            self._progress.console.print(text, highlight=False, markup=False, soft_wrap=True)
