"""What a run is going to take, said before it begins. Opens no picture: headers tell its size.

Sizes are (height, width).
"""

import contextlib
import functools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rgtsr.cli.files import Job, PassedOver, missing
from rgtsr.cli.terminal import complain, visible
from rgtsr.errors import PictureError, RgtsrError, UndecodedError

if TYPE_CHECKING:
    from rgtsr.jobs import Standing, Wish
    from rgtsr.jobs.sizes import Size
    from rgtsr.upscaler import Forecast, Upscaler

MANY = 20  # tiles: somebody waits for them
SIZES = 4096  # of pictures whose forecasts are kept: a folder has many of few
DRAFT_BYTES_A_PIXEL = 3  # of the one picture that is being made, bare beside its target


@dataclass(frozen=True)
class Ahead:
    """One file of a run. Without a forecast it is there already, or cannot be made: ``error``.

    ``frames``: of a film, about, or of an animation; its forecast is of all of them.
    """

    job: Job
    before: "Size | None" = None
    forecast: "Forecast | None" = None
    error: RgtsrError | ValueError | None = None
    frames: int | None = None

    @property
    def pixels(self) -> int:
        """The measure of progress."""
        return self.forecast.pixels if self.forecast else 0


def look(
    todo: Sequence[Job],
    upscaler: "Upscaler",
    wish: "Wish",
    there: "Mapping[Path, Standing]",
) -> list[Ahead]:
    """Every file of a run, by its header; not those whose targets are ``there`` and stay."""
    from rgtsr import film, pictures
    from rgtsr.jobs import Standing, of_another
    from rgtsr.pictures import formats, headers

    @functools.lru_cache(SIZES)
    def forecast(before: "Size") -> "Forecast":
        return upscaler.forecast(before, wish.final_size)

    found: list[Ahead] = []
    for job in todo:
        if standing := there.get(job.target):
            is_anothers = standing is Standing.OTHERS
            found.append(Ahead(job, error=of_another(job.target) if is_anothers else None))
            continue
        try:
            if not job.source.exists():
                raise missing(job.source)
            frames = None
            is_film = film.is_film(job.source)
            if is_film:
                before, frames = film.head(job.source)
            else:
                before = headers.size(job.source, page=wish.page)
                if wish.page is None and film.is_animation(job.source, job.target):
                    frames = film.frames(job.source)
            if before[0] * before[1] > wish.max_pixels:
                raise PictureError(f"{job.source}: {_size(before)} pixels: more than --max-pixels.")
            ahead = forecast(before)
            if not is_film and job.target.suffix.lower() not in formats.GIF.suffixes:
                pictures.check(job.target, ahead.size, quality=wish.quality, pyramid=wish.pyramid)
            found.append(Ahead(job, before, of_all(ahead, frames), frames=frames))
        except (RgtsrError, ValueError) as error:
            found.append(Ahead(job, error=error))
    return found


def of_all(forecast: "Forecast", frames: int | None) -> "Forecast":
    """The same of so many pictures, one after another."""
    if frames is None:
        return forecast
    return replace(
        forecast,
        tiles=forecast.tiles * frames,
        pixels=forecast.pixels * frames,
        seconds=None if forecast.seconds is None else forecast.seconds * frames,
    )


def in_one_line(ahead: Sequence[Ahead]) -> str:
    """Which models, how many tiles, and how long; nothing where there is nothing to do."""
    made = [(each, each.forecast, each.before) for each in ahead if each.forecast and each.before]
    if not made:
        return ""
    models = " or ".join(dict.fromkeys(", then ".join(each.models) for _, each, _ in made))
    if len(made) == 1:
        each, one, before = made[0]
        what = f"{_size(before)} to {_size(one.size)} pixels{_frames(each)}"
    else:
        pixels = sum(before[0] * before[1] * (each.frames or 1) for each, _, before in made)
        what = f"{len(made)} files, {pixels / 1e6:.3g} megapixels"
    return f"{what}: {models}, {_work([each for _, each, _ in made])}"


