"""What this machine could do at best, and what a network asks of it.

    python benchmarks/floor.py

The rates of large products and of copies; each tile's counted floating-point operations and bytes
(every node's inputs and outputs once, as if nothing were fused), and where its time goes. How long
a tile takes is ``inference.py``'s to measure; ``tables.py`` divides.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from rgtsr import graph, variants, weights
from rgtsr.runtimes.openvino import core

RESULTS = Path(__file__).parent / "results/floor.json"
HINTS = {"float32": "f32", "bf16": "bf16"}
PRODUCT_SIDE = 2048
COPY_BYTES = 1 << 28
ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--variants", nargs="+", default=("small", "light", "rgt-s"))
    parser.add_argument("--sides", nargs="+", type=int, default=(128, 256))
    arguments = parser.parse_args()
    copies = copy_rate()
    report = {"copy_gb_s": copies / 1e9, "product_gflop_s": {}, "tiles": []}
    for precision in HINTS:
        products = product_rate(precision)
        report["product_gflop_s"][precision] = products / 1e9
        print(f"{precision}: products {products / 1e9:.0f} GFLOP/s, copies {copies / 1e9:.1f} GB/s")
        for variant in arguments.variants:
            for side in arguments.sides:
                report["tiles"].append(tile_row(variant, side, precision))
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


def tile_row(variant: str, side: int, precision: str) -> dict:
    model = graph.build(weights.random(variants.find(variant), seed=0), height=side, width=side)
    flop, moved = counted(model)
    tile = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    row = {"variant": variant, "side_px": side, "precision": precision, "gflop": flop / 1e9}
    row["gbyte"] = moved * (4 if precision == "float32" else 2) / 1e9
    row["shares"] = shares(model, tile, precision)
    print(
        f"{variant:6} {side:4} px {precision:8} {flop / 1e9:7.1f} GFLOP {row['gbyte']:5.2f} GB  "
        f"{', '.join(f'{kind} {share:.0%}' for kind, share in row['shares'].items())}",
        flush=True,
    )
    return row


def counted(model: onnx.ModelProto) -> tuple[float, float]:
    """Floating-point operations of products and convolutions, and numbers that go in and out."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    shapes |= {constant.name: list(constant.dims) for constant in inferred.initializer}
    flop = moved = 0.0
    for node in inferred.node:
        out = prod(shapes[node.output[0]])
        if node.op_type == "MatMul":
            flop += 2 * out * shapes[node.input[0]][-1]
        elif node.op_type == "Conv":
            flop += 2 * out * prod(shapes[node.input[1]][1:])
        if node.op_type != "Reshape":
            names = [*node.input, *node.output]
            moved += sum(prod(shapes[name]) for name in names if name in shapes)
    return flop, moved


def shares(model: onnx.ModelProto, tile: np.ndarray, precision: str) -> dict[str, float]:
    """Parts of the time by the kind of node that OpenVINO runs, the largest first."""
    config = {"INFERENCE_PRECISION_HINT": HINTS[precision], "PERF_COUNT": True}
    read = core().read_model(model.SerializeToString())
    request = core().compile_model(read, "CPU", config).create_infer_request()
    request.infer({0: tile})
    request.infer({0: tile})
    spent: Counter[str] = Counter()
    for node in request.profiling_info:
        spent[node.node_type] += node.real_time.total_seconds()
    whole = sum(spent.values())
    return {kind: round(t / whole, 3) for kind, t in spent.most_common() if t > 0.01 * whole}


def product_rate(precision: str) -> float:
    """The best FLOP/s of a large square product in OpenVINO."""
    side = PRODUCT_SIDE
    a = helper.make_tensor_value_info("a", TensorProto.FLOAT, (side, side))
    out = helper.make_tensor_value_info("c", TensorProto.FLOAT, (side, side))
    b = np.random.default_rng(0).random((side, side), dtype=np.float32)
    constant = onnx.numpy_helper.from_array(b, "b")
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    made = helper.make_model(helper.make_graph([node], "product", [a], [out], [constant]))
    read = core().read_model(made.SerializeToString())
    config = {"INFERENCE_PRECISION_HINT": HINTS[precision]}
    request = core().compile_model(read, "CPU", config).create_infer_request()
    return 2 * side**3 / best_seconds(lambda: request.infer({0: b}))


def copy_rate() -> float:
    """Bytes read and written a second by a large copy on all cores that numpy uses."""
    source = np.ones(COPY_BYTES // 8)
    target = np.empty_like(source)
    return 2 * COPY_BYTES / best_seconds(lambda: np.copyto(target, source))


def best_seconds(run: Callable[[], object]) -> float:
    return min(timed(run))


def timed(run: Callable[[], object]) -> list[float]:
    run()
    seconds: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
