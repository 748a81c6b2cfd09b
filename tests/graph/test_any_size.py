"""What the graph for any size promises beyond parity."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from rgtsr import exporting, graph, variants, weights
from rgtsr.graph.any_size import MOST_RECURSIONS
from rgtsr.graph.builder import Builder

LIGHT = weights.random(replace(variants.find("light"), depths=(3, 4)), seed=0)


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return graph.build_any_size(LIGHT)


def test_the_graph_is_valid_onnx_with_three_sides_open(model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model, full_check=True)
    shapes = [
        tuple(dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert shapes == [
        ("batch", 3, "height", "width"),
        ("batch", 3, "2*height", "2*width"),
    ]


def test_what_depends_on_the_size_is_computed_once_and_not_in_every_block(
    model: onnx.ModelProto,
) -> None:
    kinds = [node.op_type for node in model.graph.node]
    windows, shifts = 2, 2
    assert kinds.count("ScatterElements") == windows * shifts
    assert kinds.count("Pad") == windows * shifts
    per_shape = len(graph.build(LIGHT, height=40, width=72).graph.node)
    rg_sa_blocks = 1 + 2
    assert len(kinds) <= per_shape + 4 * 60 + 25 * rg_sa_blocks + 50


def test_a_static_graph_computes_no_size_and_loops_nowhere() -> None:
    kinds = {node.op_type for node in graph.build(LIGHT, height=40, width=72).graph.node}
    assert kinds.isdisjoint({"Shape", "Loop", "Range", "ScatterElements", "Pad", "Slice", "Max"})


def test_the_graph_recurs_as_deep_as_the_rule_says(model: onnx.ModelProto) -> None:
    end = next(i for i, node in enumerate(model.graph.node) if node.name == "more_recursions")
    only = onnx.ModelProto()
    only.CopyFrom(model)
    del only.graph.node[end + 1 :], only.graph.output[:]
    only.graph.output.append(
        helper.make_tensor_value_info("more_recursions", TensorProto.INT64, (1,))
    )
    run = exporting.opened(only.SerializeToString(), "onnxruntime")
    for height, width in [(1, 1), (16, 1023), (1024, 8), (30, 4095), (2, 4096), (16384, 3)]:
        more = run(np.zeros((1, 3, height, width), np.float32))
        assert more == variants.recursions(height, width) - variants.LEAST_RECURSIONS
    assert variants.recursions(1, 10**6) < MOST_RECURSIONS


def test_a_size_that_is_known_becomes_a_constant_and_another_is_computed_once() -> None:
    b = Builder()
    assert b.integers([2, 3]) == b.integers([2, 3]) == "[2,3]"
    assert b.computed("Add", "side", 1) == b.computed("Add", "side", 1)
    model = b.model(inputs=[("x", ())], outputs=[("y", ())])
    assert [node.op_type for node in model.graph.node] == ["Add"]
    assert helper.make_opsetid("", 20) in model.opset_import
    assert all(tensor.data_type == TensorProto.INT64 for tensor in model.graph.initializer)
