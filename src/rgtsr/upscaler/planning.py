"""How a picture is cut: by what was asked for and by what there is of memory. Knows no runtime."""

from collections.abc import Callable
from dataclasses import dataclass

from rgtsr import tiling
from rgtsr.errors import OutOfMemoryError
from rgtsr.runtimes import memory

TILE_PX = 192
TILES_PX = (TILE_PX, 160, 128, 96, 64, 48, 32)  # what memory may leave of it
OVERLAP_PX = 16


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures are cut and run.

    ``tile_px`` and ``overlap_px`` are input pixels; without ``tile_px`` it is 192, or what fits
    into memory. ``whole`` runs the picture as one tile. ``ensemble`` averages over the 8 flips and
    turns, at 8 times the cost. ``max_memory_bytes`` bounds what the process takes, to within 15 %.
    Source of the ensemble: EDSR (Lim et al., 2017), section 3.4.
    """

    tile_px: int | None = None
    overlap_px: int = OVERLAP_PX
    whole: bool = False
    ensemble: bool = False
    max_memory_bytes: int | None = None


def plan(
    size: tuple[int, int],
    settings: Settings,
    *,
    needed_bytes: Callable[[tiling.Plan], int],
    room_bytes: int,
    held_bytes: int,
) -> tiling.Plan:
    """The tiles of a picture of that (height, width): the largest for which there is room.

    ``needed_bytes``: what a plan takes beyond the ``held_bytes`` that the process has already.

    Raises:
        OutOfMemoryError: when there is not room for any tile; it says how much would be.
    """
    if settings.whole:
        return tiling.whole(*size)
    if settings.tile_px is not None:
        return tiled(size, settings, settings.tile_px)
    needed = 0
    for tile_px in TILES_PX:
        possible = tiled(size, settings, tile_px)
        needed = needed_bytes(possible)
        if needed <= room_bytes:
            return possible
    there = memory.in_words(held_bytes + int(memory.MARGIN * room_bytes))
    least = memory.least(needed, held_bytes)
    raise OutOfMemoryError(f"{there} of memory are too little: this takes at least {least}.")


def tiled(
    size: tuple[int, int],
    settings: Settings,
    tile_px: int,
    *,
    margin_px: int = tiling.MARGIN_PX,
) -> tiling.Plan:
    """Tiles of that side, overlapping as asked for, by half a tile at most."""
    overlap_px = min(settings.overlap_px, tile_px // 2)
    return tiling.plan(*size, tile_px=tile_px, overlap_px=overlap_px, margin_px=margin_px)
