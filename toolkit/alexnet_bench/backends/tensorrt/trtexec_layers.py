"""The layers that trtexec timed, put together with what it says of them, and the nodes that they stand for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alexnet_bench.backends.tensorrt.layer_info import InfoLayer, LayerInfo, plan_layer
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.trtexec_files import LayerRun
from alexnet_bench.core.engine_layers import NamedLayer
from alexnet_bench.core.graph import Graph

_OF_PROFILE = re.compile(r"\[profile (\d+)\]")
"""In the names of layers of each optimisation profile but the first."""
_JOINT = " + "
_WRAPPED = re.compile(r"PWN\((.*)\)")
"""Around the nodes of an elementwise layer, several with commas between them."""
_COPY = "Reformatting CopyNode"
_MOVES = ("Reformat", "NoOp", "Constant", "Signal", "Wait", "signal", "wait", "shape_call")
"""Kinds of layers that no node asks for, unless one is named."""
_UNNAMED = "node_of_"
"""TensorRT's parser calls a node without a name after its first output."""


@dataclass(frozen=True, slots=True)
class TimedInfo:
    """A layer of the engine.

    Attributes:
        key: its name, numbered where several have the same.
        info: what is known of it.
        time_s: typical time, None when it was not timed.
    """

    key: str
    info: InfoLayer
    time_s: float | None


def timed_infos(run: LayerRun | None, info: LayerInfo | None) -> tuple[TimedInfo, ...]:
    """The layers in the order in which they were timed; those that were not, and stand for nodes, come last.

    A layer of the profile and one of the layer info are the same when they are the n-th of their name.
    """
    layers, rows = info.layers if info else (), run.rows if run else ()
    described = dict(zip(_occurrences(layer.name for layer in layers), layers, strict=True))
    timed: dict[tuple[str, int], tuple[InfoLayer, float | None]] = {
        key: (described.get(key, InfoLayer(row.name)), row.time_s)
        for key, row in zip(_occurrences(row.name for row in rows), rows, strict=True)
    }
    ran = {_profile_of(row.name) for row in rows} or {None}
    for key, layer in described.items():
        if key not in timed and _profile_of(layer.name) in ran and (run is None or layer.nodes):
            timed[key] = layer, None
    keys = _unique(name for name, _ in timed)
    return tuple(TimedInfo(key, layer, time_s) for key, (layer, time_s) in zip(keys, timed.values(), strict=True))


def name_nodes(layers: Sequence[TimedInfo], graph: Graph | None) -> tuple[list[NamedLayer], bool]:
    """The layers with the nodes that they stand for, and whether some of those were told by names alone.

    A layer has the nodes of its metadata; without metadata, those that its name is made of. One that only moves data
    is overhead. All others stand for something that is not known.

    Args:
        layers: as `timed_infos` gives them.
        graph: of the model; None when there is none, and so no name of a node is known.
    """
    known = _names(graph) if graph else {}
    named, by_name = [], False
    for layer in layers:
        nodes, told_by_name = _nodes(layer.info, known)
        by_name |= told_by_name
        found = named_layers([plan_layer(layer.info)], tf32=False)[0]
        idle = not nodes and (layer.info.nodes is not None or _only_moves(layer.info))
        engine_layer = replace(
            found.layer, name=layer.key, is_overhead=idle, is_unmatched=not nodes and not idle, op=layer.info.kind
        )
        named.append(replace(found, layer=engine_layer, nodes=nodes))
    return named, by_name


def _nodes(layer: InfoLayer, known: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    if layer.nodes is not None:
        return tuple(dict.fromkeys(known.get(name, name) for name in layer.nodes)), False
    if layer.name.startswith(_COPY):
        return (), False
    pieces = (part for piece in layer.name.split(_JOINT) for part in _unwrapped(piece))
    found = tuple(dict.fromkeys(known[piece] for piece in pieces if piece in known))
    return found, bool(found)


def _unwrapped(piece: str) -> list[str]:
    """The names inside of `PWN(PWN(a, b), c)`."""
    match = _WRAPPED.fullmatch(piece)
    if match is None:
        return [piece]
    return [part.removeprefix("PWN(").strip("() ") for part in match[1].split(", ")]


def _names(graph: Graph) -> dict[str, str]:
    """What TensorRT may call a node, by the node's name here."""
    called = {_UNNAMED + node.outputs[0]: node.name for node in graph.nodes if node.outputs}
    return called | {node.name: node.name for node in graph.nodes}


def _only_moves(layer: InfoLayer) -> bool:
    return layer.kind in _MOVES or layer.name.startswith(_COPY)


def _occurrences(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each name with how many of it came before."""
    seen: Counter[str] = Counter()
    for name in names:
        yield name, seen[name]
        seen[name] += 1


def _profile_of(name: str) -> str | None:
    match = _OF_PROFILE.search(name)
    return match[1] if match else None


def _unique(names: Iterable[str]) -> list[str]:
    keys: dict[str, None] = {}
    for name, before in _occurrences(names):
        key, number = f"{name}#{before + 1}" if before else name, before + 1
        while key in keys:
            number += 1
            key = f"{name}#{number}"
        keys[key] = None
    return list(keys)
