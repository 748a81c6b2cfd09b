"""What the graph promises beyond parity: that it is small, readable and made without torch."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from rgtsr import graph, variants, weights
from rgtsr.graph.builder import Builder
from rgtsr.graph.fixed import Fixed
from rgtsr.graph.layers import Site
from rgtsr.graph.window import pair_biases, position_table

LIGHT = weights.random(replace(variants.find("light"), depths=(3, 2)), seed=0)


def constants(model: onnx.ModelProto) -> dict[str, NDArray[np.generic]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_the_graph_is_valid_onnx_of_the_shape_asked_for() -> None:
    model = graph.build(LIGHT, batch=2, height=40, width=64)
    onnx.checker.check_model(model, full_check=True)
    shapes = [
        tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert shapes == [(2, 3, 40, 64), (2, 3, 80, 128)]


def test_biases_are_stored_per_window_shape_and_not_per_window() -> None:
    small = graph.build(LIGHT, height=64, width=64).ByteSize()
    large = graph.build(LIGHT, height=192, width=192).ByteSize()
    rows = 8 * 192 * 192 * 2 * 2 * 4  # two orders of int64 a half, four kinds of half at most
    assert large - small < rows
    biases = [
        a for n, a in constants(graph.build(LIGHT, height=96, width=96)).items() if "bias" in n
    ]
    assert max(bias.size for bias in biases) == 3 * 256 * 256


def test_every_node_has_a_name_that_says_where_it_stands() -> None:
    names = [node.name for node in graph.build(LIGHT, height=64, width=64).graph.node]
    assert len(set(names)) == len(names)
    assert all(names)
    assert "layers.0.blocks.2/attn/windows1/32x8/softmax" in names
    assert "layers.1.blocks.1/attn/reduction0" in names


def test_attention_inside_windows_needs_no_mask_and_no_roll() -> None:
    kinds = {node.op_type for node in graph.build(LIGHT, height=64, width=64).graph.node}
    assert kinds.isdisjoint({"Where", "Roll", "Pad", "Slice"})


@pytest.mark.parametrize("part", [(8, 32), (4, 32), (8, 16), (4, 16)])
def test_a_smaller_windows_biases_are_part_of_the_whole_windows(part: tuple[int, int]) -> None:
    window = (8, 32)
    b = Builder()
    site = Site(b, LIGHT.tensors, LIGHT.variant, Fixed(b, LIGHT.variant, 1, (32, 32)))
    table = position_table(site, "layers.0.blocks.0.attn.attns.0.pos", window)
    whole = pair_biases(table, window, window).reshape(3, 8, 32, 8, 32)
    h, w = part
    expected = whole[:, :h, :w, :h, :w].reshape(3, h * w, h * w)
    assert np.array_equal(pair_biases(table, window, part), expected)


def test_building_a_graph_imports_no_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from rgtsr import graph, variants, weights\n"
        "graph.build(weights.random(variants.find('tiny')), height=32, width=32)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
