"""The torch network against spandrel's port: same weights, same pictures, same numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from parity.table import FAMILIES, SIZES, family, oddities
from port import spandrel_rgt
from rgtsr import network, weights
from rgtsr.network import RGT
from rgtsr.variants import Variant

TOLERANCE = 1e-5


def picture(height: int, width: int, *, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(height * 10_000 + width)
    return torch.rand(batch, 3, height, width, generator=generator)


def difference(variant: Variant, x: Tensor) -> float:
    shared = weights.random(variant, seed=1)
    with torch.inference_mode():
        ours, theirs = network.from_weights(shared)(x), spandrel_rgt(shared)(x)
    assert float(theirs.std()) > 0.02, "the picture must not be flat for parity to mean anything"
    return float((ours - theirs).abs().max())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_equals_spandrel(name: str) -> None:
    assert difference(family(name), picture(40, 72, batch=2)) <= TOLERANCE


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", ["tiny", "light"])
def test_every_size_equals_spandrel(name: str, size: tuple[int, int]) -> None:
    assert difference(family(name), picture(*size)) <= TOLERANCE


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("connection", ["1conv", "3conv"])
def test_every_scale_and_connection_equals_spandrel(scale: int, connection: str) -> None:
    variant = replace(family("small", scale=scale), resi_connection=connection)
    assert difference(variant, picture(35, 45)) <= TOLERANCE


@pytest.mark.parametrize("oddity", oddities().values(), ids=oddities().keys())
def test_every_hyper_parameter_equals_spandrel(oddity: Variant) -> None:
    assert difference(oddity, picture(37, 52)) <= TOLERANCE


def test_full_depth_equals_spandrel() -> None:
    variant = replace(family("baseline"), depths=(12, 12))
    assert difference(variant, picture(32, 40)) <= TOLERANCE


PARTS = {
    "position bias": ".pos.pos3.2.weight",
    "HAI": ".gamma",
    "CPE": ".cpe.weight",
    "recursion": ".reduction1.weight",
    "value detail": ".get_v.weight",
    "first norm": ".norm1.weight",
    "second norm": ".norm2.weight",
    "gate norm": ".sg.norm.weight",
    "map norm": ".norm_act.0.weight",
    "position norm 1": ".pos.pos1.0.weight",
    "position norm 2": ".pos.pos2.0.weight",
    "position norm 3": ".pos.pos3.0.weight",
    "entry norm": "before_RG.1.weight",
    "exit norm": "norm.weight",
}


@pytest.mark.parametrize("suffix", PARTS.values(), ids=PARTS.keys())
def test_zeroing_one_part_breaks_parity(suffix: str) -> None:
    shared = weights.random(family("light"), seed=1)
    maimed = {
        name: np.zeros_like(tensor)
        if name == suffix or (suffix.startswith(".") and name.endswith(suffix))
        else tensor
        for name, tensor in shared.tensors.items()
    }
    assert any(np.any(maimed[name] != shared.tensors[name]) for name in maimed)
    x = picture(40, 72)
    with torch.inference_mode():
        ours = network.from_weights(replace(shared, tensors=maimed))(x)
        theirs = spandrel_rgt(shared)(x)
    assert float((ours - theirs).abs().max()) > 100 * TOLERANCE


def test_attending_across_the_cuts_of_shifted_windows_breaks_parity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = weights.random(family("light"), seed=1)
    ours = network.from_weights(shared)
    for module in ours.modules():
        if hasattr(module, "shifted"):
            monkeypatch.setattr(module, "shifted", False)
    x = picture(64, 96)
    with torch.inference_mode():
        assert float((ours(x) - spandrel_rgt(shared)(x)).abs().max()) > 100 * TOLERANCE


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("name", ["light", "rgt-s"])
def test_gradients_equal_spandrel(name: str, dtype: torch.dtype, tolerance: float) -> None:
    shared = weights.random(family(name), seed=1)
    ours, theirs = network.from_weights(shared).to(dtype), spandrel_rgt(shared).to(dtype)
    x = picture(64, 64).to(dtype)
    gradients: list[dict[str, Tensor]] = []
    for net in (ours, theirs):
        (net(x) ** 2).mean().backward()
        gradients.append({n: p.grad for n, p in net.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() == dict(ours.named_parameters()).keys()
    mine, reference = (torch.cat([g[n].flatten() for n in sorted(g)]) for g in gradients)
    assert float((mine - reference).norm()) <= tolerance * float(reference.norm())
    for parameter, expected in gradients[1].items() if dtype == torch.float64 else ():
        # a key's bias has no effect on a softmax: its gradient is rounding alone
        floor = max(float(expected.norm()), 1e-2 * float(reference.norm()))
        assert float((gradients[0][parameter] - expected).norm()) <= tolerance * floor, parameter


def test_float64_equals_spandrel_to_its_own_precision() -> None:
    shared = weights.random(family("light"), seed=1)
    x = picture(40, 72).double()
    with torch.inference_mode():
        ours, theirs = network.from_weights(shared).double()(x), spandrel_rgt(shared).double()(x)
    assert float((ours - theirs).abs().max()) <= 1e-12


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_bf16_autocast_works_at_every_size(size: tuple[int, int]) -> None:
    ours: RGT = network.from_weights(weights.random(family("light"), seed=1))
    x = picture(*size)
    with torch.inference_mode():
        exact = ours(x)
        with torch.autocast("cpu", torch.bfloat16):
            reduced = ours(x)
    assert bool(torch.isfinite(reduced).all())
    assert float((reduced.float() - exact).pow(2).mean().sqrt()) <= 0.05 * float(exact.std())
