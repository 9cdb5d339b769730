"""LSTM, GRU and RNN (ONNX, operators of these names)."""

from __future__ import annotations

from alexnet_bench.core.graph import Node
from alexnet_bench.graph.contradictions.known import Known, Shape, integer, written
from alexnet_bench.graph.formulas.recurrent import DIRECTIONS, gates


def recurrent(node: Node, known: Known) -> str:
    """X is [steps, batch, inputs]; with `layout` 1 the batch comes first."""
    data = known.input(node, 0)
    if data is None or len(data) != 3:
        return ""
    return _weights(node, known, data[2]) or _states(node, known, data[0 if integer(node, "layout", 0) else 1])


def _weights(node: Node, known: Known, inputs: int) -> str:
    """W is [directions, gates·hidden, inputs], R [directions, gates·hidden, hidden], B has two biases for each row."""
    directions = DIRECTIONS.get(str(node.attributes.get("direction", "forward")))
    hidden = integer(node, "hidden_size", 0) or (known.input(node, 2) or (0,))[-1]
    if directions is None or not hidden:
        return ""
    rows = gates(node.op_type) * hidden
    wanted: dict[int, Shape] = {
        1: (directions, rows, inputs),
        2: (directions, rows, hidden),
        3: (directions, 2 * rows),
    }
    for index, shape in wanted.items():
        found = known.input(node, index)
        if found is not None and found != shape:
            return f"{'XWRB'[index]} is {written([found])} where {written([shape])} fits"
    return ""


def _states(node: Node, known: Known, batch: int) -> str:
    """A state is [directions, batch, hidden], or has the batch first where the data has."""
    axis = 0 if integer(node, "layout", 0) else 1
    for state in (known.input(node, 5), known.input(node, 6)):
        if state is not None and len(state) == 3 and state[axis] != batch:
            return f"a batch of {batch:,} goes in, its initial state is for {state[axis]:,}"
    return ""
