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
        live_bytes: by node, in the order of `graph.live_nodes`; None while a tensor of unknown size is alive.
        peak_bytes: the most that tensors of known size hold.
        peak_node: the node where that is, "" for an empty graph.
        unsized: activations that are used and whose size is not known, those of bodies as `body/tensor`.
    """

    live_bytes: tuple[int | None, ...]
    peak_bytes: int
    peak_node: str
    unsized: tuple[str, ...] = ()


def analyse(graph: Graph) -> Liveness:
    """Liveness of the activations, executed in graph order, each freed after its last reader.

    Inputs are alive from the start, outputs until the end; a view shares the memory of what it views; nothing is
    computed in place. Weights are not activations. Texts have no size.
    """
    nodes = graph.live_nodes
    if not nodes:
        return Liveness((), 0, "")
    storage = _storage(graph, nodes)
    first, last = _lifetimes(graph, nodes, storage)
    changes, unknown, unsized = [0] * (len(nodes) + 1), [0] * (len(nodes) + 1), []
    outputs = {storage.get(name, name) for name in graph.outputs}
    for name, start in first.items():
        tensor = graph.tensor(name)
        size = tensor.size_bytes
        is_used = last[name] > start or name in outputs  # the mask of a Dropout has no size, and no reader
        if size is None and tensor.dtype != "string" and is_used:
            unsized.append(name)
            unknown[start] += 1
            unknown[last[name] + 1] -= 1
        changes[start] += size or 0
        changes[last[name] + 1] -= size or 0
    alive, without, held, live_bytes = 0, 0, [], list[int | None]()
    for node, change, more in zip(nodes, changes, unknown, strict=False):
        inside, lost = _inside(graph, node) if node.bodies else (0, ())
        unsized += lost
        alive += change
        without += more
        held.append(alive + inside)
        live_bytes.append(None if without or lost else held[-1])
    peak = max(held)
    return Liveness(tuple(live_bytes), peak, nodes[held.index(peak)].name, tuple(unsized))


def _inside(graph: Graph, node: Node) -> tuple[int, list[str]]:
    """What the graphs inside a node hold at most while it runs, beside its outputs, and what there has no known size.

    What a body returns are those outputs, and so are not counted again; but where the size of these is unknown, as
    often for a Loop, they did not count outside.
    """
    outside = sum(graph.tensor(name).size_bytes or 0 for name in node.writes)
    most, unsized = 0, []
    for _, body in node.bodies:
        found = analyse(body)
        most = max(most, found.peak_bytes - min(outside, _returned(body)))
        unsized += [f"{body.name}/{name}" for name in found.unsized]
    return most, unsized


def _returned(body: Graph) -> int:
    """Bytes of the outputs that the body itself holds: not of constants, nor of what it captures."""
    own = {*body.inputs, *(name for node in body.live_nodes for name in node.writes)}
    return sum(body.tensor(name).size_bytes or 0 for name in own.intersection(body.outputs))


def _storage(graph: Graph, nodes: Sequence[Node]) -> dict[str, str]:
    """The tensor that owns the memory of each activation."""
    owner = {name: name for name in graph.inputs}
    for node in nodes:
        shares = is_view(node, graph.integers) and node.inputs[0] in owner
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
