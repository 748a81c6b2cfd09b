"""The heart: Picture -> Picture. Knows no files' formats, no network, no terminal.

Shapes: H, W of the picture; S scale.
"""

import functools
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rgtsr import pictures, weights
from rgtsr.errors import UsageError
from rgtsr.pictures import Picture
from rgtsr.pictures.picture import Source
from rgtsr.pictures.wear import Wear, wear
from rgtsr.runtimes import Runtime
from rgtsr.upscaler import forecasting, layers, passes
from rgtsr.upscaler.choice import Choice
from rgtsr.upscaler.engine import Engine, OnProgress, Settings, Tally, unheard
from rgtsr.upscaler.forecasting import Forecast
from rgtsr.upscaler.restoring import Networks
from rgtsr.weights import Weights

__all__ = ["Forecast", "Report", "Settings", "Upscaler", "upscale"]

MOST_NETWORKS = 3  # that stay compiled: most folders hold pictures of one kind or two

FinalSize = Callable[[tuple[int, int]], tuple[int, int]]  # (H, W) of the input -> of the output


@dataclass(frozen=True)
class Report:
    """What became of one file: output (height, width), seconds, and lines worth telling.

    ``models`` are the names of the weights that ran, in order; ``wear`` is what the picture had
    been through, ``restored`` how far that was made good, 0..1.
    """

    size: tuple[int, int]
    seconds: float
    notes: tuple[str, ...]
    models: tuple[str, ...]
    wear: Wear
    restored: float


