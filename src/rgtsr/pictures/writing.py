"""Pictures out, through libvips: band by band, beside the target, renamed when whole.

Knows libvips and files; knows nothing of reading. H height, W width, C channels.
"""

import contextlib
import errno
import functools
import math
import mmap
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
import pyvips

from rgtsr import atomic
from rgtsr.errors import DiskFullError, PictureError, UsageError
from rgtsr.pictures import color, deepzoom, disk, encoding, formats, savers, spooling, vips
from rgtsr.pictures.animations import Pages
from rgtsr.pictures.color import Rowed, Samples
from rgtsr.pictures.encoding import Raw
from rgtsr.pictures.formats import DZI, TIFF
from rgtsr.pictures.metadata import Metadata, noted
from rgtsr.pictures.spooling import Keep, Spool

FULL_DISK_BYTES = 2**16
RELEASE_S = 0.05


class Like(Protocol):
    """What is asked of a ``Picture``, which can save itself and so stands above this."""

    @property
    def pixels_HWC(self) -> Rowed: ...
    @property
    def alpha_HW(self) -> Samples | None: ...
    @property
    def metadata(self) -> Metadata: ...


class Whole(Like, Protocol):
    """The same, of one that is held."""

    @property
    def size(self) -> tuple[int, int]: ...
    def to_array(self) -> Samples: ...


def write(
    picture: Whole,
    path: str | os.PathLike[str],
    *,
    strip: bool = False,
    quality: int | None = None,
) -> tuple[str, ...]:
    """Write a picture in the format that the name's suffix asks for; returns what was lost.

    The file appears whole or not at all; an existing one is replaced. 16 bit stays 16 bit in PNG
    and TIFF, becomes 12 in AVIF and 8 elsewhere; JPEG has no transparency, so it is laid on white:
    the lines returned say so, one each. ``strip`` keeps no metadata but the colour profile.
    ``quality``: 1..100 for JPEG, WebP (default 95) and AVIF (85), ignored by PNG and TIFF.

    Raises:
        ValueError: for an unknown suffix or a quality out of range.
        PictureError: when the file cannot be written, or its format cannot hold this size.
    """
    whole = [picture.to_array()]
    return write_bands(whole, path, like=picture, size=picture.size, strip=strip, quality=quality)


