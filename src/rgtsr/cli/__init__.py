"""The command line: one file per command; an error becomes one line and an exit status.

Exit status: 0 done, 1 something failed, 2 the command was not meant like that, 130 interrupted.
Knows the terminal. Whatever is heavy is imported inside the one command that needs it.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from rgtsr.cli import (
    batch,
    bench,
    compare,
    convert,
    data,
    doctor,
    evaluate,
    export,
    models,
    serve,
    train,
    upscale,
)
from rgtsr.cli.terminal import complain, silence_stdout
from rgtsr.errors import UsageError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="rgtsr",
    help="Enlarge pictures with the Recursive Generalization Transformer, and train it.",
    rich_markup_mode=None,  # its import takes a third of the time to --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Enlarge pictures with the Recursive Generalization Transformer, and train it."""
    if version:
        from rgtsr.cli.doctor import version_of

        print(f"rgtsr {version_of('rgtsr')}")
        raise typer.Exit


app.command("upscale")(upscale.upscale)
app.command("batch")(batch.batch)
app.command("serve")(serve.serve)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
app.command("convert")(convert.convert)
app.command("export")(export.export)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("train")(train.train)
app.add_typer(data.app, name="data")


def main() -> NoReturn:
    """The command ``rgtsr``."""
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # file names need not be text in any encoding
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _warn
    warnings.simplefilter("always", UserWarning)  # of each picture that it is true of
    sys.exit(run(sys.argv[1:]))


def _open_missing_streams() -> None:
    """Put nothing where the shell closed stdin, stdout or stderr.

    The next file to be opened would get the number, and whatever a library says would land in it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    complain(str(message))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit status. RGTSR_DEBUG=1 lets errors through."""
    status = _run(arguments)
    try:
        sys.stdout.flush()
    except OSError:  # said already, or nobody reads
        silence_stdout()
        status = status or FAILED
    return status


def _run(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    try:
        status = app(list(arguments), standalone_mode=False, prog_name="rgtsr") or 0
        sys.stdout.flush()
        return status
    except (typer.Abort, KeyboardInterrupt):
        complain("interrupted: nothing half-done was left.")
        return INTERRUPTED
    except typer.TyperException as error:
        return _misused(error, arguments)
    except BrokenPipeError:  # whoever read us has gone, as in ``| head``
        silence_stdout()
        return FAILED
    except UsageError as error:
        return _report(error, MISUSED)
    except Exception as error:  # one line, whatever it is
        return _report(error, FAILED)


def _misused(error: typer.TyperException, arguments: Sequence[str]) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # ``rgtsr data``
        return _run([*arguments, "--help"])
    from typer.main import get_command

    from rgtsr.cli import wording

    complain(wording.in_words(error, arguments, vars(get_command(app))["commands"]))
    return MISUSED


def _report(error: Exception, status: int) -> int:
    if os.environ.get("RGTSR_DEBUG"):
        raise error
    complain(error)
    return status
