from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from rgtsr import network, variants, weights
from rgtsr.network import RGT
from rgtsr.pictures import bicubic
from rgtsr.training import recipe
from rgtsr.training.start import start, warm_start

TINY = replace(variants.find("tiny"), depths=(2, 2))


def started(scale: int, kind: str = "interpolating") -> RGT:
    torch.manual_seed(0)
    net = RGT(replace(TINY, scale=scale))
    start(net, recipe.load("light-x2", (f"start={kind}",)))
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


def test_a_warm_start_takes_the_body_of_another_scale() -> None:
    x2 = weights.random(TINY, seed=0)
    net = started(3)
    before = net.upsample[0].weight.clone()
    warm_start(net, x2)
    assert np.array_equal(net.conv_first.weight.detach().numpy(), x2.tensors["conv_first.weight"])
    assert torch.equal(net.upsample[0].weight, before)


def test_a_warm_start_from_another_body_is_refused() -> None:
    other = weights.random(replace(TINY, channels=64), seed=0)
    with pytest.raises(ValueError, match="another body"):
        warm_start(started(2), other)


def test_a_warm_start_of_the_same_scale_is_the_same_network() -> None:
    x2 = weights.random(TINY, seed=0)
    net = started(2)
    warm_start(net, x2)
    x = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(net(x), network.from_weights(x2)(x))
