"""The heart: Picture -> Picture. Knows no files' formats, no network, no terminal.

Shapes: H, W of the picture; S scale.
"""

import contextlib
import functools
import math
import time
import warnings
from collections.abc import Callable
from collections.abc import Sequence as Several
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rgtsr import pictures, weights
from rgtsr.errors import PictureError, UsageError
from rgtsr.pictures import Picture
from rgtsr.pictures.picture import Source
from rgtsr.pictures.wear import wear
from rgtsr.runtimes import Runtime
from rgtsr.upscaler import banding, forecasting, layers, report
from rgtsr.upscaler.banding import Way
from rgtsr.upscaler.choice import Choice
from rgtsr.upscaler.engine import Settings
from rgtsr.upscaler.family import Family, FinalSize, times
from rgtsr.upscaler.forecasting import Forecast
from rgtsr.upscaler.report import Report
from rgtsr.upscaler.sequence import Sequence
from rgtsr.upscaler.tally import OnProgress, Tally, unheard
from rgtsr.weights import Weights

__all__ = ["Forecast", "Report", "Sequence", "Settings", "Upscaler", "upscale"]


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
        settings = settings or Settings()
        choose = functools.partial(
            Choice,
            runtime=runtime,
            device=device,
            precision=precision,
            max_memory_bytes=settings.max_memory_bytes,
        )
        if model is None:
            own = weights.load(weights.default(scale).path)
            siblings = {each: weights.default(each) for each in weights.DEFAULTS}
        else:
            own = weights.load(model, scale=scale)
            siblings = weights.siblings(own.path)
        self._family = Family(
            own, restore, settings, siblings={} if has_own else siblings, choose=choose
        )
        self._precision = precision

    @property
    def weights(self) -> Weights:
        """What the network is made of where nothing is restored."""
        return self._family.own

    @functools.cached_property
    def identity(self) -> str:
        """Equal for upscalers that make the same of a picture: weights, and how they run."""
        settings = replace(self.settings, max_memory_bytes=None)
        return repr((self._family.digests(), self._family.restore, settings, self._precision))

    @property
    def restores(self) -> bool:
        """Whether each picture is restored as its wear asks for."""
        return self._family.restore == "auto"

    @property
    def settings(self) -> Settings:
        """How pictures are cut and run."""
        return self._family.settings

    @property
    def scale(self) -> int:
        """How many times longer each side gets in one pass."""
        return self._family.scale

    def close(self) -> None:
        """Let go of the network and of the memory that it holds."""
        self._family.close()

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
        ``on_progress``: told of (tiles done, tiles in all), first of none, and of parts of one
        that runs in bands. What it raises ends the work. ``on_redone``: told of how many.

        Raises:
            RgtsrError: when the network's output is not finite or constant even in float32.
        """
        picture = Picture.of(picture)
        share = self._family.networks(self.scale).share(wear(picture))
        engine = self._family.engine(self.scale, share)
        plan = engine.plan(picture.size)
        tally = Tally(on_progress)
        tally.begin(plan.count * layers.count(picture))
        enlarged = layers.enlarged(engine, picture, plan, tally)
        for note in report.notes(tally):
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
        pyramid: bool = False,
        held_px: int | None = None,
        on_progress: OnProgress = unheard,
        on_whole: Callable[[Path, Report], object] = lambda _draft, _report: None,
        turn: AbstractContextManager[object] | None = None,
    ) -> Report:
        """Enlarge one file into another, in bands, so that the output is never held whole.

        ``max_pixels``, ``page`` and ``salvage`` are those of ``pictures.read``; ``strip``,
        ``quality`` and ``pyramid`` those of ``pictures.write_bands``.

        ``final_size`` asks for an exact output size: of the weights' family, packaged at several
        scales, what reaches it at the least cost runs, one after another where one is not enough;
        what is too much is resized by Lanczos 3. What one hands to the next is held whole.

        ``held_px``: of pictures with more pixels only the rows that are needed are held, where
        one network does; by default 67 million, or what memory holds. The result is the same.
        Such work goes on where it was when the same is asked for after it was broken off.

        ``on_progress`` is that of ``upscale``, told of the last tile again while the file is
        written. ``on_whole`` is told of the finished draft before it gets its name.
        ``turn`` is held while the network is at work, not while a file is read or written.

        Raises:
            UsageError: when ``target`` is ``source``. Any other file of that name is replaced.
            PictureError: when a file cannot be read or written.
            OutOfMemoryError: when it must be held and is too large.
            RgtsrError: when the network's output is not finite or constant even in float32.
        """
        if Path(target).exists() and Path(target).samefile(source):
            raise UsageError(f"{target} would replace its own source: give another target.")
        if (size := _size(source, page)) is not None:
            wanted, _ = self._family.way(size, final_size)
            pictures.check(target, wanted, quality=quality, pyramid=pyramid)
        started = time.perf_counter()
        tally, reports = Tally(on_progress), list[Report]()
        opened = pictures.opened(
            source,
            limits=lambda size: banding.limits(
                self._family.way(size, final_size)[1], self.settings, held_px
            ),
            beside=Path(target),
            max_pixels=max_pixels,
            page=page,
            salvage=salvage,
        )
        with opened as picture:
            worn = wear(picture)
            wanted, scales = self._family.way(picture.size, final_size)
            share = self._family.networks(scales[0]).share(worn)

            way = Way(self._family, picture, scales, share, tally, turn or nullcontext())
            keep = way.keep(Path(source), page, salvage, self.identity)

            def whole(draft: Path, lost: tuple[str, ...]) -> None:
                made = report.of(way, size=wanted, wear=worn, started=started, lost=lost)
                reports.append(made)
                on_whole(draft, made)

            with contextlib.ExitStack() as stack:  # or an error that is kept keeps the turn
                pictures.write_bands(
                    lambda rows: stack.enter_context(closing(way.bands(rows))),
                    target,
                    like=picture,
                    size=times(picture.size, math.prod(scales)),
                    final_size=wanted,
                    strip=strip,
                    quality=quality,
                    pyramid=pyramid,
                    keep=keep,
                    facts=way.facts,
                    on_moment=lambda: on_progress(tally.done, tally.total),
                    on_whole=whole,
                )
        return reports[0]

    def sequence(self, examples: Several[Picture], final_size: FinalSize | None = None) -> Sequence:
        """What enlarges pictures of one size one after another, each as ``upscale_file`` would.

        ``examples``: some of them, by which it is decided how far all are restored.
        """
        return Sequence(self._family, examples, final_size)

    def forecast(self, size: tuple[int, int], final_size: FinalSize | None = None) -> Forecast:
        """What ``upscale_file`` of a picture of that (height, width) is going to take."""
        wanted, scales = self._family.way(size, final_size)
        engines = self._family.engines(scales, self._family.networks(scales[0]).usual)
        return forecasting.forecast(size, wanted, self._family.names(scales), engines)


def _size(path: str | Path, page: int | None) -> tuple[int, int] | None:
    """Of a picture, if its header tells; whoever decodes it says why not."""
    from rgtsr.pictures import headers

    try:
        return headers.size(path, page=page)
    except PictureError:
        return None


def upscale(
    picture: Source, model: str | Path | Weights | None = None, *, scale: int | None = None
) -> Picture:
    """Enlarge one picture, whatever holds it: the short form of ``Upscaler(model).upscale``."""
    with Upscaler(model, scale=scale) as upscaler:
        return upscaler.upscale(picture)
