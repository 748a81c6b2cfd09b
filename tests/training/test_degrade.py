"""Pictures made worse: against the real codecs of libvips, and the properties training needs."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from rgtsr import pictures
from rgtsr.training import codecs, degrade
from rgtsr.training.degrade import PRESETS

PHOTO = Path(__file__).parents[2] / "demo/demo-pagoda.png"


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    """(1, 3, 200, 264) in 0..1: no multiple of 16."""
    pixels = pictures.read(PHOTO).pixels_HWC[100:300, 60:324]
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


def by_vips(photo: torch.Tensor, kind: str, quality: int) -> torch.Tensor:
    pixels = (255 * photo[0].permute(1, 2, 0)).round().byte().numpy()
    data = pyvips.Image.new_from_array(pixels).write_to_buffer(kind, Q=quality)
    back = pyvips.Image.new_from_buffer(data, "").numpy()
    return torch.from_numpy(back).permute(2, 0, 1)[None].float() / 255


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(-10 * ((one - other) ** 2).mean().log10())


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 89, 90, 95, 100])
def test_jpeg_is_what_libjpeg_makes(photo: torch.Tensor, quality: int) -> None:
    real = by_vips(photo, ".jpg", quality)
    ours = codecs.jpeg(photo, torch.tensor([float(quality)]))
    assert psnr(ours, real) > 38
    assert abs(psnr(ours, photo) - psnr(real, photo)) < (0.3 if quality < 100 else 0.7)


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90])
def test_webp_loses_about_what_libwebp_loses(photo: torch.Tensor, quality: int) -> None:
    real = by_vips(photo, ".webp", quality)
    ours = codecs.webp(photo, torch.tensor([float(quality)]))
    assert abs(psnr(ours, photo) - psnr(real, photo)) < 1.5


def test_each_picture_of_a_batch_has_its_own_quality(photo: torch.Tensor) -> None:
    two = photo.expand(2, -1, -1, -1)
    for codec in (codecs.jpeg, codecs.webp):
        low, high = codec(two, torch.tensor([20.0, 95.0]))[:, None]
        assert torch.equal(low, codec(photo, torch.tensor([20.0])))
        assert psnr(high, photo) > psnr(low, photo) + 3


def test_blurs_keep_the_light_and_turn() -> None:
    half = np.array([0.0, 0.5])
    kernels = degrade.gaussians(np.array([3.0, 3.0]), np.array([1.0, 1.0]), half)
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(2, dtype=torch.float64))
    assert torch.allclose(kernels[0], kernels[1].T)
    place = torch.arange(kernels.shape[-1]) - kernels.shape[-1] // 2
    across = float((kernels[0] * place[:, None] ** 2).sum().sqrt())
    assert abs(across - 1.0) < 0.05


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("scale", [2, 4])
def test_a_preset_gives_lr_in_steps_of_8_bits(photo: torch.Tensor, preset: str, scale: int) -> None:
    torch.manual_seed(0)
    lr = degrade.degrade(photo.expand(3, -1, -1, -1), scale, preset, np.random.default_rng(0))
    assert lr.shape == (3, 3, 200 // scale, 264 // scale)
    assert torch.equal(lr, (255 * lr).round() / 255)
    assert float(lr.min()) >= 0 and float(lr.max()) <= 1
    assert not torch.equal(lr[0], lr[1]), "each picture is degraded in its own way"
    clean = degrade.resized(photo, lr.shape[-2:])
    assert 18 < psnr(lr[:1], clean) < 50


def test_presets_grow_worse(photo: torch.Tensor) -> None:
    worth = {}
    for preset in PRESETS:
        torch.manual_seed(0)
        many = photo.expand(16, -1, -1, -1)
        lr = degrade.degrade(many, 2, preset, np.random.default_rng(1))
        worth[preset] = psnr(lr, degrade.resized(many, lr.shape[-2:]))
    assert worth["clean"] > worth["photo"] + 2 > worth["web"] + 3


def test_the_same_seeds_give_the_same_pictures(photo: torch.Tensor) -> None:
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(degrade.degrade(photo, 2, "web", np.random.default_rng(seed)))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_a_pair_shows_the_same_place(photo: torch.Tensor) -> None:
    hr = photo[..., :192, :192].contiguous()
    torch.manual_seed(0)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        lr, patch = degrade.pair(hr, 2, "clean", rng, patch_px=64)
        assert lr.shape[-2:] == (64, 64) and patch.shape[-2:] == (128, 128)
        shown = degrade.resized(patch, (64, 64))
        elsewhere = torch.roll(shown, 4, dims=3)
        assert psnr(lr, shown) > psnr(lr, elsewhere) + 3


def test_an_unknown_preset_is_refused(photo: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="clean, photo, web"):
        degrade.degrade(photo, 2, "oil", np.random.default_rng(0))
