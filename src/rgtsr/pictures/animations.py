"""Animations, GIF and WebP: their frames one after another, and how long each is shown.

Knows libvips. H height, W width, C channels.
"""

import contextlib
import functools
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyvips

from rgtsr.errors import PictureError
from rgtsr.pictures import labels, opening, samples, vips
from rgtsr.pictures.color import Samples
from rgtsr.pictures.decoding import Encoded
from rgtsr.pictures.formats import ANIMATED
from rgtsr.pictures.metadata import Metadata

DELAY_MS = 100  # of what says nothing
ALL = -1
TRAILER, TAIL_BYTES = b";", 512  # of a GIF


@dataclass(frozen=True)
class Pages:
    """How many frames there are, how long each is shown, and how often all; 0: for ever."""

    count: int
    delays_ms: tuple[int, ...]
    loop: int


@dataclass(frozen=True)
class Animation:
    """One that is open. ``size``: (height, width) of a frame."""

    path: Path
    encoded: Encoded
    size: tuple[int, int]
    pages: Pages
    metadata: Metadata

    def frames(self, start: int = 0) -> Iterator[Samples]:
        """From one on, (H, W, C) each. Raises PictureError for what is damaged."""
        height, width = self.size
        try:
            image = _loaded(self.encoded, "sequential", page=start)
            image = samples.as_rgb_or_grey(self.path, image, is_icclab=False)
            region = pyvips.Region.new(image)
            for number in range(self.pages.count - start):
                fetched = region.fetch(0, number * height, width, height)
                yield np.frombuffer(fetched, np.uint8).reshape(height, width, image.bands)
        except pyvips.Error as error:
            reason = vips.reason(error)
            raise PictureError(
                f"{self.path}: is damaged or incomplete ({reason}): --page 1 takes one frame of it."
            ) from error


@contextlib.contextmanager
def opened(path: Path) -> Generator[Animation | None]:
    """An animation; None for whatever else a file is. Raises PictureError where there is none."""
    vips.prepare()
    with opening.opened(path) as file:
        form = opening.recognised(path, file)
        if form not in ANIMATED:
            yield None
            return
        encoded = Encoded(file, form)
        try:
            image = _loaded(encoded, "sequential")
        except pyvips.Error:  # whoever reads it as a picture says what is the matter
            yield None
            return
        count = _number(image, "n-pages", 1)
        if count < 2:
            yield None
            return
        height = _number(image, "page-height", image.height)
        delays = cast("list[int]", image.get("delay")) if image.get_typeof("delay") else []
        delays = [*delays, *[DELAY_MS] * count][:count]
        metadata, _ = labels.of(image, encoded)
        pages = Pages(count, tuple(delays), _number(image, "loop", 0))
        yield Animation(path, encoded, (height, image.width), pages, metadata)


@functools.lru_cache(maxsize=64)
def is_one(path: Path) -> bool:
    """Whether a file is an animation that can be read; what cannot be opened is none."""
    with contextlib.suppress(PictureError), opened(path) as animation:
        return animation is not None
    return False


def is_cut_off(path: Path) -> bool:
    """Whether a GIF lacks its end; other formats say how long they are."""
    with path.open("rb") as file:
        if not file.read(3).startswith(b"GIF"):
            return False
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        return not file.read().rstrip(b"\0").endswith(TRAILER)


def labelled(image: pyvips.Image, pages: Pages) -> pyvips.Image:
    """Frames one below the other, as what libvips writes as an animation."""
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, "page-height", image.height // pages.count)
    image.set_type(pyvips.GValue.gint_type, "n-pages", pages.count)
    delays: Any = list(pages.delays_ms)  # of which pyvips' stubs know nothing
    image.set_type(pyvips.GValue.array_int_type, "delay", delays)
    image.set_type(pyvips.GValue.gint_type, "loop", pages.loop)
    return image


def _loaded(encoded: Encoded, access: str, page: int = 0) -> pyvips.Image:
    encoded.file.seek(0)
    source = pyvips.Source.new_from_descriptor(encoded.file.fileno())
    load: Any = getattr(pyvips.Image, encoded.form.loader or "")  # pyvips makes it up
    return load(source, access=access, fail_on="truncated", n=ALL, page=page)


def _number(image: pyvips.Image, name: str, default: int) -> int:
    return cast(int, image.get(name)) if image.get_typeof(name) else default
