"""Pictures made worse: against the real codecs of libvips, and the properties training needs."""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from PIL import Image

from rgtsr import pictures
from rgtsr.pictures import bicubic
from rgtsr.training import codecs, degrade
from rgtsr.training.degrade import PRESETS, Stage

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


def by_pillow(photo: torch.Tensor, quality: int, subsampling: int) -> torch.Tensor:
    pixels = (255 * photo[0].permute(1, 2, 0)).round().byte().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    back = np.asarray(Image.open(file).convert("RGB"))
    return torch.from_numpy(back.copy()).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("subsampling", range(3))
@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 95, 100])
def test_jpeg_is_what_libjpeg_makes(photo: torch.Tensor, quality: int, subsampling: int) -> None:
    real = by_pillow(photo, quality, subsampling)
    ours = codecs.jpeg(photo, torch.tensor([float(quality)]), np.array([subsampling]))
    assert psnr(ours, real) > 37
    assert abs(psnr(ours, photo) - psnr(real, photo)) < (0.5 if quality < 100 else 0.7)


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90])
def test_webp_loses_about_what_libwebp_loses(photo: torch.Tensor, quality: int) -> None:
    real = by_vips(photo, ".webp", quality)
    ours = codecs.webp(photo, torch.tensor([float(quality)]))
    assert abs(psnr(ours, photo) - psnr(real, photo)) < 1.5


@pytest.mark.parametrize("quality", [30, 50, 75, 85])
def test_avif_loses_about_what_libaom_loses(photo: torch.Tensor, quality: int) -> None:
    real = by_vips(photo, ".avif", quality)
    ours = codecs.avif(photo, torch.tensor([float(quality)]))
    assert abs(psnr(ours, photo) - psnr(real, photo)) < 1.5


def test_each_picture_of_a_batch_has_its_own_quality_and_subsampling(photo: torch.Tensor) -> None:
    two = photo.expand(2, -1, -1, -1)
    both = torch.tensor([20.0, 95.0])
    for codec in (codecs.webp, codecs.avif):
        low, high = codec(two, both)[:, None]
        assert torch.equal(low, codec(photo, both[:1]))
        assert psnr(high, photo) > psnr(low, photo) + 3
    low, high = codecs.jpeg(two, both, np.array([2, 0]))[:, None]
    assert torch.equal(low, codecs.jpeg(photo, both[:1], np.array([2])))
    assert torch.equal(high, codecs.jpeg(photo, both[1:], np.array([0])))


def test_grain_is_as_strong_as_white_noise_but_its_neighbours_are_alike() -> None:
    grey = torch.full((4, 3, 128, 128), 0.5)

    def noise(grain: float) -> torch.Tensor:
        torch.manual_seed(0)
        stage = Stage(noise=(10, 10), grain=(grain, grain + 1e-9))
        return degrade._noisy(grey, stage, np.random.default_rng(0)) - grey

    white, grain = noise(0.05), noise(1.0)
    assert abs(float(grain.std() / white.std()) - 1) < 0.05

    def likeness(x: torch.Tensor) -> float:
        return float((x[..., 1:] * x[..., :-1]).mean() / x.square().mean())

    assert abs(likeness(white)) < 0.05 < 0.6 < likeness(grain)


def test_noise_is_weaker_in_the_lights_and_mostly_grey() -> None:
    torch.manual_seed(0)
    rng, stage = np.random.default_rng(0), Stage(noise=(8, 8))
    dark, light = (
        degrade._noisy(torch.full((16, 3, 64, 64), x), stage, rng) - x for x in (0.25, 0.9)
    )
    assert 1.4 < float(dark.std() / light.std()) < 1.7
    luma = dark.mean(1, keepdim=True)
    assert float(luma.std()) > 1.5 * float((dark - luma).std())


def test_bicubic_is_the_field_s(photo: torch.Tensor) -> None:
    lr = degrade.degrade(photo, 2, "bicubic", np.random.default_rng(0))[0]
    hr_HWC = (255 * photo[0]).round().byte().permute(1, 2, 0).numpy()
    exact = bicubic.resize(hr_HWC, Fraction(1, 2)).astype(np.float32)
    apart = np.abs(255 * lr.permute(1, 2, 0).numpy() - exact)[8:-8, 8:-8]  # as pair cuts it
    assert apart.max() < 1.01 and (apart > 0.5).mean() < 0.01  # ties


@pytest.mark.parametrize("how", degrade.RESIZERS)
def test_no_resizer_repeats_pixels(how: str) -> None:
    larger = degrade.resized(torch.rand(1, 3, 40, 40), (60, 60), how)
    assert not (larger[..., 1:] == larger[..., :-1]).all(1).any()


def test_sharpening_draws_halos_and_leaves_flat_parts() -> None:
    edge = torch.full((1, 3, 32, 64), 0.25)
    edge[..., 32:] = 0.75
    sharper = degrade._sharpened(edge, Stage(sharpen=(0.8, 0.8)), np.random.default_rng(0))
    assert float(sharper.max()) > 0.82 and float(sharper.min()) < 0.18
    assert torch.allclose(sharper[..., :16], edge[..., :16], atol=1e-6)


def test_a_batch_is_mixed_from_presets(photo: torch.Tensor) -> None:
    torch.manual_seed(0)
    many = photo.expand(64, -1, -1, -1)
    presets = ("bicubic", "bicubic", "web")
    lr = degrade.mixed(many, 2, presets, np.random.default_rng(0))
    clean = codecs.rounded(degrade.resized(photo, (100, 132)))
    untouched = (lr == clean).flatten(1).all(1).sum()
    assert 32 < int(untouched) < 54


def test_blurs_keep_the_light_and_turn() -> None:
    half = np.array([0.0, 0.5])
    kernels = degrade.gaussians(np.array([3.0, 3.0]), np.array([1.0, 1.0]), half)
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(2, dtype=torch.float64))
    assert torch.allclose(kernels[0], kernels[1].T)
    place = torch.arange(kernels.shape[-1]) - kernels.shape[-1] // 2
    across = float((kernels[0] * place[:, None] ** 2).sum().sqrt())
    assert abs(across - 1.0) < 0.05


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "bicubic"])
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
    assert worth["clean"] > worth["photo"] + 2 > worth["night"] + 3
    assert worth["photo"] > worth["web"] + 1


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
        lr, patch = degrade.pair(hr, 2, ("clean",), rng, patch_px=64)
        assert lr.shape[-2:] == (64, 64) and patch.shape[-2:] == (128, 128)
        shown = degrade.resized(patch, (64, 64))
        elsewhere = torch.roll(shown, 4, dims=3)
        assert psnr(lr, shown) > psnr(lr, elsewhere) + 3


def test_an_unknown_preset_is_refused(photo: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="clean, photo, night, web"):
        degrade.degrade(photo, 2, "oil", np.random.default_rng(0))
