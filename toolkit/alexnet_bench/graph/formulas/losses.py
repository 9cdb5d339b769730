"""Losses, as models have them that are trained further."""

from __future__ import annotations

from alexnet_bench.graph.formulas.prices import SOFTMAX
from alexnet_bench.graph.formulas.registry import Operation, Work, formula


@formula("NegativeLogLikelihoodLoss", settings=(2,))
def negative_log_likelihood(op: Operation) -> Work:
    """One value is picked per target and its sign turned (ONNX, operator NegativeLogLikelihoodLoss).

    A weight costs a product more. A sum costs one addition per target, and so does the sum of the weights that a mean
    divides by; the division itself is left out.
    """
    targets = op.input_elements(1)
    return Work(flop=targets * _per_target(op))


@formula("SoftmaxCrossEntropyLoss", settings=(2,))
def softmax_cross_entropy(op: Operation) -> Work:
    """LogSoftmax over the scores, then as NegativeLogLikelihoodLoss (ONNX, operator SoftmaxCrossEntropyLoss)."""
    scores, targets = op.input_elements(0), op.input_elements(1)
    return Work(flop=SOFTMAX[0] * scores + targets * _per_target(op), transcendentals=SOFTMAX[1] * scores)


def _per_target(op: Operation) -> int:
    weighted, reduction = op.has_input(2), op.attribute("reduction", "mean")
    return 1 + weighted + (reduction != "none") + (weighted and reduction == "mean")
