"""Tiles: every pixel covered, weights that sum to 1, one shape, nothing too large."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rgtsr import tiling
from rgtsr.tiling import Axis, Plan
from rgtsr.variants import recursions

SIDES = st.integers(1, 3000)
SCALES = st.sampled_from([1, 2, 3, 4])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans of every kind: pictures below, at and far above the tile, overlaps up to half of it."""
    tile_px = draw(st.one_of(st.integers(16, 80), st.integers(16, 1023)))
    overlap_px = draw(st.integers(0, tile_px // 2))
    margin_px = draw(st.sampled_from([0, tiling.MARGIN_PX]))
    height, width = draw(SIDES), draw(SIDES)
    return tiling.plan(height, width, tile_px=tile_px, overlap_px=overlap_px, margin_px=margin_px)


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    """One axis of a plan."""
    return draw(plans()).rows


def total(axis: Axis, scale: int) -> NDArray[np.float32]:
    """The sum of all tiles' weights along an axis."""
    result = np.zeros(axis.length * scale, np.float32)
    for index in range(len(axis.starts)):
        start, stop = axis.inside(index)
        result[start * scale : stop * scale] += axis.weights(index, scale)
    return result


@given(axes(), SCALES)
def test_weights_sum_to_one_at_every_pixel(axis: Axis, scale: int) -> None:
    assert np.abs(total(axis, scale) - 1).max() <= 1e-6


@given(axes(), SCALES)
def test_no_weight_is_negative_or_above_one(axis: Axis, scale: int) -> None:
    weights = np.concatenate([axis.weights(i, scale) for i in range(len(axis.starts))])
    assert weights.min() >= 0
    assert weights.max() <= 1


@given(st.integers(1, 90), st.integers(1, 90), SCALES)
def test_the_weights_of_both_sides_together_sum_to_one(height: int, width: int, scale: int) -> None:
    plan = tiling.plan(height, width, tile_px=24, overlap_px=9)
    result = np.zeros((height * scale, width * scale), np.float32)
    for i in range(len(plan.rows.starts)):
        for j in range(len(plan.columns.starts)):
            part = np.outer(plan.rows.weights(i, scale), plan.columns.weights(j, scale))
            (top, bottom), (left, right) = plan.rows.inside(i), plan.columns.inside(j)
            result[top * scale : bottom * scale, left * scale : right * scale] += part
    assert np.abs(result - 1).max() <= 1e-6


@given(SIDES, st.integers(16, 300), st.integers(0, 40))
def test_tiles_cover_the_picture_and_a_margin_around_it(
    length: int, tile_px: int, margin_px: int
) -> None:
    axis = tiling.plan(length, 1, tile_px=tile_px, overlap_px=0, margin_px=margin_px).rows
    margin_px = min(margin_px, tile_px // 4)
    assert axis.starts[0] == -margin_px
    assert axis.starts[-1] + axis.tile >= length + margin_px


@given(axes())
def test_what_lies_in_the_picture_is_itself_and_the_rest_is_mirrored(axis: Axis) -> None:
    for index, start in enumerate(axis.starts[:3]):
        samples = axis.samples(index)
        first, last = axis.inside(index)
        assert (samples[axis.part(index, 1)] == np.arange(first, last)).all()
        for place in range(-start):  # before the picture: pixel -1 is pixel 0 again, and so on
            if place < axis.length:
                assert samples[-start - 1 - place] == place


@given(plans())
def test_every_pixel_is_covered(plan: Plan) -> None:
    for axis in (plan.rows, plan.columns):
        assert all(before < after <= before + axis.tile for before, after in pairwise(axis.starts))


@given(SIDES, SIDES, st.integers(16, 300), st.data())
def test_neighbours_overlap_by_at_least_what_was_asked(
    height: int, width: int, tile_px: int, data: st.DataObject
) -> None:
    overlap_px = data.draw(st.integers(0, tile_px // 2))
    plan = tiling.plan(height, width, tile_px=tile_px, overlap_px=overlap_px)
    for axis in (plan.rows, plan.columns):
        for before, after in pairwise(axis.starts):
            assert before + axis.tile - after >= overlap_px


@given(axes())
def test_tiles_are_evenly_spread(axis: Axis) -> None:
    steps = [after - before for before, after in pairwise(axis.starts)] or [0]
    assert max(steps) - min(steps) <= 1


@given(SIDES, st.integers(16, 500))
def test_there_is_no_tile_more_than_is_needed(length: int, tile_px: int) -> None:
    overlap_px = tile_px // 8
    margins = {"overlap_px": overlap_px, "margin_px": 0}
    axis = tiling.plan(length, length, tile_px=tile_px, **margins).rows
    one_less = len(axis.starts) - 1
    assert one_less == 0 or one_less * (tile_px - overlap_px) + overlap_px < length


@given(SIDES, SIDES, st.integers(16, 1023))
def test_tiles_have_one_of_a_few_shapes(height: int, width: int, tile_px: int) -> None:
    plan = tiling.plan(height, width, tile_px=tile_px, overlap_px=tile_px // 4)
    assert plan.count == len(plan.rows.starts) * len(plan.columns.starts)
    for side in plan.tile:
        assert side == tile_px or (side < tile_px and side in tiling.SIDES_PX)


@given(plans())
def test_every_tile_is_one_that_the_network_was_trained_for(plan: Plan) -> None:
    assert max(plan.tile) < tiling.TILE_LIMIT_PX
    assert recursions(*plan.tile) == 2


def test_at_the_limit_the_network_would_recurse_deeper() -> None:
    assert recursions(tiling.TILE_LIMIT_PX, 16) == 3


@given(axes())
def test_what_is_finished_grows_to_the_whole_length(axis: Axis) -> None:
    finished = [axis.finished(index) for index in range(len(axis.starts))]
    assert all(before < after for before, after in pairwise([0, *finished]))
    assert finished[-1] == axis.length


@given(axes(), SCALES)
def test_no_later_tile_changes_what_is_finished(axis: Axis, scale: int) -> None:
    for index in range(len(axis.starts)):
        for later in range(index + 1, min(index + 4, len(axis.starts))):
            untouched = (axis.finished(index) - axis.inside(later)[0]) * scale
            assert not axis.weights(later, scale)[: max(0, untouched)].any()


@given(axes())
def test_what_waits_for_the_next_row_is_less_than_one_tile(axis: Axis) -> None:
    for index, later in enumerate(axis.starts[1:]):
        assert axis.finished(index) >= min(later, axis.length)
        assert axis.starts[index] + axis.tile - axis.finished(index) < axis.tile


@given(axes(), SCALES)
@example(tiling.plan(25, 25, tile_px=16, overlap_px=8).rows, 2)
@settings(max_examples=300)
def test_at_most_two_tiles_make_a_pixel_of_an_axis(axis: Axis, scale: int) -> None:
    makers = np.zeros(axis.length * scale, int)
    for index in range(len(axis.starts)):
        start, stop = axis.inside(index)
        makers[start * scale : stop * scale] += axis.weights(index, scale) > 0
    assert makers.max() <= 2


def test_a_side_below_the_tile_is_one_tile_with_a_margin() -> None:
    plan = tiling.plan(100, 500, tile_px=192, overlap_px=16)
    assert plan.tile == (128, 192)
    assert plan.rows.starts == (-8,)


def test_tiles_are_no_larger_than_their_number_asks_for() -> None:
    axis = tiling.plan(1, 193, tile_px=192, overlap_px=16).columns
    assert (axis.starts, axis.tile) == ((-8, 73), 128)


def test_a_row_of_three_tiles_is_what_it_is_by_hand() -> None:
    # steps of 12 over 40 pixels; neighbours share 4 pixels, and fade in all of them
    axis = tiling.plan(16, 40, tile_px=16, overlap_px=4, margin_px=0).columns
    assert axis == Axis(40, 16, (0, 12, 24), ((12, 16), (24, 28)))
    rise = [1 / 8, 3 / 8, 5 / 8, 7 / 8]
    assert axis.weights(1, 1).tolist() == [*rise, *[1] * 8, *rise[::-1]]
    assert axis.finished(0) == 12


def test_the_fade_lies_in_the_middle_of_a_long_overlap() -> None:
    axis = tiling.plan(16, 20, tile_px=16, overlap_px=4, margin_px=0).columns
    assert axis.starts == (0, 4)
    assert axis.fades == ((8, 12),)


def test_without_overlap_tiles_meet_at_a_step() -> None:
    axis = tiling.plan(16, 32, tile_px=16, overlap_px=0, margin_px=0).columns
    assert axis.weights(0, 2).tolist() == [1] * 32
    assert axis.weights(1, 2).tolist() == [1] * 32


@given(st.integers(1, 5000), st.integers(1, 5000), SCALES)
def test_the_whole_picture_is_one_tile_of_full_weight(height: int, width: int, scale: int) -> None:
    plan = tiling.whole(height, width)
    assert plan.tile == (height, width)
    assert plan.count == 1
    assert (plan.rows.weights(0, scale) == 1).all()


@pytest.mark.parametrize(
    ("tile_px", "overlap_px", "words"),
    [
        (10, 0, "tile_px=10 is too small: this network needs at least 16."),
        (1024, 16, "tile_px=1024 is too large: from 1024 on the network recurses deeper"),
        (64, -1, r"overlap_px=-1 must lie in 0..32, half a tile."),
        (64, 33, r"overlap_px=33 must lie in 0..32, half a tile."),
    ],
)
def test_a_plan_that_cannot_be_is_refused(tile_px: int, overlap_px: int, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}"):
        tiling.plan(100, 100, tile_px=tile_px, overlap_px=overlap_px)


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a side of 0 pixels"):
        tiling.plan(0, 100, tile_px=64, overlap_px=16)
