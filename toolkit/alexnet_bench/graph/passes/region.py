"""The nodes between tensors and what is made of them: a pattern before it becomes one operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.reads import OF_SHAPES, reads

if TYPE_CHECKING:
    from onnx import NodeProto


def between(draft: Draft, given: Collection[str], last: NodeProto) -> list[NodeProto] | None:
    """The nodes that make what `last` makes of given tensors and constants; None where it takes more than those."""
    found: dict[str, NodeProto] = {}
    pending = [last]
    while pending:
        node = pending.pop()
        if node.name in found:
            continue
        found[node.name] = node
        for name in reads(node):
            maker = draft.wiring.producer(name)
            if name in given or name in draft.constants:
                continue
            if maker is None:
                return None
            pending.append(maker)
    return [node for node in draft.nodes if node.name in found]


def is_private(draft: Draft, given: Collection[str], nodes: list[NodeProto]) -> bool:
    """Whether the last node alone makes something that others read, sizes of the given tensors aside."""
    read_inside = Counter(name for node in nodes for name in reads(node))
    computed = set(given)
    for node in nodes[:-1]:
        if node.op_type not in OF_SHAPES and not computed.isdisjoint(reads(node)):
            computed.update(filter(None, node.output))
    return all(draft.wiring.uses(name) == read_inside[name] for name in computed.difference(given))


def highest_rank(draft: Draft, given: Collection[str], nodes: list[NodeProto]) -> int:
    """The most dimensions that a constant among the inputs of the nodes has, the given tensors aside."""
    names = {name for node in nodes for name in reads(node)}.difference(given)
    return max((value.ndim for name in names if (value := draft.value(name)) is not None), default=0)
