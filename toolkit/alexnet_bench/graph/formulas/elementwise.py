"""Operators that treat each output element alike: so many FLOP and transcendentals per element."""

from __future__ import annotations

from alexnet_bench.graph.formulas.prices import (
    FLOP_PER_ELEMENT,
    GELU,
    GELU_BY_TANH,
    SILU,
    TRANSCENDENTAL_PER_ELEMENT,
)
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula


@formula(*FLOP_PER_ELEMENT.keys() - {"Clip"})
@formula("Clip", settings=(1, 2))
def arithmetic(op: Operation) -> Work:
    """So many FLOP per output element, after broadcasting."""
    return Work(flop=FLOP_PER_ELEMENT[op.node.op_type] * op.output_elements())


@formula(*TRANSCENDENTAL_PER_ELEMENT.keys() - {"Pow", "Swish", "SwiGLU"})
@formula("Pow", settings=(1,))
def transcendental(op: Operation) -> Work:
    """So many FLOP and transcendentals per output element; Gelu by erf, or as its attribute `approximate` says."""
    flop, transcendentals = TRANSCENDENTAL_PER_ELEMENT[op.node.op_type]
    if op.node.op_type == "Gelu" and op.attribute("approximate", "none") == "tanh":
        flop, transcendentals = GELU_BY_TANH
    elements = op.output_elements()
    return Work(flop=flop * elements, transcendentals=transcendentals * elements)


@formula("Swish", "SwiGLU")
def swish(op: Operation) -> Work:
    """x·sigmoid(alpha·x), a product more where alpha is not 1; SwiGLU times its second input."""
    flop, transcendentals = TRANSCENDENTAL_PER_ELEMENT[op.node.op_type]
    scaled = op.attribute("alpha", 1.0) != 1.0
    elements = op.output_elements()
    return Work(flop=(flop + scaled) * elements, transcendentals=transcendentals * elements)


@formula("Sum", "Max", "Min")
def variadic(op: Operation) -> Work:
    """One operation per output element and input beyond the first."""
    return Work(flop=(len(op.node.inputs) - 1) * op.output_elements())


@formula("Mean")
def mean(op: Operation) -> Work:
    """As Sum, and a division per output element."""
    return Work(flop=len(op.node.inputs) * op.output_elements())


@formula("IsAllFinite", domain=MICROSOFT)
def is_all_finite(op: Operation) -> Work:
    """One test per element of every input."""
    return Work(flop=sum(op.input_elements(index) for index in range(len(op.node.inputs))))


@formula("BiasAdd", domain=MICROSOFT)
@formula("BiasDropout", "BitmaskBiasDropout", domain=MICROSOFT, settings=(3,))
def bias_add(op: Operation) -> Work:
    """A sum with the bias, and one with the residual (input 2) where it is given; at inference nothing is dropped."""
    return Work(flop=(1 + op.has_input(2)) * op.input_elements(0))


@formula("GatedAdd", domain=MICROSOFT)
def gated_add(op: Operation) -> Work:
    """X + Y·gate."""
    return Work(flop=2 * op.output_elements())


@formula("ScaledSiLU", domain=MICROSOFT)
def scaled_silu(op: Operation) -> Work:
    """As z·sigmoid(z) with z = scale·x."""
    elements = op.input_elements(0)
    return Work(flop=(1 + SILU[0]) * elements, transcendentals=SILU[1] * elements)


@formula("BiasSplitGelu", domain=MICROSOFT)
def bias_split_gelu(op: Operation) -> Work:
    """A sum per input; Gelu of one half, 4 and a transcendental, times the other half (ContribOperators.md)."""
    made = op.output_elements()
    return Work(flop=op.input_elements(0) + (GELU[0] + 1) * made, transcendentals=GELU[1] * made)


@formula("HyperConnectionPreMix", domain=MICROSOFT)
def hyper_connection_pre_mix(op: Operation) -> Work:
    """The weighted sum of the streams: a product each, the sums, and a factor where it is not 1."""
    made, scaled = op.output_elements(), op.attribute("reduction_scale", 1.0) != 1.0
    return Work(flop=max(0, 2 * op.input_elements(0) - made) + scaled * made)


@formula("HyperConnectionPostMix", domain=MICROSOFT)
def hyper_connection_post_mix(op: Operation) -> Work:
    """Streams mixed by a matrix of c by c (input 3), if given, and a product with the block's output added to each."""
    made = op.output_elements()
    macs = made * op.input_shape(3)[-1] if op.has_input(3) else 0
    return Work(macs=macs, flop=2 * macs + 2 * made)
