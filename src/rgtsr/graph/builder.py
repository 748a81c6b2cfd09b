"""Writes an ONNX graph node by node. Knows ONNX, no network.

A value is named by the string under which the graph knows it; a node by where in the network it
stands, so that a profile reads like the network. A size is a number where it is known, and
otherwise the name of what the graph computes it in.
"""

import contextlib
import hashlib
from collections.abc import Generator, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

OPSET = 20  # the first with Gelu
IR_VERSION = 10

Attribute = int | float | str | Sequence[int] | onnx.GraphProto
Size = int | str  # a name stands for one integer, as a list of length 1
Value = tuple[str, Sequence[Size] | None]  # a name and a shape, None where it follows from others


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
        self._nodes = self._graph.node  # of the graph, or of the body that is being written
        self._names: dict[bytes, str] = {}
        self._computed: set[str] = set()

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

    def integers(self, values: Sequence[Size]) -> str:
        """A list of integers: a shape, or indices. A constant, if all of them are numbers."""
        text = ",".join(map(str, values)) if len(values) < 9 else f"order{len(self._names)}"
        if not any(isinstance(value, str) for value in values):
            return self.constant(f"[{text}]", np.array(values, np.int64))
        parts = [each if isinstance(each, str) else self.integers([each]) for each in values]
        return parts[0] if len(parts) == 1 else self._once("Concat", f"[{text}]", *parts, axis=0)

    def computed(self, kind: str, *values: Size) -> str:
        """What the graph computes from sizes; the same is computed once."""
        inputs = [self.integers([value]) for value in values]
        return self._once(kind, f"{kind}({', '.join(map(str, values))})", *inputs)

    def op(self, kind: str, name: str, *inputs: str, **attributes: Attribute) -> str:
        """A node of one output; returns the output's name, which is the node's."""
        node = self._nodes.add(op_type=kind, name=name, input=inputs, output=[name])
        node.attribute.extend(helper.make_attribute(k, value) for k, value in attributes.items())
        return name

    def counted(self, stop: Size) -> str:
        """The list 0, 1, 2 and so on, below a size."""
        ends = [self._once("Squeeze", f"({end})", self.integers([end])) for end in (0, stop, 1)]
        return self._once("Range", f"Range({stop})", *ends)

    def _once(self, kind: str, name: str, *inputs: str, **attributes: Attribute) -> str:
        if name not in self._computed:
            self._computed.add(self.op(kind, name, *inputs, **attributes))
        return name

    def split(self, name: str, value: str, sizes: Sequence[Size]) -> list[str]:
        """Parts of ``value`` along its first axis."""
        if len(sizes) == 1:
            return [value]
        parts = [f"{name}.{part}" for part in range(len(sizes))]
        inputs = [value, self.integers(sizes)]
        node = self._nodes.add(op_type="Split", name=name, input=inputs, output=parts)
        node.attribute.append(helper.make_attribute("axis", 0))
        return parts

    def join(self, name: str, values: Sequence[str]) -> str:
        """Parts joined along their first axis."""
        return values[0] if len(values) == 1 else self.op("Concat", name, *values, axis=0)

    def reshape(self, name: str, value: str, shape: Sequence[Size]) -> str:
        return self.op("Reshape", name, value, self.integers(shape))

    def transpose(self, name: str, value: str, order: Sequence[int]) -> str:
        return self.op("Transpose", name, value, perm=order)

    @contextlib.contextmanager
    def body(self, name: str) -> Generator[onnx.GraphProto]:
        """What is written inside is the body of a loop: it sees all values before it."""
        outer, computed, body = self._nodes, set(self._computed), onnx.GraphProto(name=name)
        self._nodes = body.node
        try:
            yield body
        finally:
            self._nodes, self._computed = outer, computed

    def model(self, *, inputs: Sequence[Value], outputs: Sequence[Value]) -> onnx.ModelProto:
        """The finished model: what goes in and what comes out, all of it float32."""
        self._graph.name = "RGT"
        for declared, values in ((self._graph.input, inputs), (self._graph.output, outputs)):
            declared.extend(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in values
            )
        return self._model
