"""One training step, in one place: patches in, weights moved. Knows no files, no clock.

Shapes: B patches of (3, H, W), S scale.
Source: RGT, section 4.1 (L1).
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from rgtsr.errors import TrainingError
from rgtsr.network import RGT
from rgtsr.network.compiling import compile_blocks
from rgtsr.training import schedule
from rgtsr.training.distributed import Rank
from rgtsr.training.loss import Loss, l1_fft_loss
from rgtsr.training.optimizers import optimizers
from rgtsr.training.recipe import Recipe


class Learner:
    """A network that learns: its weights, their moving average, and the optimizers' moments."""

    def __init__(
        self, network: RGT, recipe: Recipe, rank: Rank | None = None, *, loss: Loss | None = None
    ) -> None:
        self.network = network.train()
        self.rank = rank or Rank()
        self.recipe = recipe
        self.step = 0
        self.loss = loss or functools.partial(l1_fft_loss, fft_share=recipe.fft_loss)
        self.parameters = dict(network.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.optimizers = optimizers(self.parameters, recipe)
        self.device = next(network.parameters()).device
        self.reduced = reduced_precision(recipe, self.device)
        torch.backends.cudnn.allow_tf32 = self.reduced  # float32 is that in convolutions as well
        if recipe.compile:
            on_gpu = self.device.type == "cuda"
            compile_blocks(network, mode="reduce-overhead" if on_gpu else None)

    def train_step(self, lr_BCHW: Tensor, hr_BCHW: Tensor, *, rate: float) -> "Outcome":
        """Learn from this rank's part of a batch; nothing waits for the device, but with Muon.

        ``rate``: the learning rate of this step.

        Raises:
            TrainingError: when another rank is gone.
        """
        if self.recipe.compile and self.device.type == "cuda":
            torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.reduced):
            enlarged = self.network(lr_BCHW)
        loss = self.loss(enlarged.to(hr_BCHW.dtype), hr_BCHW)
        loss.backward()
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        self.rank.average([*gradients, loss.detach()])
        norm = clip_grad_norm_(self.parameters.values(), self.recipe.clip_norm or math.inf)
        loss_and_norm = torch.stack((loss.detach(), norm))
        self._move_weights(rate, refused=~loss_and_norm.isfinite().all())
        self._follow_weights(decay=schedule.ema_decay(self.recipe, self.step))
        outcome = Outcome.sent(self.step, loss_and_norm)
        self.step += 1
        return outcome

    def _move_weights(self, rate: float, *, refused: Tensor) -> None:
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

    @torch.no_grad()
    def _follow_weights(self, decay: float) -> None:
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage] -- no public form
            list(self.average.values()), [p.detach() for p in self.parameters.values()], 1 - decay
        )


@dataclass(frozen=True)
class Outcome:
    """What a step came to, on its way to the host: to read it is to wait for that step alone."""

    step: int
    loss_and_norm: Tensor
    arrived: torch.cuda.Event | None = None

    @classmethod
    def sent(cls, step: int, loss_and_norm: Tensor) -> "Outcome":
        """Copied without waiting: a plain read would wait for all that is queued by then."""
        if loss_and_norm.device.type != "cuda":
            return cls(step, loss_and_norm)
        home = torch.empty_like(loss_and_norm, device="cpu", pin_memory=True)
        home.copy_(loss_and_norm, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record()
        return cls(step, home, arrived)

    def loss(self) -> float:
        """The loss of the whole batch.

        Raises:
            TrainingError: when loss or gradients were not finite; the step has then moved nothing.
        """
        if self.arrived is not None:
            self.arrived.synchronize()
        loss, norm = self.loss_and_norm.tolist()
        if math.isfinite(loss) and math.isfinite(norm):
            return loss
        raise TrainingError(
            f"step {self.step}: the loss is {loss:g} and the gradient norm {norm:g}."
            " The last good state is kept; lower learning_rate and resume."
        )


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
