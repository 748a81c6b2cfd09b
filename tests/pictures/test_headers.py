"""A file's size from its header is that of the picture."""

from pathlib import Path

import numpy as np
import pytest
import pyvips

from rgtsr import pictures
from rgtsr.errors import PictureError, UndecodedError
from rgtsr.pictures import Picture, formats, headers, vips


@pytest.mark.parametrize("suffix", [form.suffixes[0] for form in formats.WRITABLE])
def test_the_size_is_that_of_the_picture(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    pictures.write(Picture.from_array(np.zeros((24, 40, 3), np.uint8)), path)
    assert headers.size(path) == headers.size(path, page=1) == pictures.read(path).size == (24, 40)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_photo_is_upright(orientation: int, tmp_path: Path) -> None:
    image = pyvips.Image.black(40, 24).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    image.write_to_file(str(tmp_path / "a.jpg"))
    assert headers.size(tmp_path / "a.jpg") == pictures.read(tmp_path / "a.jpg").size


def test_a_bitmap_has_a_size_too(tmp_path: Path) -> None:
    body = b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
    body += (3).to_bytes(4, "little") + (2).to_bytes(4, "little") + b"\1\0\x18\0" + bytes(24 + 24)
    (tmp_path / "a.bmp").write_bytes(body)
    assert headers.size(tmp_path / "a.bmp") == pictures.read(tmp_path / "a.bmp").size == (2, 3)


@pytest.mark.parametrize("body", [b"", b"no picture", b"BM" + bytes(40), b"\x89PNG\r\n\x1a\n"])
def test_what_has_no_header_is_refused(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(body)
    with pytest.raises(PictureError, match=r"a\.png"):
        headers.size(tmp_path / "a.png")


def test_what_has_no_decoder_is_said_so(tmp_path: Path) -> None:
    if vips.can(formats.JXL.loader or ""):
        pytest.skip("this libvips reads JPEG XL, the format without a decoder of this test")
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(40))
    with pytest.raises(UndecodedError, match="no decoder of JPEG XL"):
        headers.size(tmp_path / "a.jxl")
