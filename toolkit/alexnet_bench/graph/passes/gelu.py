"""Gelu written out: 0.5 x (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) in place of erf."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from alexnet_bench.graph.passes.algebra import made_by, plus, product, terms
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
    whole = product(draft, tensor)
    for gate in whole.tensors if len(whole.tensors) == 2 else ():
        x = whole.tensors[0] if gate == whole.tensors[1] else whole.tensors[1]
        shifted = plus(draft, gate)
        if shifted is None or abs(shifted[0] - 1) > 1e-6 or not whole.is_about(0.5, x, gate):
            continue
        if (curve := made_by(draft, shifted[1], "Erf")) and product(draft, curve.input[0]).is_about(math.sqrt(0.5), x):
            return x, "none"
        if (curve := made_by(draft, shifted[1], "Tanh")) and _is_cubic(draft, curve.input[0], x):
            return x, "tanh"
    return None


def _is_cubic(draft: Draft, tensor: str, x: str) -> bool:
    """Whether a tensor is sqrt(2 / pi) (x + 0.044715 x^3)."""
    whole = product(draft, tensor)
    if len(whole.tensors) != 1 or not whole.is_about(math.sqrt(2 / math.pi), *whole.tensors):
        return False
    sides = terms(draft, whole.tensors[0])
    if sides is None or x not in sides:
        return False
    cube = sides[1] if sides[0] == x else sides[0]
    return product(draft, cube).is_about(_CUBIC, x, x, x)
