"""Shape rules for operators where ONNX's own inference stops: those of com.microsoft, and some of ai.onnx.ml.

The rules are given to ONNX as operator schemas, so that one pass of its inference goes through those of operators that
ONNX does not know; the others are asked node by node (`folding`), where a size is missing. Sources: the descriptions of
the operators in ONNX Runtime's docs/ContribOperators.md and ONNX's Operators-ml.md. Importing this registers the rules
of all families.
"""

from alexnet_bench.graph.contrib import (
    attention,
    blocked,
    convolution,
    elementwise,
    linear_attention,
    movement,
    normalisation,
    older,
    packed_attention,
    products,
    quantised,
    recurrent,
    resizing,
    signal,
    splits,
    tabular,
)
from alexnet_bench.graph.contrib.node import DOMAIN, ML, NCHWC, RULED
from alexnet_bench.graph.contrib.schemas import (
    by_rule_inside,
    covers,
    find_schema,
    find_schema_of_left_open,
    infer_shapes,
    is_of_onnx,
    operators,
    registered_schemas,
)

__all__ = [
    "DOMAIN",
    "ML",
    "NCHWC",
    "RULED",
    "attention",
    "blocked",
    "by_rule_inside",
    "convolution",
    "covers",
    "elementwise",
    "find_schema",
    "find_schema_of_left_open",
    "infer_shapes",
    "is_of_onnx",
    "linear_attention",
    "movement",
    "normalisation",
    "older",
    "operators",
    "packed_attention",
    "products",
    "quantised",
    "recurrent",
    "registered_schemas",
    "resizing",
    "signal",
    "splits",
    "tabular",
]
