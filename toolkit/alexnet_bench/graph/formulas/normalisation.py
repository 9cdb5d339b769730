"""Normalisations."""

from __future__ import annotations

from alexnet_bench.graph.formulas.prices import LAYER_NORM, RMS_NORM, SIGMOID, SILU, SOFTMAX
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula

_FIRST_WITH_TRAINING_MODE = 14


@formula("LRN")
def lrn(op: Operation) -> Work:
    """Y = x / (k + alpha/n · sum of n squares)^beta (ONNX, operator LRN; Krizhevsky et al. 2012, section 3.3).

    Per element: n squares, n - 1 additions to sum them, alpha divided by n, a product with it, k added, and the final
    division make 2n + 3 FLOP; the power is one transcendental.
    """
    size, elements = op.integer("size", 0), op.output_elements()
    if size < 1:
        raise UnknownShape("size, the number of channels in a window, is missing")
    return Work(flop=(2 * size + 3) * elements, transcendentals=elements)


@formula("BatchNormalization", statistics=(3, 4))
def batch_normalization(op: Operation) -> Work:
    """At inference a scale and a shift per element: the statistics are constants that fold into the two.

    In training they are those of the batch, which are found as in LayerNormalization; what the running ones take up of
    them, a few FLOP per channel, is left out.
    """
    return Work(flop=(LAYER_NORM if _trains(op) else 2) * op.output_elements())


def _trains(op: Operation) -> bool:
    """Before `training_mode`, of opset 14, a node that gives the statistics trains, unless `is_test` says that not."""
    if op.graph.opset >= _FIRST_WITH_TRAINING_MODE:
        return bool(op.integer("training_mode", 0))
    return any(op.node.outputs[1:]) and not op.integer("is_test", 0)


@formula("InstanceNormalization", "LayerNormalization", "GroupNormalization")
def normalise_over_elements(op: Operation) -> Work:
    """Mean, variance and affine transform over groups of elements."""
    return Work(flop=LAYER_NORM * op.input_elements(0))


@formula("RMSNormalization")
def rms_normalization(op: Operation) -> Work:
    """Y = x / sqrt(mean of squares + epsilon) · scale (ONNX, operator RMSNormalization)."""
    return Work(flop=RMS_NORM * op.input_elements(0))


@formula("MeanVarianceNormalization")
def mean_variance_normalization(op: Operation) -> Work:
    """As LayerNormalization without its scale and shift: 5 per element."""
    return Work(flop=(LAYER_NORM - 2) * op.input_elements(0))


@formula("LpNormalization")
def lp_normalization(op: Operation) -> Work:
    """Per element: a square or absolute value, an addition, a division."""
    return Work(flop=3 * op.output_elements())


@formula("Softmax", "LogSoftmax")
def softmax(op: Operation) -> Work:
    """Over each row of elements."""
    elements = op.output_elements()
    return Work(flop=SOFTMAX[0] * elements, transcendentals=SOFTMAX[1] * elements)


@formula("Hardmax")
def hardmax(op: Operation) -> Work:
    """1 per element to find the maximum; what is written is 0 or 1."""
    return Work(flop=op.output_elements())


@formula("GroupNorm", "SkipGroupNorm", domain=MICROSOFT)
def group_norm(op: Operation) -> Work:
    """As GroupNormalization, after the sum with skip (input 3) and bias; then silu with `activation` 1."""
    sums = op.has_input(3) + op.has_input(4)
    activated = op.integer("activation", 0) == 1
    elements = op.input_elements(0)
    flop, transcendentals = SILU if activated else (0, 0)
    return Work(flop=(LAYER_NORM + sums + flop) * elements, transcendentals=transcendentals * elements)


@formula("BranchwiseRMSNorm", domain=MICROSOFT)
def branchwise_rms_norm(op: Operation) -> Work:
    """As RMSNormalization; the scale (input 1) may be left out."""
    return Work(flop=(RMS_NORM - 1 + op.has_input(1)) * op.input_elements(0))


@formula("GatedRMSNorm", domain=MICROSOFT)
def gated_rms_norm(op: Operation) -> Work:
    """As RMSNormalization, times silu (4) or sigmoid (3) of the gate."""
    flop, transcendentals = SIGMOID if op.attribute("activation", "silu") == "sigmoid" else SILU
    elements = op.input_elements(0)
    return Work(flop=(RMS_NORM + 1 + flop) * elements, transcendentals=transcendentals * elements)
