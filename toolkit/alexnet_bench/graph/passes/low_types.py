"""The small float types, and which inputs and outputs of an operator may have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.inferred import Types
from alexnet_bench.graph.walk import subgraphs

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto
    from onnx.defs import OpSchema

    Array = np.ndarray[Any, Any]

_FLOAT32 = 1
"""TensorProto.FLOAT."""
FLOATS = ("float64", "float32", "float16", "bfloat16")
"""The types that layers compute in."""


@dataclass(frozen=True, slots=True)
class LowType:
    """A float type of 16 bits.

    Attributes:
        name: numpy's name.
        code: TensorProto's.
        largest: finite number.
        smallest_normal: below it numbers lose bits.
        smallest: half of it and less becomes zero.
    """

    name: str
    code: int
    largest: float
    smallest_normal: float
    smallest: float

    def cast(self, source: str, target: str, name: str, *, to_low: bool = True) -> NodeProto:
        """A Cast between float32 and this type."""
        from onnx import helper

        return helper.make_node("Cast", [source], [target], name, to=self.code if to_low else _FLOAT32)


FLOAT16 = LowType("float16", 10, 65504.0, 2.0**-14, 2.0**-24)
BFLOAT16 = LowType("bfloat16", 16, float(np.float32(3.3895314e38)), 2.0**-126, 2.0**-133)

_KEPT: dict[str, str] = {
    **dict.fromkeys(("Softmax", "LogSoftmax", "ReduceLogSumExp", "Exp", "Log", "Pow"), "exponentials leave the range"),
    **dict.fromkeys(
        ("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "LpNormalization",
         "LRN", "MeanVarianceNormalization", "RMSNormalization", "ReduceL2", "ReduceSumSquare"),
        "squares and divisions by small sums lose bits",
    ),
    **dict.fromkeys(
        ("CumSum", "DFT", "ReduceL1", "ReduceLogSum", "ReduceMean", "ReduceSum", "STFT"), "long sums lose bits"
    ),
    **dict.fromkeys(
        ("AffineGrid", "Cos", "GridSample", "NonMaxSuppression", "Range", "RoiAlign", "Sin", "Tan"),
        "angles and coordinates need more bits",
    ),
    **dict.fromkeys(
        ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"), "scales stay as they were calibrated"
    ),
}  # fmt: skip
"""Operators that stay in float32, and why."""

_NO_ARITHMETIC = ("Cast", "CastLike", "Constant")


def computes_in_float(draft: Draft, types: Types, node: NodeProto, low: LowType) -> bool:
    """Whether a node reads or makes float32, other than to change the type of it, and computes in no other type."""
    names = [name for name in (*node.input, *node.output) if name]
    return (
        node.op_type not in _NO_ARITHMETIC
        and any(types.dtype(name) == "float32" for name in names)
        and not _other_type(draft, types, node, low)
    )


def why_of_another_type(draft: Draft, types: Types, node: NodeProto, low: LowType) -> str:
    """Why a node of another float type than float32 is left alone; "" for all others, and for Casts between types."""
    other = _other_type(draft, types, node, low)
    return f"it is of {other}, not of float32" if other not in ("", low.name) else ""


def _other_type(draft: Draft, types: Types, node: NodeProto, low: LowType) -> str:
    """The float type that a node computes in, "" for float32 and none.

    What it reads in float32 beside that can have no other type, as the scales of a Resize.
    """
    if node.op_type in _NO_ARITHMETIC:
        return ""
    found = _floats(types, node.input) or _floats(types, node.output)
    may_change = subgraphs(node) or _schema(draft, node) is None or float_inputs(draft, types, node, low)
    return "" if "float32" in found and may_change else next((dtype for dtype in found if dtype != "float32"), "")


def _floats(types: Types, names: Iterable[str]) -> list[str]:
    return [dtype for name in names if name and (dtype := types.dtype(name)) in FLOATS]


def why_kept(draft: Draft, node: NodeProto, low: LowType) -> str:
    """Why the numbers of a node want float32, whatever the inputs are; "" when they do not."""
    if not node.domain and node.op_type in _KEPT:
        return _KEPT[node.op_type]
    makers = map(draft.wiring.producer, node.input)
    return "squares leave the range" if low is FLOAT16 and any(map(_is_square, (node, *makers))) else ""


def why_unable(draft: Draft, types: Types, node: NodeProto, low: LowType) -> str:
    """Why a node cannot be given the type, though its numbers would allow it; "" when it can."""
    reasons = {
        "a graph inside it reads and makes float32": bool(subgraphs(node)),
        "what it makes has the type of what it reads": _follows_its_input(draft, node),
        f"its operator is not one of ONNX's opset {draft.opset}": _schema(draft, node) is None,
        "the types of its tensors are not known": not all(map(types.dtype, filter(None, (*node.input, *node.output)))),
    }
    found = next((reason for reason, holds in reasons.items() if holds), "")
    if found or float_inputs(draft, types, node, low):
        return found
    return f"{node.op_type} takes no {low.name}{_until(draft, types, node, low)}"


def _is_square(node: NodeProto | None) -> bool:
    return node is not None and node.op_type == "Mul" and not node.domain and len(set(node.input)) == 1


def _follows_its_input(draft: Draft, node: NodeProto) -> bool:
    """Whether a node that may make any type makes that of its input, as a RandomNormalLike without `dtype`."""
    schema = _schema(draft, node)
    dtype = schema.attributes.get("dtype") if schema is not None and len(node.input) else None
    is_left_out = all(item.name != "dtype" for item in node.attribute)
    return is_left_out and dtype is not None and not dtype.required and not dtype.default_value.type


def float_inputs(draft: Draft, types: Types, node: NodeProto, low: LowType) -> list[int]:
    """Positions of the float32 inputs that may be of the low type."""
    return _inputs_taking(_schema(draft, node), types, node, low)


def _inputs_taking(schema: OpSchema | None, types: Types, node: NodeProto, low: LowType) -> list[int]:
    formal = _formal(schema.inputs, len(node.input)) if schema is not None else ()
    return [
        position
        for position, parameter in enumerate(formal)
        if types.dtype(node.input[position]) == "float32" and _takes(parameter, low)
    ]


def float_outputs(draft: Draft, types: Types, node: NodeProto, low: LowType) -> list[int]:
    """Positions of the float32 outputs whose type follows that of an input that changes."""
    schema = _schema(draft, node)
    if schema is None:
        return []
    inputs = list(_formal(schema.inputs, len(node.input)))
    changed = {inputs[position].type_str for position in float_inputs(draft, types, node, low)}
    return [
        position
        for position, parameter in enumerate(_formal(schema.outputs, len(node.output)))
        if types.dtype(node.output[position]) == "float32" and parameter.type_str in changed
    ]


def converted(value: Array, low: LowType, name: str) -> TensorProto:
    """A float32 array in the low type, rounded to nearest, ties to even."""
    from onnx import TensorProto

    if low is FLOAT16:
        with np.errstate(over="ignore"):  # infinite already, or of no node that changes
            bits = value.astype("<f2").tobytes()
    else:
        whole = np.ascontiguousarray(value, "<f4").view("<u4")
        rounded = (whole + 0x7FFF + ((whole >> 16) & 1)) >> 16
        bits = np.where(np.isnan(value).reshape(rounded.shape), 0x7FC0, rounded).astype("<u2").tobytes()
    return TensorProto(name=name, data_type=low.code, dims=value.shape, raw_data=bits)


def _until(draft: Draft, types: Types, node: NodeProto, low: LowType) -> str:
    """Before which opset an operator does not take the type, "" where it does in none."""
    from onnx import defs

    later = range(draft.opset + 1, defs.onnx_opset_version() + 1)
    found = (opset for opset in later if _inputs_taking(_find_schema(node.op_type, opset), types, node, low))
    opset = next(found, None)
    return "" if opset is None else f" before opset {opset}"


def _takes(parameter: Any, low: LowType) -> bool:
    """Whether a formal input may be of the low type."""
    return f"tensor({low.name})" in parameter.types


def _formal(parameters: Any, count: int) -> Iterator[Any]:
    """The formal parameter of each of so many arguments; the last one repeats when it is variadic."""
    return (parameters[min(position, len(parameters) - 1)] for position in range(count if parameters else 0))


def _schema(draft: Draft, node: NodeProto) -> OpSchema | None:
    return None if node.domain else _find_schema(node.op_type, draft.opset)


@lru_cache(maxsize=1024)
def _find_schema(op_type: str, opset: int) -> OpSchema | None:
    from onnx import defs

    try:
        return defs.get_schema(op_type, opset, "")
    except (defs.SchemaError, TypeError):  # no such operator, or a version beyond 32 bits
        return None
