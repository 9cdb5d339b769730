"""Operators that treat each output element alike: so many FLOP and transcendentals per element."""

from __future__ import annotations

from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula

# FLOP per output element, from the definitions in ONNX's operator documentation. A comparison, or a choice, is one.
FLOP_PER_ELEMENT: dict[str, int] = {
    "Abs": 1, "Add": 1, "And": 1, "BitwiseAnd": 1, "BitwiseNot": 1, "BitwiseOr": 1, "BitwiseXor": 1, "BitShift": 1,
    "Ceil": 1, "Clip": 2, "Div": 1, "Equal": 1, "Floor": 1, "Greater": 1, "GreaterOrEqual": 1, "HardSigmoid": 4,
    "HardSwish": 5, "IsInf": 1, "IsNaN": 1, "LeakyRelu": 2, "Less": 1, "LessOrEqual": 1, "Mod": 1, "Mul": 1, "Neg": 1,
    "Not": 1, "Or": 1, "PRelu": 2, "Reciprocal": 1, "Relu": 1, "Round": 1, "Shrink": 2, "Sign": 1, "Sub": 1,
    "ThresholdedRelu": 1, "Where": 1, "Xor": 1,
}  # fmt: skip

# (FLOP, transcendentals) per output element.
TRANSCENDENTAL_PER_ELEMENT: dict[str, tuple[int, int]] = {
    "Acos": (0, 1), "Acosh": (0, 1), "Asin": (0, 1), "Asinh": (0, 1), "Atan": (0, 1), "Atanh": (0, 1), "Cos": (0, 1),
    "Cosh": (0, 1), "Erf": (0, 1), "Exp": (0, 1), "Log": (0, 1), "Pow": (0, 1), "Sin": (0, 1), "Sinh": (0, 1),
    "Sqrt": (0, 1), "Tan": (0, 1), "Tanh": (0, 1),
    "Sigmoid": (3, 1),       # negate, exp, add, divide
    "Softplus": (1, 2),      # exp, add, log
    "Softsign": (3, 0),      # absolute value, add, divide
    "Elu": (3, 1), "Celu": (4, 1), "Selu": (4, 1),
    "Gelu": (4, 1),          # scale, erf, add, two products
    "Swish": (4, 1),         # sigmoid and a product
    "SwiGLU": (5, 1),        # Swish and a product
    "Mish": (2, 3),          # softplus, tanh and a product
}  # fmt: skip

GELU_BY_TANH = (8, 1)
"""0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))): eight operations and the tanh (Hendrycks and Gimpel 2016, section 2)."""


@formula(*FLOP_PER_ELEMENT.keys() - {"Clip"})
@formula("Clip", settings=(1, 2))
def arithmetic(op: Operation) -> Work:
    """So many FLOP per output element, after broadcasting."""
    return Work(flop=FLOP_PER_ELEMENT[op.node.op_type] * op.output_elements())


@formula(*TRANSCENDENTAL_PER_ELEMENT.keys() - {"Pow"})
@formula("Pow", settings=(1,))
def transcendental(op: Operation) -> Work:
    """So many FLOP and transcendentals per output element; Gelu by erf, or as its attribute `approximate` says."""
    flop, transcendentals = TRANSCENDENTAL_PER_ELEMENT[op.node.op_type]
    if op.node.op_type == "Gelu" and op.attribute("approximate", "none") == "tanh":
        flop, transcendentals = GELU_BY_TANH
    elements = op.output_elements()
    return Work(flop=flop * elements, transcendentals=transcendentals * elements)


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
    return Work(flop=5 * elements, transcendentals=elements)


@formula("BiasSplitGelu", domain=MICROSOFT)
def bias_split_gelu(op: Operation) -> Work:
    """A sum per input; Gelu of one half, 4 and a transcendental, times the other half (ContribOperators.md)."""
    made = op.output_elements()
    return Work(flop=op.input_elements(0) + 5 * made, transcendentals=made)


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
