"""Band by band through small graphs the network gives what one graph gives."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from parity.table import banded_cases, family
from rgtsr import exporting, graph, variants, weights
from rgtsr.graph import banded
from rgtsr.graph.strips import Map, Run
from rgtsr.variants import Variant

TOLERANCE = 1e-5


def opened(model: onnx.ModelProto) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [each.name for each in session.get_inputs()]
    return lambda inputs: session.run(None, dict(zip(names, inputs, strict=True)))


def difference(variant: Variant, size: tuple[int, int], band_px: int, *, batch: int = 1) -> float:
    loaded = weights.random(variant, seed=1)
    tiles = np.random.default_rng(3).random((batch, 3, *size), dtype=np.float32)
    shares: list[float] = []
    made = banded.enlarged(
        loaded, tiles, band_px=band_px, open_graph=opened, on_share=shares.append
    )
    steps = batch * (2 * sum(variant.depths) + 1)  # of each block its attention and the rest
    assert shares == [step / steps for step in range(1, steps + 1)]
    whole = graph.build(loaded, batch=batch, height=size[0], width=size[1])
    expected: Map = exporting.opened(whole.SerializeToString(), "onnxruntime")(tiles)
    assert made.shape == expected.shape
    assert expected.std() > 0.02
    return float(np.abs(made - expected).max())


@pytest.mark.parametrize("case", banded_cases().values(), ids=banded_cases().keys())
def test_every_case_is_the_same_in_bands(case: tuple[Variant, tuple[int, int], int]) -> None:
    assert difference(*case) <= TOLERANCE


def test_a_deeper_recursion_is_the_same_in_bands() -> None:
    assert difference(replace(family("tiny"), depths=(2,)), (40, 1030), 40) <= TOLERANCE


def test_several_pictures_are_the_same_in_bands() -> None:
    assert difference(family("tiny"), (40, 30), 16, batch=2) <= TOLERANCE


def test_queries_whose_scores_are_many_come_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rgtsr.graph.recursive.SCORES", 1000)
    assert difference(family("tiny"), (40, 70), 32) <= TOLERANCE


def test_bands_take_a_fraction_of_the_memory_and_import_no_torch() -> None:
    program = """
import sys
sys.modules["torch"] = None
import numpy as np
from graph.test_banded import opened
from rgtsr import exporting, graph, variants, weights
from rgtsr.graph import banded

def peak_mib():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(lines["VmHWM"].split()[0]) / 1024

loaded = weights.random(variants.find("tiny"), seed=0)
x = np.random.default_rng(0).random((1, 3, 320, 320), dtype=np.float32)
opened(graph.build(loaded, height=16, width=16))([x[:, :, :16, :16]])
before = peak_mib()
if sys.argv[1] == "bands":
    banded.enlarged(loaded, x, band_px=32, open_graph=opened)
else:
    opened(graph.build(loaded, height=320, width=320))([x])
print(peak_mib() - before)
"""
    tests = str(Path(__file__).parents[1])
    inherited = filter(None, [tests, os.environ.get("PYTHONPATH")])
    places = os.environ | {"PYTHONPATH": os.pathsep.join(inherited)}
    grown = {
        how: float(
            subprocess.check_output([sys.executable, "-c", program, how], text=True, env=places)
        )
        for how in ("bands", "at once")
    }
    held = banded.held_bytes(variants.find("tiny"), (1, 3, 320, 320)) / 2**20
    assert grown["bands"] < held + 0.3 * grown["at once"] < 0.6 * grown["at once"]
