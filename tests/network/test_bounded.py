"""Band by band the network gives what it gives at once."""

import subprocess
import sys

import pytest
import torch

from parity.table import banded_cases
from rgtsr import network, variants, weights
from rgtsr.network import bounded
from rgtsr.variants import Variant

TOLERANCE = 1e-5


def difference(variant: Variant, size: tuple[int, int], band_px: int) -> float:
    net = network.from_weights(weights.random(variant, seed=1))
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        whole = net(x)
    shares: list[float] = []
    made = bounded.forward(net, x, band_px=band_px, on_share=shares.append)
    steps = 2 * sum(variant.depths) + 1  # of each block its attention and the rest; the end
    assert shares == [step / steps for step in range(1, steps + 1)]
    return float((made - whole).abs().max())


@pytest.mark.parametrize("case", banded_cases().values(), ids=banded_cases().keys())
def test_every_case_is_the_same_in_bands(case: tuple[Variant, tuple[int, int], int]) -> None:
    assert difference(*case) <= TOLERANCE


def test_bands_take_a_fraction_of_the_memory_and_no_more_than_is_foreseen() -> None:
    program = """
import sys, torch
from rgtsr import network, variants, weights
from rgtsr.network import bounded

def peak_mib():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(lines["VmHWM"].split()[0]) / 1024

net = network.from_weights(weights.random(variants.find("tiny"), seed=0))
x = torch.rand(1, 3, 320, 320)
before = peak_mib()
with torch.inference_mode():
    bounded.forward(net, x, band_px=32) if sys.argv[1] == "bands" else net(x)
print(peak_mib() - before)
"""
    grown = {
        how: float(subprocess.check_output([sys.executable, "-c", program, how], text=True))
        for how in ("bands", "at once")
    }
    held = bounded.held_bytes(variants.find("tiny"), (1, 3, 320, 320)) / 2**20
    assert held < grown["bands"] < 0.6 * grown["at once"]
