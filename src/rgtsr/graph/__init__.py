"""RGT as an ONNX graph, built from weights and a shape. Needs numpy and onnx, never torch."""

from rgtsr.graph.rgt import INPUT, OUTPUT, RECONSTRUCTION, build, build_any_size

__all__ = ["INPUT", "OUTPUT", "RECONSTRUCTION", "build", "build_any_size"]
