"""Data in blocks of 8 or 16 channels (ONNX Runtime's NCHWc): how far blocks are filled up, and with how many channels.

Weights in a file that ONNX Runtime saved in this layout are filled up with zeros to whole blocks, and the size of a
block stands nowhere. What a ReorderInput makes, its readers' weights tell; how many channels were there before, a
ReorderInput tells of what goes in, and a ReorderOutput of what comes out. Between two convolutions that follow each
other it stands nowhere either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph.contrib.blocked import FILLED
from alexnet_bench.graph.contrib.node import NCHWC
from alexnet_bench.graph.formulas.fused import UNFILLED
from alexnet_bench.graph.walk import subgraphs

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_MOST_CHANNELS = 1 << 31
"""More are damage; an attribute has 64 bits."""
_ENDS = ("ReorderInput", "ReorderOutput")


def note_filled(graph: GraphProto, weights: Mapping[str, tuple[int, ...]] | None = None) -> None:
    """Leaves with each ReorderInput how many channels it makes, in bodies too.

    Args:
        graph: changed in place.
        weights: sizes of the initialisers of the graphs around it.
    """
    from onnx import helper

    sizes = {**(weights or {}), **{item.name: tuple(item.dims) for item in graph.initializer}}
    wanted = {
        node.input[0]: _channels_wanted(node, sizes[node.input[1]])
        for node in graph.node
        if (node.domain, node.op_type) == (NCHWC, "Conv") and len(node.input) > 1 and sizes.get(node.input[1])
    }
    for node in graph.node:
        if (node.domain, node.op_type) == (NCHWC, "ReorderInput"):
            kept = [item for item in node.attribute if item.name != FILLED]
            filled = wanted.get(node.output[0], 0) if node.output else 0
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute(FILLED, filled)])
        for body in subgraphs(node):
            note_filled(body, sizes)


def _channels_wanted(node: NodeProto, weights: tuple[int, ...]) -> int:
    groups = next((item.i for item in node.attribute if item.name == "group"), 1)
    wanted = int(weights[1] * groups) if len(weights) > 1 else 0
    return wanted if 0 < wanted <= _MOST_CHANNELS else 0


def with_unfilled(graph: Graph) -> Graph:
    """The graph, each convolution in blocks with the channels that it had before they were filled up, if that is known.

    Args:
        graph: with its shapes; its bodies are left alone.
    """
    if not any(node.domain == NCHWC for node in graph.nodes):
        return graph
    channels = _channels(graph)
    return replace(graph, nodes=tuple(_marked(graph, node, channels) for node in graph.nodes))


def _marked(graph: Graph, node: Node, channels: Mapping[str, int]) -> Node:
    weights = graph.tensor(node.inputs[1]).sizes if _is_conv(node) else None
    if weights is None or len(weights) < 2:
        return node
    into = channels.get(node.inputs[0], weights[1]) if _groups(node) == 1 else weights[1]
    out = channels.get(node.outputs[0], weights[0])
    unfilled = (min(into, weights[1]), min(out, weights[0]))
    return msgspec.structs.replace(node, attributes={**node.attributes, UNFILLED: unfilled})


def _channels(graph: Graph) -> dict[str, int]:
    """How many channels of the tensors in blocks are more than filling, where that follows."""
    found, alike = dict[str, int](), defaultdict[str, set[str]](set)
    blocked: set[str] = set()
    for node in graph.nodes:
        if not (node.inputs and node.outputs):
            continue
        found.update(_told(graph, node))
        for one, other in _alike(graph, node, blocked):
            alike[one].add(other)
            alike[other].add(one)
        if (node.domain == NCHWC and node.op_type != "ReorderOutput") or (
            not node.domain and not blocked.isdisjoint(node.inputs)
        ):
            blocked.add(node.outputs[0])
    reached = list(found)
    for name in reached:  # grows while it is walked
        fresh = alike[name] - found.keys()
        found.update(dict.fromkeys(fresh, found[name]))
        reached += fresh
    return found


def _told(graph: Graph, node: Node) -> Iterator[tuple[str, int]]:
    """What a node at an end of a row of such nodes says about the channels of what goes in or comes out."""
    data, made = graph.tensor(node.inputs[0]).sizes, node.outputs[0]
    if node.domain == NCHWC and node.op_type == "ReorderInput" and data and len(data) > 2:
        yield made, data[-1 if node.attributes.get("channels_last") else 1]
    elif node.domain == NCHWC and node.op_type == "ReorderOutput":
        channels = node.attributes.get("channels")
        if isinstance(channels, int) and channels > 0:
            yield node.inputs[0], channels


def _alike(graph: Graph, node: Node, blocked: set[str]) -> Iterator[tuple[str, str]]:
    """Pairs of tensors in blocks that have equally many channels: all but convolutions and Concat keep them.

    Concat and convolutions in groups take whole blocks alone, of which nothing is filling.
    """
    made = node.outputs[0]
    names = [name for name in node.inputs if name in blocked]
    if (node.domain == NCHWC and node.op_type in _ENDS) or (node.domain, node.op_type) == ("", "Concat"):
        return
    if _is_conv(node):
        weights = graph.tensor(node.inputs[1]).sizes
        is_depthwise = weights is not None and weights[:2] == (_groups(node), 1)
        names = [name for index, name in enumerate(node.inputs) if name in blocked and (index or is_depthwise)]
    yield from ((name, made) for name in names)


def _is_conv(node: Node) -> bool:
    return (node.domain, node.op_type) == (NCHWC, "Conv") and len(node.inputs) > 1 and bool(node.outputs)


def _groups(node: Node) -> int:
    found = node.attributes.get("group", 1)
    return found if isinstance(found, int) else 1
