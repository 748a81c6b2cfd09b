"""What the commands say: one line an error, a bar on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rgtsr import signals
from rgtsr.errors import RgtsrError, UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

OnProgress = Callable[[int, int], None]
WIDE = 200  # columns where nobody looks: files and pipes


def complain(what: str | Exception) -> None:
    """One line on stderr, if anybody reads it."""
    with contextlib.suppress(BrokenPipeError):
        print(f"rgtsr: {one_line(what)}", file=sys.stderr, flush=True)


def silence_stdout() -> None:
    """What is left to say on stdout is said to nobody, without errors."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def one_line(what: str | Exception) -> str:
    """The text, or what is to be said of the error, without line breaks."""
    if isinstance(what, MemoryError):
        what = "not enough memory for this: allow more."
    elif isinstance(what, OSError):
        name = f"{what.filename}: " if what.filename else ""
        what = f"{name}{what.strerror}." if what.strerror else str(what)
    elif isinstance(what, Exception) and not isinstance(what, RgtsrError | UsageError | Warning):
        what = f"unexpected {type(what).__name__}: {what} (RGTSR_DEBUG=1 shows where)"
    return visible(" ".join(line.strip() for line in str(what).splitlines() if line.strip()))


def visible(text: str) -> str:
    """Text in which line breaks and whatever else moves the cursor stand as ``\\n`` does."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Steps:
    """Many files one after another: a bar with the time left, or nothing but their lines."""

    def __init__(self, count: int, bar: "Progress | None") -> None:
        self._bar = bar
        self._task = bar.add_task("", total=count) if bar else None
        self._done = 0
        self.is_heard = True  # until stdout cannot be written, as on a full disk

    def start(self, name: str) -> OnProgress:
        """Name what is being done; returns what to call as (parts done, parts in all)."""
        bar, task, before = self._bar, self._task, self._done
        if bar is not None and task is not None:
            bar.update(task, description=visible(name), completed=before)

        def on_progress(done: int, total: int) -> None:
            signals.check()
            if bar is not None and task is not None:
                bar.update(task, completed=before + done / max(1, total))

        return on_progress

    def finish(self, line: str = "") -> None:
        """One more is through; say what became of it."""
        self._done += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)
        if line:
            self.say(line)

    def say(self, line: str) -> None:
        """One line on stdout; where it takes none, that is said once. Raises BrokenPipeError."""
        try:
            print(visible(line), flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            silence_stdout()
            self.is_heard = False
            complain(f"stdout: {error.strerror}: from here on results are not listed.")

    def fail(self, error: Exception) -> None:
        """One more file is through, without result."""
        self._done += 1
        if os.environ.get("RGTSR_DEBUG"):
            traceback.print_exception(error)
        complain(error)

    def stopped(self, line: str) -> None:
        """Somebody wants to stop: say how far it got."""
        complain(f"stopped: {line}; the same command goes on.")


@contextmanager
def steps(count: int) -> Generator[Steps]:
    """Show how far ``count`` files are, and for how long it will go on, on a terminal."""
    if not sys.stderr.isatty():
        yield Steps(count, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    words = TextColumn("{task.description}", markup=False)
    columns = (words, BarColumn(), MofNCompleteColumn(), Elapsed(), TextColumn("left"), Remaining())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Steps(count, bar)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; a heading that ends with a space stands over numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else WIDE)
    drawn = Table(box=None, pad_edge=False, show_header=any(columns))
    for column in columns:
        drawn.add_column(column.strip(), justify="right" if column.endswith(" ") else "left")
    for row in rows:
        drawn.add_row(*map(Text, row))
    console.print(drawn)
