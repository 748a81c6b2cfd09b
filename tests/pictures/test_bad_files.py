"""What is missing, damaged or no picture: one line that names the file and the way out."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips

from pictures.made import Save, photo
from rgtsr.errors import PictureError
from rgtsr.pictures import directories, read


def refused(path: Path, **options: int) -> str:
    """The one line that refuses the file."""
    with pytest.raises(PictureError) as caught:
        read(path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def png_header(height: int, width: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_a_missing_file(tmp_path):
    assert "no such file" in refused(tmp_path / "missing.png")


def test_a_folder(tmp_path):
    assert "is a folder" in refused(tmp_path)


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert "is empty" in refused(tmp_path / "empty.jpg")


@pytest.mark.parametrize("content", [b"hello, this is a text", b"8BPS" + bytes(20), b"\x89"])
def test_a_file_that_is_no_picture_we_read(tmp_path, content):
    (tmp_path / "text.png").write_bytes(content)
    assert "convert it to PNG" in refused(tmp_path / "text.png")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_a_file_that_breaks_off(save: Save, suffix, share):
    path = save(photo(300, 400), "whole" + suffix)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path)


def test_a_header_larger_than_the_limit_is_refused_before_memory_is_taken(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_header(30_000, 30_000))
    assert "30000 x 30000 pixels are more than the limit" in refused(tmp_path / "bomb.png")


def test_the_limit_can_be_moved(save: Save):
    path = save(photo(), "photo.png")
    assert "--max-pixels" in refused(path, max_pixels=40 * 60 - 1)
    assert read(path, max_pixels=40 * 60).size == (40, 60)


def test_floating_point_is_refused(tmp_path):
    image = pyvips.Image.new_from_array(np.zeros((4, 4, 3), np.float32), interpretation="srgb")
    image.tiffsave(str(tmp_path / "float.tif"))
    assert "8 or 16 bits" in refused(tmp_path / "float.tif")


def test_five_channels_are_refused(tmp_path):
    image = pyvips.Image.new_from_array(photo(channels=5), interpretation="multiband")
    image.tiffsave(str(tmp_path / "five.tif"))
    assert "5 channels" in refused(tmp_path / "five.tif")


def test_a_camera_raw_file_is_refused_rather_than_its_preview_enlarged(save: Save):
    path = save(photo(), "photo.tif")
    assert "develop it" in refused(path.rename(path.with_suffix(".NEF")))


def test_nothing_is_printed(save: Save, capfd):
    for suffix in (".png", ".jpg", ".tif"):
        path = save(photo(), "half" + suffix)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        refused(path)
    assert capfd.readouterr() == ("", "")


def test_glib_prints_nothing_itself():
    script = (
        "import pyvips; from rgtsr.pictures import vips; vips.prepare();"
        "pyvips.glib_lib.g_log_remove_handler(b'VIPS', 4711); print('lived')"  # there is none
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("lived\n", "")


def test_words_of_a_damaged_file_that_are_no_unicode_do_no_harm(save: Save):
    path = save(photo(), "turned.avif", orientation=6)
    path.write_bytes(path.read_bytes().replace(b"irot", b"iro\xef"))
    assert "iro\ufffd" in refused(path)


def overlapping(count: int) -> bytes:
    """A small TIFF whose EXIF tags, ``count`` of them, all claim the same 150 KB."""
    base = pyvips.Image.new_from_array(photo()).tiffsave_buffer()
    tags = directories.parse(base, directories.first(base))
    body = base.ljust(150_000, b"\0")
    inner = struct.pack("<H", count) + b"".join(
        struct.pack("<HHII", 0x9000 + index, 7, len(body), 0) for index in range(count)
    )
    tags[0x8769] = directories.Value.long(len(body))
    at = len(body) + len(inner) + 4
    moved = directories.laid_out(tags, {}, at)
    return body[:4] + struct.pack("<I", at) + body[8:] + inner + bytes(4) + moved


def test_tags_that_share_their_bytes_are_not_copied_again_and_again(tmp_path):
    (tmp_path / "tags.tif").write_bytes(overlapping(2000))
    picture = read(tmp_path / "tags.tif")
    assert picture.metadata.exif is not None
    assert len(picture.metadata.exif) < 2**20
    (note,) = picture.notes
    assert "1994 EXIF tags were left out" in note
