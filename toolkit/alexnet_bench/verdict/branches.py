"""Branches of an If that no input took: what is in them was not compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alexnet_bench.core.graph import Graph
from alexnet_bench.core.text import printable
from alexnet_bench.verdict.parity import Array

_MOST_NODES = 6


def conditions(graph: Graph) -> dict[str, str]:
    """The condition of each If of the main graph that an input may change, by the name of the node.

    An If in a body of another node is left out: what is inside cannot be given as an output.
    """
    return {
        node.name: node.inputs[0]
        for node in graph.live_nodes
        if node.op_type == "If" and not node.domain and node.inputs[0] not in graph.constants
    }


def never_taken(by_node: Mapping[str, str], values: Mapping[str, Sequence[Array]]) -> list[str]:
    """A note on the branches that no input took.

    Args:
        by_node: conditions, as `conditions` gives them.
        values: of the conditions by name, one for each input; one that is not known is left out.
    """
    notes = []
    for taken, branch in ((True, "then_branch"), (False, "else_branch")):
        nodes = [node for node, name in by_node.items() if name in values and _all(values[name], truth=taken)]
        if nodes:
            more = f" and {len(nodes) - _MOST_NODES} more" if nodes[_MOST_NODES:] else ""
            names = f"{', '.join(map(printable, nodes[:_MOST_NODES]))}{more}"
            inputs = len(next(values[name] for node, name in by_node.items() if node in nodes))
            notes.append(f"If {names}: the {branch} was taken for all {inputs} inputs, and the other one was not tried")
    return notes


def _all(values: Sequence[Array], *, truth: bool) -> bool:
    return all(bool(value.all()) is truth for value in values)
