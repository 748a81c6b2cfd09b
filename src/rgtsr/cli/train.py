"""``rgtsr train``: a recipe and photos become weights."""

import ctypes
import sys
from pathlib import Path
from typing import Annotated

import typer


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
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train weights: rgtsr train small-x2 photos=FOLDER holdout=FOLDER --max-minutes 60.

    The run's folder gets checkpoints (every few minutes and at Ctrl-C), weights, sample pictures
    and TensorBoard logs.
    """
    from rgtsr.errors import RuntimeUnavailableError

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
    if not has_tcmalloc():
        print(
            "rgtsr: tcmalloc is not loaded; on a CPU it halves a step: install"
            " libtcmalloc-minimal4 and set LD_PRELOAD=libtcmalloc_minimal.so.4",
            file=sys.stderr,
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


def has_tcmalloc() -> bool:
    """Whether tcmalloc serves this process's allocations."""
    return hasattr(ctypes.CDLL(None), "MallocExtension_ReleaseFreeMemory")
