"""Recurrent layers."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import Node, rule


@rule("DynamicQuantizeLSTM", "AttnLSTM")
def lstm(node: Node) -> None:
    """As LSTM (ONNX, operator LSTM): every hidden state, the last one, and the last cell."""
    sequence, weights, hidden = node.dims(0), node.dims(2), node.integer("hidden_size", 0)
    if sequence is None or weights is None or len(sequence) != 3 or len(weights) != 3 or hidden < 1:
        return
    node.make(0, node.dtype(0), [sequence[0], weights[0], sequence[1], hidden])
    for index in (1, 2):
        node.make(index, node.dtype(0), [weights[0], sequence[1], hidden])
