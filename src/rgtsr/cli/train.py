"""``rgtsr train``: a recipe and photos become weights."""

import ctypes
import os
import shlex
import sys
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

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
        float | None,
        typer.Option(help="Of the whole run: earlier sessions and the cooldown included."),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="A checkpoint to continue, by the recipe that it holds.")
    ] = None,
    device: options.Device = "auto",
) -> None:
    """Train weights: rgtsr train small-x2 photos=FOLDER holdout=FOLDER --max-minutes 60.

    The run's folder gets checkpoints (every few minutes and at Ctrl-C), weights, the recipe with
    all its keys, a log, and sample pictures and curves for TensorBoard.
    """
    has_tcmalloc = use_tcmalloc()
    with extras.training():
        from rgtsr.cli.logging import RECIPE, RunLog
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
    before_s = spent_s(resume)
    if is_main:
        print(in_one_line(loaded), f"(all keys: {folder / RECIPE})")
        if resume is not None and max_minutes is not None:
            left = max(0.0, max_minutes - before_s / 60)
            print(f"{left:.1f} min are left for this session, of {max_minutes:g} of the whole run")
    with RunLog(folder, loaded, before_s) as log:
        path = fit(
            loaded,
            folder,
            max_minutes=max_minutes,
            resume=resume,
            device=device,
            callbacks=log.callbacks,
        )
    if is_main:
        for line in (
            f"trained {log.minutes:.1f} min in this session, {log.minutes_in_all:.1f} min in all",
            *what_next(path, loaded),
            path,
        ):
            print(line)


def in_one_line(recipe: "Recipe") -> str:
    """Every key whose value is not the usual one."""
    from rgtsr.training.recipe import Recipe

    usual = Recipe().model_dump(mode="json")
    told: list[str] = []
    for key, value in recipe.model_dump(mode="json").items():
        if key == "variant" or value != usual[key]:
            parts = cast(list[object], value) if isinstance(value, list) else [value]
            told.append(f"{key}={','.join(map(str, parts))}")
    return f"recipe: {' '.join(told)}"


def spent_s(resume: Path | None) -> float:
    """Seconds that the run took in earlier sessions."""
    from rgtsr.training import checkpoint, history

    if resume is None:
        return 0.0
    return history.from_header(checkpoint.header_of(resume)).elapsed_s


def what_next(path: Path, recipe: "Recipe") -> list[str]:
    """The command lines that follow a run which left its weights at ``path``."""
    from rgtsr.training.fitting import BEFORE_COOLDOWN
    from rgtsr.training.run import CHECKPOINT

    state = path.with_name(BEFORE_COOLDOWN)
    state = state if state.exists() else path.with_name(CHECKPOINT)
    lines = [f"rgtsr upscale photo.jpg -m {shlex.quote(str(path))}"]
    if recipe.holdout is not None and recipe.holdout.is_dir():
        data = shlex.quote(str(recipe.holdout))
        lines.append(f"rgtsr eval -m {shlex.quote(str(path))} -m bicubic --data {data}")
    lines.append(f"rgtsr train --resume {shlex.quote(str(state))} --max-minutes MORE")
    return ["what next:", *(f"  {line}" for line in lines)]


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
