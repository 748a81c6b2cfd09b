"""The heart: Picture -> Picture. Knows no files' formats, no network, no terminal.

Shapes: H, W of the picture; S scale.
"""

import functools
import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from rgtsr import pictures, tiling, weights
from rgtsr.errors import UsageError
from rgtsr.pictures import Picture, color
from rgtsr.pictures.color import Samples
from rgtsr.pictures.wear import Wear, wear
from rgtsr.runtimes import Runtime
from rgtsr.upscaler.engine import Engine, Floats, OnProgress, Settings, Tally, unheard
from rgtsr.upscaler.restoring import Networks
from rgtsr.weights import Weights

__all__ = ["Report", "Settings", "Upscaler", "upscale"]

MAX_PASSES = 4
MOST_NETWORKS = 3  # that stay compiled: most folders hold pictures of one kind or two

FinalSize = Callable[[tuple[int, int]], tuple[int, int]]  # (H, W) of the input -> of the output


@dataclass(frozen=True)
class Report:
    """What became of one file: output (height, width), seconds, and lines worth telling.

    ``wear`` is what it had been through, ``restored`` how far that was made good, 0..1.
    """

    size: tuple[int, int]
    seconds: float
    notes: tuple[str, ...]
    wear: Wear
    restored: float


class Upscaler:
    """Enlarges pictures with one set of weights; several threads may use one at once.

    ``model``: a packaged name, a file, or ``Weights``; without one it is the default.
    ``restore``: how far noise and JPEG's traces are removed, 0..1, or ``auto``: as each picture's
    wear asks for. It needs the weights that were trained for worn pictures from these, which are
    packaged with some. Without a model it is ``auto``, with one 0.
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
        model: str | Path | Weights | None = None,
        *,
        restore: float | Literal["auto"] | None = None,
        runtime: str | Runtime = "auto",
        device: str = "auto",
        precision: str = "auto",
        settings: Settings | None = None,
    ) -> None:
        if restore is None:
            restore = "auto" if model is None else 0.0
        found = weights.DEFAULT_NAME if model is None else model
        found = found if isinstance(found, Weights) else weights.load(found)
        self._networks = Networks(found, restore)
        self._settings = settings or Settings()
        self._opened = functools.partial(
            Engine,
            runtime=runtime,
            device=device,
            precision=precision,
            settings=self._settings,
        )
        self._lock = threading.Lock()
        self._engines: dict[float, Engine] = {}
        self._is_closed = False
        self._engine(self._networks.usual)  # what this machine lacks is said now

    def _engine(self, share: float) -> Engine:
        """The network for that share of restoring; the last few stay compiled."""
        with self._lock:
            if self._is_closed:
                raise ValueError("this upscaler is closed: open another.")
            engine = self._engines.pop(share, None) or self._opened(self._networks.at(share))
            self._engines[share] = engine
            if len(self._engines) > MOST_NETWORKS:  # of the oldest; a thread may still be at it
                del self._engines[next(iter(self._engines))]
            return engine

    @property
    def weights(self) -> Weights:
        """What the network is made of where nothing is restored."""
        return self._networks.clean

    @property
    def restores(self) -> bool:
        """Whether each picture is restored as its wear asks for."""
        return self._networks.is_auto

    @property
    def settings(self) -> Settings:
        """How pictures are cut and run."""
        return self._settings

    @property
    def scale(self) -> int:
        """How many times longer each side gets in one pass."""
        return self.weights.variant.scale

    def close(self) -> None:
        """Let go of the network and of the memory that it holds."""
        with self._lock:
            self._is_closed = True
            for engine in self._engines.values():
                engine.close()

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
        engine = self._engine(self._networks.share(wear(picture)))
        plan = engine.plan(picture.size)
        tally = Tally(plan.count * _layers(picture), on_progress)
        enlarged = self._upscale(engine, picture, plan, tally)
        for note in _notes(tally, 1, self.scale):
            warnings.warn(f"{engine.weights.card.name}: {note}.", stacklevel=2)
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
            UsageError: when ``target`` is ``source``. Any other file of that name is replaced.
            PictureError: when a file cannot be read or written.
            RgtsrError: when the network's output is not finite or constant even in float32.
        """
        if Path(target).exists() and Path(target).samefile(source):
            raise UsageError(f"{target} would replace its own source: give another target.")
        started = time.perf_counter()
        picture = pictures.read(source, max_pixels=max_pixels, page=page, salvage=salvage)
        worn = wear(picture)
        share = self._networks.share(worn)
        wanted = final_size(picture.size) if final_size else self._times(picture.size)
        passes = self._passes(picture.size, wanted)
        engines = [self._engine(share if n == 0 else 0.0) for n in range(passes)]
        plans = [engine.plan(self._times(picture.size, n)) for n, engine in enumerate(engines)]
        tally = Tally(sum(plan.count for plan in plans) * _layers(picture), on_progress)
        for engine, plan in zip(engines[:-1], plans[:-1], strict=True):
            picture = self._upscale(engine, picture, plan, tally)
        lost = pictures.write_bands(
            self._bands(engines[-1], picture, plans[-1], tally),
            target,
            like=picture,
            size=self._times(picture.size),
            final_size=wanted,
            strip=strip,
            quality=quality,
        )
        notes = (*picture.notes, *lost, *_notes(tally, passes, self.scale))
        return Report(wanted, time.perf_counter() - started, notes, worn, share)

    def _upscale(
        self, engine: Engine, picture: Picture, plan: tiling.Plan, tally: Tally
    ) -> Picture:
        canvas = np.concatenate(list(self._bands(engine, picture, plan, tally)))
        enlarged = Picture.from_array(canvas, picture.metadata)
        return replace(enlarged, notes=picture.notes)

    def _bands(
        self, engine: Engine, picture: Picture, plan: tiling.Plan, tally: Tally
    ) -> Iterator[Samples]:
        """The enlarged picture top to bottom: (h, W * S, C) samples, alpha last."""
        dtype = picture.pixels_HWC.dtype
        if picture.alpha_HW is None:
            for band in engine.enlarged(picture.pixels_HWC, plan, tally):
                yield color.from_float(_as_was(band, picture), dtype)
            return
        solid = color.solidify(picture.pixels_HWC, picture.alpha_HW)
        colors = engine.enlarged(solid, plan, tally)
        alphas = self._alphas(engine, picture.alpha_HW, plan, tally)
        for band, alpha in zip(colors, alphas, strict=True):
            both = np.concatenate([_as_was(band, picture), alpha.mean(2, keepdims=True)], axis=2)
            yield color.from_float(both, dtype)

    def _alphas(
        self, engine: Engine, alpha_HW: Samples, plan: tiling.Plan, tally: Tally
    ) -> Iterator[Floats]:
        """Bands as ``Engine.enlarged`` makes them; what is the same everywhere needs no network."""
        if not _is_constant(alpha_HW):
            yield from engine.enlarged(alpha_HW[:, :, None], plan, tally)
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


def upscale(picture: Picture | str | Path, model: str | Path | Weights | None = None) -> Picture:
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
