"""Gelu written out: 0.5 x (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) in place of erf."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from alexnet_bench.graph.passes.algebra import made_by, multiples, plus, product, terms
from alexnet_bench.graph.passes.draft import Draft

if TYPE_CHECKING:
    from onnx import NodeProto

_FIRST_OPSET = 20
_CONTRIB = "com.microsoft"
_CUBIC = 0.044715


def find(draft: Draft, node: NodeProto, *, contrib: bool) -> NodeProto | None:
    """Gelu that makes what `node` makes.

    Args:
        draft: where it stands.
        node: the last of the nodes.
        contrib: whether ONNX Runtime's operators may be used where ONNX has none yet.
    """
    from onnx import helper

    if node.op_type != "Mul" or node.domain or (draft.opset < _FIRST_OPSET and not contrib):
        return None
    found = _argument(draft, node.output[0])
    if found is None:
        return None
    x, approximate = found
    name = draft.fresh(f"{node.name}/gelu")
    if draft.opset >= _FIRST_OPSET:
        return helper.make_node("Gelu", [x], [node.output[0]], name, approximate=approximate)
    operator = "Gelu" if approximate == "none" else "FastGelu"
    return helper.make_node(operator, [x], [node.output[0]], name, domain=_CONTRIB)


def _argument(draft: Draft, tensor: str) -> tuple[str, str] | None:
    """The x of a Gelu, and the approximation that is used."""
    for gate in dict.fromkeys(product(draft, tensor).tensors):
        shifted = plus(draft, gate)
        if shifted is None or abs(shifted[0] - 1) > 1e-6:
            continue
        for x, approximate in _bent(draft, shifted[1]):
            if product(draft, tensor, x, gate).is_about(0.5, x, gate):
                return x, approximate
    return None


def _bent(draft: Draft, tensor: str) -> Iterator[tuple[str, str]]:
    """Every x of which a tensor is the curve of a Gelu, and the approximation that it is."""
    if curve := made_by(draft, tensor, "Erf"):
        for argument in multiples(draft, curve.input[0]):
            if argument.is_about(math.sqrt(0.5), *argument.tensors):
                yield argument.tensors[0], "none"
    elif curve := made_by(draft, tensor, "Tanh"):
        for argument in multiples(draft, curve.input[0]):
            sides = terms(draft, argument.tensors[0]) or ()
            for x, cube in zip(sides, reversed(sides), strict=True):
                is_scaled = argument.is_about(math.sqrt(2 / math.pi), *argument.tensors)
                if is_scaled and product(draft, cube, x).is_about(_CUBIC, x, x, x):
                    yield x, "tanh"
