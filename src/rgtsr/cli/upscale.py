"""``rgtsr upscale``: pictures and folders of pictures, enlarged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr.cli import options
from rgtsr.cli.files import Job, Naming, PassedOver, jobs, mark
from rgtsr.cli.network import AUTO, opened
from rgtsr.cli.sizes import FinalSize, final_size, size_bytes
from rgtsr.cli.terminal import OnProgress, steps
from rgtsr.errors import PictureError, UndecodedError, UsageError

if TYPE_CHECKING:
    from rgtsr.upscaler import Report, Upscaler


@dataclass(frozen=True)
class Wishes:
    """What is to become of every file. Raises UsageError for numbers that make no sense."""

    size: FinalSize | None
    strip: bool
    quality: int | None
    max_pixels: int
    page: int | None
    salvage: bool
    overwrite: bool

    def __post_init__(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"--quality={self.quality} is out of range: 1 (small) to 100 (best).")
        if self.max_pixels < 1:
            raise UsageError(f"--max-pixels={self.max_pixels} is too small: at least 1.")
        if self.page is not None and self.page < 1:
            raise UsageError(f"--page={self.page} is none: the first page is 1.")


def upscale(
    inputs: options.Inputs,
    *,
    output: options.Output = None,
    scale: options.Scale = None,
    width: options.Width = None,
    height: options.Height = None,
    long_side: options.LongSide = None,
    model: options.Model = None,
    restore: options.Restore = None,
    tile: options.Tile = None,
    overlap: options.Overlap = None,
    whole: options.Whole = False,
    max_memory: options.MaxMemory = None,
    ensemble: options.Ensemble = False,
    precision: options.Precision = "auto",
    runtime: options.RuntimeName = "auto",
    device: options.Device = "auto",
    strip: options.Strip = False,
    quality: options.Quality = None,
    form: options.Format = None,
    max_pixels: options.MaxPixels = None,
    page: options.Page = None,
    salvage: options.Salvage = False,
    overwrite: options.Overwrite = False,
) -> int:
    """Enlarge pictures; colours, depth, transparency and metadata are kept.

    A model that is packaged at several scales takes what reaches the size at the least cost, one
    after another where one is not enough; what is too much is resized away.
    """
    from rgtsr import pictures

    size = final_size(scale=scale, width_px=width, height_px=height, long_side_px=long_side)
    limit = pictures.MAX_PIXELS if max_pixels is None else max_pixels
    wishes = Wishes(size, strip, quality, limit, page, salvage, overwrite)
    usual = AUTO if model in (None, AUTO) else 0.0
    upscaler = opened(
        model,
        repeated=True,
        restore=usual if restore is None else restore,
        scale=scale,
        tile_px=tile,
        overlap_px=overlap,
        whole=whole,
        max_memory_bytes=None if max_memory is None else size_bytes(max_memory),
        ensemble=ensemble,
        precision=precision,
        runtime=runtime,
        device=device,
    )
    asked = mark(
        f"x{upscaler.scale if scale is None else scale:g}",
        width_px=width,
        height_px=height,
        long_side_px=long_side,
        model=model,
        restore=restore,
        page=page,
    )
    if scale == upscaler.scale:
        wishes = replace(wishes, size=None)
    todo, passed_over = jobs(inputs, output, _naming(form, asked))
    with upscaler:
        status = enlarge(todo, passed_over, upscaler, wishes)
    if line := str(passed_over):
        print(line)
    return 1 if passed_over.barren or not todo else status


def enlarge(
    todo: Sequence[Job], passed_over: PassedOver, upscaler: "Upscaler", wishes: Wishes
) -> int:
    """One file after another; what fails is said and passed over. Returns the exit status.

    What has no decoder here and was found in a folder is only counted in ``passed_over``.
    """
    made = skipped = failed = undecoded = 0
    with steps(len(todo)) as say:
        for job in todo:
            on_progress = say.start(job.source.name)
            if job.target.exists() and not job.target.is_dir() and not wishes.overwrite:
                skipped += 1
                say.finish(f"{job.target}: is there already, skipped (--overwrite replaces it)")
                continue
            try:
                line = _enlarge_one(job, upscaler, wishes, on_progress)
                made += 1
                say.finish(line)
            except BrokenPipeError:  # nobody reads what is said: not the picture's fault
                raise
            except Exception as error:  # whatever it is, the other pictures can be made
                if isinstance(error, UndecodedError) and job.folder is not None:
                    passed_over.add(job)
                    undecoded += 1
                    say.finish()
                else:
                    failed += 1
                    say.fail(error)
            except (KeyboardInterrupt, SystemExit):
                left = len(todo) - made - skipped - failed - undecoded
                say.stopped(f"{made} enlarged, {skipped} skipped, {failed} failed, {left} to do")
                raise
    if len(todo) != 1:
        say.say(f"{made} enlarged, {skipped} skipped, {failed} failed")
    return 1 if failed or not say.is_heard else 0


def _enlarge_one(job: Job, upscaler: "Upscaler", wishes: Wishes, on_progress: OnProgress) -> str:
    """Make one file; returns what is to be said of it."""
    from rgtsr.pictures.encoding import is_cropped

    cropped: list[str] = []

    def size_wanted(before: tuple[int, int]) -> tuple[int, int]:
        assert wishes.size is not None
        after = wishes.size(before)
        if is_cropped(before, after):
            cropped.append("cropped evenly to its new shape")
        return after

    if job.source.is_file():
        _make_folder(job.target)
    report = upscaler.upscale_file(
        job.source,
        job.target,
        final_size=size_wanted if wishes.size else None,
        strip=wishes.strip,
        quality=wishes.quality,
        max_pixels=wishes.max_pixels,
        page=wishes.page,
        salvage=wishes.salvage,
        on_progress=on_progress,
    )
    height, width = report.size
    notes = "".join(
        f"; {note.rstrip('.')}" for note in (*_restored(report, upscaler), *cropped, *report.notes)
    )
    models = ", then ".join(report.models)
    done = f"{width} x {height}, {report.seconds:.1f} s, {models}"
    return f"{job.source} -> {job.target}: {done}{notes}"


def _restored(report: "Report", upscaler: "Upscaler") -> tuple[str, ...]:
    """How far the picture was restored, or that it would be by default; why."""
    from rgtsr.pictures.wear import ENLARGED
    from rgtsr.upscaler import restoring

    if report.restored:
        return (f"restored by {report.restored:g} ({report.wear})",)
    if not restoring.asked_for(report.wear, upscaler.weights.card.name):
        return (ENLARGED,) * report.wear.enlarged
    way = f"{report.models[0]} has no weights for that" if upscaler.restores else "-m auto does it"
    return (f"not restored ({report.wear}): {way}",)


def _naming(form: str | None, asked: str) -> Naming:
    from rgtsr import pictures

    return Naming(
        readable=pictures.SUFFIXES,
        unread=pictures.UNREAD_SUFFIXES,
        writable=pictures.WRITABLE_SUFFIXES,
        suffix=form and f".{form}",
        mark=asked,
    )


def _make_folder(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(
            f"{target}: its folder cannot be made ({error.strerror}): give another -o."
        ) from error
