from dataclasses import replace

import pytest
import torch

from rgtsr import variants
from rgtsr.errors import TrainingError
from rgtsr.network import RGT
from rgtsr.training import recipe
from rgtsr.training.learner import Learner

TINY = replace(variants.find("tiny"), depths=(2, 2))
RATE = 1e-3


def learner(*overrides: str) -> Learner:
    torch.manual_seed(0)
    defaults = ("precision=float32",)
    return Learner(RGT(TINY), recipe.load("light-x2", (*defaults, *overrides)))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    hr = torch.rand(1, 3, 8, 8).repeat_interleave(16, 2).repeat_interleave(16, 3)
    return hr[..., ::2, ::2], hr


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_loss_falls(optimizer: str, precision: str) -> None:
    student = learner(f"optimizer={optimizer}", f"precision={precision}")
    lr, hr = batch()
    losses = [student.learn(lr, hr, rate=RATE) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]


def test_muon_takes_the_bodys_matrices_and_adamw_the_rest() -> None:
    student = learner("optimizer=muon")
    adamw, muon = student.optimizers
    names = {p: n for n, p in student.parameters.items()}
    matrices = {names[p] for group in muon.param_groups for p in group["params"]}
    rest = {names[p] for group in adamw.param_groups for p in group["params"]}
    assert "layers.0.blocks.0.attn.qkv.weight" in matrices
    assert matrices | rest == set(student.parameters) and not matrices & rest
    assert all(student.parameters[name].ndim == 2 for name in matrices)


def test_the_average_follows_the_weights_slowly() -> None:
    student = learner("ema=0.9")
    start = {name: p.detach().clone() for name, p in student.parameters.items()}
    student.step = 1000  # past the rise of the decay
    student.learn(*batch(), rate=RATE)
    name = "conv_last.weight"
    moved = student.parameters[name].detach() - start[name]
    assert torch.allclose(student.average[name] - start[name], 0.1 * moved, atol=1e-7)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_the_weights_untouched(poison: float) -> None:
    student = learner()
    lr, hr = batch()
    student.learn(lr, hr, rate=RATE)
    before = {name: p.detach().clone() for name, p in student.parameters.items()}
    with pytest.raises(TrainingError, match="last good state"):
        student.learn(lr, torch.full_like(hr, poison), rate=RATE)
    assert all(torch.equal(p, before[name]) for name, p in student.parameters.items())
    assert student.step == 1
    student.learn(lr, hr, rate=RATE)


def test_gradients_are_clipped_to_the_recipes_norm() -> None:
    gentle, free = learner("clip_norm=1e-9", "optimizer=adam"), learner("clip_norm=null")
    lr, hr = batch()
    gentle.learn(lr, hr, rate=RATE)
    free.learn(lr, hr, rate=RATE)
    moments = [s["exp_avg"] for s in gentle.optimizers[0].state.values()]
    assert sum(float(m.norm()) ** 2 for m in moments) ** 0.5 <= 0.11 * 1e-9
    assert any(float(s["exp_avg"].norm()) > 1e-6 for s in free.optimizers[0].state.values())


def test_bf16_training_keeps_the_residual_stream_in_float32() -> None:
    student = learner("precision=bf16")
    seen: list[tuple[torch.dtype, torch.dtype]] = []
    block = student.network.layers[0].blocks[0]
    block.register_forward_hook(lambda _, args, out: seen.append((args[0].dtype, out.dtype)))
    products: list[torch.dtype] = []
    block.mlp.fc1.register_forward_hook(lambda _, __, out: products.append(out.dtype))
    student.learn(*batch(), rate=RATE)
    assert seen == [(torch.float32, torch.float32)]
    assert products == [torch.bfloat16]
