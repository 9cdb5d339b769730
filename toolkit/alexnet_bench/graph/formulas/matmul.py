"""Matrix products."""

from __future__ import annotations

from alexnet_bench.graph.formulas.registry import Operation, UnknownShape, Work, formula


@formula("Gemm")
def gemm(op: Operation) -> Work:
    """Y = alpha·A·B + beta·C (ONNX, operator Gemm): MACs = M·N·K; FLOP adds one per output for C.

    Factors alpha and beta other than 1 cost one more per output each.
    """
    rows, columns = op.output_shape()
    left = op.input_shape(0)
    macs = rows * columns * (left[0] if op.integer("transA", 0) else left[1])
    extra = (
        op.has_input(2) + (op.attribute("alpha", 1.0) != 1.0) + (op.has_input(2) and op.attribute("beta", 1.0) != 1.0)
    )
    return Work(macs=macs, flop=2 * macs + extra * rows * columns)


@formula("MatMul")
def matmul(op: Operation) -> Work:
    """numpy.matmul (ONNX, operator MatMul): each output element is a dot product over the last axis of A."""
    left = op.input_shape(0)
    if not left:
        raise UnknownShape("MatMul of a scalar")
    macs = op.output_elements() * left[-1]
    return Work(macs=macs, flop=2 * macs)
