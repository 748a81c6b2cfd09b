"""``rgtsr train``: a recipe and photos become weights."""

import ctypes
import os
import sys
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rgtsr.cli import extras, options
from rgtsr.errors import UsageError

if TYPE_CHECKING:
    from rgtsr.training.recipe import Recipe


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(help="A packaged recipe's name or a YAML file; not with --resume."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Recipe keys to change.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run. Default: runs/RECIPE.")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(help="End of the whole run, the cooldown included.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="A checkpoint to continue, by the recipe that it holds.")
    ] = None,
    device: options.Device = "auto",
) -> None:
    """Train weights: rgtsr train small-x2 photos=FOLDER holdout=FOLDER --max-minutes 60.

    The run's folder gets checkpoints (every few minutes and at Ctrl-C), weights, sample pictures
    and TensorBoard logs.
    """
    has_tcmalloc = use_tcmalloc()
    with extras.training():
        from rgtsr.cli.logging import RunLog
        from rgtsr.training import fit
        from rgtsr.training.distributed import Rank
        from rgtsr.training.run import CHECKPOINT, torch_device
    is_main = os.environ.get("RANK", "0") == "0"
    loaded, folder = chosen(recipe, overrides or [], resume)
    folder = output or folder
    if resume is None and (folder / CHECKPOINT).exists():
        raise UsageError(
            f"{folder} holds a run already: continue it with --resume {folder / CHECKPOINT},"
            " or choose another -o."
        )
    if not has_tcmalloc and is_main and torch_device(device, Rank()) == "cpu":
        print("tcmalloc is not installed (Debian: libtcmalloc-minimal4): slower on a CPU.")
    with RunLog(folder) as log:
        path = fit(
            loaded,
            folder,
            max_minutes=max_minutes,
            resume=resume,
            device=device,
            callbacks=log.callbacks,
        )
    if is_main:
        print(path)


def chosen(name: str | None, overrides: list[str], resume: Path | None) -> "tuple[Recipe, Path]":
    """The recipe, and the folder of its run where none is given."""
    from rgtsr.training import checkpoint
    from rgtsr.training import recipe as recipes

    if name is not None and "=" in name:
        name, overrides = None, [name, *overrides]
    if resume is None:
        if name is None:
            raise UsageError(f"which RECIPE? There are: {', '.join(recipes.names())}; or a file.")
        return recipes.load(name, tuple(overrides)), Path("runs") / Path(name).stem
    if name is not None:
        raise UsageError(f"{resume} holds its recipe: leave {name!r} out; KEY=VALUE changes it.")
    return recipes.changed(checkpoint.recipe_of(resume), tuple(overrides)), resume.parent


def use_tcmalloc() -> bool:
    """Start this process anew with tcmalloc, which halves a step on a CPU; False where it lacks.

    ``RGTSR_TCMALLOC`` names the library's file; where it is empty, there is none.
    """
    if not sys.platform.startswith("linux"):
        return True  # other systems' own allocators are not glibc's
    if hasattr(ctypes.CDLL(None), "MallocExtension_ReleaseFreeMemory"):
        return True
    library = os.environ.get("RGTSR_TCMALLOC", find_library("tcmalloc_minimal"))
    before = os.environ.get("LD_PRELOAD", "")
    if not library or library in before:
        return False
    environment = os.environ | {"LD_PRELOAD": f"{library} {before}".strip()}
    sys.stdout.flush()
    return os.execve(sys.executable, sys.orig_argv, environment)
