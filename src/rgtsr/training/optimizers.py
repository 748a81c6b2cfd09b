"""Which optimizer moves which weights, and their moments by name. Knows no data, no files.

Source: RGT, section 4.1 (Adam); Muon: Jordan et al., 2024, through ``torch.optim.Muon``.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from rgtsr.training.recipe import Recipe


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


def _is_matrix(name: str, parameter: Tensor) -> bool:
    return parameter.ndim == 2 and name.startswith("layers.") and ".pos." not in name


def named_moments(
    optimizers_of: Iterable[Optimizer], parameters: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The optimizers' state as named tensors: ``{parameter}.{moment}``."""
    names = {parameter: name for name, parameter in parameters.items()}
    return {
        f"{names[parameter]}.{moment}": value
        for optimizer in optimizers_of
        for parameter, moments in optimizer.state.items()
        for moment, value in moments.items()
        if isinstance(value, Tensor)
    }
