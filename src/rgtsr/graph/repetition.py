"""Parts of a graph that run as often as the size of the picture asks. Knows ONNX, no network."""

from collections.abc import Callable

from onnx import TensorProto, helper

from rgtsr.graph.builder import Builder


def repeated(b: Builder, name: str, times: str, value: str, step: Callable[[str], str]) -> str:
    """``value`` after so many steps; a step may change its shape."""
    with b.body(f"{name}/body") as body:
        after = step(f"{name}/value")
        going_on = b.op("Identity", f"{name}/go_on", f"{name}/going_on")
    for values, names in (
        (body.input, (f"{name}/round", f"{name}/going_on", f"{name}/value")),
        (body.output, (going_on, after)),
    ):
        types = TensorProto.INT64, TensorProto.BOOL, TensorProto.FLOAT
        for each, kind in zip(names, types[-len(names) :], strict=True):
            values.append(helper.make_tensor_value_info(each, kind, () if kind != TensorProto.FLOAT else (None,) * 4))
    return b.op("Loop", name, times, "", value, body=body)
