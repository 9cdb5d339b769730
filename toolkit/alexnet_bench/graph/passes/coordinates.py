"""Angles, coordinates and sizes, which 16 bits are too few for: position 3001 is 3000 in float16, 2992 in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.inferred import Types
from alexnet_bench.graph.passes.low_types import FLOATS
from alexnet_bench.graph.passes.reads import reads

if TYPE_CHECKING:
    from onnx import NodeProto

MOVING = frozenset({
    "Cast", "Concat", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "Pad", "Reshape",
    "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Operators whose numbers are those of their inputs."""

_LIGHT = MOVING | {
    "Abs", "Add", "Ceil", "Clip", "CumSum", "Div", "Exp", "Floor", "Log", "Max", "Min", "Mod", "Mul", "Neg", "Pow",
    "Reciprocal", "Round", "Sqrt", "Sub", "Sum", "Where",
}  # fmt: skip
"""What positions become angles, coordinates and sizes by, beside products that sum nothing."""

_READ_AS_COORDINATES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Sin", "Cos", "Tan", "AffineGrid", "NonMaxSuppression"), (0,)),
    **dict.fromkeys(("GridSample", "RoiAlign", "Upsample"), (1,)),
    "Resize": (1, 2),
    "Range": (0, 1, 2),
}
"""Positions of such inputs; what is cast to integers is one, too."""

_INTEGERS = (2, 3, 4, 5, 6, 7, 12, 13)
"""TensorProto's codes of signed and unsigned types of 8 to 64 bits."""


def makers(draft: Draft, types: Types) -> set[str]:
    """The names of the nodes that make angles, coordinates and sizes, from what is known to all bits.

    That are inputs, constants and integers. Behind a layer, as a convolution, a number has the bits of the type that
    the layer is computed in, and a node that reads nothing else has none to lose.
    """
    rounded = _rounded(draft, types)
    found: set[str] = set()
    pending = [name for node in draft.nodes for name in _coordinates(node)]
    while pending:
        node = draft.wiring.producer(pending.pop())
        if node is not None and node.name not in found and rounded.isdisjoint(node.output):
            found.add(node.name)
            pending += node.input
    return found


def _rounded(draft: Draft, types: Types) -> set[str]:
    """The tensors that layers make, or light nodes out of such tensors alone."""
    found: set[str] = set()
    for node in draft.nodes:
        floats = [name for name in reads(node) if types.dtype(name) in FLOATS]
        if floats and not (_is_light(types, node) and not found.issuperset(floats)):
            found.update(filter(None, node.output))
    return found


def _coordinates(node: NodeProto) -> Iterator[str]:
    if node.domain:
        return
    positions = _READ_AS_COORDINATES.get(node.op_type, ())
    if node.op_type == "Cast" and any(item.name == "to" and item.i in _INTEGERS for item in node.attribute):
        positions = (0,)
    yield from (node.input[position] for position in positions if position < len(node.input))


def _is_light(types: Types, node: NodeProto) -> bool:
    if node.domain:
        return False
    if node.op_type == "MatMul":
        return (types.shape(node.input[0]) or (None,))[-1] == 1
    if node.op_type == "Einsum":
        equation = next((item.s.decode(errors="replace") for item in node.attribute if item.name == "equation"), "")
        left, arrow, right = equation.partition("->")
        return bool(arrow) and set(left) - set(" ,") <= set(right)
    return node.op_type in _LIGHT
