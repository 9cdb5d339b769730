"""Shape rules for ONNX Runtime's operators of the domain com.microsoft, where ONNX's own inference stops.

The rules are given to ONNX as operator schemas, so that one pass of its inference goes through them. Sources: the
operators' descriptions in ONNX Runtime's docs/ContribOperators.md. Importing this registers the rules of all families.
"""

from alexnet_bench.graph.contrib import (
    attention,
    convolution,
    elementwise,
    linear_attention,
    movement,
    normalisation,
    packed_attention,
    products,
    quantised,
    recurrent,
    signal,
)
from alexnet_bench.graph.contrib.node import DOMAIN
from alexnet_bench.graph.contrib.schemas import covers, find_schema, operators, registered_schemas

__all__ = [
    "DOMAIN",
    "attention",
    "convolution",
    "covers",
    "elementwise",
    "find_schema",
    "linear_attention",
    "movement",
    "normalisation",
    "operators",
    "packed_attention",
    "products",
    "quantised",
    "recurrent",
    "registered_schemas",
    "signal",
]
