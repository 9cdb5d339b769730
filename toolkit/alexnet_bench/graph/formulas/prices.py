"""What one element costs: of elementwise operators, and of the parts that larger operators have inside."""

from __future__ import annotations

from alexnet_bench.core.text import printable
from alexnet_bench.graph.formulas.registry import UnknownShape

Price = tuple[int, int]
"""FLOP and transcendentals."""

# FLOP per output element, from the definitions in ONNX's operator documentation. A comparison, or a choice, is one.
FLOP_PER_ELEMENT: dict[str, int] = {
    "Abs": 1, "Add": 1, "And": 1, "BitwiseAnd": 1, "BitwiseNot": 1, "BitwiseOr": 1, "BitwiseXor": 1, "BitShift": 1,
    "Ceil": 1, "Clip": 2, "Div": 1, "Equal": 1, "Floor": 1, "Greater": 1, "GreaterOrEqual": 1, "HardSigmoid": 4,
    "HardSwish": 5, "IsInf": 1, "IsNaN": 1, "LeakyRelu": 2, "Less": 1, "LessOrEqual": 1, "Mod": 1, "Mul": 1, "Neg": 1,
    "Not": 1, "Or": 1, "PRelu": 2, "Reciprocal": 1, "Relu": 1, "Round": 1, "Shrink": 2, "Sign": 1, "Sub": 1,
    "ThresholdedRelu": 1, "Where": 1, "Xor": 1,
}  # fmt: skip

# (FLOP, transcendentals) per output element.
TRANSCENDENTAL_PER_ELEMENT: dict[str, Price] = {
    "Acos": (0, 1), "Acosh": (0, 1), "Asin": (0, 1), "Asinh": (0, 1), "Atan": (0, 1), "Atanh": (0, 1), "Cos": (0, 1),
    "Cosh": (0, 1), "Erf": (0, 1), "Exp": (0, 1), "Log": (0, 1), "Pow": (0, 1), "Sin": (0, 1), "Sinh": (0, 1),
    "Sqrt": (0, 1), "Tan": (0, 1), "Tanh": (0, 1),
    "Sigmoid": (3, 1),       # negate, exp, add, divide
    "Softplus": (1, 2),      # exp, add, log
    "Softsign": (3, 0),      # absolute value, add, divide
    "Elu": (3, 1), "Celu": (4, 1), "Selu": (4, 1),
    "Gelu": (4, 1),          # scale, erf, add, two products
    "Swish": (4, 1),         # sigmoid and a product, with alpha 1
    "SwiGLU": (5, 1),        # Swish and a product
    "Mish": (2, 3),          # softplus, tanh and a product
}  # fmt: skip

GELU, SIGMOID, SILU, SOFTPLUS = (TRANSCENDENTAL_PER_ELEMENT[name] for name in ("Gelu", "Sigmoid", "Swish", "Softplus"))

GELU_BY_TANH: Price = (8, 1)
"""0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))): eight operations and the tanh (Hendrycks and Gimpel 2016, section 2)."""

SOFTMAX: Price = (4, 1)
"""1 to find the maximum, 1 to subtract it, 1 exp, 1 to sum, 1 to divide (or to subtract the logarithm)."""

LAYER_NORM = 7
"""FLOP: 1 to sum, 1 to centre, 2 to square and sum, 1 to scale by the inverse deviation, 2 for scale and shift. The
root is one among thousands of elements, and left out."""

RMS_NORM = 4
"""FLOP: 2 to square and sum, 1 to scale by the inverse root, 1 for scale."""

QUANTISE, DEQUANTISE = 3, 2
"""FLOP: divide by the scale, round, add the zero point; subtract it, multiply."""

_NONE: Price = (0, 0)
_ACTIVATIONS: dict[str, Price] = {
    **{name.lower(): (flop, 0) for name, flop in FLOP_PER_ELEMENT.items()},
    **{name.lower(): price for name, price in TRANSCENDENTAL_PER_ELEMENT.items()},
    "silu": SILU,
    **dict.fromkeys(("", "none", "identity"), _NONE),
}


def activation_price(name: str) -> Price:
    """What an activation inside an operator costs per element, however its name is spelled.

    Raises:
        UnknownShape: it has no formula.
    """
    if name.lower() not in _ACTIVATIONS:
        raise UnknownShape(f"no formula for the activation {printable(name)}")
    return _ACTIVATIONS[name.lower()]
