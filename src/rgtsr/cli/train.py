"""``rgtsr train``: a recipe and photos become weights."""

import ctypes
import os
import sys
from ctypes.util import find_library
from pathlib import Path
from typing import Annotated

import typer

from rgtsr.cli import options
from rgtsr.cli.terminal import complain


def train(
    recipe: Annotated[str, typer.Argument(help="A packaged recipe's name or a YAML file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Recipe keys to change.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run. Default: runs/RECIPE.")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(help="End of the whole run, the cooldown included.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="A checkpoint to continue.")] = None,
    device: options.Device = "auto",
) -> None:
    """Train weights: rgtsr train small-x2 photos=FOLDER holdout=FOLDER --max-minutes 60.

    The run's folder gets checkpoints (every few minutes and at Ctrl-C), weights, sample pictures
    and TensorBoard logs.
    """
    from rgtsr.errors import RuntimeUnavailableError

    use_tcmalloc()
    try:
        from rgtsr.cli.watching import Watch
        from rgtsr.training import fit
        from rgtsr.training import recipe as recipes
    except ModuleNotFoundError as error:
        raise RuntimeUnavailableError(
            f"training needs {error.name}: pip install 'rgtsr[train]'."
        ) from error
    loaded = recipes.load(recipe, tuple(overrides or ()))
    folder = output or Path("runs") / Path(recipe).stem
    if resume is None and (folder / fit.CHECKPOINT).exists():
        raise ValueError(
            f"{folder} holds a run already: continue it with --resume {folder / fit.CHECKPOINT},"
            " or choose another -o."
        )
    with Watch(folder) as watch:
        path = fit.fit(
            loaded,
            folder,
            max_minutes=max_minutes,
            resume=resume,
            device=device,
            watcher=watch.watcher,
        )
    print(path)


def use_tcmalloc() -> None:
    """Start this process anew with tcmalloc, which halves a step on a CPU; or say that it lacks."""
    if hasattr(ctypes.CDLL(None), "MallocExtension_ReleaseFreeMemory"):
        return
    library = find_library("tcmalloc_minimal")
    before = os.environ.get("LD_PRELOAD", "")
    if library is None or library in before:
        complain("tcmalloc is not installed (Debian: libtcmalloc-minimal4): slower on a CPU.")
        return
    environment = os.environ | {"LD_PRELOAD": f"{library} {before}".strip()}
    sys.stdout.flush()
    os.execve(sys.executable, sys.orig_argv, environment)
