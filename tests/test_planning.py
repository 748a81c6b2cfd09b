"""How pictures are cut: a pure function of sizes, settings and memory."""

import pytest

from rgtsr import Settings, tiling
from rgtsr.errors import OutOfMemoryError
from rgtsr.upscaler import planning

SIZE = (400, 300)
MIB = 1 << 20


def needed_bytes(plan: tiling.Plan) -> int:
    return plan.tile[0] * plan.tile[1] * 1000


def planned(room_bytes: int, **changes: object) -> tiling.Plan:
    return planning.plan(
        SIZE,
        Settings(**changes),
        needed_bytes=needed_bytes,
        room_bytes=room_bytes,
        held_bytes=100 * MIB,
    )


@pytest.mark.parametrize(
    ("room_mib", "tile"),
    [(1000, (192, 192)), (36, (192, 192)), (35, (160, 128)), (12, (96, 96)), (2, (32, 32))],
)
def test_tiles_are_the_largest_for_which_there_is_room(
    room_mib: int, tile: tuple[int, int]
) -> None:
    assert planned(room_mib * MIB).tile == tile


def test_without_room_for_any_tile_it_is_said_what_would_do() -> None:
    with pytest.raises(OutOfMemoryError, match=r"^101 MiB of .* too little: .* at least 112 MiB"):
        planned(MIB // 2)


def test_what_was_asked_for_holds_whatever_memory_there_is() -> None:
    assert planned(0, whole=True) == tiling.whole(*SIZE)
    asked = tiling.plan(*SIZE, tile_px=64, overlap_px=16)
    assert planned(0, tile_px=64) == asked


def test_an_overlap_is_at_most_half_a_tile() -> None:
    assert planned(0, tile_px=64, overlap_px=60) == tiling.plan(*SIZE, tile_px=64, overlap_px=32)
