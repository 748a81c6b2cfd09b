"""What a JPEG's head says, in files of libjpeg by libvips and by Pillow."""

import io
import struct

import numpy as np
import pytest
import pyvips
from PIL import Image

from rgtsr.pictures import jpeg


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


@pytest.mark.parametrize("quality", [5, 30, 50, 75, 92, 95])
def test_quality_is_what_it_was_saved_with(quality: int) -> None:
    ours = pyvips.Image.new_from_array(noise()).jpegsave_buffer(Q=quality)
    theirs = io.BytesIO()
    Image.fromarray(noise()).save(theirs, "JPEG", quality=quality)
    for body in (ours, theirs.getvalue()):
        found = jpeg.compression(io.BytesIO(body))
        assert found is not None
        assert found.quality == pytest.approx(quality, abs=1)


@pytest.mark.parametrize(
    ("subsampling", "halved"), [(0, (False, False)), (1, (False, True)), (2, (True, True))]
)
def test_halved_colours_are_told(subsampling: int, halved: tuple[bool, bool]) -> None:
    body = io.BytesIO()
    Image.fromarray(noise()).save(body, "JPEG", quality=90, subsampling=subsampling)
    found = jpeg.compression(body)
    assert found is not None
    assert found.halved == halved


def test_grey_and_16_bit_tables_are_read() -> None:
    body = pyvips.Image.new_from_array(noise()[..., 0]).jpegsave_buffer(Q=75)
    found = jpeg.compression(io.BytesIO(body))
    assert found is not None
    assert found.halved == (False, False)
    at = body.index(b"\xff\xdb")
    deep = b"\x10" + struct.pack(">64H", *body[at + 5 : at + 69])
    changed = body[:at] + b"\xff\xdb" + struct.pack(">H", 2 + len(deep)) + deep + body[at + 69 :]
    assert jpeg.compression(io.BytesIO(changed)) == found


def test_a_head_that_breaks_off_says_nothing_and_no_more() -> None:
    body = pyvips.Image.new_from_array(noise()).jpegsave_buffer(Q=75)
    frame = body.index(b"\xff\xc0")
    for end in (*range(frame), frame + 5):
        assert jpeg.compression(io.BytesIO(body[:end])) is None
