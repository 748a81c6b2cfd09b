"""What is to become of pictures: all that decides what comes out, apart from the picture itself."""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from rgtsr import film
from rgtsr.errors import UsageError
from rgtsr.jobs import sizes
from rgtsr.pictures import MAX_PIXELS
from rgtsr.upscaler import Report, Upscaler

WEIGHTS = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How large pictures are to be, what is read of their files, and how results are written.

    Without any size it is the network's own. ``quality``: 1..100 of JPEG, WebP, AVIF; ``pyramid``
    is TIFF's; ``codec``, ``crf`` and ``preset`` are films'; the others are those of
    ``pictures.read``.

    Raises:
        UsageError: for numbers that make no sense, or sizes that exclude each other.
    """

    scale: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    long_side_px: int | None = None
    strip: bool = False
    quality: int | None = None
    max_pixels: int = MAX_PIXELS
    page: int | None = None
    salvage: bool = False
    pyramid: bool = False
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None

    def __post_init__(self) -> None:
        _ = self.final_size
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"--quality={self.quality} is out of range: 1 (small) to 100 (best).")
        if self.max_pixels < 1:
            raise UsageError(f"--max-pixels={self.max_pixels} is too small: at least 1.")
        if self.page is not None and self.page < 1:
            raise UsageError(f"--page={self.page} is none: the first page is 1.")

    def enlarge(
        self,
        upscaler: Upscaler,
        source: Path,
        target: Path,
        *,
        on_progress: Callable[[float, int], None],
        on_whole: Callable[[Path, Report], object],
        turn: Callable[[], AbstractContextManager[object]],
        is_still: bool = False,
    ) -> Report:
        """All of it, of a film, an animation or a picture; ``is_still``: of one frame at most.

        The rest as of ``film.enlarge`` and ``Upscaler.upscale_file``.
        """
        is_film = film.is_film(source)
        is_moving = self.page is None and not is_still and film.is_animation(source, target)
        if is_film or is_moving:
            enlarge = film.enlarge if is_film else film.enlarge_animation
            return enlarge(
                upscaler,
                source,
                target,
                self.film,
                on_progress=on_progress,
                on_whole=on_whole,
                turn=turn,
            )
        return upscaler.upscale_file(
            source,
            target,
            final_size=self.final_size,
            strip=self.strip,
            quality=self.quality,
            max_pixels=self.max_pixels,
            page=self.page,
            salvage=self.salvage,
            pyramid=self.pyramid,
            on_progress=on_progress,
            on_whole=on_whole,
            turn=turn(),
        )

    @property
    def film(self) -> film.Order:
        """The same of films."""
        exactly = (self.width_px, self.height_px, self.long_side_px)
        return film.Order(
            asked=film.Asked(self.codec, self.crf, self.preset),
            final_size=self.final_size,
            is_exact=any(each is not None for each in exactly),
            strip=self.strip,
            salvage=self.salvage,
            quality=self.quality,
            max_pixels=self.max_pixels,
        )

    @property
    def final_size(self) -> Callable[[sizes.Size], sizes.Size] | None:
        """From a picture's (height, width) to that of the result; None where nothing was asked."""
        return sizes.final_size(
            scale=self.scale,
            width_px=self.width_px,
            height_px=self.height_px,
            long_side_px=self.long_side_px,
        )

    def mark(
        self, own_scale: int, *, model: str | None, restore: float | Literal["auto"] | None
    ) -> str:
        """What was asked for, as names say it: ``_x2``, ``_800w``, ``_x4_RGT_x4``, ``_x2_p3``.

        So two results of one picture that differ have two names, and none is taken for the other.
        """
        if self.width_px is not None and self.height_px is not None:
            parts = [f"{self.width_px}x{self.height_px}"]
        elif self.width_px is not None:
            parts = [f"{self.width_px}w"]
        elif self.height_px is not None:
            parts = [f"{self.height_px}h"]
        elif self.long_side_px is not None:
            parts = [f"{self.long_side_px}px"]
        else:
            parts = [f"x{self.scale or own_scale:g}"]
        if model not in (None, "auto"):
            parts.append(Path(model).stem if Path(model).suffix in WEIGHTS else model)
        if restore is not None:
            parts.append("restored" if restore == "auto" else f"r{restore:g}")
        if self.page is not None:
            parts.append(f"p{self.page}")
        return "".join(f"_{part}" for part in parts)

    def of(self, target: Path) -> "Wish":
        """The same without what changes nothing for a result of that name: films' own options."""
        if target.suffix.lower() in film.WRITABLE:
            return self
        return replace(self, codec=None, crf=None, preset=None)

    def identity(self, upscaler: Upscaler) -> str:
        """Equal for what gives equal results: this wish, the weights, and how they run.

        ``salvage`` does not count: what is whole comes out the same.
        """
        wish = asdict(replace(self, salvage=False))
        what = json.dumps([wish, upscaler.identity], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()
