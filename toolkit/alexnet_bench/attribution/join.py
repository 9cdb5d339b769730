"""Engine layers joined to the nodes of the user's graph, by the tensors that they read and make.

A layer owns the nodes that lie between what it makes and what it reads. What no layer can be shown to own stays
unattributed; what several layers need (a shape computed for two of them) is shared between them in equal parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph, Node


@dataclass(frozen=True, slots=True)
class Owned:
    """What one layer stands for.

    Attributes:
        layer: of the engine.
        nodes: the user's nodes that it owns alone, in graph order.
        shared: nodes that it owns in part, with its share; the shares of a node sum to 1.
    """

    layer: EngineLayer
    nodes: tuple[str, ...]
    shared: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Attribution:
    """The join of an engine and a graph.

    Attributes:
        owned: one for each layer, in execution order.
        unattributed: live nodes that no layer owns, in graph order.
    """

    owned: tuple[Owned, ...]
    unattributed: tuple[str, ...]


def join(graph: Graph, layers: Sequence[EngineLayer]) -> Attribution:
    """Gives every live node to the layers that compute it."""
    producer = {name: node for node in graph.live_nodes for name in node.writes}
    materialised = {name for layer in layers for name in (*layer.reads, *layer.makes)}
    regions = [[] if layer.is_unmatched else _region(layer, producer, materialised) for layer in layers]
    owners: dict[str, list[int]] = {}
    for index, region in enumerate(regions):
        for name in region:
            owners.setdefault(name, []).append(index)
    _adopt_duplicates(graph, owners)
    order = {node.name: position for position, node in enumerate(graph.live_nodes)}
    owned = tuple(_owned(layer, index, owners, order) for index, layer in enumerate(layers))
    return Attribution(owned, tuple(name for name in order if name not in owners))


def _region(layer: EngineLayer, producer: Mapping[str, Node], materialised: set[str]) -> list[str]:
    """The live nodes between what the layer makes and what it, or any other layer, has in memory."""
    stops = set(layer.reads)
    pending = [name for name in layer.makes if name not in stops]
    region: dict[str, None] = {}
    while pending:
        node = producer.get(pending.pop())
        if node is None or node.name in region:
            continue
        region[node.name] = None
        pending += [name for name in node.reads if name not in stops and name not in materialised]
    return list(region)


def _adopt_duplicates(graph: Graph, owners: dict[str, list[int]]) -> None:
    """A node that repeats another one exactly is computed by the layers that compute the other.

    Runtimes merge common subexpressions; the second of two equal nodes then appears nowhere, or, when another layer's
    region reaches it, in the wrong place.
    """
    first: dict[object, Node] = {}
    for node in graph.live_nodes:
        key = (
            node.domain,
            node.op_type,
            node.inputs,
            tuple(sorted(node.attributes.items(), key=str)),
            node.has_subgraph,
        )
        original = first.setdefault(key, node)
        if (
            original is not node
            and original.name in owners
            and not node.has_subgraph
            and None not in node.attributes.values()
        ):
            owners.setdefault(node.name, owners[original.name])


def _owned(layer: EngineLayer, index: int, owners: Mapping[str, list[int]], order: Mapping[str, int]) -> Owned:
    mine = sorted((name for name, holders in owners.items() if index in holders), key=order.__getitem__)
    alone = tuple(name for name in mine if len(owners[name]) == 1)
    shared = tuple((name, 1 / len(owners[name])) for name in mine if len(owners[name]) > 1)
    return Owned(layer, alone, shared)
