"""``rgtsr export``: the network as a graph for programs that know nothing of rgtsr.

It is verified before it is written. Weights for programs with an RGT of their own are ``rgtsr
convert``'s.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from rgtsr import folders
from rgtsr.cli.convert import refuse_unfit
from rgtsr.cli.options import Model, WholeScale

Format = Annotated[
    Literal["onnx", "openvino"],
    typer.Option(
        "--format",
        help="onnx is for any runtime, browsers too; both take tiles of any number, height and"
        " width. Weights files are for rgtsr convert.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The file to write. Default: named after the model, here: small-x2.onnx, or .xml with"
        " .bin.",
    ),
]


def export(
    *, model: Model = None, scale: WholeScale = None, to: Format = "onnx", output: Output = None
) -> int:
    """Write the network for other programs, as ONNX or OpenVINO."""
    from rgtsr import exporting
    from rgtsr.cli import network

    loaded = network.chosen(model, scale, repeated=False)
    assert loaded.path is not None
    target = Path(loaded.path.stem + exporting.SUFFIXES[to]) if output is None else output
    refuse_unfit(target, loaded)
    with folders.made_for(target):
        off = exporting.export(loaded, target, to=to)
    print(
        f"{target}: {loaded.variant.name} x{loaded.variant.scale}, tiles of any size;"
        f" differs from the network by {off:.0e} at most"
    )
    return 0
