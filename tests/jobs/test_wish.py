"""What results are called."""

from typing import Any

import pytest

from rgtsr.jobs import Wish


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "_x2"),
        ({"width_px": 800}, "_800w"),
        ({"height_px": 600}, "_600h"),
        ({"width_px": 800, "height_px": 600}, "_800x600"),
        ({"long_side_px": 6000}, "_6000px"),
        ({"model": "auto"}, "_x2"),
        ({"model": "small-x2-photo"}, "_x2_small-x2-photo"),
        ({"model": "small-x2", "restore": "auto"}, "_x2_small-x2_restored"),
        ({"model": "weights/RGT_x2.pth", "restore": 0.5, "page": 3}, "_x2_RGT_x2_r0.5_p3"),
    ],
)
def test_what_was_asked_for_stands_in_the_name(asked: dict[str, Any], expected: str) -> None:
    chosen = {"model": None, "restore": None}
    chosen |= {name: asked.pop(name) for name in chosen if name in asked}
    assert Wish(**asked).mark(2, **chosen) == expected
