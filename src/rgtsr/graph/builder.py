"""Writes an ONNX graph node by node. Knows ONNX, no network.

A value is named by the string under which the graph knows it; a node by where in the network it
stands, so that a profile reads like the network.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

OPSET = 20  # the first with Gelu
IR_VERSION = 10

Attribute = int | float | str | Sequence[int]


class Builder:
    """A graph that grows: constants and nodes in, an ONNX model out."""

    def __init__(self) -> None:
        # grown in place: protobuf copies what is put together later, and constants are large
        self._model = onnx.ModelProto(
            ir_version=IR_VERSION,
            producer_name="rgtsr",
            opset_import=[helper.make_opsetid("", OPSET)],
        )
        self._graph = self._model.graph
        self._names: dict[bytes, str] = {}

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        """A constant; equal ones are stored once, under the first name."""
        array = np.ascontiguousarray(array)
        digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
        digest.update(array.data)
        key = digest.digest()
        if key not in self._names:
            self._names[key] = name
            self._graph.initializer.add(
                name=name,
                data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
                dims=array.shape,
                raw_data=array.tobytes(),
            )
        return self._names[key]

    def integers(self, values: Sequence[int]) -> str:
        """A constant list of integers: a shape, or indices."""
        array = np.array(values, np.int64)
        text = ",".join(map(str, values)) if len(values) < 9 else f"order{len(self._names)}"
        return self.constant(f"[{text}]", array)

    def op(self, kind: str, name: str, *inputs: str, **attributes: Attribute) -> str:
        """A node of one output; returns the output's name, which is the node's."""
        node = self._graph.node.add(op_type=kind, name=name, input=inputs, output=[name])
        node.attribute.extend(helper.make_attribute(k, value) for k, value in attributes.items())
        return name

    def split(self, name: str, value: str, sizes: Sequence[int]) -> list[str]:
        """Parts of ``value`` along its first axis."""
        if len(sizes) == 1:
            return [value]
        parts = [f"{name}.{part}" for part in range(len(sizes))]
        inputs = [value, self.integers(sizes)]
        node = self._graph.node.add(op_type="Split", name=name, input=inputs, output=parts)
        node.attribute.append(helper.make_attribute("axis", 0))
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
        self._graph.name = "RGT"
        for values, (name, shape) in ((self._graph.input, inputs), (self._graph.output, outputs)):
            values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return self._model
