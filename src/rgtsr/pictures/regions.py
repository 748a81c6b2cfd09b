"""Picture files whose rows are decoded when they are needed. Knows files; knows no networks.

What such a picture gives is, bit for bit, what ``reading`` gives. H height, W width, C channels.
"""

import contextlib
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips

from rgtsr import atomic
from rgtsr.errors import OutOfMemoryError, PictureError
from rgtsr.pictures import color, disk, headers, opening, reading, streaming, vips
from rgtsr.pictures.color import Samples
from rgtsr.pictures.jpeg import Compression
from rgtsr.pictures.metadata import Metadata
from rgtsr.pictures.picture import Limits, Picture, read
from rgtsr.pictures.reading import Wish
from rgtsr.pictures.streaming import NotStreamedError, Passed, Rows

GB = 1e9
ACROSS = 5  # from this EXIF orientation on rows become columns


@dataclass(frozen=True, eq=False)
class Large:
    """A picture that is not held; otherwise as ``Picture``.

    ``alpha_HW``: the same everywhere.
    """

    pixels_HWC: Rows
    alpha_HW: Samples | None
    metadata: Metadata
    notes: tuple[str, ...]
    compression: Compression | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels_HWC.shape[:2]

    @property
    def peak(self) -> int:
        """The value of white."""
        return color.peak(self.pixels_HWC.dtype)

    @property
    def is_grey(self) -> bool:
        """True for one channel of colour."""
        return self.pixels_HWC.shape[2] == 1

    def middle(self, side_px: int) -> Samples:
        """The square in the middle, (h, w, C), or as much of it as there is."""
        (top, left), (height, width) = (max(0, s - side_px) // 2 for s in self.size), self.size
        rows = np.arange(top, min(height, top + side_px))
        return self.pixels_HWC[rows][:, left : min(width, left + side_px)]


@contextmanager
def opened(
    source: str | Path,
    *,
    limits: Callable[[tuple[int, int]], Limits],
    beside: Path,
    max_pixels: int,
    page: int | None,
    salvage: bool,
) -> Generator[Picture | Large]:
    """A picture, held or not as the ``limits`` for its (height, width) say.

    What is stored turned is copied upright ``beside`` a file. Raises as ``read``; OutOfMemoryError
    for what would have to be held and is too much.
    """
    try:
        size = headers.size(source, page=page)
    except PictureError:  # which reading puts into better words
        size = 1, 1
    pixels, most = math.prod(size), limits(size)
    reason = most.reason
    if most.held_px < pixels <= max_pixels and reason is None:
        try:
            with _streamed(Wish(Path(source), max_pixels, page, salvage, True), beside) as large:
                yield large
                return
        except NotStreamedError as error:
            reason = str(error)
    if most.most_px < pixels <= max_pixels:
        raise OutOfMemoryError(
            f"{source}: {pixels / 1e6:,.0f} megapixels do not fit into memory, and {reason}: where"
            " that cannot be had otherwise, cut the picture into parts, or take a machine with"
            " more memory."
        )
    yield read(source, max_pixels=max_pixels, page=page, salvage=salvage)


@contextmanager
def _streamed(wish: Wish, beside: Path) -> Generator[Large]:
    vips.prepare()
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(opening.opened(wish.path))
        found = reading.found_in(file, wish)
        passed = found.samples_HWC
        assert isinstance(passed, Passed)
        height, width, channels = passed.shape_HWC
        shape = (height, width, streaming.colours(channels))
        rows, notes = Rows(streaming.opened_strips(passed), shape, passed.dtype), found.notes
        if found.orientation > 1:
            rows = stack.enter_context(_upright(wish.path, passed, found.orientation, beside))
            copied = f"it is stored turned: a copy of {_bytes(rows) / GB:.1f} GB stood upright"
            notes = (*notes, f"{copied} beside its result meanwhile.")
        alpha_HW = None
        if passed.alpha is not None:
            alpha_HW = np.broadcast_to(passed.dtype.type(passed.alpha), rows.shape[:2])
        try:
            yield Large(rows, alpha_HW, found.metadata, notes, found.compression)
        except pyvips.Error as error:  # the file has changed, or its disk is gone
            raise reading.damaged(passed.encoded.form, wish, error) from error


@contextmanager
def _upright(path: Path, passed: Passed, orientation: int, beside: Path) -> Generator[Rows]:
    """A copy as the eye should see it, beside a file; it is gone afterwards."""
    height, width, channels = passed.shape_HWC
    size = (width, height) if orientation >= ACROSS else (height, width)
    shape = (*size, streaming.colours(channels))
    copy = atomic.beside(beside, "raw")
    try:
        with copy.open("x+b", buffering=0) as file:
            rows = Rows(streaming.bare_strips(file, shape, passed.dtype), shape, passed.dtype)
            disk.check(beside, {"a copy of it that stands upright": _bytes(rows)})
            streaming.lay_out(passed, file, orientation)
            yield rows
    except OSError as error:
        reason = error.strerror or error
        raise PictureError(f"{path}: cannot be copied beside {beside} ({reason}).") from error
    finally:
        atomic.remove(copy)


def _bytes(rows: Rows) -> int:
    return math.prod(rows.shape) * rows.dtype.itemsize
