"""Tensors beside an operator that ONNX Runtime expanded into its parts, of which products took in the outermost.

The sum that a FastGelu begins with goes into the Gemm in front (matmul_add_fusion.cc), the scale that it ends with into
the FusedMatMul behind (matmul_scale_fusion.cc): no tensor in between keeps a name of the user's, but the products do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.names import CAST_PREFIX, UserNames
from alexnet_bench.backends.onnxruntime.readers import GEMM_NAME
from alexnet_bench.core.graph import Node

if TYPE_CHECKING:
    from onnx import NodeProto

_NAMES = {
    "Gemm": GEMM_NAME,
    "FusedMatMul": re.compile(r"(?P<product>.+)/MatMulScaleFusion/(_token_\d+)?", re.DOTALL),
}
"""By operator, the names of products that took something in."""

_Of = Callable[[str], str | None]
"""The user's tensor that one of the optimised model stands for."""


def told_beside_expanded(nodes: Sequence[NodeProto], names: UserNames, of: _Of) -> dict[str, str]:
    """What such products make and read, but for the part that they took in; only where nothing else tells it.

    Args:
        nodes: of the optimised model.
        names: of the user's graph.
        of: as far as all other means tell it.
    """
    outputs = [name for node in nodes for name in node.output]
    kept, made = {node.name for node in nodes}, {of(name) for name in outputs}
    found: dict[str, str] = {}
    for node in nodes:
        product = _product(node, names)
        if product is None:
            continue
        if node.op_type == "Gemm":
            behind, is_read = names.only_reader(product.writes[0]), _reads_the_same(node, product, names, of)
            expands = behind is not None and behind.name not in kept and any(_is_part(name, behind) for name in outputs)
            if is_read and expands and of(node.output[0]) is None:
                found[node.output[0]] = product.writes[0]
        else:
            for before, now in zip(product.inputs, node.input, strict=False):
                front = names.producer.get(before)
                if front is not None and before not in made and of(now) is None and _is_part(now, front):
                    found[now] = before
    return found


def _product(node: NodeProto, names: UserNames) -> Node | None:
    """The user's MatMul in the name of a product that took something in."""
    pattern = _NAMES.get(node.op_type)
    named = pattern.fullmatch(node.name) if pattern is not None else None
    product = names.nodes.get(named["product"]) if named is not None else None
    return product if product is not None and (product.domain, product.op_type) == ("", "MatMul") else None


def _reads_the_same(node: NodeProto, product: Node, names: UserNames, of: _Of) -> bool:
    """Whether a Gemm reads what the product did: a name may be free again, and be given to another."""
    pairs = zip(product.inputs, node.input, strict=False)
    return all(before in names.constants or of(now) == before for before, now in pairs)


def _is_part(tensor: str, operator: Node) -> bool:
    """Whether a tensor is inside of an operator of this type that was expanded."""
    return tensor.removeprefix(CAST_PREFIX).startswith(f"_inlfunc_{operator.op_type}_")
