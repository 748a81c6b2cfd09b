"""``rgtsr upscale``: pictures, films, and folders of them, enlarged."""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr.cli import enlarging, options, outlook, pipes
from rgtsr.cli.files import Job, Naming, check_places, jobs
from rgtsr.cli.network import AUTO, opened
from rgtsr.cli.sizes import factor, share, size_bytes
from rgtsr.cli.terminal import speaking_on, tell
from rgtsr.errors import UsageError

if TYPE_CHECKING:
    from rgtsr.jobs import Standing, Wish
    from rgtsr.upscaler import Upscaler


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
    pyramid: options.Pyramid = False,
    codec: options.Codec = None,
    crf: options.Crf = None,
    preset: options.Preset = None,
    overwrite: options.Overwrite = False,
    workers: options.Workers = 1,
    report: options.ReportFile = None,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Enlarge pictures and films; colours, depth, transparency, sound and metadata are kept.

    A model that is packaged at several scales takes what reaches the size at the least cost, one
    after another where one is not enough; what is too much is resized away.
    """
    from rgtsr.jobs import Wish
    from rgtsr.pictures import MAX_PIXELS

    if quiet and (dry_run or verbose):
        raise UsageError("--quiet excludes --verbose and --dry-run: leave it out.")
    if report and dry_run:
        raise UsageError("--report tells what was made, --dry-run makes nothing: leave one out.")
    _check_report(report, inputs)
    output = pipes.result_of(inputs, output)
    times = None if scale is None else factor(scale)
    usual = AUTO if model in (None, AUTO) else 0.0
    restored = usual if restore is None else share(restore)
    wish = Wish(
        scale=times,
        width_px=width,
        height_px=height,
        long_side_px=long_side,
        strip=strip,
        quality=quality,
        max_pixels=MAX_PIXELS if max_pixels is None else max_pixels,
        page=page,
        salvage=salvage,
        pyramid=pyramid,
        codec=codec,
        crf=crf,
        preset=preset,
    )
    reopen = functools.partial(
        opened,
        model,
        repeated=True,
        restore=restored,
        scale=times,
        tile_px=tile,
        overlap_px=overlap,
        whole=whole,
        max_memory_bytes=None if max_memory is None else size_bytes(max_memory) // workers,
        ensemble=ensemble,
        precision=precision,
        runtime=runtime,
        device=device,
    )
    upscaler = reopen()
    is_packaged = model is not None and model != AUTO and not Path(model).suffix
    named = upscaler.weights.card.name if is_packaged else model
    shown = None if restored == usual else restored
    asked = wish.mark(upscaler.scale, model=named, restore=shown)
    if times == upscaler.scale:
        wish = replace(wish, scale=None)
    manner = Manner(overwrite, workers, report, dry_run, quiet, verbose)
    with upscaler:
        return _run(inputs, output, _naming(form, asked), upscaler, wish, manner, reopen)


def _check_report(report: Path | None, inputs: Sequence[Path]) -> None:
    """Raise UsageError for a report that would replace a picture."""
    from rgtsr import film
    from rgtsr.pictures import SUFFIXES, UNREAD_SUFFIXES

    if report is None:
        return
    is_input = report.exists() and any(each.exists() and report.samefile(each) for each in inputs)
    if is_input or report.suffix.lower() in (*SUFFIXES, *UNREAD_SUFFIXES, *film.SUFFIXES):
        raise UsageError(f"--report={report} is the name of a picture: end it in .json.")


@dataclass(frozen=True)
class Manner:
    """How a run goes about it, and what it says."""

    overwrite: bool
    workers: int
    report: Path | None
    is_rehearsal: bool
    is_quiet: bool
    is_verbose: bool


def _run(
    inputs: Sequence[Path],
    output: str | None,
    naming: Naming,
    upscaler: "Upscaler",
    wish: "Wish",
    manner: Manner,
    reopen: "Callable[[], Upscaler]",
) -> int:
    """All files that are meant, or what would become of them; returns the exit status."""
    from rgtsr.jobs import Standing

    with contextlib.ExitStack() as stack:
        sources, place = stack.enter_context(pipes.connected(inputs, output, naming))
        if manner.is_quiet:
            stack.enter_context(speaking_on(None))
        todo, passed_over = jobs(sources, place, naming)
        is_kept = sources == inputs and place == output
        journal = stack.enter_context(enlarging.journal(is_kept=is_kept))
        entered = journal.enter(
            (job.source, job.target, wish.of(job.target).identity(upscaler)) for job in todo
        )
        standings = {job.target: journal.standing(job) for job in entered}
        there = {
            target: standing
            for target, standing in standings.items()
            if not manner.overwrite and standing is not Standing.NOTHING
        }
        ahead = _announced(todo, upscaler, wish, there=there, is_verbose=manner.is_verbose)
        if manner.is_rehearsal:
            return outlook.rehearse(ahead, passed_over)
        check_places(job for job in todo if job.target not in there)
        run = enlarging.Run(
            todo,
            entered,
            passed_over,
            journal,
            upscaler,
            wish,
            pixels=[each.pixels for each in ahead],
            overwrite=manner.overwrite,
            workers=manner.workers,
            reopen=reopen,
        )
        status = enlarging.enlarge(run, report=manner.report, is_quiet=manner.is_quiet)
        if line := str(passed_over):
            print(line)
    return 1 if passed_over.barren or passed_over.closed or not todo else status


def _announced(
    todo: Sequence[Job],
    upscaler: "Upscaler",
    wish: "Wish",
    *,
    there: "Mapping[Path, Standing]",
    is_verbose: bool,
) -> list[outlook.Ahead]:
    """What the run is going to take, and say so."""
    from rgtsr import film
    from rgtsr.pictures import formats

    ahead = outlook.look(todo, upscaler, wish, there)
    films = [job.target for job in todo if job.target.suffix.lower() in film.WRITABLE]
    pictures = {formats.for_writing(path) for path in {job.target for job in todo} - set(films)}
    lossless = {form.name for form in pictures if not form.quality}
    lossless |= {"films (--crf)"} if films else set[str]()
    lines = [outlook.in_one_line(ahead), outlook.slower(ahead)]
    if is_verbose:
        lines.append(outlook.in_detail(ahead, upscaler))
    if wish.quality is not None and lossless:
        lines.append(f"--quality has no effect on {' and '.join(sorted(lossless))}")
    if films and (wish.page is not None or wish.pyramid):
        lines.append("--page and --pyramid have no effect on films")
    if pictures and any(each is not None for each in (wish.codec, wish.crf, wish.preset)):
        lines.append("--codec, --crf and --preset have no effect on pictures")
    for line in filter(None, lines):
        tell(line)
    return ahead


def _naming(form: str | None, asked: str) -> Naming:
    from rgtsr import film, pictures
    from rgtsr.pictures import animations, formats

    return Naming(
        readable=pictures.SUFFIXES,
        unread=pictures.UNREAD_SUFFIXES,
        writable=(*pictures.WRITABLE_SUFFIXES, *formats.DZI.suffixes),
        suffix=form and f".{form}",
        mark=asked,
        films=film.SUFFIXES,
        film_writable=film.WRITABLE,
        film_fallback=film.FALLBACK,
        animated=formats.GIF.suffixes,
        is_animated=animations.is_one,
    )
