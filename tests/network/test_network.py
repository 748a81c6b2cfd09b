"""What the torch network promises beyond parity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rgtsr import network, variants, weights
from rgtsr.evaluation import metrics
from rgtsr.network import attention
from rgtsr.network.position import PositionBias
from rgtsr.pictures import pairs
from rgtsr.variants import window_regions

LIGHT = replace(variants.find("light"), depths=(3, 2))


@pytest.fixture
def net() -> network.RGT:
    return network.from_weights(weights.random(LIGHT, seed=3))


def test_a_changed_position_weight_changes_the_next_result(net: network.RGT) -> None:
    x = torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        before = net(x)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if ".pos.pos3.2" in name:
                parameter.add_(torch.randn_like(parameter))
    with torch.inference_mode():
        assert float((net(x) - before).abs().max()) > 1e-3


def test_a_frozen_network_gives_the_same_and_computes_no_position_bias_again(
    net: network.RGT,
) -> None:
    x = torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        expected = net(x)
        asked: list[object] = []
        for module in net.modules():
            if isinstance(module, PositionBias):
                module.register_forward_pre_hook(lambda *call: asked.append(call))
        assert torch.equal(net(x), expected)
        assert asked
        net.freeze()
        asked.clear()
        assert torch.equal(net(x), expected)
    assert not asked


def test_a_frozen_network_moves_to_another_precision_with_its_biases(net: network.RGT) -> None:
    x = torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        expected = net(x)
        assert float((net.freeze().double()(x.double()) - expected).abs().max()) <= 1e-5


def test_queries_in_chunks_give_the_whole_result(
    net: network.RGT, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.rand(2, 3, 64, 64)
    whole = net(x).detach()
    monkeypatch.setattr(attention, "SCORES_LIMIT_BYTES", 4096)
    chunked = net(x).detach()
    assert float((whole - chunked).abs().max()) <= 1e-5


def test_training_and_evaluation_compute_the_same_function(net: network.RGT) -> None:
    x = torch.rand(1, 3, 48, 64)
    with torch.inference_mode():
        evaluated = net(x)
    net.train()
    assert float((net(x).detach() - evaluated).abs().max()) <= 1e-5


def test_bf16_autocast_costs_less_than_a_hundredth_of_a_decibel(demo_dir: Path) -> None:
    trained = network.from_weights(weights.load("small-x2"))
    lost_db: list[float] = []
    for name in ("demo-astronaut", "demo-brushes"):
        photo = pairs.read8(demo_dir / f"{name}.png")[:512, :512]
        hr_HWC, lr_HWC = pairs.made(photo, 2)
        x = torch.from_numpy(lr_HWC).permute(2, 0, 1)[None].float() / 255
        scores: list[float] = []
        for reduced in (False, True):
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=reduced):
                enlarged = trained(x)
            levels = (enlarged[0].permute(1, 2, 0).float() * 255).round().clip(0, 255)
            scores.append(metrics.on_luma(levels.numpy().astype(np.uint8), hr_HWC, shave=2).psnr)
        lost_db.append(scores[0] - scores[1])
    assert max(lost_db) <= 0.01


def test_a_picture_is_independent_of_its_batch(net: network.RGT) -> None:
    x = torch.rand(3, 3, 40, 40)
    with torch.inference_mode():
        together = net(x)
        alone = torch.cat([net(one) for one in x.split(1)])
    assert float((together - alone).abs().max()) <= 1e-5


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 3), (15, 15), (40, 1024)])
def test_sides_too_short_for_the_recursion_are_mirrored(
    net: network.RGT, size: tuple[int, int]
) -> None:
    with torch.inference_mode():
        enlarged = net(torch.rand(1, 3, *size))
    assert enlarged.shape[2:] == (2 * size[0], 2 * size[1])
    assert bool(torch.isfinite(enlarged).all())


def test_a_mirrored_picture_equals_its_mirror_image_by_hand(net: network.RGT) -> None:
    x = torch.rand(1, 3, 10, 64)
    by_hand = torch.cat([x, x.flip(2)], dim=2)[:, :, :16]
    with torch.inference_mode():
        assert torch.equal(net(x), net(by_hand)[:, :, :20])


def test_dropped_paths_leave_the_expectation_and_happen_in_training_only() -> None:
    torch.manual_seed(0)
    net = network.RGT(LIGHT, drop_path=0.5)
    block = net.layers[-1].blocks[-1]
    branch = torch.ones(4000, 1, 1, 1)
    dropped = block.train().drop_path(branch)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert abs(float(dropped.mean()) - 1) < 0.1
    assert torch.equal(block.eval().drop_path(branch), branch)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize(("length", "window"), [(64, 16), (16, 16), (15, 5), (45, 15)])
def test_regions_cover_an_axis_with_whole_windows(length: int, window: int, shifted: bool) -> None:
    cut = window_regions(length, window, shifted=shifted)
    assert [i for start, stop, _ in cut for i in range(start, stop)] == list(range(length))
    assert all((stop - start) % side == 0 for start, stop, side in cut)


def test_no_buffer_enters_the_state_dict(net: network.RGT) -> None:
    assert set(net.state_dict()) == {name for name, _ in net.named_parameters()}