def write_bands(
    bands: Iterable[Samples] | Callable[[int], Iterable[Samples]],
    path: str | os.PathLike[str],
    *,
    like: Like,
    size: tuple[int, int],
    final_size: tuple[int, int] | None = None,
    strip: bool = False,
    quality: int | None = None,
    pyramid: bool = False,
    pages: Pages | None = None,
    keep: Keep | None = None,
    facts: Callable[[], Mapping[str, str]] = dict,
    on_moment: Callable[[], object] = lambda: None,
    on_whole: Callable[[Path, tuple[str, ...]], object] = lambda _draft, _notes: None,
) -> tuple[str, ...]:
    """Write a picture that arrives in bands, top to bottom, without ever holding it whole.

    ``bands``: (h, W, C) each, uint8 or uint16, heights adding up to ``size``; C = the channels of
    ``like``, alpha last if it has one. Nothing is asked of it before the target is known to be
    writable and able to hold the size.
    ``like`` lends its metadata; ``size``: (H, W) of all bands together.
    ``final_size``: resize to exactly this (H, W) with Lanczos 3, premultiplied where there is
    alpha; if the shape differs by more than a pixel, the picture covers it and is cropped evenly.
    ``keep``: what was spooled is kept when work on it is broken off, and gone on with: ``bands`` is
    asked for those from a row on then.
    ``pyramid``: TIFF with smaller copies of the picture behind it. ``pages``: of an animation,
    whose frames come one below the other. ``facts`` are asked for when all bands are there, and
    noted in XMP, unless that is stripped.
    ``on_moment`` is called again and again while the file is encoded; what it raises ends that.
    ``on_whole`` is told of the finished draft, and of what was lost, before it gets its name.

    Returns and raises as ``write``; also ValueError for bands that do not fit.
    """
    vips.prepare()
    target = Path(path)
    height, width = final_size or size
    form = formats.for_writing(target)
    plan = encoding.Plan(
        form, height, width, strip=strip, quality=quality, pyramid=pyramid, pages=pages
    )
    _check(plan, target)
    shape = (*size, like.pixels_HWC.shape[2] + (like.alpha_HW is not None))
    row_bytes = math.prod(shape[1:]) * like.pixels_HWC.dtype.itemsize
    with contextlib.ExitStack() as stack:
        draft = stack.enter_context(_draft(target))
        with _blaming(target):
            spool = stack.enter_context(spooling.opened(target, row_bytes, keep))
        blamed = functools.partial(_blaming, target, is_kept=spool.state is not None)
        _check_room(plan, target, (size[0] - spool.rows) * row_bytes)
        resumed, coming = spool.rows, bands(spool.rows) if callable(bands) else bands
        dtype = _spool(coming, spool, shape, blamed) or like.pixels_HWC.dtype
        samples = Raw(spool.path, shape, is_deep=color.peak(dtype) == 65535)
        label = noted(like.metadata, facts(), form.max_block_bytes)
        with blamed():
            notes = _encoded(samples, draft, plan, label, on_moment)
        if encoding.is_cropped(size, (height, width)):
            notes = ("cropped evenly to its new shape.", *notes)
        if resumed:
            notes = (f"{resumed:,} of its rows were there from before.", *notes)
        on_whole(draft, notes)
        with blamed():
            if form is DZI:
                deepzoom.publish(draft, target)
            else:
                atomic.publish(draft, target)
    return notes


def check(
    path: str | os.PathLike[str],
    size: tuple[int, int],
    *,
    quality: int | None = None,
    pyramid: bool = False,
) -> None:
    """Raise what ``write_bands`` would say of a target before it asks for the first band."""
    target = Path(path)
    form = formats.for_writing(target)
    _check(encoding.Plan(form, *size, quality=quality, pyramid=pyramid), target)


def _check(plan: encoding.Plan, target: Path) -> None:
    """Everything that can be known before the first pixel."""
    form, quality = plan.form, plan.quality
    if quality is not None and not 1 <= quality <= 100:
        raise ValueError(f"quality={quality} is out of range: 1 (small) to 100 (best).")
    if plan.height < 1 or plan.width < 1:
        raise ValueError(f"size {plan.height} x {plan.width} is no picture's.")
    if max(plan.page_height, plan.width) > form.max_side_px:
        raise PictureError(
            f"{target}: {form.name} holds at most {form.max_side_px} pixels a side, this is "
            f"{plan.width} x {plan.page_height}: use {_that_hold(plan)}."
        )
    if plan.pyramid and form is not TIFF:
        raise UsageError(f"{target}: a pyramid is TIFF's: use .tif, or leave --pyramid out.")
    if form is DZI and deepzoom.is_foreign(target):
        folder = deepzoom.files(target)
        raise PictureError(f"{folder}: is there already, and no picture's: give another name.")
    if target.is_dir():
        raise PictureError(f"{target}: is a folder: give a file name in it.")


def _that_hold(plan: encoding.Plan) -> str:
    """The suffixes of formats that can hold the size."""
    side = max(plan.page_height, plan.width)
    fitting = [form.suffixes[0] for form in (*formats.WRITABLE, DZI) if form.max_side_px >= side]
    return f"{', '.join(fitting[:-1])} or {fitting[-1]}"


def _check_room(plan: encoding.Plan, target: Path, raw_bytes: int) -> None:
    depth = 2 if plan.form.bits > 8 else 1
    levels = 4 / 3 if plan.pyramid else 1
    result = plan.height * plan.width * plan.form.pixel_bytes * depth * levels
    disk.check(target, {"its samples on their way": raw_bytes, "the result": int(result)})


