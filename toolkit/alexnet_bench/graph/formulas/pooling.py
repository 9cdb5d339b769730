"""Pooling and reductions."""

from __future__ import annotations

from alexnet_bench.graph.formulas.registry import MICROSOFT, NCHWC, Operation, Work, formula


@formula("MaxPool")
@formula("MaxPool", domain=NCHWC)
@formula("NhwcMaxPool", domain=MICROSOFT)
def max_pool(op: Operation) -> Work:
    """K - 1 comparisons per output for a window of k elements; edges count as full windows."""
    return Work(flop=(op.window() - 1) * op.output_elements())


@formula("MaxpoolWithMask", domain=MICROSOFT)
def max_pool_with_mask(op: Operation) -> Work:
    """As MaxPool, and a look at the mask for each element of a window."""
    return Work(flop=(2 * op.window() - 1) * op.output_elements())


@formula("AveragePool")
@formula("AveragePool", domain=NCHWC)
def average_pool(op: Operation) -> Work:
    """K - 1 additions and a division per output for a window of k elements; edges count as full windows."""
    return Work(flop=op.window() * op.output_elements())


@formula("LpPool")
def lp_pool(op: Operation) -> Work:
    """(sum of |x|^p)^(1/p) over a window of k elements (ONNX, operator LpPool), p = 2 by default.

    For p = 2 k products, k - 1 additions and a square root per output; for p = 1 k absolute values and k - 1 additions;
    for any other p each element and each output is a power.
    """
    window, outputs = op.window(), op.output_elements()
    return _norm(op, elements=window * outputs, outputs=outputs)


@formula("GlobalLpPool")
def global_lp_pool(op: Operation) -> Work:
    """As LpPool with a window of the whole image."""
    return _norm(op, elements=op.input_elements(0), outputs=op.output_elements())


@formula("GlobalAveragePool")
@formula("GlobalAveragePool", domain=NCHWC)
def global_average_pool(op: Operation) -> Work:
    """An addition per input but the first of each window, and a division per output."""
    return Work(flop=op.input_elements(0))


@formula("ReduceSumInteger", domain=MICROSOFT)
@formula("GlobalMaxPool", domain=NCHWC)
@formula("GlobalMaxPool", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd", "ArgMax", "ArgMin")
def reduce_plain(op: Operation) -> Work:
    """One operation per input but the first of each window."""
    return Work(flop=max(0, op.input_elements(0) - op.output_elements()))


@formula("ReduceMean")
def reduce_mean(op: Operation) -> Work:
    """As a sum, and a division per output; nothing where `noop_with_empty_axes` is set and no axes are given."""
    axes = op.input_elements(1) if op.has_input(1) else 0
    keeps = bool(op.integer("noop_with_empty_axes", 0)) and not axes
    return Work(flop=0 if keeps else op.input_elements(0))


@formula("ReduceL1", "ReduceSumSquare")
def reduce_mapped(op: Operation) -> Work:
    """An absolute value or a square per input, then as a sum."""
    return Work(flop=max(0, 2 * op.input_elements(0) - op.output_elements()))


@formula("ReduceL2")
def reduce_l2(op: Operation) -> Work:
    """As a sum of squares, and a square root per output."""
    outputs = op.output_elements()
    return Work(flop=max(0, 2 * op.input_elements(0) - outputs), transcendentals=outputs)


@formula("ReduceLogSum")
def reduce_log_sum(op: Operation) -> Work:
    """As a sum, and a logarithm per output."""
    outputs = op.output_elements()
    return Work(flop=max(0, op.input_elements(0) - outputs), transcendentals=outputs)


@formula("ReduceLogSumExp")
def reduce_log_sum_exp(op: Operation) -> Work:
    """Y = m + log(sum of exp(x - m)), m the maximum of each window: the form that stays finite.

    Per input: 1 to find the maximum, 1 to subtract it, 1 exp, 1 to sum; per output a log, and one addition less each
    for maximum and sum, but one more for m.
    """
    inputs, outputs = op.input_elements(0), op.output_elements()
    return Work(flop=max(0, 3 * inputs - outputs), transcendentals=inputs + outputs if inputs else 0)


@formula("CumSum", "CumProd")
def cumulative(op: Operation) -> Work:
    """One addition, or product, per element."""
    return Work(flop=op.output_elements())


def _norm(op: Operation, *, elements: int, outputs: int) -> Work:
    flop = max(0, 2 * elements - outputs)
    match op.attribute("p", 2):  # a float in version 1
        case 1:
            return Work(flop=flop)
        case 2:
            return Work(flop=flop, transcendentals=outputs)
        case _:  # the additions, and the absolute value that each power is taken of
            return Work(flop=flop, transcendentals=elements + outputs)
