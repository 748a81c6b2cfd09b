"""Options that several commands share, each described once."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Packaged name (see `rgtsr models`) or weights file."),
]
Runtime = Annotated[
    str, typer.Option(help="auto, openvino, onnxruntime or torch."),
]
Device = Annotated[str, typer.Option(help="auto, cpu or gpu.")]
Precision = Annotated[str, typer.Option(help="auto, float32 or bf16.")]
Ensemble = Annotated[
    bool,
    typer.Option("--ensemble", help="Average over the 8 flips and turns: better, 8 times slower."),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File or folder to write.")]
