"""Enlarged maps lie where they lay: asked of GDAL, through rasterio."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from pictures.made import photo
from rgtsr.pictures import Picture, read, savers, write, write_bands

NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.25, 5_400_000)
TURNED = Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_400_000)


def mapped(path: Path, transform: Affine, *, point: bool = False, **options: object) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=60,
        height=40,
        count=3,
        dtype="uint8",
        crs="EPSG:32632",
        transform=transform,
        nodata=7,
        photometric="RGB",
        **options,
    ) as made:
        made.write(photo().transpose(2, 0, 1))
        if point:
            made.update_tags(AREA_OR_POINT="Point")
    return path


def enlarged(source: Path, target: Path, size: tuple[int, int], **options: bool) -> None:
    picture = read(source)
    whole = picture.pixels_HWC.repeat(2, 0).repeat(2, 1)
    notes = write_bands([whole], target, like=picture, size=(80, 120), final_size=size, **options)
    assert [note for note in notes if "cropped" not in note] == []


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
