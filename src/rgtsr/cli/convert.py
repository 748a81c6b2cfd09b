"""``rgtsr convert``: weights from and for other programs."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="Weights: a file or packaged name.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=".safetensors or .pth to write.")],
    to: Annotated[
        str, typer.Option(help="rgtsr, original (the authors' code), or spandrel (chaiNNer, ComfyUI).")
    ] = "rgtsr",
    half: Annotated[bool, typer.Option("--half", help="float16, for rgtsr's own files.")] = False,
) -> None:
    """Convert weights: the authors' .pth to rgtsr, or any weights for other programs."""
    from rgtsr import weights
    from rgtsr.weights.converting import TARGETS

    if to not in TARGETS:
        raise ValueError(f"--to {to} is not one of {', '.join(TARGETS)}.")
    loaded = weights.load(source)
    if loaded.path is not None and target.resolve() == loaded.path.resolve():
        raise ValueError(f"the output {target} is the input itself: give another name.")
    weights.convert(loaded, target, to=to, half=half)
    variant = loaded.variant
    print(f"{target}: {variant.name} x{variant.scale} for {to}")
