"""Enlarged maps lie where they lay: asked of GDAL, through rasterio."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import pyvips
import rasterio
from rasterio.transform import Affine

from pictures.made import photo
from rgtsr.errors import PictureError
from rgtsr.pictures import Picture, directories, read, savers, tiff, write, write_bands

NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.25, 5_400_000)
TURNED = Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_400_000)


def made(path: Path, bands: np.ndarray, **options: object) -> Path:
    """A GeoTIFF of (C, H, W)."""
    about = {"driver": "GTiff", "dtype": bands.dtype, **options}
    about |= dict(zip(("count", "height", "width"), bands.shape, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what lies nowhere
        with rasterio.open(path, "w", **about) as file:
            file.write(bands)
    return path


def mapped(path: Path, transform: Affine, *, point: bool = False, **options: object) -> Path:
    place = {"crs": "EPSG:32632", "transform": transform}
    made(path, photo().transpose(2, 0, 1), nodata=7, photometric="RGB", **place, **options)
    if point:
        with rasterio.open(path, "r+") as file:
            file.update_tags(AREA_OR_POINT="Point")
    return path


def enlarged(source: Path, target: Path, size: tuple[int, int], **options: bool) -> None:
    picture = read(source)
    whole = picture.pixels_HWC.repeat(2, 0).repeat(2, 1)
    notes = write_bands([whole], target, like=picture, size=(80, 120), final_size=size, **options)
    assert [note for note in notes if "cropped" not in note and "no data" not in note] == []


def corners(path: Path) -> list[tuple[float, float]]:
    with warnings.catch_warnings(), rasterio.open(path) as found:
        warnings.simplefilter("ignore")
        return [
            found.transform * (x * found.width, y * found.height) for y in (0, 1) for x in (0, 1)
        ]


@pytest.mark.parametrize("point", [False, True])
@pytest.mark.parametrize("transform", [NORTH_UP, TURNED], ids=["north up", "turned"])
@pytest.mark.parametrize("big", [False, True])
def test_the_corners_stay_and_pixels_are_smaller(
    big: bool, transform: Affine, point: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if big:
        monkeypatch.setattr(savers, "BIG_TIFF_BYTES", 1000)
    source = mapped(tmp_path / "in.tif", transform, point=point, BIGTIFF="YES" if big else "NO")
    for size, options in (((80, 120), {"pyramid": True}), ((100, 150), {})):
        enlarged(source, tmp_path / "out.tif", size, **options)
        assert np.allclose(corners(tmp_path / "out.tif"), corners(source), rtol=0, atol=1e-6)
        with rasterio.open(source) as before, rasterio.open(tmp_path / "out.tif") as after:
            assert after.crs == before.crs
            assert after.nodata == 7
            assert after.tags()["AREA_OR_POINT"] == ("Point" if point else "Area")
            assert after.transform.a == pytest.approx(before.transform.a * 60 / size[1])
    assert (tmp_path / "out.tif").read_bytes()[2] == (43 if big else 42)


def test_what_is_cropped_lies_where_what_is_left_of_it_lay(tmp_path: Path) -> None:
    source = mapped(tmp_path / "in.tif", NORTH_UP)
    enlarged(source, tmp_path / "out.tif", (80, 100))
    (left, top), (right, _), *_ = corners(tmp_path / "out.tif")
    assert (left, right, top) == (500_000 + 10 / 4, 500_000 + 110 / 4, 5_400_000)


def test_other_formats_say_what_they_leave_out(tmp_path: Path) -> None:
    picture = read(mapped(tmp_path / "in.tif", NORTH_UP))
    assert write(picture, tmp_path / "out.png") == (
        "PNG has no place for where it lies on the earth: it was left out.",
    )
    assert write(picture, tmp_path / "out.tif", strip=True) == ()
    assert write(Picture(picture.pixels_HWC), tmp_path / "out.tif") == ()


def test_a_value_of_no_data_is_said_to_be_enlarged(tmp_path: Path) -> None:
    [note] = read(mapped(tmp_path / "in.tif", NORTH_UP)).notes
    assert "no data (7)" in note


@pytest.mark.parametrize(("count", "kind"), [(2, "MINISBLACK"), (4, "RGB"), (4, "MINISBLACK")])
@pytest.mark.parametrize("alpha", ["NO", "UNSPECIFIED", "YES"])
def test_only_what_is_said_to_be_is_transparency(
    count: int, kind: str, alpha: str, tmp_path: Path
) -> None:
    """Infrared is none."""
    bands = np.random.default_rng(0).integers(0, 256, (count, 40, 60), np.uint8)
    place = {"crs": "EPSG:32632", "transform": NORTH_UP}
    path = made(tmp_path / "bands.tif", bands, photometric=kind, alpha=alpha, **place)
    if alpha == "YES" and (count == 2 or kind == "RGB"):
        assert np.array_equal(read(path).alpha_HW, bands[-1])
    else:
        with pytest.raises(PictureError, match=rf"{count} channels"):
            read(path)


def test_without_a_place_it_is_said_to_be_taken_for_transparency(tmp_path: Path) -> None:
    bands = np.full((4, 40, 60), 9, np.uint8)
    picture = read(made(tmp_path / "a.tif", bands, photometric="RGB", alpha="UNSPECIFIED"))
    assert picture.alpha_HW is not None
    assert any("taken for transparency" in note for note in picture.notes)


def test_masks_are_said_to_be_left_out_and_smaller_copies_are_none(tmp_path: Path) -> None:
    path = mapped(tmp_path / "in.tif", NORTH_UP)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4])
    assert not [note for note in read(path).notes if "page" in note]
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(np.eye(40, 60, dtype=np.uint8) * 255)
    notes = read(path).notes
    assert [note for note in notes if "mask" in note and "left out" in note]
    assert not [note for note in notes if "page" in note]


def test_a_smaller_copy_that_comes_first_is_said_to_be_one_of_several(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    pyvips.Image.black(40, 60, bands=3).tiffsave(str(path), page_height=30)
    body = bytearray(path.read_bytes())
    entry = directories.places(body, directories.first(body))[tiff.TAG_KIND]
    body[entry + 8] = tiff.SMALLER_COPY
    path.write_bytes(body)
    assert any("page 1 of 2 was read" in note for note in read(path).notes)
