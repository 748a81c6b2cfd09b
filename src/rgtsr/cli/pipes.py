"""``-`` as an input or a result: stdin and stdout, by way of files that are gone afterwards."""

import shutil
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rgtsr.cli import terminal
from rgtsr.cli.files import Naming
from rgtsr.errors import UsageError

PIPE = "-"
STDIN, STDOUT = "stdin", "stdout"


def result_of(inputs: Sequence[Path], output: str | None) -> str | None:
    """``output``, or ``-`` where the input is stdin and nothing else was said.

    Raises:
        UsageError: for a pipe among several inputs, and for a terminal at the end of one.
    """
    named = [str(path) for path in inputs]
    if output is None and PIPE in named:
        output = PIPE
    if PIPE in named and len(named) > 1:
        raise UsageError("stdin is one picture: give no other input beside -.")
    if output == PIPE and (len(named) > 1 or inputs[0].is_dir()):
        raise UsageError("stdout takes one picture: give one input, or a folder with -o.")
    if PIPE in named and sys.stdin.isatty():
        raise UsageError(
            "stdin is a terminal: send a picture in: rgtsr upscale - -o large.png < photo.jpg"
        )
    if output == PIPE and sys.stdout.isatty():
        raise UsageError(
            "stdout is a terminal: send the picture into a file or a program: -o - > large.png"
        )
    return output


@contextmanager
def connected(
    inputs: Sequence[Path], output: str | None, naming: Naming
) -> Generator[tuple[list[Path], str | None]]:
    """Inputs and output as files. What was made goes to stdout at the end, and nothing else does.

    Raises BrokenPipeError where nobody reads it.
    """
    if PIPE not in (output, *map(str, inputs)):
        yield list(inputs), output
        return
    with tempfile.TemporaryDirectory(prefix="rgtsr-") as folder:
        source, place = inputs[0], Path(folder) / "out"
        names: dict[str, str] = {}
        if str(source) == PIPE:
            source = _received(sys.stdin.buffer, Path(folder))
            names[str(source)] = STDIN
        if output != PIPE:
            with terminal.calling(names):
                yield [source], output
            return
        made = place / naming.result(source)
        with terminal.calling(names | {str(made): STDOUT}), terminal.speaking_on(sys.stderr):
            yield [source], f"{place}/"
        if made.exists():
            with made.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _received(stream: IO[bytes], folder: Path) -> Path:
    """All of a stream in a file whose suffix is that of its format."""
    from rgtsr.pictures import formats

    path = folder / STDIN
    with path.open("xb") as file:
        shutil.copyfileobj(stream, file)
    with path.open("rb") as file:
        form = formats.recognise(file.read(formats.HEAD_BYTES))
    return path if form is None else path.rename(path.with_suffix(form.suffixes[0]))
