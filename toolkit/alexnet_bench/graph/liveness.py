"""Order, constants and liveness of the nodes of a graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.graph import Node
from alexnet_bench.core.text import printable

RANDOM_OPS = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
"""Operators whose result differs from run to run, so that no input makes a constant of them."""


def topological_order(nodes: Sequence[Node], known: frozenset[str], outputs: Iterable[str]) -> tuple[Node, ...]:
    """The nodes so that each comes after what it reads; file order where that is already so.

    Args:
        nodes: in file order.
        known: tensors that are there before any node runs.
        outputs: tensors that have to be there in the end.

    Raises:
        ModelError: something reads a tensor that nothing makes, two nodes make one tensor, or there is a cycle.
    """
    producer = _producers(nodes)
    made = known.union(producer)
    _check_outputs(outputs, made)
    _check_inputs(nodes, made)
    if _in_order(nodes, made.difference(producer)):
        return tuple(nodes)
    return _sorted(nodes, producer)


def constant_tensors(ordered: Sequence[Node], initialisers: frozenset[str]) -> frozenset[str]:
    """Initialisers, and what is computed from them alone: weights often come from nodes such as ConstantOfShape."""
    constants = set(initialisers)
    for node in ordered:
        if (node.domain or node.op_type not in RANDOM_OPS) and constants.issuperset(node.reads):
            constants.update(node.writes)
    return frozenset(constants)


def live_nodes(ordered: Sequence[Node], outputs: Iterable[str], constants: frozenset[str]) -> frozenset[str]:
    """Names of the nodes that reach an output and depend on an input."""
    needed = set(outputs)
    live = set()
    for node in reversed(ordered):
        if needed.isdisjoint(node.writes):
            continue
        needed.update(node.reads)
        if not constants.issuperset(node.writes):
            live.add(node.name)
    return frozenset(live)


def _producers(nodes: Sequence[Node]) -> dict[str, Node]:
    producer: dict[str, Node] = {}
    for node in nodes:
        for name in node.writes:
            if name in producer:
                first = printable(producer[name].name)
                raise ModelError(
                    f"tensor {printable(name)} is made twice, by nodes {first} and {printable(node.name)}",
                    "export the model again",
                )
            producer[name] = node
    return producer


def _check_inputs(nodes: Sequence[Node], made: frozenset[str]) -> None:
    for node in nodes:
        if not made.issuperset(node.reads):
            name = next(name for name in node.reads if name not in made)
            raise ModelError(
                f"node {printable(node.name)} reads tensor {printable(name)}, which nothing makes",
                "export the model again",
            )


def _check_outputs(outputs: Iterable[str], made: frozenset[str]) -> None:
    for name in outputs:
        if name not in made:
            raise ModelError(
                f"tensor {printable(name)} is an output of the graph, and nothing makes it", "export the model again"
            )


def _in_order(nodes: Sequence[Node], known: frozenset[str]) -> bool:
    there = set(known)
    for node in nodes:
        if not there.issuperset(node.reads):
            return False
        there.update(node.writes)
    return True


def _sorted(nodes: Sequence[Node], producer: Mapping[str, Node]) -> tuple[Node, ...]:
    """Kahn's algorithm: a node is ready once the last tensor that it waits for is made."""
    waiting = {node.name: {name for name in node.reads if name in producer} for node in nodes}
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in waiting[node.name]:
            readers.setdefault(name, []).append(node)
    ready = deque(node for node in nodes if not waiting[node.name])
    ordered: list[Node] = []
    while ready:
        node = ready.popleft()
        ordered.append(node)
        for name in node.writes:
            for reader in readers.get(name, ()):
                waiting[reader.name].discard(name)
                if not waiting[reader.name]:
                    ready.append(reader)
    if len(ordered) < len(nodes):
        stuck = next(node for node in nodes if waiting[node.name])
        raise ModelError(f"the graph has a cycle through node {printable(stuck.name)}", "export the model again")
    return tuple(ordered)
