"""Results beyond what ordinary files hold: BigTIFF in tiles, pyramids, Deep Zoom; and room."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import pyvips

from pictures.made import XMP, photo
from rgtsr import atomic
from rgtsr.errors import PictureError, UsageError
from rgtsr.pictures import Metadata, Picture, disk, exif, read, savers, write, write_bands

PICTURE = Picture.from_array(photo(600, 700))


def fields(path: Path) -> dict[str, object]:
    image = pyvips.Image.new_from_file(str(path))
    return {name: image.get(name) for name in image.get_fields()}


def block() -> bytes:
    """EXIF that has something to say."""
    tags = {0x010F: exif.directories.Value(2, 7, b"Camera\0")}
    return b"Exif\0\0II*\0\x08\0\0\0" + exif.directories.laid_out(tags, {}, 8)


@pytest.mark.parametrize("pyramid", [False, True])
def test_a_large_tiff_is_a_big_one_in_tiles_and_keeps_its_exif(
    pyramid: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(savers, "BIG_TIFF_BYTES", 10**6)
    path, metadata = tmp_path / "a.tif", Metadata(exif=block())
    [*notes] = write_bands(
        [PICTURE.to_array()],
        path,
        like=Picture(PICTURE.pixels_HWC, metadata=metadata),
        size=PICTURE.size,
        pyramid=pyramid,
    )
    found = read(path)
    assert notes == []
    assert path.read_bytes()[:4] == b"II+\0"
    assert fields(path)["tile-width"] == savers.TIFF_TILE_PX
    assert np.array_equal(found.pixels_HWC, PICTURE.pixels_HWC)
    assert found.metadata.exif is not None
    assert b"Camera" in found.metadata.exif
    assert fields(path).get("n-pages", 1) == (3 if pyramid else 1)


def test_a_pyramid_keeps_its_smaller_copies_behind_what_is_added(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    like = Picture(PICTURE.pixels_HWC, metadata=Metadata(exif=block()))
    write_bands([PICTURE.to_array()], path, like=like, size=PICTURE.size, pyramid=True)
    assert path.read_bytes()[:4] == b"II*\0"
    assert [read(path, page=page).size for page in (1, 2, 3)] == [
        (600, 700),
        (300, 350),
        (150, 175),
    ]
    with pytest.raises(UsageError, match=r"a pyramid is TIFF's: use \.tif"):
        write_bands([], tmp_path / "a.png", like=like, size=PICTURE.size, pyramid=True)


def test_deep_zoom_is_a_file_and_its_folder_and_replaces_what_was_there(tmp_path: Path) -> None:
    for shade in (50, 200):
        write(Picture.from_array(np.full((700, 600, 3), shade, np.uint8)), tmp_path / "a.dzi")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dzi", "a_files"]
        assert 'Width="600"' in (tmp_path / "a.dzi").read_text()
        tiles = sorted(path.name for path in (tmp_path / "a_files" / "10").iterdir())
        assert tiles == ["0_0.jpg", "0_1.jpg", "1_0.jpg", "1_1.jpg"]
        tile = read(tmp_path / "a_files" / "10" / "1_1.jpg")
        assert abs(int(tile.pixels_HWC[50, 50, 0]) - shade) < 3


def test_a_folder_that_is_no_pictures_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a_files").mkdir()
    with pytest.raises(PictureError, match="a_files: is there already"):
        write(PICTURE, tmp_path / "a.dzi")
    assert [path.name for path in tmp_path.iterdir()] == ["a_files"]


def test_the_tiles_of_a_killed_process_are_swept(tmp_path: Path) -> None:
    left = tmp_path / f"{atomic.HIDDEN}{atomic.this_machine()}-{10**9 - 1}-02_files"
    (left / "0").mkdir(parents=True)
    atomic.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_a_format_cannot_hold_names_those_that_can(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"at most 65500 .* use \.png, \.tif or \.dzi"):
        write_bands([], tmp_path / "a.jpg", like=PICTURE, size=(10, 70_000))


def test_where_the_disk_has_no_room_it_is_said_before_work_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bands():
        raise AssertionError("work has begun")
        yield

    monkeypatch.setattr(disk, "SMALLEST_BYTES", 0)
    free = shutil.disk_usage(tmp_path).free
    side = int((free / 4) ** 0.5)
    words = r"a\.tif: .* GB for its samples on their way and .* GB for the result are needed"
    with pytest.raises(PictureError, match=words):
        write_bands(bands(), tmp_path / "a.tif", like=PICTURE, size=(side, side))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("xmp", [None, XMP])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif"])
def test_what_made_the_picture_is_noted_in_its_xmp_once(
    suffix: str, xmp: bytes | None, tmp_path: Path
) -> None:
    picture = Picture(photo(), metadata=Metadata(xmp=xmp))
    for tile in ("64 x 64", "192 x 192"):
        write_bands(
            [picture.to_array()],
            tmp_path / f"a{suffix}",
            like=picture,
            size=picture.size,
            facts=lambda tile=tile: {"Tile": tile, "Models": 'a "b"'},
        )
        picture = Picture(photo(), metadata=read(tmp_path / f"a{suffix}").metadata)
    found = picture.metadata.xmp or b""
    assert found.count(b"rgtsr:Tile") == 1
    assert b'rgtsr:Tile="192 x 192"' in found
    assert b"""rgtsr:Models='a "b"'""" in found
    assert (b"tiff:ImageWidth" in found) == (xmp is not None)
    write_bands([photo()], tmp_path / "b.png", like=picture, size=picture.size, strip=True)
    assert read(tmp_path / "b.png").metadata.xmp is None
