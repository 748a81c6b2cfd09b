"""Parts of a graph that run as often as the size of the picture asks. Knows ONNX, no network."""

from collections.abc import Callable

import onnx
from onnx import TensorProto, helper

from rgtsr.graph.builder import Builder

Step = Callable[[str], str]
ANY_SIDES = (None,) * 4


def repeated(b: Builder, name: str, times: str, value: str, step: Step) -> str:
    """A map (N, C, h, w) after so many steps, each of which may change its sides."""
    with b.body(f"{name}/body") as body:
        after = step(f"{name}/value")
        _declare(b, body, name, inputs=(f"{name}/value",), output=after)
    return b.op("Loop", name, times, "", value, body=body)


def in_chunks(b: Builder, name: str, rows: str, count: str, step: Step, *, most: str) -> str:
    """Rows (N, count, R) through a step, at most so many at a time: (rounds, N, chunk, heads, d).

    The step makes (N, chunk, heads, d) of its rows. All chunks are of one size; the last row is
    repeated where they hold more rows than there are.
    """
    rounds = _ceiling(b, f"{name}/rounds", count, most)
    chunk = _ceiling(b, f"{name}/chunk", count, rounds)
    with b.body(f"{name}/body") as body:
        start = b.op("Mul", f"{name}/start", f"{name}/round", chunk)
        places = b.op("Add", f"{name}/places", b.counted(chunk), start)
        places = b.op("Min", f"{name}/existing", places, b.computed("Sub", count, 1))
        after = step(b.op("Gather", f"{name}/rows", rows, places, axis=1))
        _declare(b, body, name, inputs=(), output=after)
    return b.op("Loop", name, rounds, "", body=body)


def _ceiling(b: Builder, name: str, dividend: str, divisor: str) -> str:
    sum_ = b.op("Add", f"{name}/sum", dividend, divisor)
    return b.op("Div", name, b.op("Sub", f"{name}/most", sum_, b.integers([1])), divisor)


def _declare(
    b: Builder, body: onnx.GraphProto, name: str, *, inputs: tuple[str, ...], output: str
) -> None:
    """What a loop's body takes and gives: besides the loop's own, floats of four axes."""
    going_on = f"{name}/going_on"
    declared = helper.make_tensor_value_info
    body.input.append(declared(f"{name}/round", TensorProto.INT64, ()))
    body.input.append(declared(going_on, TensorProto.BOOL, ()))
    body.input.extend(declared(value, TensorProto.FLOAT, ANY_SIDES) for value in inputs)
    still = b.op("Identity", f"{going_on}/still", going_on)
    body.output.append(declared(still, TensorProto.BOOL, ()))
    body.output.append(declared(output, TensorProto.FLOAT, ANY_SIDES))
