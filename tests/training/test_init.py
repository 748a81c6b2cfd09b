from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from rgtsr import network, variants, weights
from rgtsr.errors import TrainingError
from rgtsr.network import RGT
from rgtsr.pictures import bicubic
from rgtsr.training import recipe
from rgtsr.training.init import from_pretrained, init, rephased
from rgtsr.weights import Card, Weights

TINY = replace(variants.find("tiny"), depths=(2, 2))


def started(scale: int, kind: str = "interpolating") -> RGT:
    torch.manual_seed(0)
    net = RGT(replace(TINY, scale=scale))
    init(net, recipe.load("light-x2", (f"init={kind}",)))
    return net.eval()


def smooth_photo(side_px: int) -> np.ndarray:
    y, x = np.mgrid[:side_px, :side_px] / 12
    return np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=-1) / 4 + 0.5


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_an_interpolating_start_already_enlarges(scale: int) -> None:
    hr = smooth_photo(48 * scale)
    lr = bicubic.resize(hr, Fraction(1, scale)).astype(np.float32)
    x = torch.from_numpy(lr).permute(2, 0, 1)[None]
    with torch.inference_mode():
        enlarged = started(scale)(x)[0].permute(1, 2, 0).numpy()
        blank = started(scale, "paper")(x)[0].permute(1, 2, 0).numpy()
    error = np.abs(enlarged - hr)[8:-8, 8:-8].mean()
    assert error < 0.06
    assert error < np.abs(blank - hr)[8:-8, 8:-8].mean() / 2


@pytest.mark.parametrize(("known", "asked"), [(2, 3), (2, 4), (3, 2), (3, 4), (4, 3)])
def test_a_warm_start_enlarges_as_the_weights_of_another_scale_do(known: int, asked: int) -> None:
    teacher = started(known)
    tensors = {name: p.detach().numpy() for name, p in teacher.named_parameters()}
    net = started(asked, "paper")
    from_pretrained(net, Weights(teacher.variant, tensors, Card(name="teacher"), None))
    hr = smooth_photo(48 * asked)
    lr = bicubic.resize(hr, Fraction(1, asked)).astype(np.float32)
    x = torch.from_numpy(lr).permute(2, 0, 1)[None]
    with torch.inference_mode():
        enlarged = net.eval()(x)[0].permute(1, 2, 0).numpy()
    assert np.abs(enlarged - hr)[8:-8, 8:-8].mean() < 0.06
    assert np.array_equal(net.conv_first.weight.detach().numpy(), tensors["conv_first.weight"])


@pytest.mark.parametrize(("asked", "kept"), [(3, ()), (4, ("upsample.0.",)), (2, ("upsample.0.",))])
def test_the_papers_runs_leave_an_upsampler_that_does_not_fit_at_random(
    asked: int, kept: tuple[str, ...]
) -> None:
    teacher = weights.random(TINY, seed=0)
    net = started(asked, "paper")
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    from_pretrained(net, teacher, upsampler=recipe.load("paper").upsampler)
    for name, parameter in net.named_parameters():
        taken = not name.startswith("upsample.") or name.startswith(kept)
        expected = torch.tensor(teacher.tensors[name]) if taken else before[name]
        assert torch.equal(parameter, expected), name


def test_sub_pixels_are_read_between_those_that_were_learnt() -> None:
    ramp = torch.tensor([-0.25, 0.25]).repeat(64, 2).view(256, 1)  # each feature: x of its place
    read = rephased(ramp, 2, 3).view(64, 3, 3)
    assert torch.allclose(read, torch.tensor([-1 / 3, 0, 1 / 3]).expand(64, 3, 3))
    assert torch.allclose(rephased(ramp, 2, 2), ramp)


def test_a_warm_start_from_another_body_is_refused() -> None:
    other = weights.random(replace(TINY, channels=64), seed=0)
    with pytest.raises(TrainingError, match="another body"):
        from_pretrained(started(2), other)


def test_a_warm_start_of_the_same_scale_is_the_same_network() -> None:
    x2 = weights.random(TINY, seed=0)
    net = started(2)
    from_pretrained(net, x2)
    x = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(net(x), network.from_weights(x2)(x))
