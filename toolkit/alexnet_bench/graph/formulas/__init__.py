"""Cost formulas by operator; importing this registers them all."""

from alexnet_bench.graph.formulas import convolution, elementwise, matmul, movement, normalisation, pooling, resampling
from alexnet_bench.graph.formulas.registry import Operation, UnknownShape, Work, find_formula, formula, registered

__all__ = [
    "Operation",
    "UnknownShape",
    "Work",
    "convolution",
    "elementwise",
    "find_formula",
    "formula",
    "matmul",
    "movement",
    "normalisation",
    "pooling",
    "registered",
    "resampling",
]
