"""The command line: one file per command. An error becomes one line and an exit status.

Exit status: 0 done, 1 something failed, 2 wrong usage, 130 interrupted.
"""

import os
import sys

import click
import typer

from rgtsr.cli import compare, convert, doctor, evaluate, models, train, upscale
from rgtsr.errors import RgtsrError

app = typer.Typer(
    name="rgtsr",
    help="Enlarge pictures with the Recursive Generalization Transformer, and train it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("upscale")(upscale.upscale)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)
app.command("eval")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("convert")(convert.convert)
app.command("train", context_settings={"ignore_unknown_options": False})(train.train)


def main() -> None:
    """The ``rgtsr`` program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """One command; returns its exit status."""
    try:
        outcome = app(arguments, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return 2
    except click.ClickException as error:
        return _said(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        return _said("interrupted; nothing half-written is left.", 130)
    except ValueError as error:
        return _failed(error, 2)
    except (RgtsrError, OSError, MemoryError) as error:
        return _failed(error, 1)
    return outcome if isinstance(outcome, int) else 0


def _failed(error: Exception, status: int) -> int:
    if os.environ.get("RGTSR_DEBUG"):
        raise error
    return _said(str(error) or type(error).__name__, status)


def _said(message: str, status: int) -> int:
    print(f"rgtsr: {' '.join(message.split())}", file=sys.stderr)
    return status
