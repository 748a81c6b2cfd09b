"""``rgtsr compare``: one picture that shows bicubic, rgtsr, anyone else, and the truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rgtsr.cli import options
from rgtsr.cli.network import opened
from rgtsr.errors import EvaluationError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rgtsr.evaluation.compare import Panel

Truth = Annotated[Path, typer.Argument(metavar="TRUTH", help="The photo that must be restored.")]
Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="FILE", help="The side-by-side picture to write.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME|FILE",
        help="Enlarge with this; may be repeated. Default: the first of `rgtsr models`,"
        " unless there is a --panel.",
    ),
]
Panels = Annotated[
    list[str] | None,
    typer.Option("--panel", metavar="LABEL=FILE", help="Show this picture too; may be repeated."),
]
SavePanels = Annotated[
    Path | None,
    typer.Option("--save-panels", metavar="DIR", help="Write the input and each panel there."),
]
DEFAULT_SCALE = 2


@dataclass(frozen=True)
class Task:
    """The truth, cut to a multiple of the scale, and its reduced form; uint8 (H, W, C)."""

    truth_HWC: "NDArray[np.uint8]"
    small_HWC: "NDArray[np.uint8]"
    scale: int


def compare(
    truth: Truth,
    *,
    output: Output,
    model: Models = None,
    scale: options.WholeScale = None,
    panel: Panels = None,
    save_panels: SavePanels = None,
    tile: options.Tile = None,
    runtime: options.RuntimeName = "auto",
    device: options.Device = "auto",
) -> int:
    """Reduce a photo, enlarge it again, and show the results side by side with their scores.

    The reduced photo is MATLAB's bicubic; the scores are PSNR-Y / SSIM-Y against the photo; below
    is the detail that bicubic spoils most.
    """
    from rgtsr import pictures
    from rgtsr.evaluation import metrics, report, score
    from rgtsr.evaluation.compare import Panel, side_by_side
    from rgtsr.pictures import Picture, pairs

    given = [_labelled(text) for text in panel or []]
    inputs = {path.resolve() for path in (truth, *(path for _, path in given))}
    if output.resolve() in inputs:
        raise UsageError(f"{output} is an input itself: give another -o.")
    names: list[str | None] = [*(model or ([] if given else [None]))]
    upscalers = [
        opened(name, scale=scale, tile_px=tile, runtime=runtime, device=device) for name in names
    ]
    scales = {each.scale for each in upscalers} | (set[int]() if scale is None else {scale})
    if len(scales) > 1:
        raise UsageError(f"the models enlarge {sorted(scales)} times: compare one scale at a time.")
    factor = scales.pop() if scales else DEFAULT_SCALE
    task = Task(*pairs.made(pairs.read8(truth), factor, name=str(truth)), factor)
    height, width = task.truth_HWC.shape[:2]
    if min(height, width) < (least := metrics.smallest_px(shave=factor)):
        raise EvaluationError(
            f"{truth} is {width} x {height} pixels: at least {least} a side can be scored."
        )
    panels = [Panel("bicubic", score.enlarging_bicubic(factor)(task.small_HWC))]
    redone: list[int] = []
    for upscaler in upscalers:
        enlarged = score.enlarging(upscaler, redone.append)(task.small_HWC)
        panels.append(Panel(f"rgtsr {upscaler.weights.card.name}", enlarged))
    labels = [each.label for each in panels[1:]]
    panels += [_read(label, path, task) for label, path in given]

    picture = side_by_side(panels, task.truth_HWC, scale=factor)
    output.parent.mkdir(parents=True, exist_ok=True)
    pictures.write(Picture.from_array(picture), output)
    for each in panels:
        quality = metrics.on_luma(each.pixels_HWC, task.truth_HWC, shave=factor)
        print(f"{each.label}: {quality.psnr:.3f} dB / {quality.ssim:.4f}")
    if said := report.redone(zip(labels, redone, strict=True)):
        print(said)
    if save_panels is not None:
        for name, pixels_HWC in _files(truth, task, panels):
            if (save_panels / name).resolve() in inputs:
                raise UsageError(f"{save_panels / name} is an input itself: save panels elsewhere.")
            save_panels.mkdir(parents=True, exist_ok=True)
            pictures.write(Picture.from_array(pixels_HWC), save_panels / name)
            print(save_panels / name)
    print(output)
    return 0


def _labelled(text: str) -> tuple[str, Path]:
    label, equals, path = text.partition("=")
    if not equals or not label or not path:
        raise UsageError(f"--panel {text}: write LABEL=FILE.")
    return label, Path(path)


def _read(label: str, path: Path, task: Task) -> "Panel":
    """Somebody's picture of the truth; up to a scale's worth of border is cut as the truth's is."""
    from rgtsr.evaluation.compare import Panel
    from rgtsr.pictures import pairs

    names = {"hr_name": str(path), "lr_name": "the reduced truth"}
    return Panel(label, pairs.matched(pairs.read8(path), task.small_HWC, task.scale, **names))


def _files(
    truth: Path, task: Task, panels: "list[Panel]"
) -> "Iterator[tuple[str, NDArray[np.uint8]]]":
    yield f"{truth.stem}-input.png", task.small_HWC
    for panel in panels:
        label = "".join(letter if letter.isalnum() else "-" for letter in panel.label)
        yield f"{truth.stem}-{label}.png", panel.pixels_HWC
