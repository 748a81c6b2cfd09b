"""Band by band the network gives what it gives at once."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from parity.table import FAMILIES, family, oddities
from rgtsr import network, variants, weights
from rgtsr.network import bounded
from rgtsr.variants import Variant

TOLERANCE = 1e-5


def difference(variant: Variant, size: tuple[int, int], band_px: int) -> float:
    net = network.from_weights(weights.random(variant, seed=1))
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        whole = net(x)
    return float((bounded.forward(net, x, band_px=band_px) - whole).abs().max())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_the_same_in_bands(name: str) -> None:
    assert difference(family(name), (70, 45), 32) <= TOLERANCE


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("connection", ["1conv", "3conv"])
def test_every_scale_and_connection_is_the_same_in_bands(scale: int, connection: str) -> None:
    variant = replace(family("small", scale=scale), resi_connection=connection)
    assert difference(variant, (75, 40), 16) <= TOLERANCE


@pytest.mark.parametrize("oddity", oddities().values(), ids=oddities().keys())
def test_every_hyper_parameter_is_the_same_in_bands(oddity: Variant) -> None:
    assert difference(oddity, (50, 37), 16) <= TOLERANCE


@pytest.mark.parametrize("size", [(9, 50), (16, 16), (133, 20), (64, 300)])
@pytest.mark.parametrize("band_px", [1, 40, 1000])
def test_every_size_is_the_same_in_bands(size: tuple[int, int], band_px: int) -> None:
    assert difference(family("tiny"), size, band_px) <= TOLERANCE


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
