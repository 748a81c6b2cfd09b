"""A run on disk: everything a stopped run needs to go on exactly as if it had not stopped.

One safetensors file: ``network.*``, ``average.*``, ``moments.*``; its header holds the recipe, the
step, the seconds spent and the curve so far. What is random follows from seed and step. Nothing in
it is executable.
"""

# safetensors is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialized
from torch import Tensor

from rgtsr import atomic
from rgtsr.errors import TrainingError
from rgtsr.training.history import History, as_header, from_header
from rgtsr.training.learner import Learner
from rgtsr.training.optimizers import named_moments
from rgtsr.training.recipe import Recipe
from rgtsr.variants import Variant

FORMAT = "rgtsr-run-1"


def save(path: Path, learner: Learner, history: History) -> None:
    """Write the run's state beside ``path``, then rename: a kill leaves the old file or the new."""
    tensors = {f"network.{name}": p.detach() for name, p in learner.parameters.items()}
    tensors |= {f"average.{name}": p for name, p in learner.average.items()}
    moments = named_moments(learner.optimizers, learner.parameters)
    tensors |= {f"moments.{name}": value for name, value in moments.items()}
    header = {
        "format": FORMAT,
        "recipe": learner.recipe.model_dump_json(),
        "step": str(learner.step),
    } | as_header(history)
    contiguous = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    try:
        with atomic.replacing(path) as draft:
            draft.write_bytes(serialized(contiguous, header))
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: the checkpoint cannot be written: {error}.") from error


def recipe_of(path: Path) -> Recipe:
    """The recipe that the run in ``path`` was started with.

    Raises:
        TrainingError: for a file that is no checkpoint, or of another version's recipe.
    """
    text = header_of(path)["recipe"]
    try:
        return Recipe.model_validate_json(text)
    except ValidationError as error:
        what = error.errors()[0]["msg"]
        raise TrainingError(f"{path} holds a recipe that cannot be read: {what}.") from error


def check_network(path: Path, wanted: Variant) -> None:
    """Raises TrainingError for a file that is no checkpoint, or one of another network."""
    stored = recipe_of(path).network_variant
    if stored != wanted:
        raise TrainingError(
            f"{path} is a run of {stored.name} x{stored.scale}, not of {wanted.name}"
            f" x{wanted.scale}: for another network begin anew with pretrained=WEIGHTS."
        )


def restore(path: Path, learner: Learner) -> History:
    """Put the state in ``path`` into a learner of the same recipe.

    Raises:
        TrainingError: for a file that is no checkpoint or belongs to another network.
    """
    header = header_of(path)
    with safe_open(path, framework="pt") as file:
        names: list[str] = file.keys()
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in names}
    expected = {f"network.{name}" for name in learner.parameters}
    if not expected <= tensors.keys():
        raise TrainingError(f"{path} belongs to another network: {min(expected - tensors.keys())}.")
    with torch.no_grad():
        for name, parameter in learner.parameters.items():
            parameter.copy_(tensors[f"network.{name}"])
            learner.average[name].copy_(tensors[f"average.{name}"])
    for optimizer in learner.optimizers:
        _restore_moments(optimizer, learner.parameters, tensors)
    learner.step = int(header["step"])
    return from_header(header)


def _restore_moments(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, Tensor], tensors: dict[str, Tensor]
) -> None:
    names = {parameter: name for name, parameter in parameters.items()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            prefix = f"moments.{names[parameter]}."
            moments: dict[str, Any] = {  # Any: torch types an optimizer's state so
                name.removeprefix(prefix): _laid_out_like(parameter, value)
                for name, value in tensors.items()
                if name.startswith(prefix)
            }
            if moments:
                optimizer.state[parameter] = moments


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """A moment on the parameter's device, in its order of bytes, which fused optimizers rely on."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def header_of(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path} is no checkpoint of a run: {error}.") from error
    if header.get("format") != FORMAT:
        raise TrainingError(f"{path} is no checkpoint of a run (format {header.get('format')!r}).")
    return header
