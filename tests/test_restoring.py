"""What a picture has been through decides how far it is restored; with the packaged weights."""

from pathlib import Path

import numpy as np
import pytest
import pyvips

from fakes import Repeating
from rgtsr import Picture, Upscaler, pictures, weights
from rgtsr.errors import UsageError
from rgtsr.pictures.jpeg import Compression
from rgtsr.pictures.wear import Wear, wear
from rgtsr.upscaler import restoring
from rgtsr.upscaler.family import MOST_NETWORKS

DEMO = Path(__file__).parents[1] / "demo/demo-brushes.png"
NAME = weights.DEFAULT_NAME


@pytest.fixture(scope="module")
def truth() -> Picture:
    return Picture.from_array(pictures.read(DEMO).pixels_HWC[100:196, 100:228])


def saved(picture: Picture, path: Path, quality: int) -> Path:
    image = pyvips.Image.new_from_array(picture.pixels_HWC)
    image.jpegsave(str(path), Q=quality, subsample_mode="on")
    return path


def test_a_jpeg_is_known_by_its_head_and_by_its_blocks(truth: Picture, tmp_path: Path) -> None:
    assert wear(truth).compression is None
    jpeg = pictures.read(saved(truth, tmp_path / "a.jpg", 30))
    found = wear(jpeg)
    assert found.compression is not None
    assert found.compression.quality == pytest.approx(30, abs=1)
    assert str(found).startswith("JPEG of quality 30, noise ")
    pictures.write(jpeg, tmp_path / "a.png")
    assert wear(pictures.read(tmp_path / "a.png")).compression is not None


def test_16_bit_noise_is_measured_in_steps_of_8() -> None:
    rng = np.random.default_rng(0)
    floats = np.clip(0.5 + 5 / 255 * rng.standard_normal((200, 200, 1)), 0, 1)
    deep = Picture.from_array((floats * 65535).astype(np.uint16))
    assert wear(deep).noise == pytest.approx(5, rel=0.1)


def test_the_default_restores_a_poor_jpeg_and_leaves_what_is_clean(
    truth: Picture, tmp_path: Path
) -> None:
    pictures.write(truth, tmp_path / "clean.png")
    saved(truth, tmp_path / "poor.jpg", 30)
    with Upscaler() as upscaler, Upscaler(NAME) as plain:
        clean = upscaler.upscale_file(tmp_path / "clean.png", tmp_path / "clean_x2.png")
        poor = upscaler.upscale_file(tmp_path / "poor.jpg", tmp_path / "poor_x2.png")
        fixed = plain.upscale_file(tmp_path / "poor.jpg", tmp_path / "fixed_x2.png")
    assert clean.restored == 0
    assert poor.restored > 0
    assert fixed.restored == 0
    shares = {name: pictures.read(tmp_path / f"{name}_x2.png") for name in ("poor", "fixed")}
    assert not np.array_equal(shares["poor"].pixels_HWC, shares["fixed"].pixels_HWC)


def test_a_share_is_the_network_on_the_line_between(truth: Picture) -> None:
    clean, worn = weights.load(NAME), weights.load(f"{NAME}-photo")
    mixed = weights.mixed(clean, worn, 0.5)
    with Upscaler(NAME, restore=0.5) as upscaler, Upscaler(mixed) as between:
        both = [each.upscale(truth).pixels_HWC for each in (upscaler, between)]
    assert np.array_equal(*both)


def test_no_more_networks_than_a_few_stay_compiled(truth: Picture) -> None:
    with Upscaler() as upscaler:
        for share in restoring.SHARES:
            upscaler._family.engine(2, share)
            assert len(upscaler._family._engines) <= MOST_NETWORKS
    with pytest.raises(ValueError, match="closed"):
        upscaler.upscale(truth)


def test_what_cannot_be_restored_is_said() -> None:
    with pytest.raises(UsageError, match="open runtime cannot restore"):
        Upscaler(NAME, restore=0.5, runtime=Repeating())
    with Upscaler(runtime=Repeating()) as upscaler:
        assert not upscaler.restores
    with pytest.raises(UsageError, match="0 to 1"):
        Upscaler(NAME, restore=1.5)
    with pytest.raises(UsageError, match="restores by itself"):
        Upscaler(f"{NAME}-photo", restore=0.5)
    with pytest.raises(UsageError, match="has no weights that restore"):
        Upscaler(weights.random(weights.load(NAME).variant), restore=0.5)


def test_more_wear_never_asks_for_less() -> None:
    for name in restoring.tables():
        for noise in (0.0, 1.0, 3.0, 9.0, 30.0):
            shares = [
                restoring.asked_for(Wear(Compression(coarseness), noise), name)
                for coarseness in (0, 0.1, 0.2, 0.5, 1, 2, 9)
            ]
            assert shares == sorted(shares)
    assert restoring.asked_for(Wear(Compression(9), 30), "unheard of") == 0


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.3, 5.0), (99.0, 99.0)])
def test_the_cells_around_a_place_are_parts_of_one(place: tuple[float, float]) -> None:
    cells = restoring.around(place, ((0.0, 0.5, 1.0), (0.0, 10.0)))
    assert sum(cells.values()) == pytest.approx(1)
    assert all(0 <= row < 3 and 0 <= column < 2 for row, column in cells)


@pytest.mark.parametrize("name", ["swift-x2", "swift-x3"])
def test_beside_hard_edges_of_alpha_nothing_shines_through(name: str) -> None:
    y, x = np.mgrid[:60, :50]
    alpha = np.where((y - 30) ** 2 + (x - 20) ** 2 < 300, 255, 0).astype(np.uint8)
    pixels = np.full((60, 50, 3), 90, np.uint8)
    enlarged = Upscaler(name).upscale(Picture(pixels, alpha)).alpha_HW
    assert enlarged is not None
    scale = enlarged.shape[0] // 60
    around = np.lib.stride_tricks.sliding_window_view(np.pad(alpha, 1, "edge"), (3, 3))
    is_inside = (around == alpha[..., None, None]).all((2, 3)).repeat(scale, 0).repeat(scale, 1)
    whole = alpha.repeat(scale, 0).repeat(scale, 1)
    assert (enlarged == whole)[is_inside].all()
    assert 0 < (~is_inside).mean() < 0.2
