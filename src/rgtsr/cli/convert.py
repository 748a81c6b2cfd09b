"""``rgtsr convert``: from one kind of weights file to another, in every direction.

``rgtsr export`` is for graphs that run without rgtsr.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rgtsr import folders
from rgtsr.cli import extras
from rgtsr.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from rgtsr.weights import Weights

Source = Annotated[
    str,
    typer.Argument(
        metavar="IN", help="A packaged name, a .safetensors or .pth file, or a BasicSR .yml."
    ),
]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")]
To = Annotated[
    Literal["rgtsr", "original", "spandrel"],
    typer.Option(
        "--to",
        help="For whom: rgtsr (one file that describes itself), the original code of the authors,"
        " or spandrel (chaiNNer, ComfyUI).",
    ),
]
RECIPES = (".yml", ".yaml")
Half = Annotated[bool, typer.Option("--half", help="Store float16: half the size, rgtsr only.")]


def convert(source: Source, target: Target, *, to: To = "rgtsr", half: Half = False) -> int:
    """Convert a weights file, or an option file of BasicSR (.yml) to a recipe. Nothing is run."""
    if Path(source).suffix in RECIPES:
        return _recipe(Path(source), target)
    from rgtsr import weights

    loaded = weights.load(source)
    refuse_unfit(target, loaded)
    with folders.made_for(target):
        weights.convert(loaded, target, to=to, half=half)
    variant = loaded.variant
    count = sum(tensor.size for tensor in loaded.tensors.values())
    print(f"{target}: {variant.name} x{variant.scale}, {count:,} parameters, for {to}")
    return 0


def _recipe(source: Path, target: Path) -> int:
    """The authors' option file as a recipe of ours."""
    if target.suffix not in RECIPES:
        raise UsageError(f"{target}: a recipe's name must end in .yml.")
    with extras.training():
        from rgtsr.training import basicsr

    with folders.made_for(target):
        left = basicsr.convert(source, target)
    print(f"{target}: train with rgtsr train {target}")
    if left:
        print(f"left out, as a recipe has no such key: {', '.join(left)}")
    if "num_gpu" in left:
        print("num_gpu: auto counts as one GPU: set batch in the recipe to that of all together")
    return 0


def refuse_unfit(target: Path, loaded: "Weights") -> None:
    """Nothing that was read is written over. Raises UsageError, and WeightsError for a folder."""
    if loaded.path is not None and target.exists() and target.samefile(loaded.path):
        raise UsageError(f"{target} is the input itself: give another name.")
    if target.is_dir():
        raise WeightsError(f"{target}: is a folder: give a file name in it.")
