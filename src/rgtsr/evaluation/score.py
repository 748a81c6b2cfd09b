"""Scores of a model, or of finished pictures, on a benchmark. Knows no terminal and no network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr.errors import EvaluationError
from rgtsr.evaluation import benchmarks, metrics
from rgtsr.evaluation.benchmarks import Benchmark
from rgtsr.pictures import Picture, bicubic, pairs
from rgtsr.upscaler import Upscaler

Picture8 = NDArray[np.uint8]
Enlarge = Callable[[Picture8], Picture8]  # LR (H, W, C) -> (H * S, W * S, C)

CROP_PX = 128


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
    """

    name: str
    scale: int
    model: str
    psnr_y: float
    ssim_y: float
    pictures: tuple[PictureScore, ...]
    redone_tiles: int = 0


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
    rows = [
        _scored(pair.name, enlarge(pair.lr_HWC), pair.hr_HWC, benchmark.scale)
        for pair in benchmark.pairs()
    ]
    return _mean(benchmark, model, rows)


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
    for pair in benchmark.pairs():
        qualities = [
            metrics.by_baseline_protocol(enlarge(lr), hr)
            for hr, lr in (pairs.made(crop, benchmark.scale) for crop in _crops(pair.hr_HWC))
        ]
        rows += [PictureScore(f"{pair.name}/{i}", q.psnr, q.ssim) for i, q in enumerate(qualities)]
    if not rows:
        raise EvaluationError(f"{benchmark.name}: no picture holds a crop of {CROP_PX} px.")
    return _mean(benchmark, model, rows)


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


def _mean(benchmark: Benchmark, model: str, rows: list[PictureScore]) -> SetScore:
    return SetScore(
        name=benchmark.name,
        scale=benchmark.scale,
        model=model,
        psnr_y=float(np.mean([row.psnr_y for row in rows])),
        ssim_y=float(np.mean([row.ssim_y for row in rows])),
        pictures=tuple(rows),
    )
