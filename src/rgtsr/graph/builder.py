"""Writes an ONNX graph node by node. Knows ONNX, no network.

A value is named by the string under which the graph knows it; a node by where in the network it
stands, so that a profile reads like the network.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20  # the first with Gelu
IR_VERSION = 10

Attribute = int | float | str | Sequence[int]


class Builder:
    """A graph that grows: constants and nodes in, an ONNX model out."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._names: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        """A constant; equal ones are stored once, under the first name."""
        array = np.ascontiguousarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._names:
            self._names[key] = name
            self._constants[name] = numpy_helper.from_array(array, name)
        return self._names[key]

    def integers(self, values: Sequence[int]) -> str:
        """A constant list of integers: a shape, or indices."""
        array = np.array(values, np.int64)
        text = ",".join(map(str, values)) if len(values) < 9 else f"order{len(self._constants)}"
        return self.constant(f"[{text}]", array)

    def op(self, kind: str, name: str, *inputs: str, **attributes: Attribute) -> str:
        """A node of one output; returns the output's name, which is the node's."""
        node = helper.make_node(kind, inputs, [name], name)
        node.attribute.extend(helper.make_attribute(k, value) for k, value in attributes.items())
        self._nodes.append(node)
        return name

    def split(self, name: str, value: str, sizes: Sequence[int]) -> list[str]:
        """Parts of ``value`` along its first axis."""
        if len(sizes) == 1:
            return [value]
        parts = [f"{name}.{part}" for part in range(len(sizes))]
        self._nodes.append(
            helper.make_node("Split", [value, self.integers(sizes)], parts, name, axis=0)
        )
        return parts

    def join(self, name: str, values: Sequence[str]) -> str:
        """Parts joined along their first axis."""
        return values[0] if len(values) == 1 else self.op("Concat", name, *values, axis=0)

    def reshape(self, name: str, value: str, shape: Sequence[int]) -> str:
        return self.op("Reshape", name, value, self.integers(shape))

    def transpose(self, name: str, value: str, order: Sequence[int]) -> str:
        return self.op("Transpose", name, value, perm=order)

    def model(
        self, *, inputs: tuple[str, Sequence[int]], outputs: tuple[str, Sequence[int]]
    ) -> onnx.ModelProto:
        """The finished model: one float32 input and one float32 output, (name, shape) each."""
        (x, x_shape), (y, y_shape) = inputs, outputs
        graph = helper.make_graph(
            self._nodes,
            "RGT",
            [helper.make_tensor_value_info(x, TensorProto.FLOAT, x_shape)],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, y_shape)],
            list(self._constants.values()),
        )
        return helper.make_model(
            graph,
            producer_name="rgtsr",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
