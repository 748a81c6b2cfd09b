from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from rgtsr import variants
from rgtsr.errors import TrainingError
from rgtsr.network import RGT
from rgtsr.training import degrade, recipe
from rgtsr.training.learner import Learner, Outcome
from rgtsr.training.loss import l1_fft_loss
from rgtsr.training.optimizers import named_moments

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
    losses = [student.train_step(lr, hr, rate=RATE).loss() for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_loss_is_shared_between_pixels_and_fourier_coefficients(share: float) -> None:
    mine, truth = (torch.rand(2, 3, 16, 24, dtype=torch.float64) for _ in range(2))
    rest = (mine - truth).numpy()
    expected = (1 - share) * np.abs(rest).mean()
    expected += share * np.abs(np.fft.rfft2(rest, norm="ortho")).mean()
    assert l1_fft_loss(mine, truth, fft_share=share).item() == pytest.approx(expected, rel=1e-12)


def test_the_fourier_loss_has_a_gradient_where_nothing_is_left_to_learn() -> None:
    mine = torch.rand(1, 3, 8, 8, requires_grad=True)
    l1_fft_loss(mine, mine.detach().clone(), fft_share=1.0).backward()
    assert mine.grad is not None and not mine.grad.any()


def test_a_run_learns_by_the_fourier_loss_that_its_recipe_asks_for() -> None:
    lr, hr = batch()
    pixels, fourier = (learner(f"fft_loss={share}") for share in (0, 1))
    first = fourier.train_step(lr, hr, rate=RATE).loss()
    assert first != pixels.train_step(lr, hr, rate=RATE).loss()
    later = [fourier.train_step(lr, hr, rate=RATE).loss() for _ in range(11)]
    assert later[-1] < 0.8 * first


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
    student.train_step(*batch(), rate=RATE)
    name = "conv_last.weight"
    moved = student.parameters[name].detach() - start[name]
    assert torch.allclose(student.average[name] - start[name], 0.1 * moved, atol=1e-7)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_a_loss_that_is_not_finite_moves_nothing_and_is_told(poison: float, optimizer: str) -> None:
    student = learner(f"optimizer={optimizer}")
    lr, hr = batch()
    student.train_step(lr, hr, rate=RATE)

    def state() -> dict[str, torch.Tensor]:
        moments = named_moments(student.optimizers, student.parameters)
        return {k: v.detach().clone() for k, v in (student.parameters | moments).items()}

    before = state()
    outcome = student.train_step(lr, torch.full_like(hr, poison), rate=RATE)
    after = state()
    assert not [name for name in before if not torch.equal(before[name], after[name])]
    with pytest.raises(TrainingError, match=r"step 1: .* last good state"):
        outcome.loss()
    assert student.train_step(lr, hr, rate=RATE).loss() < 1


class Waits(TorchFunctionMode):
    """Collects what makes the host wait for a device: numbers read, sizes that follow from them."""

    NAMES = frozenset(
        [
            "__bool__",
            "__float__",
            "__int__",
            "cpu",
            "item",
            "masked_select",
            "nonzero",
            "numpy",
            "tolist",
            "unique",
        ]
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        self.found += [name] * (name in self.NAMES)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("preset", [None, "photo", "night", "web"])
def test_a_step_does_not_wait_for_the_device(preset: str | None) -> None:
    student = learner()
    hr = torch.rand(1, 3, 384, 384)
    with Waits() as waits:
        if preset is None:
            lr, hr = batch()
        else:
            rng = np.random.default_rng(0)
            lr, hr = degrade.pair(hr, 2, (preset,), rng, patch_px=64)
        outcome = student.train_step(lr, hr, rate=RATE)
    assert not waits.found
    with waits:
        outcome.loss()
    assert waits.found


def test_an_outcome_waits_for_its_own_step_alone() -> None:
    """A stream's copy that arrives when its event does, with a later step queued behind it."""

    class Event:
        def __init__(self, home: torch.Tensor, numbers: tuple[float, float]) -> None:
            self.home, self.numbers = home, numbers

        def synchronize(self) -> None:
            self.home.copy_(torch.tensor(self.numbers))

    home, later = torch.full((2,), torch.nan), torch.full((2,), torch.nan)
    first = Outcome(0, home, Event(home, (0.25, 1.0)))
    Outcome(1, later, Event(later, (0.5, 1.0)))
    assert first.loss() == 0.25
    assert later.isnan().all()


def test_a_loss_of_ones_own_is_learnt_by() -> None:
    def squares(enlarged: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        return (enlarged - hr).square().mean()

    torch.manual_seed(0)
    student = Learner(RGT(TINY), recipe.load("light-x2", ("precision=float32",)), loss=squares)
    lr, hr = batch()
    with torch.no_grad():
        expected = float(squares(student.network(lr), hr))
    assert student.train_step(lr, hr, rate=RATE).loss() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_step_in_float32_is_not_tf32(precision: str) -> None:
    seen: list[tuple[bool, bool]] = []

    def looking(enlarged: torch.Tensor, hr: torch.Tensor) -> torch.Tensor:
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return (enlarged - hr).abs().mean()

    with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):  # others' settings come back
        asked = recipe.load("light-x2", (f"precision={precision}",))
        Learner(RGT(TINY), asked, loss=looking).train_step(*batch(), rate=RATE)
    assert seen == [(precision == "bf16", False)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:The .grad attribute")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_compiled_blocks_are_whole_graphs_that_learn_the_same(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch._dynamo.reset()  # what other tests compiled counts, and is limited
    plain = learner(f"precision={precision}")
    compile_module = torch.nn.Module.compile
    modes: list[object] = []

    def compile_without_kernels(self: torch.nn.Module, **options: object) -> None:
        modes.append(options.pop("mode"))
        compile_module(self, backend="aot_eager", **options)

    monkeypatch.setattr(torch.nn.Module, "compile", compile_without_kernels)
    compiled = learner(f"precision={precision}", "compile=true")
    assert modes == [None] * sum(TINY.depths)
    lr, hr = batch()
    for _ in range(2):
        losses = [student.train_step(lr, hr, rate=RATE).loss() for student in (plain, compiled)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert plain.parameters.keys() == compiled.parameters.keys()
    off = [(p - compiled.parameters[n]).detach().abs().max() for n, p in plain.parameters.items()]
    assert float(max(off)) <= 2.1 * RATE


def test_gradients_are_clipped_to_the_recipes_norm() -> None:
    gentle, free = learner("clip_norm=1e-9", "optimizer=adam"), learner("clip_norm=null")
    lr, hr = batch()
    gentle.train_step(lr, hr, rate=RATE)
    free.train_step(lr, hr, rate=RATE)
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
    student.train_step(*batch(), rate=RATE)
    assert seen == [(torch.float32, torch.float32)]
    assert products == [torch.bfloat16]
