"""What the commands say: one line an error, a bar on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rgtsr import signals
from rgtsr.errors import RgtsrError, UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

OnProgress = Callable[[float, int], None]
NETWORK_SHARE = 0.95  # of a file's way; the rest is that it is written
WIDE = 200  # columns where nobody looks: files and pipes


def complain(what: str | Exception) -> None:
    """One line on stderr, if anybody reads it."""
    with contextlib.suppress(BrokenPipeError):
        print(f"rgtsr: {one_line(what)}", file=sys.stderr, flush=True)


def tell(line: str) -> None:
    """One line on stdout, at once; that nobody hears it is found out by the next of ``Steps``."""
    with contextlib.suppress(OSError):
        print(visible(line), flush=True)


# as the loader of libraries and Python's threads say it
NO_MEMORY = ("failed to map segment", "can't start new thread")


def silence_stdout() -> None:
    """What is left to say on stdout is said to nobody, without errors."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def one_line(what: str | Exception) -> str:
    """The text, or what is to be said of the error, without line breaks."""
    if isinstance(what, MemoryError) or _is_want_of_memory(what):
        what = "not enough memory for this: allow more."
    elif isinstance(what, OSError):
        name = f"{what.filename}: " if what.filename else ""
        what = f"{name}{what.strerror}." if what.strerror else str(what)
    elif isinstance(what, Exception) and not isinstance(what, RgtsrError | UsageError | Warning):
        what = f"unexpected {type(what).__name__}: {what} (RGTSR_DEBUG=1 shows where)"
    return visible(" ".join(line.strip() for line in str(what).splitlines() if line.strip()))


def _is_want_of_memory(what: str | Exception) -> bool:
    is_loaders = isinstance(what, ImportError | RuntimeError)
    return is_loaders and any(sign in str(what) for sign in NO_MEMORY)


_called: dict[str, str] = {}


@contextmanager
def calling(names: Mapping[str, str]) -> Generator[None]:
    """In everything that is said meanwhile, say ``stdin`` of a path that nobody chose."""
    _called.update(names)
    try:
        yield
    finally:
        for path in names:
            del _called[path]


@contextmanager
def speaking_on(stream: TextIO | None) -> Generator[None]:
    """Say what is said on stdout on another stream meanwhile, or nowhere, and then no warning."""
    with contextlib.ExitStack() as stack:
        if stream is None:
            stream = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        stack.enter_context(contextlib.redirect_stdout(stream))
        yield


def visible(text: str) -> str:
    """Text in which line breaks and whatever else moves the cursor stand as ``\\n`` does."""
    for path, name in _called.items():
        text = text.replace(path, name)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Steps:
    """Many files one after another: a bar with the time left, or nothing but their lines.

    ``pixels``: how much there is to do on each, where that is known; without it all are the same.
    """

    def __init__(self, count: int, bar: "Progress | None", pixels: Sequence[float] = ()) -> None:
        self._bar, self._count = bar, count
        self._is_written = bool(pixels)  # what was enlarged is a file then
        self._shares = pixels if any(pixels) else [1.0] * count
        self._task = bar.add_task("", total=sum(self._shares), files=f"0/{count}") if bar else None
        self._through, self._parts = 0.0, dict[int, float]()  # of those that are at work
        self._done = 0
        self.is_heard = True  # until stdout cannot be written, as on a full disk

    def start(self, name: str, number: int | None = None, part: str | None = None) -> OnProgress:
        """Name what is being done; returns what to call as (parts done, parts in all).

        ``number``: which of the files, where they do not come one after the other. ``part``: what
        its parts are called, where somebody wants to see them counted.
        """
        at = self._done if number is None else number
        share = self._shares[at] * (NETWORK_SHARE if self._is_written else 1)

        def on_progress(done: float, total: int) -> None:
            signals.check()
            self._parts[at] = share * done / max(1, total)
            writing = "writing " if self._is_written and done >= total else ""
            counted = f", {part} {min(int(done) + 1, total):,} of {total:,}" if part else ""
            self._show(description=visible(f"{writing}{name}{counted}"))

        self._show(description=visible(name))
        return on_progress

    def finish(self, line: str = "", number: int | None = None) -> None:
        """One more is through; say what became of it."""
        at = self._done if number is None else number
        self._parts.pop(at, None)
        self._through += self._shares[at]
        self._done += 1
        self._show(files=f"{self._done}/{self._count}")
        if line:
            self.say(line)

    def _show(self, **fields: str) -> None:
        if self._bar is not None and self._task is not None:
            completed = self._through + sum(self._parts.values())
            self._bar.update(self._task, completed=completed, **fields)  # pyright: ignore[reportArgumentType] -- fields of its columns

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

    def fail(self, error: Exception, number: int | None = None) -> None:
        """One more file is through, without result."""
        self.finish(number=number)
        if os.environ.get("RGTSR_DEBUG"):
            traceback.print_exception(error)
        complain(error)

    def stopped(self, line: str) -> None:
        """Somebody wants to stop: say how far it got."""
        complain(f"stopped: {line}.")


@contextmanager
def steps(count: int, pixels: Sequence[float] = (), *, is_quiet: bool = False) -> Generator[Steps]:
    """Show how far ``count`` files are, and for how long it will go on, on a terminal.

    ``pixels`` as ``Steps`` has them.
    """
    if is_quiet or not sys.stderr.isatty():
        yield Steps(count, None, pixels)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    words = TextColumn("{task.description}", markup=False)
    files = TextColumn("{task.fields[files]}")
    columns = (words, BarColumn(), files, Remaining(), TextColumn("left"))
    is_shown = sys.stdout.isatty()  # what goes into a file must not be drawn on the terminal
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=is_shown) as bar:
        yield Steps(count, bar, pixels)


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
