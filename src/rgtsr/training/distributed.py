"""Several processes that train one network together. Knows torch's collectives, no network.

``torchrun`` starts the processes, one a device, on one machine or many, and tells each its number.
Every rank holds all weights and cuts its share of the same batch; gradients are averaged.
"""

# torch is typed in part:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

import torch
from torch import Tensor
from torch import distributed as collectives

from rgtsr.errors import TrainingError


@dataclass(frozen=True)
class Rank:
    """One process among ``world_size``; alone unless torchrun started it."""

    index: int = 0
    world_size: int = 1
    local_index: int = 0  # on its machine

    @property
    def is_main(self) -> bool:
        """Whether this is the one that speaks, validates and writes files."""
        return self.index == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their means over all ranks.

        Raises:
            TrainingError: when another rank is gone.
        """
        if self.world_size == 1:
            return
        joined = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._sum(joined)
        joined /= self.world_size
        parts = joined.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def agree(self, elapsed_s: float, stop: bool) -> tuple[float, bool]:
        """The main rank's time, and whether any was asked to stop. Raises as ``average``."""
        if self.world_size == 1:
            return elapsed_s, stop
        told = torch.tensor([elapsed_s if self.is_main else 0.0, stop], dtype=torch.float64)
        self._sum(told)
        elapsed_s, stops = told.tolist()
        return elapsed_s, stops > 0

    def _sum(self, tensor: Tensor) -> None:
        try:
            collectives.all_reduce(tensor)
        except RuntimeError as error:
            raise TrainingError(
                f"rank {self.index} of {self.world_size} has lost another:"
                f" {str(error).splitlines()[0]}"
            ) from error


@contextmanager
def joined() -> Generator[Rank]:
    """This process's rank: what torchrun says, or alone; the others are let go at the end."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield Rank()
        return
    # Optimizers load it, and it keeps a group that is there by then: the group's threads would
    # outlive Python, which kills a process that is done (torch 2.13).
    import_module("torch._dynamo")
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    collectives.init_process_group(backend)
    local = int(os.environ["LOCAL_RANK"])
    try:
        yield Rank(collectives.get_rank(), collectives.get_world_size(), local)
    finally:
        collectives.destroy_process_group()
