"""Activations that ONNX Runtime puts together from several of the user's nodes, told by those nodes.

Most fusions keep the name of the last tensor. Where the NCHWc transformer renames that too, the operator and its input
are all that is left; the user's nodes are then those behind the input that make up the operator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from alexnet_bench.backends.onnxruntime.names import UserNames
from alexnet_bench.core.graph import Node

_MADE_OF: dict[str, tuple[dict[str, int], ...]] = {
    "Gelu": ({"Erf": 1, "Add": 1, "Mul": 3},),  # gelu_fusion.cc
    "QuickGelu": ({"Sigmoid": 1, "Mul": 1}, {"Sigmoid": 1, "Mul": 2}),  # quick_gelu_fusion.cc
    "HardSwish": ({"HardSigmoid": 1, "Mul": 1}, {"Add": 1, "Clip": 1, "Mul": 2}),
}
"""How often each operator stands in one fused activation, of which the last is a multiplication or division."""
_LAST = ("Mul", "Div")


def made_by_activation(names: UserNames, tensor: str, activation: str) -> str | None:
    """The user's tensor that is the activation of one of the user's tensors; None where no nodes make it up.

    Args:
        names: of the user's graph.
        tensor: that the activation reads.
        activation: operator, as ONNX Runtime calls it.
    """
    made_of = _MADE_OF.get(activation, ())
    most = max((sum(counts.values()) for counts in made_of), default=0)
    ends = (node for node in _ahead(names, tensor, most) if node.op_type in _LAST)
    regions = ((node, _between(names, tensor, node, most)) for node in ends)
    found = [(len(region), node) for node, region in regions if region is not None and _operators(region) in made_of]
    return min(found, key=lambda item: item[0])[1].writes[0] if found else None


def _ahead(names: UserNames, tensor: str, steps: int) -> Iterator[Node]:
    """The nodes at most so many steps behind a tensor, nearest first."""
    seen: set[str] = set()
    pending = [tensor]
    for _ in range(steps):
        readers = [node for name in pending for node in names.readers(name) if node.name not in seen]
        nearest = {node.name: node for node in readers}
        seen.update(nearest)
        yield from nearest.values()
        pending = [name for node in nearest.values() for name in node.writes]


def _between(names: UserNames, tensor: str, last: Node, most: int) -> list[Node] | None:
    """The nodes that compute what `last` makes from `tensor` and constants alone; None if that takes more or many."""
    region = {last.name: last}
    pending = list(last.reads)
    while pending:
        name = pending.pop()
        if name == tensor or name in names.constants:
            continue
        node = names.producer.get(name)
        if node is None or len(region) > most:
            return None
        if node.name not in region:
            region[node.name] = node
            pending += node.reads
    return list(region.values())


def _operators(nodes: list[Node]) -> Counter[str]:
    """How often each operator stands there; a division counts as a multiplication."""
    return Counter("Mul" if node.op_type in _LAST else node.op_type for node in nodes)
