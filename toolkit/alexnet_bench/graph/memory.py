"""Static liveness: which activations hold memory while each node runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph.formulas.movement import is_view


@dataclass(frozen=True, slots=True)
class Liveness:
    """Bytes alive while each live node runs.

    Attributes:
        live_bytes: by node, in the order of `graph.live_nodes`.
        peak_bytes: the largest of them.
        peak_node: the node where that is, "" for an empty graph.
    """

    live_bytes: tuple[int, ...]
    peak_bytes: int
    peak_node: str


def analyse(graph: Graph) -> Liveness:
    """Liveness of the activations, executed in graph order, each freed after its last reader.

    Inputs are alive from the start, outputs until the end; a view shares the memory of what it views; nothing is
    computed in place. Weights are not activations. Tensors of unknown size count as nothing.
    """
    nodes = graph.live_nodes
    if not nodes:
        return Liveness((), 0, "")
    storage = _storage(graph, nodes)
    first, last = _lifetimes(graph, nodes, storage)
    changes = [0] * (len(nodes) + 1)
    for name, start in first.items():
        size = graph.tensor(name).size_bytes or 0
        changes[start] += size
        changes[last[name] + 1] -= size
    alive, live_bytes = 0, []
    for node, change in zip(nodes, changes, strict=False):
        alive += change
        live_bytes.append(alive + _inside(graph, node))
    peak = max(live_bytes)
    return Liveness(tuple(live_bytes), peak, nodes[live_bytes.index(peak)].name)


def _inside(graph: Graph, node: Node) -> int:
    """What the graphs inside a node hold at most while it runs, beside its outputs.

    What a body returns are those outputs, and so are not counted again; but where the size of these is unknown, as
    often for a Loop, they did not count outside.
    """
    if not node.bodies:
        return 0
    outside = sum(graph.tensor(name).size_bytes or 0 for name in node.writes)
    peaks = (analyse(body).peak_bytes - min(outside, _returned(body)) for _, body in node.bodies)
    return max(0, *peaks)


def _returned(body: Graph) -> int:
    """Bytes of the outputs that the body itself holds: not of constants, nor of what it captures."""
    own = {*body.inputs, *(name for node in body.live_nodes for name in node.writes)}
    return sum(body.tensor(name).size_bytes or 0 for name in own.intersection(body.outputs))


def _storage(graph: Graph, nodes: Sequence[Node]) -> dict[str, str]:
    """The tensor that owns the memory of each activation."""
    owner = {name: name for name in graph.inputs}
    for node in nodes:
        shares = is_view(node) and node.inputs[0] in owner
        for index, name in enumerate(node.writes):
            owner[name] = owner[node.inputs[0]] if shares and index == 0 else name
    return owner


def _lifetimes(graph: Graph, nodes: Sequence[Node], storage: dict[str, str]) -> tuple[dict[str, int], dict[str, int]]:
    """First and last node index at which each owner of memory is alive."""
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 0)
    for index, node in enumerate(nodes):
        for name in (*node.reads, *node.writes):
            owner = storage.get(name)
            if owner is not None:
                first.setdefault(owner, index)
                last[owner] = index
    for name in graph.outputs:
        owner = storage.get(name)
        if owner is not None:
            first.setdefault(owner, 0)
            last[owner] = len(nodes) - 1
    return first, last
