"""How large a picture is to become."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rgtsr.errors import PictureError
from rgtsr.jobs.sizes import final_size
from rgtsr.pictures.encoding import is_cropped

sides = st.integers(1, 5000)


def test_a_factor_is_rounded_half_up() -> None:
    rule = final_size(scale=2.5)
    assert rule is not None
    assert rule((101, 33)) == (253, 83)


def test_width_and_height_together_are_exact_and_cropped() -> None:
    rule = final_size(width_px=300, height_px=200)
    assert rule is not None
    assert rule((100, 100)) == (200, 300)
    assert is_cropped((100, 100), (200, 300))


@given(height=sides, width=sides, long_side=st.integers(1, 5000))
def test_the_long_side_is_exact_and_the_shape_stays(
    height: int, width: int, long_side: int
) -> None:
    long = min(long_side, 16 * max(height, width))
    rule = final_size(long_side_px=long)
    assert rule is not None
    try:
        after = rule((height, width))
    except PictureError:  # a side that must not vanish would have to grow too much
        assert min(height, width) * 32 < max(height, width)
        return
    assert max(after) == long
    assert not is_cropped((height, width), after)


@given(height=sides, width=sides, wide=st.integers(1, 5000))
def test_the_width_is_exact(height: int, width: int, wide: int) -> None:
    rule = final_size(width_px=min(wide, 16 * width))
    assert rule is not None
    assert rule((height, width))[1] == min(wide, 16 * width)


def test_ways_to_ask_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="--scale and --width exclude each other"):
        final_size(scale=2, width_px=100)
    with pytest.raises(ValueError, match="--height and --long-side exclude each other"):
        final_size(height_px=10, long_side_px=100)


def test_more_than_sixteen_times_is_refused() -> None:
    rule = final_size(width_px=2000)
    assert rule is not None
    with pytest.raises(PictureError, match="more than 16 times"):
        rule((100, 100))
    with pytest.raises(ValueError, match="out of range: 1 to 16"):
        final_size(scale=17)
