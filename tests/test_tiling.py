"""Properties of tiles: they hold for every picture, tile and overlap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgtsr import tiling
from rgtsr.tiling import Axis

sides = st.integers(1, 700)
tiles_px = st.integers(16, 300)


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    tile = draw(tiles_px)
    overlap = draw(st.integers(0, tile // 2))
    return tiling.plan(draw(sides), 1, tile_px=tile, overlap_px=overlap).rows


@given(axes(), st.integers(1, 4))
def test_weights_sum_to_one_at_every_pixel(axis: Axis, scale: int) -> None:
    total = np.zeros(axis.length * scale)
    for index, start in enumerate(axis.starts):
        total[start * scale : (start + axis.tile) * scale] += axis.weights(index, scale)
    assert np.abs(total - 1).max() <= 1e-6


@given(axes(), st.integers(1, 4))
def test_no_weight_is_negative_or_above_one(axis: Axis, scale: int) -> None:
    for index in range(len(axis.starts)):
        weights = axis.weights(index, scale)
        assert weights.min() >= 0 and weights.max() <= 1


@given(axes())
def test_tiles_cover_the_axis_and_stay_inside(axis: Axis) -> None:
    assert axis.starts[0] == 0
    assert axis.starts[-1] + axis.tile == axis.length
    assert list(axis.starts) == sorted(set(axis.starts))


@given(sides, tiles_px, st.data())
def test_neighbours_overlap_by_what_was_asked_for(
    length: int, tile: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, tile // 2))
    axis = tiling.plan(1, length, tile_px=tile, overlap_px=overlap).columns
    for before, after in zip(axis.starts, axis.starts[1:], strict=False):
        assert before + axis.tile - after >= overlap


@given(axes())
def test_what_is_finished_is_touched_by_no_later_tile(axis: Axis) -> None:
    previous = 0
    for index in range(len(axis.starts)):
        finished = axis.finished(index)
        assert previous < finished <= axis.length
        for later in range(index + 1, len(axis.starts)):
            weights = axis.weights(later, 1)
            assert not weights[: max(0, finished - axis.starts[later])].any()
        previous = finished
    assert previous == axis.length


@given(axes())
def test_a_finished_row_leaves_at_most_one_tile_open(axis: Axis) -> None:
    for index, start in enumerate(axis.starts):
        assert start + axis.tile - axis.finished(index) <= axis.tile


@given(sides, sides, tiles_px)
def test_all_tiles_of_a_picture_have_one_shape_below_the_limit(
    height: int, width: int, tile: int
) -> None:
    plan = tiling.plan(height, width, tile_px=tile, overlap_px=tile // 4)
    assert plan.tile == (min(height, tile), min(width, tile))
    assert max(plan.tile) < tiling.TILE_LIMIT_PX
    assert plan.count == len(plan.rows.starts) * len(plan.columns.starts)


def test_a_whole_picture_is_one_tile_of_any_size() -> None:
    plan = tiling.whole(3000, 20)
    assert (plan.tile, plan.count) == ((3000, 20), 1)


@pytest.mark.parametrize(
    ("tile", "overlap", "words"),
    [
        (10, 0, "tile_px=10 is too small: this network needs at least 16"),
        (1024, 16, "tile_px=1024 is too large"),
        (64, -1, "overlap_px=-1"),
        (64, 33, "overlap_px=33"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(tile: int, overlap: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tiling.plan(100, 100, tile_px=tile, overlap_px=overlap)


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(ValueError, match="0 pixels"):
        tiling.plan(0, 10, tile_px=64, overlap_px=8)
