"""The nodes that a layer stands for: by its metadata, or where it has none, by what its name is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer
from alexnet_bench.core.graph import Graph, Node

_JOINT = " + "
_WRAPPED = re.compile(r"PWN\((.*)\)")
"""Around the nodes of an elementwise layer, several with commas between them."""
_COPY = "Reformatting CopyNode"
_MOVES = ("Reformat", "NoOp", "Constant", "Signal", "Wait", "signal", "wait", "shape_call", "ShapeHostToDevice")
"""Kinds of layers that no node asks for, unless one is named."""
_UNNAMED = "node_of_"
"""TensorRT's parser calls a node without a name after its first output."""


def known_names(graph: Graph | None) -> Mapping[str, str]:
    """The node of the graph that is meant by each name that TensorRT may use; nothing without a graph.

    A node of a body stands for the node that the body is inside of, unless several have one of that name.
    """
    if graph is None:
        return {}
    inside: dict[str, set[str]] = {}
    for node in graph.nodes:
        for name in _names_inside(node):
            inside.setdefault(name, set()).add(node.name)
    called = {name: outer.pop() for name, outer in inside.items() if len(outer) == 1}
    called |= {_UNNAMED + node.outputs[0]: node.name for node in graph.nodes if node.outputs}
    return called | {node.name: node.name for node in graph.nodes}


def _names_inside(node: Node) -> Iterator[str]:
    for _, body in node.bodies:
        for inner in body.nodes:
            yield inner.name.removeprefix(f"{body.name}/")
            yield from _names_inside(inner)


def nodes_of(layer: PlanLayer, known: Mapping[str, str]) -> tuple[str, ...]:
    """The nodes of a layer, each once.

    Args:
        layer: as TensorRT describes it.
        known: as `known_names` gives it; a name of the metadata that is not there stays as it is.
    """
    if layer.nodes is not None:
        return tuple(dict.fromkeys(known.get(name, name) for name in layer.nodes))
    if layer.name.startswith(_COPY):
        return ()
    pieces = (part for piece in layer.name.split(_JOINT) for part in _unwrapped(piece))
    return tuple(dict.fromkeys(known[piece] for piece in pieces if piece in known))


def is_nobodys(layer: PlanLayer) -> bool:
    """Whether no node asked for a layer that has none: its metadata says so, or it only moves data."""
    return layer.nodes is not None or layer.kind in _MOVES or layer.name.startswith(_COPY)


def _unwrapped(piece: str) -> list[str]:
    """The names inside of `PWN(PWN(a, b), c)`."""
    match = _WRAPPED.fullmatch(piece)
    if match is None:
        return [piece]
    return [part.removeprefix("PWN(").strip("() ") for part in match[1].split(", ")]
