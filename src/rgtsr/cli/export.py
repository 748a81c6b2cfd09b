"""``rgtsr export``: the network as a file for programs that know nothing of rgtsr.

For a runtime (``onnx``, ``openvino``) that is a graph, verified before it is written. For programs
with an RGT of their own (``pth``, ``spandrel``) it is a weights file, the same that ``rgtsr
convert --to`` makes; ``convert`` is for weights files in both directions.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from rgtsr.cli.convert import refuse_unfit
from rgtsr.cli.options import Model

Scale = Annotated[
    int | None,
    typer.Option("-s", "--scale", metavar="FACTOR", help="Which of a model's scales: 2, 3 or 4."),
]
Format = Annotated[
    Literal["onnx", "openvino", "pth", "spandrel"],
    typer.Option(
        "--format",
        help="onnx (any runtime, browsers too) and openvino take tiles of any number, height and"
        " width; pth is for the original code of the authors, spandrel for chaiNNer and ComfyUI.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The file to write. Default: named after the model, here: small-x2.onnx, .xml with"
        " .bin, .pth, -spandrel.pth.",
    ),
]
ENDS = {"onnx": ".onnx", "openvino": ".xml", "pth": ".pth", "spandrel": "-spandrel.pth"}


def export(
    *, model: Model = None, scale: Scale = None, to: Format = "onnx", output: Output = None
) -> int:
    """Write the network for other programs: ONNX, OpenVINO, the authors' .pth, or spandrel."""
    from rgtsr import weights
    from rgtsr.cli import network

    loaded = network.chosen(model, scale, repeated=False)
    assert loaded.path is not None
    target = Path(f"{loaded.path.stem}{ENDS[to]}") if output is None else output
    refuse_unfit(target, loaded)
    if to == "pth" or to == "spandrel":
        weights.convert(loaded, target, to="original" if to == "pth" else "spandrel")
        print(f"{target}: {loaded.variant.name} x{loaded.variant.scale}, weights for {to}")
        return 0
    from rgtsr import exporting

    off = exporting.export(loaded, target, to=to)
    print(
        f"{target}: {loaded.variant.name} x{loaded.variant.scale}, tiles of any size;"
        f" differs from the network by {off:.0e} at most"
    )
    return 0
