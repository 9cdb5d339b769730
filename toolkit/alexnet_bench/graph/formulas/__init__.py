"""Cost formulas by operator; importing this registers them all."""

from alexnet_bench.graph.formulas import (
    attention,
    convolution,
    einsum,
    elementwise,
    fused,
    matmul,
    movement,
    normalisation,
    pooling,
    quantised,
    recurrent,
    resampling,
    selection,
)
from alexnet_bench.graph.formulas.registry import Operation, UnknownShape, Work, find_formula, formula, registered

__all__ = [
    "Operation",
    "UnknownShape",
    "Work",
    "attention",
    "convolution",
    "einsum",
    "elementwise",
    "find_formula",
    "formula",
    "fused",
    "matmul",
    "movement",
    "normalisation",
    "pooling",
    "quantised",
    "recurrent",
    "registered",
    "resampling",
    "selection",
]
