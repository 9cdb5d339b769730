"""Pooling and reductions."""

from __future__ import annotations

from math import prod

from alexnet_bench.graph.formulas.registry import Operation, Work, formula


@formula("MaxPool")
def max_pool(op: Operation) -> Work:
    """K - 1 comparisons per output for a window of k elements; edges count as full windows."""
    return Work(flop=(prod(op.integers("kernel_shape", (1,))) - 1) * op.output_elements())


@formula("AveragePool")
def average_pool(op: Operation) -> Work:
    """K - 1 additions and a division per output for a window of k elements; edges count as full windows."""
    return Work(flop=prod(op.integers("kernel_shape", (1,))) * op.output_elements())


@formula("GlobalAveragePool")
def global_average_pool(op: Operation) -> Work:
    """An addition per input but the first of each window, and a division per output."""
    return Work(flop=op.input_elements(0))


@formula("GlobalMaxPool", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd", "ArgMax", "ArgMin")
def reduce_plain(op: Operation) -> Work:
    """One operation per input but the first of each window."""
    return Work(flop=max(0, op.input_elements(0) - op.output_elements()))


@formula("ReduceMean")
def reduce_mean(op: Operation) -> Work:
    """As a sum, and a division per output."""
    return Work(flop=op.input_elements(0))


@formula("ReduceL1", "ReduceSumSquare")
def reduce_mapped(op: Operation) -> Work:
    """An absolute value or a square per input, then as a sum."""
    return Work(flop=max(0, 2 * op.input_elements(0) - op.output_elements()))


@formula("ReduceL2")
def reduce_l2(op: Operation) -> Work:
    """As a sum of squares, and a square root per output."""
    outputs = op.output_elements()
    return Work(flop=max(0, 2 * op.input_elements(0) - outputs), transcendentals=outputs)
