"""What photos have been through, found in the real photos of demo/ and in spoilt ones."""

from fractions import Fraction
from pathlib import Path

import pytest

from rgtsr import pictures
from rgtsr.pictures import Picture
from rgtsr.pictures.wear import wear
from training import faults

DEMO = sorted((Path(__file__).parents[2] / "demo").glob("*.png"))


@pytest.mark.parametrize("path", DEMO, ids=[path.stem for path in DEMO])
def test_a_photo_that_was_enlarged_before_is_told_from_the_same_one_as_taken(path: Path) -> None:
    photo = pictures.read(path)
    assert not wear(photo).enlarged
    assert "enlarged" not in str(wear(photo))
    larger = faults.enlarged(photo.pixels_HWC, Fraction(3, 2))
    found = wear(Picture.from_array(larger))
    assert found.enlarged
    assert str(found).endswith(", looks enlarged before")
