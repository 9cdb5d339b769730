"""Layers that name their nodes, joined to the engine's graph."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from alexnet_bench.attribution.by_name import wanted_tensors
from alexnet_bench.attribution.join import Attribution, Owned
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.engine_layers import NamedLayer
from alexnet_bench.core.graph import Graph


def join_by_metadata(
    graph: Graph, costs: CostTable, layers: Sequence[NamedLayer], twins: Mapping[str, str] | None = None
) -> Attribution:
    """Gives every live node to the layers that name it.

    Of the layers that name one node, those that multiply share its multiply-adds, and the others (what adds its bias,
    or changes its layout) have the share 0; a node without multiply-adds is shared in equal parts.

    Args:
        graph: of the engine, with the shapes of the case.
        costs: of that graph.
        layers: in execution order.
        twins: for nodes that no layer names, another one that is certain to compute the same; its layers then
            stand for both.
    """
    owners: dict[str, list[int]] = {}
    for at, item in enumerate(layers):
        for name in dict.fromkeys(item.nodes):
            if name in graph.live:
                owners.setdefault(name, []).append(at)
    merged = {name: owners[twin] for name, twin in (twins or {}).items() if name not in owners and twin in owners}
    owners |= merged
    shares = {name: _shares(costs, layers, name, found) for name, found in owners.items()}
    of_layers: list[list[str]] = [[] for _ in layers]
    for node in graph.live_nodes:
        for at in owners.get(node.name, ()):
            of_layers[at].append(node.name)
    known = frozenset(node.name for node in graph.nodes)
    owned = tuple(
        _owned(known, item, at, mine, shares, merged)
        for at, (item, mine) in enumerate(zip(layers, of_layers, strict=True))
    )
    return Attribution(owned, tuple(node.name for node in graph.live_nodes if node.name not in owners))


def attribute(graph: Graph, costs: CostTable, layers: Sequence[NamedLayer]) -> Attribution:
    """`join_by_metadata`, with the tensors of the layers."""
    return with_tensors(graph, join_by_metadata(graph, costs, layers))


def with_tensors(graph: Graph, attribution: Attribution) -> Attribution:
    """The same layers with the tensors of the graph that their nodes read from outside, and make for others."""
    of_layers = [(*owned.nodes, *dict(owned.shared)) for owned in attribution.owned]
    wanted = wanted_tensors(graph, of_layers)
    owned = (_in_tensors(graph, *pair, wanted) for pair in zip(attribution.owned, of_layers, strict=True))
    return replace(attribution, owned=tuple(owned))


def _in_tensors(graph: Graph, owned: Owned, nodes: Sequence[str], wanted: Container[str]) -> Owned:
    members = graph.in_order(nodes)
    inside = {name for node in members for name in node.writes}
    reads = dict.fromkeys(name for node in members for name in node.reads if name not in inside)
    makes = (name for node in members for name in node.writes if name in wanted and node.name not in owned.merged)
    return replace(owned, layer=replace(owned.layer, reads=tuple(reads), makes=tuple(makes)))


def _shares(costs: CostTable, layers: Sequence[NamedLayer], name: str, found: Sequence[int]) -> dict[int, float]:
    """By layer, its share of a node; they sum to 1."""
    row = costs.by_name.get(name)
    working = [at for at in found if layers[at].multiplies] if row is not None and row.macs else []
    sharing = working or found
    return {at: 1 / len(sharing) if at in sharing else 0.0 for at in found}


def _owned(
    known: frozenset[str],
    item: NamedLayer,
    at: int,
    mine: Sequence[str],
    shares: Mapping[str, Mapping[int, float]],
    merged: Mapping[str, Sequence[int]],
) -> Owned:
    constant = bool(item.nodes) and not mine and known.issuperset(item.nodes)  # what no input can change
    works = constant and item.multiplies
    layer = replace(
        item.layer,
        is_overhead=item.layer.is_overhead or (constant and not works),
        is_unmatched=item.layer.is_unmatched or (bool(item.nodes) and not mine and not constant),
    )
    return Owned(
        layer,
        tuple(name for name in mine if len(shares[name]) == 1),
        tuple((name, shares[name][at]) for name in mine if len(shares[name]) > 1),
        frozenset(name for name in mine if name in merged),
        constants=item.nodes if works else (),
    )
