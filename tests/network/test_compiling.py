"""What torch.compile makes of the network: one graph without breaks, and few compilations."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cli.running import environment
from rgtsr import network, variants, weights

SMALL = replace(variants.find("tiny"), depths=(3, 2))  # L-SA, RG-SA, shifted L-SA; L-SA, RG-SA
PICTURE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def fresh() -> None:
    torch._dynamo.reset()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_whole_network_is_one_graph(mode: type, frozen: bool) -> None:
    net = network.from_weights(weights.random(SMALL, seed=0))
    net = net.freeze() if frozen else net.train()
    with mode():
        explained = torch._dynamo.explain(net)(PICTURE)
    assert explained.graph_break_count == 0, explained.break_reasons


def test_stochastic_depth_is_part_of_the_graph() -> None:
    net = network.RGT(SMALL, drop_path=0.3).train()
    explained = torch._dynamo.explain(net)(PICTURE)
    assert explained.graph_break_count == 0, explained.break_reasons


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # looked at by dynamo
@pytest.mark.parametrize("drop_path", [0.0, 0.3])
def test_blocks_of_one_kind_share_one_compilation(drop_path: float) -> None:
    variant = replace(SMALL, depths=(6, 6))
    compiled: list[object] = []

    def counting(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> object:
        compiled.append(graph)
        return graph.forward

    net = network.RGT(variant, drop_path=drop_path).train()
    for group in net.layers:
        for block in group.blocks:
            assert isinstance(block, nn.Module)
            block.compile(backend=counting, fullgraph=True, dynamic=False)
    net(PICTURE)
    kinds = {(plan.kind, plan.shifted) for plan in variants.blocks(variant)}
    assert len(compiled) == len(kinds) == 3


COMPILED = """
import sys
from dataclasses import replace
import torch
from rgtsr import variants
from rgtsr.network import RGT
from rgtsr.network.compiling import compile_blocks

torch.set_num_threads(int(sys.argv[1]))
net = RGT(replace(variants.find("tiny"), depths=(1,)))
compile_blocks(net)
net(torch.rand(2, 3, 64, 64))
"""


def test_what_was_compiled_for_two_threads_is_not_run_by_one(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler: g++ is not installed")
    for threads in ("2", "1"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", COMPILED, threads],
            env=environment(TORCHINDUCTOR_CACHE_DIR=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert (done.returncode, done.stderr) == (0, "")
