"""``rgtsr convert``: from one kind of weights file to another, in every direction.

``rgtsr export`` is for what runs without rgtsr; where that takes weights too, it does the same.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rgtsr.errors import WeightsError

if TYPE_CHECKING:
    from rgtsr.weights import Weights

Source = Annotated[
    str, typer.Argument(metavar="IN", help="A packaged name, or a .safetensors or .pth file.")
]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="The .safetensors or .pth to write.")]
To = Annotated[
    Literal["rgtsr", "original", "spandrel"],
    typer.Option(
        "--to",
        help="For whom: rgtsr (one file that describes itself), the original code of the authors,"
        " or spandrel (chaiNNer, ComfyUI).",
    ),
]
Half = Annotated[bool, typer.Option("--half", help="Store float16: half the size, rgtsr only.")]


def convert(source: Source, target: Target, *, to: To = "rgtsr", half: Half = False) -> int:
    """Convert a weights file. Nothing in it is run, whatever it holds."""
    from rgtsr import weights

    loaded = weights.load(source)
    refuse_unfit(target, loaded)
    weights.convert(loaded, target, to=to, half=half)
    variant = loaded.variant
    count = sum(tensor.size for tensor in loaded.tensors.values())
    print(f"{target}: {variant.name} x{variant.scale}, {count:,} parameters, for {to}")
    return 0


def refuse_unfit(target: Path, loaded: "Weights") -> None:
    """Nothing that was read is written over. Raises ValueError, and WeightsError for a folder."""
    if loaded.path is not None and target.exists() and target.samefile(loaded.path):
        raise ValueError(f"{target} is the input itself: give another name.")
    if target.is_dir():
        raise WeightsError(f"{target}: is a folder: give a file name in it.")
