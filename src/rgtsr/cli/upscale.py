"""``rgtsr upscale``: files and folders of pictures, enlarged."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rgtsr.cli import files, options
from rgtsr.cli.files import Job
from rgtsr.cli.sizes import Size

if TYPE_CHECKING:
    from rgtsr.upscaler import Upscaler


def upscale(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Pictures or folders.")],
    output: options.Output = None,
    scale: Annotated[
        float | None,
        typer.Option("--scale", "-s", help="How many times larger, 2.5 too. Default: the model's."),
    ] = None,
    width: Annotated[int | None, typer.Option(help="Output width in pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Output height in pixels.")] = None,
    long_side: Annotated[int | None, typer.Option(help="Longer output side in pixels.")] = None,
    model: options.Model = None,
    tile: Annotated[int | None, typer.Option(help="Side of a tile in input pixels.")] = None,
    overlap: Annotated[int | None, typer.Option(help="Overlap of tiles in input pixels.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="No tiles: the picture at once.")] = False,
    ensemble: options.Ensemble = False,
    precision: options.Precision = "auto",
    runtime: options.Runtime = "auto",
    device: options.Device = "auto",
    format: Annotated[
        str | None, typer.Option(help="png, jpg, webp, tif or avif. Default: as the input.")
    ] = None,
    quality: Annotated[int | None, typer.Option(help="1..100 for jpg, webp and avif.")] = None,
    strip: Annotated[
        bool, typer.Option("--strip", help="Keep no metadata but the colour profile.")
    ] = False,
    max_pixels: Annotated[
        int | None, typer.Option(help="Refuse larger inputs, in pixels. Default: 400 million.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Redo existing results.")] = False,
) -> int:
    """Enlarge pictures: photo.jpg becomes photo_x2.jpg, or OUT with -o.

    Folders are walked, their structure is kept, and results that exist are skipped. Width and
    height together give exactly that size: the picture covers it and is cropped evenly.
    """
    from rgtsr import pictures, upscaler, weights

    size = Size(scale=scale, width=width, height=height, long_side=long_side)
    for path in inputs:
        if not path.exists() and len(inputs) == 1:
            raise FileNotFoundError(f"{path}: there is no such file or folder.")
    loaded = weights.load(model or weights.DEFAULT_NAME, scale=size.model_scale(model))
    suffix = None if format is None else _suffix(format, pictures.WRITABLE_SUFFIXES)
    found = files.jobs(
        inputs,
        output,
        label=size.label(loaded.variant.scale),
        suffix=suffix,
        readable=pictures.SUFFIXES,
        writable=pictures.WRITABLE_SUFFIXES,
    )
    settings = upscaler.Settings(
        tile_px=upscaler.TILE_PX if tile is None else tile,
        overlap_px=upscaler.OVERLAP_PX if overlap is None else overlap,
        whole=whole,
        ensemble=ensemble,
    )
    engine = upscaler.Upscaler(loaded, runtime, device, precision, settings)

    def one(job: Job, on_progress: Callable[[int, int], None]) -> upscaler.Report:
        return engine.upscale_file(
            job.source,
            job.target,
            final_size=size.of(engine.scale),
            strip=strip,
            quality=quality,
            max_pixels=pictures.MAX_PIXELS if max_pixels is None else max_pixels,
            on_progress=on_progress,
        )

    return _all(found, one, overwrite=overwrite)


if TYPE_CHECKING:
    from rgtsr.upscaler import Report

    One = Callable[[Job, Callable[[int, int], None]], Report]


def _all(found: list[Job], one: "One", *, overwrite: bool) -> int:
    """Every job; a bad file is reported and skipped. Returns the exit status."""
    from rgtsr.cli.progress import Display
    from rgtsr.errors import RgtsrError

    failures = 0
    with Display(len(found)) as display:
        for job in found:
            if job.target.exists() and not overwrite:
                display.say(f"{job.target}: exists, skipped (--overwrite redoes it)")
                display.finished(job)
                continue
            try:
                job.target.parent.mkdir(parents=True, exist_ok=True)
                report = one(job, display.tiles)
            except (RgtsrError, OSError, MemoryError) as error:
                failures += 1
                display.complain(str(error) or f"{job.source}: {type(error).__name__}")
                display.finished(job)
                continue
            display.finished(job)
            height, width = report.size
            display.say(f"{job.target}: {width}x{height} in {report.seconds:.1f} s")
            for note in report.notes:
                display.say(f"  {note}")
    if not found:
        print("rgtsr: no pictures in there.", file=sys.stderr)
    return 1 if failures or not found else 0


def _suffix(format: str, writable: tuple[str, ...]) -> str:
    suffix = f".{format.lower().removeprefix('.')}"
    if suffix not in writable:
        raise ValueError(f"--format {format} is not one of {', '.join(s[1:] for s in writable)}.")
    return suffix