class Upscaler:
    """Enlarges pictures with one set of weights; several threads may use one at once.

    ``model``: a packaged name, a file, or ``Weights``; without one it is the default.
    ``scale``: which of that family; without it the one that is named.
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
        scale: int | None = None,
        restore: float | Literal["auto"] | None = None,
        runtime: str | Runtime = "auto",
        device: str = "auto",
        precision: str = "auto",
        settings: Settings | None = None,
    ) -> None:
        has_own = not isinstance(runtime, str)  # the weights of an open runtime are in it
        if restore is None:
            restore = "auto" if model is None and not has_own else 0.0
        if restore and has_own:
            raise UsageError("an open runtime cannot restore: name one, or leave restore out.")
        self._own = weights.load(weights.DEFAULT_NAME if model is None else model, scale=scale)
        self._restore: float | Literal["auto"] = restore
        self._siblings = {
            scale: entry
            for scale, entry in weights.siblings(self._own.path).items()
            if not has_own and (restore in ("auto", 0) or weights.photo_sibling(entry.name))
        }
        self._settings = settings or Settings()
        self._chosen = functools.partial(
            Choice,
            runtime=runtime,
            device=device,
            precision=precision,
            max_memory_bytes=self._settings.max_memory_bytes,
        )
        self._lock = threading.Lock()
        self._known: dict[int, Networks] = {self.scale: Networks(self._own, restore)}
        self._engines: dict[tuple[int, float], Engine] = {}
        self._is_closed = False
        self._engine(self.scale, self._networks(self.scale).usual)  # what is lacking is said now

    def _networks(self, scale: int) -> Networks:
        """The weights at that scale of the family."""
        if scale not in self._known:
            self._known[scale] = Networks(weights.load(self._siblings[scale].path), self._restore)
        return self._known[scale]

    def _engine(self, scale: int, share: float) -> Engine:
        """The network for that scale and share of restoring; the last few stay compiled."""
        networks = self._networks(scale)
        with self._lock:
            if self._is_closed:
                raise ValueError("this upscaler is closed: open another.")
            engine = self._engines.pop((scale, share), None)
            if engine is None:
                engine = Engine(self._chosen(networks.at(share)), self._settings)
            self._engines[scale, share] = engine
            if len(self._engines) > MOST_NETWORKS:  # of the oldest; a thread may still be at it
                del self._engines[next(iter(self._engines))]
            return engine

    @property
    def weights(self) -> Weights:
        """What the network is made of where nothing is restored."""
        return self._own

    @property
    def restores(self) -> bool:
        """Whether each picture is restored as its wear asks for."""
        return self._restore == "auto"

    @property
    def settings(self) -> Settings:
        """How pictures are cut and run."""
        return self._settings

    @property
    def scale(self) -> int:
        """How many times longer each side gets in one pass."""
        return self._own.variant.scale

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
        picture: Source,
        *,
        on_progress: OnProgress = unheard,
        on_redone: Callable[[int], object] | None = None,
    ) -> Picture:
        """Enlarge a picture by ``scale``; depth, transparency and metadata are kept.

        ``picture``: a Picture, the path or the content of a file, an array (uint8, uint16, floats
        in 0..1), or one of PIL's.

        Warns (UserWarning) when tiles were redone in float32, or cut smaller for want of memory.
        ``on_redone``: told of how many, at the end.

        Raises:
            RgtsrError: when the network's output is not finite or constant even in float32.
        """
        picture = Picture.of(picture)
        engine = self._engine(self.scale, self._networks(self.scale).share(wear(picture)))
        plan = engine.plan(picture.size)
        tally = Tally(plan.count * layers.count(picture), on_progress)
        enlarged = layers.enlarged(engine, picture, plan, tally)
        for note in _notes(tally):
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

        ``final_size`` asks for an exact output size: of the weights' family, packaged at several
        scales, what reaches it at the least cost runs, one after another where one is not enough;
        what is too much is resized by Lanczos 3. What one hands to the next is held whole, as
        every input is.

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
        wanted = final_size(picture.size) if final_size else times(picture.size, self.scale)
        factor = max(wanted[0] / picture.size[0], wanted[1] / picture.size[1])
        there = {self.scale, *self._siblings} if final_size else {self.scale}
        scales = passes.chain(factor, there)
        share = self._networks(scales[0]).share(worn)
        engines = [self._engine(scale, 0.0 if n else share) for n, scale in enumerate(scales)]
        sizes = [times(picture.size, side) for side in passes.sides_before(scales)]
        plans = [engine.plan(size) for engine, size in zip(engines, sizes, strict=True)]
        tally = Tally(sum(plan.count for plan in plans) * layers.count(picture), on_progress)
        for engine, plan in zip(engines[:-1], plans[:-1], strict=True):
            picture = layers.enlarged(engine, picture, plan, tally)
        lost = pictures.write_bands(
            layers.bands(engines[-1], picture, plans[-1], tally),
            target,
            like=picture,
            size=times(picture.size, scales[-1]),
            final_size=wanted,
            strip=strip,
            quality=quality,
        )
        notes = (*picture.notes, *lost, *_notes(tally))
        models = tuple(self._networks(scale).clean.card.name for scale in scales)
        return Report(wanted, time.perf_counter() - started, notes, models, worn, share)

    def forecast(self, size: tuple[int, int], final_size: FinalSize | None = None) -> Forecast:
        """What ``upscale_file`` of a picture of that (height, width) is going to take."""
        wanted = final_size(size) if final_size else times(size, self.scale)
        factor = max(wanted[0] / size[0], wanted[1] / size[1])
        scales = passes.chain(factor, {self.scale, *(self._siblings if final_size else ())})
        share = self._networks(scales[0]).usual
        engines = [self._engine(scale, 0.0 if n else share) for n, scale in enumerate(scales)]
        names = tuple(self._networks(scale).clean.card.name for scale in scales)
        return forecasting.forecast(size, wanted, names, engines)


def upscale(
    picture: Source, model: str | Path | Weights | None = None, *, scale: int | None = None
) -> Picture:
    """Enlarge one picture, whatever holds it: the short form of ``Upscaler(model).upscale``."""
    with Upscaler(model, scale=scale) as upscaler:
        return upscaler.upscale(picture)


def times(size: tuple[int, int], factor: int) -> tuple[int, int]:
    """A size so many times larger on each side."""
    return size[0] * factor, size[1] * factor


def _notes(tally: Tally) -> Iterator[str]:
    if tally.redone:
        yield f"{tally.redone} of {tally.total} tiles were redone in float32"
    if tally.cut_px:
        yield f"memory was short: tiles of {tally.cut_px} px from there on"