def in_detail(ahead: Sequence[Ahead], upscaler: "Upscaler") -> str:
    """What runs the network, and how; nothing where there is nothing to do."""
    from rgtsr.runtimes import cache

    one = next((each.forecast for each in ahead if each.forecast), None)
    if one is None:
        return ""
    cut = f"tiles of {_size(one.tile)} pixels, overlapping by {upscaler.settings.overlap_px}"
    if upscaler.settings.whole:
        cut = "not cut into tiles"
    kept = "compiled networks are not kept"
    with contextlib.suppress(OSError):
        kept = f"compiled networks in {cache.folder()}"
    place = "GPU" if one.is_on_gpu else "CPU"
    return f"{one.runtime} on the {place} in {one.precision}; {cut}; {kept}"


def slower(ahead: Sequence[Ahead]) -> str:
    """That the precision which was asked for is slower here than another; else nothing."""
    one = next((each.forecast for each in ahead if each.forecast), None)
    if one is None or (one.runtime, one.precision) != ("openvino", "bf16"):
        return ""
    from rgtsr.runtimes import openvino

    if openvino.best_precision("cpu") == "bf16":
        return ""
    return "bf16 is emulated on this processor: --precision float32 is faster"


def rehearse(ahead: Sequence[Ahead], passed_over: PassedOver) -> int:
    """Print what would become of every file, and the room that it needs; returns the status."""
    failed = 0
    for each in ahead:
        if isinstance(each.error, UndecodedError) and each.job.folder is not None:
            passed_over.add(each.job)
        elif each.error is not None:
            failed += 1
            complain(each.error)
        elif each.forecast is None or each.before is None:
            print(visible(f"{each.job.target}: is there already, would be skipped"))
        else:
            sizes = f"{_size(each.before)} to {_size(each.forecast.size)}"
            way = f"{each.job.source} -> {each.job.target}"
            print(visible(f"{way}: {sizes} pixels{_frames(each)}, {_work([each.forecast])}"))
    if made := [each for each in ahead if each.forecast]:
        needed = sum(_file_bytes(each) for each in made) + max(map(_draft_bytes, made))
        there = _existing(made[0].job.target)
        free = shutil.disk_usage(there).free
        print(visible(f"about {_bytes(needed)} on the disk; {_bytes(free)} are free in {there}"))
    if line := str(passed_over):
        print(line)
    print("nothing was made: --dry-run")
    return 1 if failed or passed_over.barren or passed_over.closed or not ahead else 0


def _frames(ahead: Ahead) -> str:
    return "" if ahead.frames is None else f", about {ahead.frames:,} pictures"


def _work(forecasts: Sequence["Forecast"]) -> str:
    tiles = sum(each.tiles for each in forecasts)
    known = [each.seconds for each in forecasts if each.seconds is not None]
    several = "s" if tiles > 1 else ""
    seconds = ""
    if len(known) == len(forecasts):
        seconds = f", about {duration(sum(known))}"
    elif tiles >= MANY:
        seconds = ", for how long is known once it has run here, or by rgtsr bench"
    return f"{tiles:,} tile{several}{seconds}"


def _file_bytes(ahead: Ahead) -> float:
    from rgtsr import film
    from rgtsr.pictures import formats

    assert ahead.forecast is not None
    height, width = ahead.forecast.size
    if ahead.frames is not None:  # once on its way, and once in the film
        return 2 * height * width * ahead.frames * film.PIXEL_BYTES
    return height * width * formats.for_writing(ahead.job.target).pixel_bytes


def _draft_bytes(ahead: Ahead) -> float:
    assert ahead.forecast is not None
    height, width = ahead.forecast.size
    return 0 if ahead.frames is not None else height * width * DRAFT_BYTES_A_PIXEL


def _existing(path: Path) -> Path:
    """The folder that is there, and will hold the file."""
    return next((each for each in path.parents if each.is_dir()), Path())


def _size(size: "Size") -> str:
    return f"{size[1]} x {size[0]}"


def duration(seconds: float) -> str:
    """In words, such as ``12 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _bytes(count: float) -> str:
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{max(1, round(count))} {unit}"
    return f"{count / 1000:.1f} GB"
