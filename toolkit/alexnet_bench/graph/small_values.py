"""Values of small tensors: read from constants, and worked out through the arithmetic that exporters do on sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from alexnet_bench.graph.contrib import DOMAIN as MICROSOFT
from alexnet_bench.graph.contrib.splits import is_at_odds
from alexnet_bench.graph.reference import run_node

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

    Array = NDArray[np.generic]

MAX_ELEMENTS = 1024
"""Larger tensors are data, not shapes; their values are not followed."""

_EVALUATED = frozenset({
    "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Compress", "Concat", "Constant", "ConstantOfShape", "CumSum",
    "DequantizeLinear", "Div", "Equal", "Expand", "Flatten", "Floor", "Gather", "Greater", "GreaterOrEqual",
    "Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "Or", "Pow",
    "QuantizeLinear", "Range", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round",
    "ScatterND", "Shape", "Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile", "Transpose",
    "Unsqueeze", "Where",
})  # fmt: skip
"""Deterministic operators of shape arithmetic; tools that quantise a whole graph put sizes through Q/DQ as well."""

GROWING = frozenset({"ConstantOfShape", "Expand", "Max", "Min", "Range", "Tile", "Where"})
"""A few numbers can ask these for terabytes; the shapes that a file declares for them are no proof of the contrary."""

WHOLE = frozenset({"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})
"""Types of whole numbers and truths, which every runtime computes alike."""

_QUANTISING = frozenset({"DequantizeLinear", "QuantizeLinear"})
"""These ONNX Runtime has in its own domain, too: there older models have them in 16 and 4 bits."""

_LIKE_OPSET = 21
"""Of ONNX, whose operators of these names mean the same; older ones do not know all of their types."""

_FEW_BITS = frozenset({"int2", "int4", "uint2", "uint4"})
"""Whole numbers that numpy does not have of its own, and calls neither signed nor unsigned."""


def is_followed(node: NodeProto) -> bool:
    """Whether a node is arithmetic that sizes go through."""
    if node.domain == MICROSOFT:
        return node.op_type in _QUANTISING
    return not node.domain and node.op_type in _EVALUATED and not is_at_odds(node)


def is_small(value: Array) -> bool:
    """Whether a value is one to keep: few numbers or truths."""
    return value.size <= MAX_ELEMENTS and (value.dtype.kind in "iufb" or value.dtype.name in _FEW_BITS)


def evaluate(node: NodeProto, feeds: Mapping[str, Array], opsets: Mapping[str, int]) -> dict[str, Array]:
    """What a node makes of the values of its inputs, by output; empty where it cannot be."""
    versions = dict(opsets)
    if node.domain:
        node, versions = _of_onnx(node), {"": _LIKE_OPSET}
    try:
        with np.errstate(divide="raise", invalid="raise", over="raise"):
            made = run_node(node, feeds, versions)
    except Exception:  # noqa: BLE001 - the reference raises whatever numpy raises on contradictory models
        return {}
    return {name: value for name, value in zip(node.output, made, strict=False) if name}


def _of_onnx(node: NodeProto) -> NodeProto:
    """The operator of ONNX that means the same."""
    from onnx import NodeProto

    same = NodeProto()
    same.CopyFrom(node)
    same.domain = ""
    return same


def from_initialiser(proto: TensorProto) -> Array | None:
    """The value of a small tensor whose data is here."""
    from onnx import numpy_helper

    elements = 1
    for dim in proto.dims:
        elements *= dim
    if not 0 <= elements <= MAX_ELEMENTS or proto.data_location == proto.EXTERNAL or proto.data_type == proto.STRING:
        return None
    try:
        return np.asarray(numpy_helper.to_array(proto))
    except (LookupError, TypeError, ValueError):  # no such type, or its data does not fit its dimensions
        return None


def to_proto(name: str, value: Array) -> TensorProto:
    """The value as ONNX's inference takes it."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array(value, order="C"), name)
