"""The last bias of a network: a fault to put into outputs on purpose, and one to look for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alexnet_bench.core.graph import Graph, Node, is_float
from alexnet_bench.core.text import printable
from alexnet_bench.verdict.parity import Array

_KEEPS_VALUES = frozenset({"Identity", "Cast", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that hand on their first input, in the same order of elements."""
_PER_CHANNEL = frozenset(
    {"Conv", "ConvTranspose", "DeformConv", "BatchNormalization", "InstanceNormalization", "GroupNormalization"}
)
"""Operators whose bias has an element for each size of the second axis; that of others is broadcast."""
_ADDS = ("Add", "Sum")
_BIAS_INPUT = {
    ("", "Conv"): 2,
    ("", "ConvTranspose"): 2,
    ("", "DeformConv"): 3,
    ("", "Gemm"): 2,
    ("", "BatchNormalization"): 2,
    ("", "InstanceNormalization"): 2,
    ("", "GroupNormalization"): 2,
    ("", "LayerNormalization"): 2,
    ("com.microsoft", "SkipLayerNormalization"): 3,
    ("com.microsoft", "EmbedLayerNormalization"): 6,
    ("com.microsoft", "MatMulNBits"): 5,
}
"""Where operators read what they add last to their first output."""
_NOT_LOOKED_AT = frozenset({"LSTM", "GRU", "RNN", "QLinearConv"})
"""Operators of ONNX with a bias that is no part of their output as it is."""
_BY_CHANNEL_FROM = 21
"""Before this opset the bias of a GroupNormalization has an element for each group."""


@dataclass(frozen=True, slots=True)
class LastBias:
    """The bias that is added last on the way to an output.

    Attributes:
        output: of the network.
        node: that adds it.
        tensor: that holds it.
        op: of the node.
        sizes: of the tensor that the node makes, None when unknown.
        scale: that the node multiplies it with.
        is_softmax: whether a softmax over the last axis follows.
    """

    output: str
    node: str
    tensor: str
    op: str
    sizes: tuple[int, ...] | None
    scale: float = 1.0
    is_softmax: bool = False

    def removed(self, y: Array, bias: Array) -> Array:
        """An output as it would be without the bias.

        Raises:
            ValueError: the bias does not fit the output.
        """
        shift = self.shift(y.shape, bias)
        if not self.is_softmax:
            return np.asarray(y.astype(np.float64) - shift)
        left = y.astype(np.float64) * np.exp(shift.min() - shift)
        return np.asarray(left / left.sum(axis=-1, keepdims=True))

    def shift(self, shape: tuple[int, ...], bias: Array) -> Array:
        """What the bias adds to an output of that shape, or to the logits before its softmax.

        Raises:
            ValueError: the bias does not fit.
        """
        sizes = self.sizes if self.sizes is not None else shape
        values = bias.astype(np.float64) * self.scale
        if self.op in _PER_CHANNEL:
            values = values.reshape(-1, *[1] * (len(sizes) - 2))
        return np.broadcast_to(values, sizes).reshape(shape)


def find_last_bias(graph: Graph, output: str) -> LastBias | str:
    """The bias that is added last on the way to an output, or why there is none to take away."""
    if graph.tensor(output).dtype and not is_float(graph.tensor(output).dtype):
        return "it holds no floats"
    producers = graph.producers
    made, is_softmax = _behind(producers, output), False
    if made in producers and _is_softmax(producers[made], graph, output):
        made, is_softmax = _behind(producers, producers[made].inputs[0]), True
    if made not in producers:
        return "no operator makes it"
    node = producers[made]
    bias = _bias(node, made, graph)
    if isinstance(bias, str):
        return f"{printable(node.name)} ({printable(node.op_type)}) comes last, and {bias}"
    name, scale = bias
    return LastBias(output, node.name, name, node.op_type, graph.tensor(made).sizes, scale, is_softmax)


def _behind(producers: Mapping[str, Node], tensor: str) -> str:
    """The tensor that is computed, looking through nodes that only hand it on."""
    node = producers.get(tensor)
    while node is not None and not node.domain and node.op_type in _KEEPS_VALUES:
        tensor = node.inputs[0]
        node = producers.get(tensor)
    return tensor


def _is_softmax(node: Node, graph: Graph, output: str) -> bool:
    """Whether a node is a softmax over the last axis of an output; before opset 13 it flattens behind its axis."""
    sizes = graph.tensor(node.outputs[0]).sizes
    if node.op_type != "Softmax" or node.domain or sizes is None or sizes != graph.tensor(output).sizes:
        return False
    axis = node.attributes.get("axis", -1 if graph.opset >= 13 else 1)
    return axis in (-1, len(sizes) - 1)


def _bias(node: Node, made: str, graph: Graph) -> tuple[str, float] | str:
    """The constant tensor that a node adds to the rest of what it makes, and the factor before it; or why none."""
    constants = graph.constants
    if not node.domain and node.op_type in _ADDS:
        found = next((name for name in node.inputs if name in constants), "")
        return (found, 1.0) if found else "adds no bias"
    if not node.domain and node.op_type == "Sub" and node.inputs[1] in constants:
        return node.inputs[1], -1.0
    at = _BIAS_INPUT.get((node.domain, node.op_type))
    if at is not None:
        return _own_bias(node, at, graph) if made == node.outputs[0] else "this output of it has no bias"
    is_unknown = bool(node.domain) or node.op_type in _NOT_LOOKED_AT
    return "whether it adds a bias is not looked at" if is_unknown else "adds no bias"


def _own_bias(node: Node, at: int, graph: Graph) -> tuple[str, float] | str:
    """The same of a node that reads its bias as the input at an index."""
    name = node.inputs[at] if at < len(node.inputs) else ""
    if name not in graph.constants:
        return "its bias is no constant" if name else "adds no bias"
    if node.op_type == "GroupNormalization" and graph.opset < _BY_CHANNEL_FROM:
        return "its bias, one for each group, is not looked at"
    return name, _number(node.attributes.get("beta", 1.0)) if node.op_type == "Gemm" else 1.0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 1.0
