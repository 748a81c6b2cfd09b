"""One training step: crops in, loss out, weights moved. Knows no files, no clock.

Source: RGT, section 4.1 (L1, Adam); Muon: Jordan et al., 2024, through ``torch.optim.Muon``.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from rgtsr.errors import TrainingError
from rgtsr.network import RGT
from rgtsr.network.rgt import ResidualGroup
from rgtsr.training import schedule
from rgtsr.training.ranks import Rank
from rgtsr.training.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """What a step came to, still where it was computed: to read it is to wait for the step."""

    step: int
    loss_and_norm: Tensor

    def loss(self) -> float:
        """Of the whole batch, by ``error``.

        Raises:
            TrainingError: when loss or gradients were not finite; the step has then moved nothing.
        """
        loss, norm = self.loss_and_norm.tolist()
        if math.isfinite(loss) and math.isfinite(norm):
            return loss
        raise TrainingError(
            f"step {self.step}: the loss is {loss:g} and the gradient norm {norm:g}."
            " The last good state is kept; lower learning_rate and resume."
        )


class Learner:
    """A network that learns: its weights, their moving average, and the optimizers' moments."""

    def __init__(self, network: RGT, recipe: Recipe, rank: Rank | None = None) -> None:
        self.network = network.train()
        self.rank = rank or Rank()
        self.recipe = recipe
        self.step = 0
        self.parameters = dict(network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.optimizers = optimizers(self.parameters, recipe)
        self.device = next(network.parameters()).device
        self.reduced = reduced_precision(recipe, self.device)
        if recipe.compile:
            compile_blocks(network, self.device)

    def learn(self, lr_BCHW: Tensor, hr_BCHW: Tensor, *, rate: float) -> Outcome:
        """Take one step on this rank's part of a batch; nothing here waits for the device.

        ``rate``: the learning rate of this step.

        Raises:
            TrainingError: when another rank is gone.
        """
        if self.recipe.compile and self.device.type == "cuda":
            torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.reduced):
            enlarged = self.network(lr_BCHW)
        loss = error(enlarged.to(hr_BCHW.dtype), hr_BCHW, fft_share=self.recipe.fft_loss)
        loss.backward()
        self.rank.average([*self._gradients(), loss.detach()])
        norm = clip_grad_norm_(self.parameters.values(), self.recipe.clip_norm or math.inf)
        loss_and_norm = torch.stack((loss.detach(), norm))
        self._move(rate, refused=~loss_and_norm.isfinite().all())
        self._average()
        outcome = Outcome(self.step, loss_and_norm)
        self.step += 1
        return outcome

    def _move(self, rate: float, *, refused: Tensor) -> None:
        """Every optimizer's step, or none where ``refused``, which fused ones ask the device."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            if optimizer.defaults.get("fused"):
                optimizer.found_inf = refused.float()  # pyright: ignore[reportAttributeAccessIssue] -- as GradScaler does
                optimizer.step()
            elif not refused.item():
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def _gradients(self) -> list[Tensor]:
        return [p.grad for p in self.parameters.values() if p.grad is not None]

    @torch.no_grad()
    def _average(self) -> None:
        weight = 1 - schedule.ema_decay(self.recipe, self.step)
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage] -- no public form
            list(self.average.values()), [p.detach() for p in self.parameters.values()], weight
        )


def error(enlarged_BCHW: Tensor, hr_BCHW: Tensor, *, fft_share: float = 0.0) -> Tensor:
    """The mean absolute error in 0..1, ``fft_share`` of it that of the Fourier coefficients.

    A coefficient sums up a whole patch, so that its median, which an absolute error asks for, is
    close to its mean, which PSNR rewards; and fine detail weighs as much as large areas. With
    orthonormal coefficients both parts are of one size, whatever the patch.

    Source: the frequency loss of Cho et al., Rethinking Coarse-to-Fine Approach in Single Image
    Deblurring, ICCV 2021.
    """
    l1 = F.l1_loss(enlarged_BCHW, hr_BCHW)
    if not fft_share:
        return l1
    coefficients = torch.fft.rfft2(enlarged_BCHW - hr_BCHW, norm="ortho")
    return torch.lerp(l1, coefficients.abs().mean(), fft_share)


def optimizers(parameters: Mapping[str, Tensor], recipe: Recipe) -> list[Optimizer]:
    """AdamW without decay, or Adam; with ``muon`` the body's matrices go to Muon."""
    if recipe.optimizer == "adam":
        adam = torch.optim.Adam(parameters.values(), recipe.learning_rate, recipe.betas, fused=True)
        return [adam]
    matrices = {
        n: p for n, p in parameters.items() if recipe.optimizer == "muon" and _is_matrix(n, p)
    }
    rest = [p for name, p in parameters.items() if name not in matrices]
    chosen: list[Optimizer] = [
        torch.optim.AdamW(rest, recipe.learning_rate, recipe.betas, weight_decay=0.0, fused=True)
    ]
    if matrices:
        chosen.append(
            torch.optim.Muon(
                matrices.values(),
                recipe.learning_rate,
                weight_decay=0.0,
                adjust_lr_fn="match_rms_adamw",  # one rate serves both optimizers
            )
        )
    return chosen


def compile_blocks(network: RGT, device: torch.device) -> None:
    """Fuse what a block does between its products; equal blocks share their kernels.

    On a GPU the kernels are recorded once and replayed (CUDA graphs).
    """
    mode = "reduce-overhead" if device.type == "cuda" else None
    for group in network.layers:
        assert isinstance(group, ResidualGroup)
        for block in group.blocks:
            block.compile(fullgraph=True, dynamic=False, mode=mode)


def reduced_precision(recipe: Recipe, device: torch.device) -> bool:
    """Whether products run in bf16: where asked for, or by default where the hardware has it."""
    if recipe.precision != "auto":
        return recipe.precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and cpu_has_bf16()


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware; emulated, it is slower than float32."""
    return bool(torch.backends.cpu.get_cpu_capability().startswith("AVX512")) and bool(
        torch.cpu._is_avx512_bf16_supported()  # pyright: ignore[reportPrivateUsage] -- no public form
    )


def _is_matrix(name: str, parameter: Tensor) -> bool:
    return parameter.ndim == 2 and name.startswith("layers.") and ".pos." not in name


def named_moments(
    learner_optimizers: Iterable[Optimizer], parameters: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The optimizers' state as named tensors: ``{parameter}.{moment}``."""
    names = {parameter: name for name, parameter in parameters.items()}
    return {
        f"{names[parameter]}.{moment}": value
        for optimizer in learner_optimizers
        for parameter, moments in optimizer.state.items()
        for moment, value in moments.items()
        if isinstance(value, Tensor)
    }
