"""The heart: Picture -> Picture. Knows no files' formats, no network, no terminal.

Shapes: H, W of the picture; S scale; tiles are (N, 3, h, w) float32 RGB in 0..1.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgtsr import pictures, runtimes, tiling, weights
from rgtsr.errors import RgtsrError
from rgtsr.pictures import Picture, color
from rgtsr.pictures.color import Samples
from rgtsr.runtimes import Runtime
from rgtsr.weights import Weights

TILE_PX = 192
OVERLAP_PX = 16
MAX_PASSES = 4
FLAT = 0.5 / 255  # a range below this shows nothing on 8 bits

Floats = NDArray[np.float32]
OnProgress = Callable[[int, int], None]  # (tiles done, tiles in all)
FinalSize = Callable[[tuple[int, int]], tuple[int, int]]  # (H, W) of the input -> of the output


def unheard(_done: int, _total: int) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True)
class Settings:
    """How pictures are cut and run.

    ``tile_px`` and ``overlap_px`` are input pixels; ``whole`` runs the picture as one tile, which
    needs memory in proportion; ``ensemble`` averages over the 8 flips and turns, at 8 times the
    cost. Source of the ensemble: EDSR (Lim et al., 2017), section 3.4.
    """

    tile_px: int = TILE_PX
    overlap_px: int = OVERLAP_PX
    whole: bool = False
    ensemble: bool = False


@dataclass(frozen=True)
class Report:
    """What became of one file: output (height, width), seconds, and lines worth telling."""

    size: tuple[int, int]
    seconds: float
    notes: tuple[str, ...]


@dataclass
class Tally:
    """Counts tiles, and those that had to be redone in float32."""

    total: int
    on_progress: OnProgress
    done: int = 0
    redone: int = 0

    def add(self) -> None:
        self.done += 1
        self.on_progress(self.done, self.total)


@dataclass
class Upscaler:
    """Enlarges pictures with one set of weights.

    ``runtime`` is a name (``auto``, ``openvino``, ``onnxruntime``, ``torch``) or an open Runtime;
    ``precision`` is ``auto``, ``float32`` or ``bf16``; ``device`` is ``auto``, ``cpu`` or ``gpu``.

    Raises:
        UnknownWeightsError, WeightsError: for weights that do not exist or cannot be read.
        RuntimeUnavailableError: for a runtime or a device that this machine lacks.

    Example::

        Upscaler("small-x2").upscale(Picture.from_file("photo.jpg"))
    """

    model: str | Path | Weights = weights.DEFAULT_NAME
    runtime: str | Runtime = "auto"
    device: str = "auto"
    precision: str = "auto"
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        model = self.model
        self.weights = model if isinstance(model, Weights) else weights.load(model)
        self._runtime = self._open(self.runtime, self.precision)
        self._exact: Runtime | None = None

    @property
    def scale(self) -> int:
        """How many times longer each side gets in one pass."""
        return self.weights.variant.scale

    def upscale(self, picture: Picture, *, on_progress: OnProgress = unheard) -> Picture:
        """Enlarge a picture by ``scale``; depth, transparency and metadata are kept.

        Raises:
            RgtsrError: when the network's output is not finite or constant even in float32.
        """
        tally = Tally(self._plan(picture).count * _layers(picture), on_progress)
        return self._upscale(picture, tally)

    def upscale_file(
        self,
        source: str | Path,
        target: str | Path,
        *,
        final_size: FinalSize | None = None,
        strip: bool = False,
        quality: int | None = None,
        max_pixels: int = pictures.MAX_PIXELS,
        on_progress: OnProgress = unheard,
    ) -> Report:
        """Enlarge one file into another, in bands, so that the output is never held whole.

        ``final_size`` asks for an exact output size: the network runs as often as that needs, and
        the rest is resized by Lanczos 3. What one run hands to the next is held whole, as every
        input is.

        Raises:
            PictureError: when a file cannot be read or written.
            RgtsrError: when the network's output is not finite or constant even in float32.
        """
        started = time.perf_counter()
        picture = pictures.read(source, max_pixels=max_pixels)
        wanted = final_size(picture.size) if final_size else self._times(picture.size)
        passes = self._passes(picture.size, wanted)
        tally = Tally(self._tiles_in(picture, passes), on_progress)
        for _ in range(passes - 1):
            picture = self._upscale(picture, tally)
        lost = pictures.write_bands(
            self._bands(picture, tally),
            target,
            like=picture,
            size=self._times(picture.size),
            final_size=wanted,
            strip=strip,
            quality=quality,
        )
        notes = (*lost, *_notes(tally, passes, self.scale))
        return Report(wanted, time.perf_counter() - started, notes)

    def _upscale(self, picture: Picture, tally: Tally) -> Picture:
        canvas = np.concatenate(list(self._bands(picture, tally)))
        return replace(Picture.from_array(canvas), metadata=picture.metadata)

    def _bands(self, picture: Picture, tally: Tally) -> Iterator[Samples]:
        """The enlarged picture top to bottom: (h, W * S, C) samples, alpha last."""
        dtype = picture.pixels_HWC.dtype
        if picture.alpha_HW is None:
            for band in self._enlarged(picture.pixels_HWC, self._plan(picture), tally):
                yield color.from_float(_as_was(band, picture), dtype)
            return
        solid = color.solidify(picture.pixels_HWC, picture.alpha_HW)
        plan = self._plan(picture)
        colors = self._enlarged(solid, plan, tally)
        alphas = self._enlarged(picture.alpha_HW[:, :, None], plan, tally)
        for band, alpha in zip(colors, alphas, strict=True):
            both = np.concatenate([_as_was(band, picture), alpha.mean(2, keepdims=True)], axis=2)
            yield color.from_float(both, dtype)

    def _enlarged(self, samples_HWC: Samples, plan: tiling.Plan, tally: Tally) -> Iterator[Floats]:
        """Rows of tiles, blended: (h, W * S, 3) float32 bands, unclipped, top to bottom.

        Only the rows of output that later tiles still change are held between bands.
        """
        scale = self.scale
        tile_h, tile_w = plan.tile
        open_HWC = np.zeros((0, plan.columns.length * scale, 3), np.float32)
        emitted = 0
        for row, top in enumerate(plan.rows.starts):
            open_HWC = np.pad(
                open_HWC, ((0, (top + tile_h) * scale - emitted - len(open_HWC)), (0, 0), (0, 0))
            )
            fresh = slice(emitted - top * scale, None)  # what lies above is finished already
            down = plan.rows.weights(row, scale)[fresh, None, None]
            for column, left in enumerate(plan.columns.starts):
                across = plan.columns.weights(column, scale)[:, None]
                tile = color.to_float(samples_HWC[top : top + tile_h, left : left + tile_w])
                enlarged_HWC = self._tile(color.to_rgb(tile), tally)
                open_HWC[:, left * scale : (left + tile_w) * scale] += (
                    enlarged_HWC[fresh] * down * across
                )
            finished = plan.rows.finished(row) * scale - emitted
            yield open_HWC[:finished]
            open_HWC = open_HWC[finished:].copy()
            emitted += finished

    def _tile(self, tile_HWC: NDArray[np.generic], tally: Tally) -> Floats:
        """One tile through the network; in float32 once more where the result is not usable."""
        tile = np.ascontiguousarray(tile_HWC.transpose(2, 0, 1)[None], np.float32)
        enlarged = self._run(self._runtime, tile)
        if not _usable(enlarged, tile):
            if self._exact is None:
                self._exact = self._open(self._runtime.name, "float32")
            enlarged = self._run(self._exact, tile)
            tally.redone += 1
            if not _usable(enlarged, tile):
                raise RgtsrError(
                    "the network's output is not finite or constant, in float32 as well: these"
                    f" weights ({self.weights.card.name}) are damaged or do not fit this picture."
                )
        tally.add()
        return enlarged[0].transpose(1, 2, 0)

    def _run(self, runtime: Runtime, tile_NCHW: Floats) -> Floats:
        if not self.settings.ensemble:
            return runtime.upscale_tiles(tile_NCHW)
        results = [
            back(runtime.upscale_tiles(np.ascontiguousarray(there(tile_NCHW))))
            for there, back in symmetries()
        ]
        return np.asarray(np.mean(results, axis=0), np.float32)

    def _open(self, runtime: str | Runtime, precision: str) -> Runtime:
        if not isinstance(runtime, str):
            return runtime
        return runtimes.open_runtime(
            self.weights, name=runtime, precision=precision, device=self.device
        )

    def _plan(self, picture: Picture) -> tiling.Plan:
        return self._plan_of(picture.size)

    def _plan_of(self, size: tuple[int, int]) -> tiling.Plan:
        if self.settings.whole:
            return tiling.whole(*size)
        return tiling.plan(
            *size, tile_px=self.settings.tile_px, overlap_px=self.settings.overlap_px
        )

    def _times(self, size: tuple[int, int], passes: int = 1) -> tuple[int, int]:
        factor = self.scale**passes
        return size[0] * factor, size[1] * factor

    def _passes(self, size: tuple[int, int], wanted: tuple[int, int]) -> int:
        """How often the network runs, so that what is left is a reduction if it can be."""
        factor = max(wanted[0] / size[0], wanted[1] / size[1])
        if self.scale == 1 or factor <= self.scale:
            return 1
        return min(MAX_PASSES, math.ceil(math.log(factor, self.scale) - 1e-6))

    def _tiles_in(self, picture: Picture, passes: int) -> int:
        sizes = (self._times(picture.size, done) for done in range(passes))
        return sum(self._plan_of(size).count for size in sizes) * _layers(picture)


def upscale(
    picture: Picture | str | Path, model: str | Path | Weights = weights.DEFAULT_NAME
) -> Picture:
    """Enlarge one picture, or the one in a file: the short form of ``Upscaler(model).upscale``."""
    if not isinstance(picture, Picture):
        picture = pictures.read(picture)
    return Upscaler(model).upscale(picture)


def symmetries() -> Iterator[tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]]:
    """The 8 flips and turns of a square, each with its inverse, on (N, C, H, W) arrays."""
    for turns in range(4):
        for flip in (False, True):

            def there(x: Floats, turns: int = turns, flip: bool = flip) -> Floats:
                turned = np.rot90(x, turns, (2, 3))
                return turned[..., ::-1] if flip else turned

            def back(x: Floats, turns: int = turns, flip: bool = flip) -> Floats:
                return np.rot90(x[..., ::-1] if flip else x, -turns, (2, 3))

            yield there, back


def _layers(picture: Picture) -> int:
    return 1 if picture.alpha_HW is None else 2


def _as_was(band_HWC: Floats, picture: Picture) -> Floats:
    """Grey pictures come back grey: the mean of the network's three channels."""
    return band_HWC.mean(2, keepdims=True) if picture.is_grey else band_HWC


def _usable(enlarged: Floats, tile: Floats) -> bool:
    """Finite, and not constant where the tile is not."""
    if not np.isfinite(enlarged).all():
        return False
    return bool(np.ptp(enlarged) > FLAT) or bool(np.ptp(tile) < 8 * FLAT)


def _notes(tally: Tally, passes: int, scale: int) -> Iterator[str]:
    if passes > 1:
        yield f"the network ran {passes} times: its scale is {scale}"
    if tally.redone:
        yield f"{tally.redone} of {tally.total} tiles were redone in float32"
