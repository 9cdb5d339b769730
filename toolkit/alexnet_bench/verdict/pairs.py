"""Which tensor of an engine's graph stands for which of the reference's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from alexnet_bench.core.graph import Graph, Node, Tensor, is_float

Readers = Mapping[str, Sequence[Node]]
"""The live nodes that read each tensor, in order."""


def same_tensors(reference: Graph, engine: Graph, origins: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Tensors that can be compared: name in the reference -> name in the engine.

    By name, by the node that makes it, and by the origins of the engine's nodes: what a node makes in place of some of
    the reference's is the tensor that those hand on, whatever its name. Types that cannot be compared, and sizes that
    are known to differ, make no pair.

    Args:
        reference: graph of the reference.
        engine: graph of the engine.
        origins: node of the engine -> nodes of the reference that it stands for; one that is not there stands for the
            node of its own name.
    """
    pairs = {name: name for name in _made(reference) & _made(engine)}
    taken = Counter(name for node in engine.live_nodes for name in origins.get(node.name, (node.name,)))
    made_by = {_kind(node): node.writes for node in reference.live_nodes}
    ours, theirs = _readers(reference), _readers(engine)
    for node in engine.live_nodes:
        if node.name not in origins:  # a pass to another type keeps a node, and names what it makes anew
            for name, other in zip(made_by.get(_kind(node), ()), node.writes, strict=False):
                pairs.setdefault(name, other)
                if pairs[name] == other != name:
                    _give_name_away(reference, theirs, node, other, pairs)
            continue
        old = origins[node.name]
        handed_on = _handed_on(reference, ours, old)
        for name in set(node.writes).difference(handed_on):
            pairs.pop(name, None)
        if len(node.writes) == len(handed_on) == 1 and all(taken[name] == 1 for name in old):
            pairs[handed_on[0]] = node.writes[0]
    return {name: other for name, other in pairs.items() if _may_be_same(reference.tensor(name), engine.tensor(other))}


def _give_name_away(reference: Graph, theirs: Readers, node: Node, name: str, pairs: dict[str, str]) -> None:
    """Where a node makes its own tensor under the name of what another operator made: what that made is no pair of it.

    Quantising leaves a Relu out, has the Conv make what the Relu made by name, and lets the bounds of QuantizeLinear do
    the rest: what is dequantised behind that stands for what the Relu made.
    """
    replaced = reference.producers.get(name)
    if replaced is None or replaced.op_type == node.op_type:
        return
    pairs.pop(name, None)
    quantised = _made_from([name], "QuantizeLinear", theirs)
    restored = _made_from(quantised, "DequantizeLinear", theirs)
    if len(restored) == 1:
        pairs[name] = restored.pop()


def _readers(graph: Graph) -> Readers:
    found: dict[str, list[Node]] = {}
    for node in graph.live_nodes:
        for name in node.reads:
            found.setdefault(name, []).append(node)
    return found


def _made_from(names: Iterable[str], op_type: str, readers: Readers) -> set[str]:
    """What operators of a type make whose first input is one of some tensors."""
    nodes = (node for name in names for node in readers.get(name, ()) if node.inputs[0] == name)
    return {other for node in nodes if node.op_type == op_type for other in node.writes}


def _kind(node: Node) -> tuple[str, str, int]:
    """What two nodes share that are one, in the types of two passes."""
    return node.name, node.op_type, len(node.writes)


def _made(graph: Graph) -> set[str]:
    return graph.producers.keys() - graph.constants


def _handed_on(graph: Graph, readers: Readers, nodes: Sequence[str]) -> list[str]:
    """The tensors that some nodes make and others, or the caller, read."""
    inside = graph.live.intersection(nodes)
    made = [name for node in graph.in_order(inside) for name in node.writes]
    read = {name for name in made if any(node.name not in inside for node in readers.get(name, ()))}
    return [name for name in made if name in read or name in graph.outputs]


def _may_be_same(left: Tensor, right: Tensor) -> bool:
    if left.dtype and right.dtype and is_float(left.dtype) != is_float(right.dtype):
        return False
    return left.sizes is None or right.sizes is None or left.sizes == right.sizes
