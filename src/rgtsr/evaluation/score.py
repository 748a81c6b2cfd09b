"""Scores of a model, or of finished pictures, on a benchmark. Knows no terminal and no network."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import EvaluationError
from rgtsr.evaluation import benchmarks, metrics
from rgtsr.evaluation.benchmarks import Benchmark
from rgtsr.pictures import Picture, bicubic, pairs
from rgtsr.pictures.pairs import Pair
from rgtsr.upscaler import Upscaler

Picture8 = NDArray[np.uint8]
Enlarge = Callable[[Picture8], Picture8]  # LR (H, W, C) -> (H * S, W * S, C)

CROP_PX = 128
BORDER_PX = 4  # of LR, which other rules about borders reach
MOST_ERROR = 0.5  # mean square, of 255: other libraries' bicubic is 10 and more off


@dataclass(frozen=True)
class PictureScore:
    """One picture's scores."""

    name: str
    psnr_y: float
    ssim_y: float


@dataclass(frozen=True)
class SetScore:
    """One model's scores on one set: per picture, and their means.

    ``redone_tiles``: how many had no usable result at first, and were run again in float32.
    ``notes``: lines about what was not scored, or not as the literature does.
    """

    name: str
    scale: int
    model: str
    psnr_y: float
    ssim_y: float
    pictures: tuple[PictureScore, ...]
    redone_tiles: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """How scores were taken: what two figures must share before they are compared."""

    name: str
    luma: str
    shave_px: str
    tiles: str
    lr_source: str
    ssim: str
    mean: str


def paper_protocol(*, tiles: str, lr_source: str) -> Protocol:
    """The super-resolution literature's protocol."""
    return Protocol(
        name="paper",
        luma="Y of BT.601, 16..235, not rounded",
        shave_px="scale",
        tiles=tiles,
        lr_source=lr_source,
        ssim="Y, Gaussian 11x11, sigma 1.5, valid",
        mean="over pictures",
    )


def baseline_protocol(*, tiles: str) -> Protocol:
    """The protocol of this project's starting point."""
    return Protocol(
        name="baseline",
        luma="0.299 R + 0.587 G + 0.114 B, 0..255",
        shave_px="0",
        tiles=tiles,
        lr_source=f"made from each {CROP_PX}x{CROP_PX} crop of HR",
        ssim="mean over R, G, B",
        mean="over crops",
    )


def enlarging(upscaler: Upscaler, on_redone: Callable[[int], object] | None = None) -> Enlarge:
    """The product as a function of arrays: clipped and rounded to uint8, as a file would be.

    ``on_redone`` is told how many tiles of each were redone in float32.
    """

    def enlarge(lr_HWC: Picture8) -> Picture8:
        enlarged = upscaler.upscale(Picture.from_array(lr_HWC), on_redone=on_redone)
        return enlarged.pixels_HWC.astype(np.uint8)

    return enlarge


def enlarging_bicubic(scale: int) -> Enlarge:
    """MATLAB's bicubic, the field's baseline."""
    return lambda lr_HWC: bicubic.resize(lr_HWC, scale).astype(np.uint8)


def score(benchmark: Benchmark, enlarge: Enlarge, *, model: str) -> SetScore:
    """Enlarge each LR and compare it with its HR. Raises EvaluationError."""
    rows: list[PictureScore] = []
    others: list[str] = []
    for pair in benchmark.pairs():
        rows.append(_scored(pair.name, enlarge(pair.lr_HWC), pair.hr_HWC, benchmark.scale))
        if benchmark.lr_source == "given" and not is_bicubic(pair, benchmark.scale):
            others.append(pair.name)
    if not others:
        return _mean(benchmark, model, rows)
    note = f"the LR of {', '.join(others)} is not MATLAB's bicubic of HR: scores of another task"
    return _mean(benchmark, model, rows, note)


def is_bicubic(pair: Pair, scale: int) -> bool:
    """Whether an LR is its HR by MATLAB's bicubic, but for roundings and what borders reach."""
    made = bicubic.resize(pair.hr_HWC, Fraction(1, scale), rounding="uint8")
    inside = (slice(BORDER_PX, -BORDER_PX),) * 2
    difference = made[inside].astype(np.float64) - pair.lr_HWC[inside]
    return difference.size == 0 or bool((difference**2).mean() < MOST_ERROR)


def score_results(benchmark: Benchmark, folder: Path, *, model: str) -> SetScore:
    """Score pictures that anyone made, by name. Raises EvaluationError."""
    found = benchmarks.results(folder, benchmark)
    rows: list[PictureScore] = []
    for pair in benchmark.pairs():
        made = pairs.read8(found[pair.name])
        if made.shape[:2] != pair.hr_HWC.shape[:2]:
            raise EvaluationError(
                f"{found[pair.name]} is {made.shape[1]}x{made.shape[0]}, but {pair.name} at"
                f" x{benchmark.scale} is {pair.hr_HWC.shape[1]}x{pair.hr_HWC.shape[0]}."
            )
        rows.append(_scored(pair.name, made, pair.hr_HWC, benchmark.scale))
    return _mean(benchmark, model, rows)


def score_by_baseline_protocol(benchmark: Benchmark, enlarge: Enlarge, *, model: str) -> SetScore:
    """Scores on all whole 128x128 crops of HR, side by side from the top left; LR of the crop.

    A crop that is restored exactly (a flat one) has an infinite PSNR, and so has the mean then.

    Raises:
        EvaluationError: when no picture is as large as a crop.
    """
    rows: list[PictureScore] = []
    small: list[str] = []
    for pair in benchmark.pairs():
        if min(pair.hr_HWC.shape[:2]) < CROP_PX:
            small.append(pair.name)
        qualities = [
            metrics.by_baseline_protocol(enlarge(lr), hr)
            for hr, lr in (pairs.made(crop, benchmark.scale) for crop in _crops(pair.hr_HWC))
        ]
        rows += [PictureScore(f"{pair.name}/{i}", q.psnr, q.ssim) for i, q in enumerate(qualities)]
    if not rows:
        raise EvaluationError(f"{benchmark.name}: no picture holds a crop of {CROP_PX} px.")
    notes = (f"{', '.join(small)}: no crop of {CROP_PX} px, not scored",) if small else ()
    return _mean(benchmark, model, rows, *notes)


def _crops(hr_HWC: Picture8) -> list[Picture8]:
    side = CROP_PX
    height, width = hr_HWC.shape[:2]
    return [
        np.broadcast_to(hr_HWC[y : y + side, x : x + side], (side, side, 3))
        for y in range(0, height - side + 1, side)
        for x in range(0, width - side + 1, side)
    ]


def _scored(name: str, made: Picture8, truth: Picture8, scale: int) -> PictureScore:
    try:
        quality = metrics.on_luma(made, truth, shave=scale)
    except ValueError as error:
        raise EvaluationError(f"{name}: {error}") from error
    return PictureScore(name, quality.psnr, quality.ssim)


def _mean(benchmark: Benchmark, model: str, rows: list[PictureScore], *notes: str) -> SetScore:
    return SetScore(
        name=benchmark.name,
        scale=benchmark.scale,
        model=model,
        psnr_y=float(np.mean([row.psnr_y for row in rows])),
        ssim_y=float(np.mean([row.ssim_y for row in rows])),
        pictures=tuple(rows),
        notes=notes,
    )
