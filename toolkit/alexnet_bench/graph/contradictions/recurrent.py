"""LSTM, GRU and RNN (ONNX, operators of these names)."""

from __future__ import annotations

from alexnet_bench.core.graph import Node
from alexnet_bench.graph.contradictions.known import Known, integer


def recurrent(node: Node, known: Known) -> str:
    """X is [steps, batch, inputs]; with `layout` 1 the batch comes first."""
    data = known.input(node, 0)
    if data is None or len(data) != 3:
        return ""
    return _states(node, known, data[0 if integer(node, "layout", 0) else 1])


def _states(node: Node, known: Known, batch: int) -> str:
    """A state is [directions, batch, hidden], or has the batch first where the data has."""
    axis = 0 if integer(node, "layout", 0) else 1
    for state in (known.input(node, 5), known.input(node, 6)):
        if state is not None and len(state) == 3 and state[axis] != batch:
            return f"a batch of {batch:,} goes in, its initial state is for {state[axis]:,}"
    return ""
