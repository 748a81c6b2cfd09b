"""torch.compile for the blocks: what lies between their products becomes one pass each."""

# torch is typed in part:
# pyright: reportUnknownMemberType=false

import torch

from rgtsr.network.rgt import RGT, ResidualGroup


def compile_blocks(network: RGT, *, mode: str | None = None) -> None:
    """Compile each block for the shapes that come; equal blocks share their kernels.

    ``mode`` is torch.compile's: "reduce-overhead" records the kernels and replays them on a GPU.
    """
    know_threads()
    for group in network.layers:
        assert isinstance(group, ResidualGroup)
        for block in group.blocks:
            block.compile(fullgraph=True, dynamic=False, mode=mode)


def know_threads() -> None:
    """Let kernels of torch.compile be found again by as many threads alone as they were made for.

    Its cache on the disk does not tell them apart otherwise, and a kernel for two threads writes
    beyond its buffers when there is one (torch 2.13: ``double free or corruption``).
    """
    from torch._inductor import config

    config.cpp.threads = torch.get_num_threads()
