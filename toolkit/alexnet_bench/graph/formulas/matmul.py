"""Matrix products."""

from __future__ import annotations

from alexnet_bench.graph.formulas.registry import Operation, Work, formula


@formula("Gemm")
def gemm(op: Operation) -> Work:
    """Y = alpha·A·B + beta·C (ONNX, operator Gemm): MACs = M·N·K; FLOP adds one per output for C.

    Factors alpha and beta other than 1 cost one more per output each.
    """
    rows, inner = _matrix(op, 0, "transA")
    inner_too, columns = _matrix(op, 1, "transB")
    if inner != inner_too:
        raise ValueError(f"A has {inner} columns, B has {inner_too} rows")
    macs, outputs = rows * inner * columns, rows * columns
    scaled = op.attribute("alpha", 1.0) != 1.0
    biased = op.has_input(2)
    extra = scaled + biased + (biased and op.attribute("beta", 1.0) != 1.0)
    return Work(macs=macs, flop=2 * macs + extra * outputs)


def _matrix(op: Operation, index: int, transposed: str) -> tuple[int, int]:
    shape = op.input_shape(index)
    if len(shape) != 2:
        raise ValueError(f"input {index} has {len(shape)} dimensions, a matrix has 2")
    return (shape[1], shape[0]) if op.integer(transposed, 0) else (shape[0], shape[1])


@formula("MatMul")
def matmul(op: Operation) -> Work:
    """numpy.matmul (ONNX, operator MatMul): each output element is a dot product over the last axis of A."""
    macs = op.output_elements() * dot_length(op.input_shape(0), op.input_shape(1))
    return Work(macs=macs, flop=2 * macs)


def dot_length(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    """Length of the dot products of numpy.matmul. Raises ValueError when the two sides do not fit."""
    if not left or not right:
        raise ValueError("a scalar has no product of matrices")
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] != inner:
        raise ValueError(f"rows of {left[-1]:,} meet columns of {inner:,}")
    return inner


def transposed(shape: tuple[int, ...], wanted: int) -> tuple[int, ...]:
    """The shape with its last two axes swapped if that is wanted; a vector stays what it is."""
    return (*shape[:-2], shape[-1], shape[-2]) if wanted and len(shape) > 1 else shape
