"""What a node is called: its own name if that is unique and no essay, else `op_type:first_output`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto


_LONGEST = 1_000
"""Characters: a runtime's trace repeats the name of a node at each of its runs."""


def identities(graph: GraphProto) -> list[str]:
    """One unique name for each node of the graph, in file order. Unnamed nodes are legal, and common."""
    given = [node.name for node in graph.node]
    count = Counter(given)
    taken = {name for name in given if name and count[name] == 1}
    tried: dict[str, int] = {}
    names = []
    for node, own in zip(graph.node, given, strict=True):
        if own and count[own] == 1 and len(own) <= _LONGEST:
            names.append(own)
        else:
            first_output = next((name for name in node.output if name), "")
            names.append(_unused(f"{node.op_type}:{first_output}"[:_LONGEST], taken, tried))
    return names


def _unused(name: str, taken: set[str], tried: dict[str, int]) -> str:
    """`name`, or the first of `name#2`, `name#3`, ... that is free; now taken.

    `tried` holds how far the numbers of each name are used up, so that a million equal nodes take linear time.
    """
    candidate, number = name, tried.get(name, 1)
    while candidate in taken:
        number += 1
        ending = f"#{number}"
        candidate = name[: _LONGEST - len(ending)] + ending  # a longer one would be no name of its own the next time
    tried[name] = number
    taken.add(candidate)
    return candidate
