"""The sizes that the user's tensors had in a run of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.readers import NCHWC
from alexnet_bench.backends.onnxruntime.trace import Args
from alexnet_bench.core.graph import Graph, Node, Tensor

if TYPE_CHECKING:
    from onnx import NodeProto


def sizes_seen(nodes: Iterable[NodeProto], shown: Mapping[str, Args], graph: Graph) -> dict[str, Tensor]:
    """The sizes of the user's tensors that kept their names, and with them their layout, and of what these are turned.

    Args:
        nodes: of the optimised model.
        shown: what the trace says of the last run, by the name of a node.
        graph: of the user.
    """
    made = {name for node in graph.nodes for name in node.writes}
    found: dict[str, Tensor] = {}
    for node in nodes:
        names = [name for name in node.output if name]  # the trace lacks an output that nobody asks for
        outputs = shown[node.name].outputs if node.name in shown and node.domain != NCHWC else ()
        if len(outputs) == len(names):
            pairs = zip(names, outputs, strict=True)
            found |= {name: Tensor(name, dtype, sizes) for name, (dtype, sizes) in pairs if name in made}
    for turned in reversed(graph.nodes):
        tensor = _turned_back(turned, found) if turned.op_type == "Transpose" else None
        if tensor is not None and tensor.name in made:
            found.setdefault(tensor.name, tensor)
    return found


def _turned_back(node: Node, found: Mapping[str, Tensor]) -> Tensor | None:
    """What a Transpose reads, by what it makes: ONNX Runtime removes two of them that undo each other."""
    made = found.get(node.writes[0]) if node.writes else None
    if made is None or made.sizes is None or node.domain:
        return None
    axes = range(len(made.sizes))
    order = node.attributes.get("perm", tuple(reversed(axes)))
    if not isinstance(order, tuple) or sorted(map(str, order)) != sorted(map(str, axes)):
        return None
    return Tensor(node.reads[0], made.dtype, tuple(made.sizes[order.index(axis)] for axis in axes))
