"""The last bias of a network: a fault to put into outputs on purpose, and one to look for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alexnet_bench.core.graph import Graph, Node, is_float
from alexnet_bench.core.text import printable
from alexnet_bench.verdict.parity import Array

_KEEPS_VALUES = frozenset({"Identity", "Cast", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that hand on their first input, in the same order of elements."""
_CONVOLUTIONS = ("Conv", "ConvTranspose")


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
        if self.op in _CONVOLUTIONS:
            values = values.reshape(-1, *[1] * (len(sizes) - 2))
        return np.broadcast_to(values, sizes).reshape(shape)


def find_last_bias(graph: Graph, output: str) -> LastBias | str:
    """The bias that is added last on the way to an output, or why there is none to take away."""
    if graph.tensor(output).dtype and not is_float(graph.tensor(output).dtype):
        return "it holds no floats"
    producers = graph.producers
    node, is_softmax = _behind(producers, output), False
    if node is not None and _is_softmax(node, graph, output):
        node, is_softmax = _behind(producers, node.inputs[0]), True
    if node is None:
        return "no operator makes it"
    name, scale = _bias(node, graph)
    if not name:
        return f"{printable(node.name)} ({printable(node.op_type)}) comes last, and adds no bias"
    sizes = graph.tensor(node.outputs[0]).sizes
    return LastBias(output, node.name, name, node.op_type, sizes, scale, is_softmax)


def _behind(producers: Mapping[str, Node], tensor: str) -> Node | None:
    """The node that computes a tensor, looking through those that only hand it on."""
    node = producers.get(tensor)
    while node is not None and not node.domain and node.op_type in _KEEPS_VALUES:
        node = producers.get(node.inputs[0])
    return node


def _is_softmax(node: Node, graph: Graph, output: str) -> bool:
    """Whether a node is a softmax over the last axis of an output; before opset 13 it flattens behind its axis."""
    sizes = graph.tensor(node.outputs[0]).sizes
    if node.op_type != "Softmax" or node.domain or sizes is None or sizes != graph.tensor(output).sizes:
        return False
    axis = node.attributes.get("axis", -1 if graph.opset >= 13 else 1)
    return axis in (-1, len(sizes) - 1)


def _bias(node: Node, graph: Graph) -> tuple[str, float]:
    """The constant tensor that a node adds to the rest, "" for none, and the factor before it."""
    if node.domain:
        return "", 1.0
    inputs: tuple[Any, ...] = node.inputs
    if node.op_type in (*_CONVOLUTIONS, "Gemm") and len(inputs) > 2:
        beta = node.attributes.get("beta", 1.0) if node.op_type == "Gemm" else 1.0
        candidates = inputs[2:3]
        return next((name for name in candidates if name in graph.constants), ""), _number(beta)
    if node.op_type == "Add":
        return next((name for name in inputs if name in graph.constants), ""), 1.0
    return "", 1.0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 1.0
