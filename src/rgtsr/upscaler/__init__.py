"""The heart: Picture -> Picture. Knows no files' formats, no network, no terminal.

Shapes: H, W of the picture; S scale.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rgtsr import pictures, tiling, weights
from rgtsr.pictures import Picture, blocking, color
from rgtsr.pictures.color import Samples
from rgtsr.runtimes import Runtime
from rgtsr.upscaler.engine import Engine, Floats, OnProgress, Settings, Tally, unheard
from rgtsr.weights import Weights

__all__ = ["Report", "Settings", "Upscaler", "upscale"]

MAX_PASSES = 4
MIDDLE_PX = 1024  # of a picture is enough to see what it has been through

FinalSize = Callable[[tuple[int, int]], tuple[int, int]]  # (H, W) of the input -> of the output


@dataclass(frozen=True)
class Report:
    """What became of one file: output (height, width), seconds, and lines worth telling.

    ``blocking`` is how visible JPEG's blocks were in its middle: see ``pictures.blocking``.
    """

    size: tuple[int, int]
    seconds: float
    notes: tuple[str, ...]
    blocking: float


class Upscaler:
    """Enlarges pictures with one set of weights; several threads may use one at once.

    ``model``: a packaged name, a file, or ``Weights``.
    ``runtime`` is a name (``auto``, ``openvino``, ``onnxruntime``, ``torch``) or an open Runtime;
    ``precision`` is ``auto``, ``float32``, ``bf16`` or ``float16``; ``device`` is ``auto``, ``cpu``
    or ``gpu``. What was asked for holds for good; what one picture needed changes no other. The
    compiled network stays in memory until ``close``, or the end of a ``with``.

    Raises:
        UnknownWeightsError, WeightsError: for weights that do not exist or cannot be read.
        RuntimeUnavailableError: for a runtime or a device that this machine lacks.
        OutOfMemoryError (when enlarging): when not even small tiles fit.

    Example::

        with Upscaler("small-x2") as upscaler:
            upscaler.upscale(Picture.from_file("photo.jpg"))
    """

    def __init__(
        self,
        model: str | Path | Weights = weights.DEFAULT_NAME,
        *,
        runtime: str | Runtime = "auto",
        device: str = "auto",
        precision: str = "auto",
        settings: Settings | None = None,
    ) -> None:
        self._engine = Engine(
            model if isinstance(model, Weights) else weights.load(model),
            runtime=runtime,
            device=device,
            precision=precision,
            settings=settings or Settings(),
        )

    @property
    def weights(self) -> Weights:
        """What the network is made of."""
        return self._engine.weights

    @property
    def settings(self) -> Settings:
        """How pictures are cut and run."""
        return self._engine.settings

    @property
    def scale(self) -> int:
        """How many times longer each side gets in one pass."""
        return self._engine.scale

    def close(self) -> None:
        """Let go of the network and of the memory that it holds."""
        self._engine.close()

    def __enter__(self) -> "Upscaler":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def upscale(
        self,
        picture: Picture,
        *,
        on_progress: OnProgress = unheard,
        on_redone: Callable[[int], object] | None = None,
    ) -> Picture:
        """Enlarge a picture by ``scale``; depth, transparency and metadata are kept.

        Warns (UserWarning) when tiles were redone in float32, or cut smaller for want of memory.
        ``on_redone``: told of how many, at the end.

        Raises:
            RgtsrError: when the network's output is not finite or constant even in float32.
        """
        plan = self._engine.plan(picture.size)
        tally = Tally(plan.count * _layers(picture), on_progress)
        enlarged = self._upscale(picture, plan, tally)
        for note in _notes(tally, 1, self.scale):
            warnings.warn(f"{self.weights.card.name}: {note}.", stacklevel=2)
        if on_redone is not None:
            on_redone(tally.redone)
        return enlarged

    def upscale_file(
        self,
        source: str | Path,
        target: str | Path,
        *,
        final_size: FinalSize | None = None,
        strip: bool = False,
        quality: int | None = None,
        max_pixels: int = pictures.MAX_PIXELS,
        page: int | None = None,
        salvage: bool = False,
        on_progress: OnProgress = unheard,
    ) -> Report:
        """Enlarge one file into another, in bands, so that the output is never held whole.

        ``max_pixels``, ``page`` and ``salvage`` are those of ``pictures.read``.

        ``final_size`` asks for an exact output size: the network runs as often as that needs, and
        the rest is resized by Lanczos 3. What one run hands to the next is held whole, as every
        input is.

        Raises:
            PictureError: when a file cannot be read or written.
            RgtsrError: when the network's output is not finite or constant even in float32.
        """
        started = time.perf_counter()
        picture = pictures.read(source, max_pixels=max_pixels, page=page, salvage=salvage)
        blocks = blocking.blocking(_middle_luma(picture))
        wanted = final_size(picture.size) if final_size else self._times(picture.size)
        passes = self._passes(picture.size, wanted)
        *earlier, last = [self._engine.plan(self._times(picture.size, n)) for n in range(passes)]
        tiles = last.count + sum(plan.count for plan in earlier)
        tally = Tally(tiles * _layers(picture), on_progress)
        for plan in earlier:
            picture = self._upscale(picture, plan, tally)
        lost = pictures.write_bands(
            self._bands(picture, last, tally),
            target,
            like=picture,
            size=self._times(picture.size),
            final_size=wanted,
            strip=strip,
            quality=quality,
        )
        notes = (*picture.notes, *lost, *_notes(tally, passes, self.scale))
        return Report(wanted, time.perf_counter() - started, notes, blocks)

    def _upscale(self, picture: Picture, plan: tiling.Plan, tally: Tally) -> Picture:
        canvas = np.concatenate(list(self._bands(picture, plan, tally)))
        enlarged = Picture.from_array(canvas, picture.metadata)
        return replace(enlarged, notes=picture.notes)

    def _bands(self, picture: Picture, plan: tiling.Plan, tally: Tally) -> Iterator[Samples]:
        """The enlarged picture top to bottom: (h, W * S, C) samples, alpha last."""
        dtype = picture.pixels_HWC.dtype
        if picture.alpha_HW is None:
            for band in self._engine.enlarged(picture.pixels_HWC, plan, tally):
                yield color.from_float(_as_was(band, picture), dtype)
            return
        solid = color.solidify(picture.pixels_HWC, picture.alpha_HW)
        colors = self._engine.enlarged(solid, plan, tally)
        alphas = self._alphas(picture.alpha_HW, plan, tally)
        for band, alpha in zip(colors, alphas, strict=True):
            both = np.concatenate([_as_was(band, picture), alpha.mean(2, keepdims=True)], axis=2)
            yield color.from_float(both, dtype)

    def _alphas(self, alpha_HW: Samples, plan: tiling.Plan, tally: Tally) -> Iterator[Floats]:
        """Bands as ``Engine.enlarged`` makes them; what is the same everywhere needs no network."""
        if not _is_constant(alpha_HW):
            yield from self._engine.enlarged(alpha_HW[:, :, None], plan, tally)
            return
        value, width, done = color.to_float(alpha_HW[:1, :1])[0, 0], plan.columns.length, 0
        for row in range(len(plan.rows.starts)):
            height = plan.rows.finished(row) - done
            yield np.full((height * self.scale, width * self.scale, 1), value, np.float32)
            done += height

    def _times(self, size: tuple[int, int], passes: int = 1) -> tuple[int, int]:
        factor = self.scale**passes
        return size[0] * factor, size[1] * factor

    def _passes(self, size: tuple[int, int], wanted: tuple[int, int]) -> int:
        """How often the network runs, so that what is left is a reduction if it can be."""
        factor = max(wanted[0] / size[0], wanted[1] / size[1])
        if self.scale == 1 or factor <= self.scale:
            return 1
        return min(MAX_PASSES, math.ceil(math.log(factor, self.scale) - 1e-6))


def upscale(
    picture: Picture | str | Path, model: str | Path | Weights = weights.DEFAULT_NAME
) -> Picture:
    """Enlarge one picture, or the one in a file: the short form of ``Upscaler(model).upscale``."""
    if not isinstance(picture, Picture):
        picture = pictures.read(picture)
    return Upscaler(model).upscale(picture)


def _layers(picture: Picture) -> int:
    """How often the network sees a picture."""
    return 1 if picture.alpha_HW is None or _is_constant(picture.alpha_HW) else 2


def _is_constant(alpha_HW: Samples) -> bool:
    return bool((alpha_HW == alpha_HW[0, 0]).all())


def _as_was(band_HWC: Floats, picture: Picture) -> Floats:
    """Grey pictures come back grey: the mean of the network's three channels."""
    return band_HWC.mean(2, keepdims=True) if picture.is_grey else band_HWC


def _notes(tally: Tally, passes: int, scale: int) -> Iterator[str]:
    if passes > 1:
        yield f"the network ran {passes} times: its scale is {scale}"
    if tally.redone:
        yield f"{tally.redone} of {tally.total} tiles were redone in float32"
    if tally.cut_px:
        yield f"memory was short: tiles of {tally.cut_px} px from there on"


def _middle_luma(picture: Picture) -> Floats:
    """Luma in 0..255 of the middle of a picture."""
    top, left = (max(0, side - MIDDLE_PX) // 2 for side in picture.size)
    middle = picture.pixels_HWC[top : top + MIDDLE_PX, left : left + MIDDLE_PX]
    return color.luma(middle) * np.float32(255 / picture.peak)
