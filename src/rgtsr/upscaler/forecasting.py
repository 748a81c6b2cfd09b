"""What enlarging a picture is going to take, before it is read. Knows no files, no samples."""

from collections.abc import Sequence
from dataclasses import dataclass

from rgtsr.upscaler import passes
from rgtsr.upscaler.engine import Engine


@dataclass(frozen=True)
class Forecast:
    """One picture's way: output (height, width), the weights that run, in order, and their tiles.

    ``pixels`` are those that the networks see, without overlaps: the measure of progress.
    ``seconds`` are None where the speed of this machine was never measured; transparency doubles
    them, reading and writing are not in them. ``tile``: (height, width) of the first network's.
    """

    size: tuple[int, int]
    models: tuple[str, ...]
    tiles: int
    tile: tuple[int, int]
    pixels: int
    seconds: float | None
    runtime: str
    precision: str
    is_on_gpu: bool


def forecast(
    size: tuple[int, int],
    wanted: tuple[int, int],
    names: tuple[str, ...],
    engines: Sequence[Engine],
) -> Forecast:
    """Of a picture of that (height, width), which the ``engines`` enlarge one after another.

    Raises:
        OutOfMemoryError: when there is not enough for any tile of one of them.
    """
    scales, runtime = [engine.scale for engine in engines], engines[0].runtime
    sides = passes.sides_before(scales)
    plans = [
        engine.plan((size[0] * side, size[1] * side))
        for engine, side in zip(engines, sides, strict=True)
    ]
    seconds = [engine.seconds(plan) for engine, plan in zip(engines, plans, strict=True)]
    known = [each for each in seconds if each is not None]
    return Forecast(
        size=wanted,
        models=names,
        tiles=sum(plan.count for plan in plans),
        tile=plans[0].tile,
        pixels=size[0] * size[1] * passes.pixels_seen(scales),
        seconds=sum(known) if len(known) == len(seconds) else None,
        runtime=runtime.name,
        precision=runtime.precision,
        is_on_gpu=runtime.is_on_gpu,
    )
