"""What is told of worn pictures: measured on photos of its own, and of the shipped weights."""

import json
from pathlib import Path

import numpy as np
import pytest

import cells
import contact_sheet
import peers
import restore
import worn
from rgtsr import pictures, weights
from rgtsr.upscaler import restoring

DEMO = Path(__file__).parents[2] / "demo"
NAME = "swift-x2"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for photo in DEMO.glob("*.png"):
        (folder / photo.name).symlink_to(photo)
    return folder


def test_nothing_is_scored_on_the_photos_of_the_fit(photos: Path) -> None:
    names = [
        {crop.photo for crop in worn.crops(photos, 2, which, 9)}
        for which in (worn.FITTED, worn.SCORED)
    ]
    assert [len(each) for each in names] == [2, 2]
    assert not names[0] & names[1]


@pytest.mark.parametrize("damage", cells.DAMAGES, ids=str)
def test_a_crop_is_worn_alike_each_time_and_small(photos: Path, damage: worn.Damage | str) -> None:
    crop = next(worn.crops(photos, 2, worn.SCORED, 1))
    one, other = (worn.picture(crop, 2, damage) for _ in range(2))
    assert np.array_equal(one.pixels_HWC, other.pixels_HWC)
    assert one.size == (128, 128)
    quality = damage.quality if isinstance(damage, worn.Damage) else None
    assert (one.compression is None) == (quality is None)


def test_every_way_is_scored(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "DAMAGES", (worn.Damage(0, 50),))
    report = cells.measured(NAME, photos, 1)
    (row,) = report["cells"].values()
    assert all(20 < row[way][0] < 50 and 0.3 < row[way][1] < 1 for way in cells.WAYS)
    assert row["share"] in restoring.SHARES
    assert report["sha256"].keys() == {NAME, f"{NAME}-photo"}


def test_the_choice_is_fitted_from_what_was_measured(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "NOISES", (0,))
    monkeypatch.setattr(restore, "QUALITIES", (None, 30))
    rows = restore.measured(NAME, photos, 1)
    assert [row["coarseness"] > 1 for row in rows] == [False, True]
    share = restore.fitted(rows)["share"]
    assert share[0][0] == 0 < share[-1][-1]


def test_a_sheet_shows_each_way_beside_the_truth() -> None:
    crop = contact_sheet.around(f"{DEMO / 'demo-pagoda.png'}:0,999", 256)
    photo = pictures.read(DEMO / "demo-pagoda.png").pixels_HWC
    assert np.array_equal(crop.truth_HWC, photo[:256, -256:])
    row, _ = contact_sheet.details(NAME, crop, worn.Damage(0, 75), 64)
    assert row.shape == (64, 5 * (64 + contact_sheet.GAP_PX), 3)
    assert np.array_equal(row[:, -64 - 4 : -4], crop.truth_HWC[96:160, 96:160])


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(SystemExit, match=r"peers.py needs no-such-thing: .*"):
        peers.package("no_such_thing")


@pytest.mark.parametrize("kind", ["cells", "peers", "restore"])
def test_results_for_worn_pictures_are_those_of_the_shipped_weights(kind: str) -> None:
    files = sorted(cells.RESULTS.glob(f"{kind}-*.json"))
    assert files
    for file in files:
        report = json.loads(file.read_text())
        name = file.stem.removeprefix(f"{kind}-")
        assert report["sha256"] == worn.digests(name), file.name
        if kind == "cells":
            assert report["table"] == restoring.tables()[name], file.name
        if kind == "restore":
            fitted = json.loads(json.dumps(restore.fitted(report["rows"])))
            assert fitted == restoring.tables()[name], file.name
    assert {f"{kind}-{name}.json" for name in restoring.tables()} <= {file.name for file in files}
    assert all(weights.photo_sibling(name) for name in restoring.tables())
