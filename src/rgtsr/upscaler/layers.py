"""A picture's colours and its transparency through one network. Knows no files."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rgtsr import tiling
from rgtsr.pictures import Picture, color
from rgtsr.pictures.color import Samples
from rgtsr.upscaler.engine import Engine, Floats, pieces
from rgtsr.upscaler.known import Known
from rgtsr.upscaler.tally import Tally

if TYPE_CHECKING:
    from rgtsr.pictures.regions import Large


def count(picture: "Picture | Large") -> int:
    """How often the network sees a picture."""
    return 1 if picture.alpha_HW is None or _is_constant(picture.alpha_HW) else 2


def enlarged(
    engine: Engine,
    picture: Picture,
    plan: tiling.Plan,
    tally: Tally,
    known: Known | None = None,
) -> Picture:
    """The whole picture, with its metadata and notes. ``known`` is that of ``Engine.enlarged``."""
    canvas = np.concatenate(list(bands(engine, picture, plan, tally, known=known)))
    return replace(Picture.from_array(canvas, picture.metadata), notes=picture.notes)


def bands(
    engine: Engine,
    picture: "Picture | Large",
    plan: tiling.Plan,
    tally: Tally,
    first_row: int = 0,
    known: Known | None = None,
) -> Iterator[Samples]:
    """The enlarged picture top to bottom: (h, W * S, C) samples, alpha last.

    ``first_row`` and ``known``, which is of the colours, are those of ``Engine.enlarged``.
    """
    dtype = picture.pixels_HWC.dtype
    solid = picture.pixels_HWC
    if picture.alpha_HW is not None and not _is_constant(picture.alpha_HW):
        assert isinstance(picture, Picture)
        solid = color.solidify(picture.pixels_HWC, picture.alpha_HW)
    colors = engine.enlarged(solid, plan, tally, first_row=first_row, known=known)
    if picture.alpha_HW is None:
        for band in colors:
            yield color.from_float(_as_was(band, picture), dtype)
        return
    alphas = _alphas(engine, picture.alpha_HW, plan, tally, first_row)
    for band, alpha in zip(colors, alphas, strict=True):
        both = np.concatenate([_as_was(band, picture), alpha], axis=2)
        yield color.from_float(both, dtype)


def _alphas(
    engine: Engine, alpha_HW: Samples, plan: tiling.Plan, tally: Tally, first_row: int
) -> Iterator[Floats]:
    """Bands as ``Engine.enlarged`` makes them, (h, W * S, 1), without ripples beside hard edges.

    What is the same everywhere needs no network.
    """
    if not _is_constant(alpha_HW):
        source_HW = color.to_float(alpha_HW)
        top = plan.rows.finished(first_row - 1) * engine.scale if first_row else 0
        for band in engine.enlarged(alpha_HW[:, :, None], plan, tally, first_row=first_row):
            yield _between_neighbours(band.mean(2), source_HW, top, engine.scale)[:, :, None]
            top += len(band)
        return
    value, width = color.to_float(alpha_HW[:1, :1])[0, 0], plan.columns.length * engine.scale
    for height in pieces(plan, engine.scale, first_row):
        yield np.full((height, width, 1), value, np.float32)


def _between_neighbours(
    band_HW: NDArray[np.float32], source_HW: NDArray[np.float32], top: int, scale: int
) -> NDArray[np.float32]:
    """Enlarged rows from ``top`` on, kept within the four source pixels around each of theirs."""
    height, width = band_HW.shape
    rows = _around(range(top, top + height), scale, source_HW.shape[0])
    columns = _around(range(width), scale, source_HW.shape[1])
    low, high = (
        choose.reduce([source_HW[np.ix_(y, x)] for y in rows for x in columns])
        for choose in (np.minimum, np.maximum)
    )
    return np.clip(band_HW, low, high)


def _around(places: range, scale: int, length: int) -> tuple[NDArray[np.intp], ...]:
    """The source pixels before and behind the middle of each enlarged one."""
    before = np.floor((np.array(places) + 0.5) / scale - 0.5).astype(np.intp)
    return before.clip(0, length - 1), (before + 1).clip(0, length - 1)


def _is_constant(alpha_HW: Samples) -> bool:
    is_repeated = alpha_HW.strides == (0, 0)  # as that of a picture that is not held
    return is_repeated or bool((alpha_HW == alpha_HW[0, 0]).all())


def _as_was(band_HWC: Floats, picture: "Picture | Large") -> Floats:
    """Grey pictures come back grey: the mean of the network's three channels."""
    return band_HWC.mean(2, keepdims=True) if picture.is_grey else band_HWC