@contextlib.contextmanager
def _draft(target: Path) -> Generator[Path]:
    """A hidden name in the target's folder, gone afterwards, whatever happens."""
    is_dzi = target.suffix.lower() in DZI.suffixes
    draft = atomic.beside(target, "dzi" if is_dzi else "part")
    try:
        yield draft
    finally:
        deepzoom.remove(draft)


def _spool(
    bands: Iterable[Samples],
    spool: Spool,
    shape_HWC: tuple[int, int, int],
    blamed: Callable[[], AbstractContextManager[None]],
) -> np.dtype[np.uint8 | np.uint16] | None:
    """All bands in one raw file; returns of which dtype they are, if there are any.

    Raises ValueError when they are not what was announced.
    """
    dtype = None
    for band in bands:
        dtype = dtype or band.dtype
        if band.shape[1:] != shape_HWC[1:] or band.dtype != dtype:
            raise ValueError(
                f"a band of {band.dtype} {band.shape} does not fit a picture of {dtype} "
                f"{shape_HWC}."
            )
        with blamed():
            spool.add(band)
    if spool.rows != shape_HWC[0]:
        raise ValueError(f"the bands have {spool.rows} rows together, not {shape_HWC[0]}.")
    return dtype


def _encoded(
    raw: Raw,
    draft: Path,
    plan: encoding.Plan,
    source: Metadata,
    on_moment: Callable[[], object],
) -> tuple[str, ...]:
    """The draft, whole. Raises OSError, which says why not."""
    with raw.path.open("rb") as file:
        samples = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    prepared = encoding.prepared(samples, raw, plan, source)
    try:
        saved = _saved(prepared, draft, plan, samples, on_moment)
        notes = prepared.notes
    finally:  # the traceback of an error must not keep deleted files open
        del prepared, samples
    if not isinstance(saved, str):
        return notes + saved
    if shutil.disk_usage(draft.parent).free < FULL_DISK_BYTES:
        raise OSError(errno.ENOSPC, "no space is left on the disk")
    raise OSError(saved)


def _saved(
    prepared: encoding.Prepared,
    draft: Path,
    plan: encoding.Plan,
    samples: mmap.mmap,
    on_moment: Callable[[], object],
) -> tuple[str, ...] | str:
    """Encode in a second thread, so that Ctrl-C is heard at once; notes, or why it failed."""

    def attempt() -> tuple[str, ...] | str:
        try:
            return savers.save(prepared.image, draft, plan, prepared.label)
        except pyvips.Error as error:
            return vips.reason(error)
        except OSError as error:
            return error.strerror or str(error)

    with ThreadPoolExecutor(1) as worker:
        saving = worker.submit(attempt)
        try:
            while not wait((saving,), RELEASE_S).done:
                on_moment()
                if hasattr(mmap, "MADV_DONTNEED"):  # what was read must not pile up as our memory
                    samples.madvise(mmap.MADV_DONTNEED)
        except BaseException:
            prepared.image.set_kill(True)
            raise
    return saving.result()


@contextlib.contextmanager
def _blaming(target: Path, *, is_kept: bool = False) -> Generator[None]:
    """Have OSError speak of the target; ``is_kept``: what was made by then outlives a full disk."""
    try:
        yield
    except OSError as error:
        folder, reason = target.parent, error.strerror or str(error)
        if isinstance(error, FileNotFoundError):
            if not folder.is_dir():
                raise PictureError(
                    f"{target}: the folder {folder} does not exist: make it first."
                ) from error
            reason = "no file can be made in that folder"  # as in /proc
        is_full = error.errno in disk.FULL
        left = "what was made of it is kept" if is_full and is_kept else "nothing was left behind"
        way = "make room or choose another place"
        kind = DiskFullError if is_full else PictureError
        raise kind(f"{target}: cannot be written ({reason}); {left}: {way}.") from error
