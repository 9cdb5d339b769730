"""Products of the user that no layer computes: a runtime that finds a branch multiplied by zero leaves it out.

What is between two tensors of a layer would belong to it, a product in it that it cannot compute included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph, Node


def not_computed(
    graph: Graph, costs: CostTable, layers: Mapping[int, EngineLayer], regions: Mapping[int, Sequence[str]]
) -> dict[int, frozenset[str]]:
    """For layers that multiply no matrices, the nodes between their tensors that they do not compute.

    These are the products, unless a layer has to do with one that no other computes, what is made of one that none
    computes and that the layer is not known to compute, and what only those need.

    Args:
        graph: of the user.
        costs: of that graph.
        layers: by number.
        regions: the names of the nodes between the tensors of each.
    """
    if all(layer.multiplies is not False for layer in layers.values()):
        return {}
    products = {row.name for row in costs.rows if row.is_product}
    computed = {name for number, names in regions.items() if layers[number].multiplies is not False for name in names}
    found: dict[int, frozenset[str]] = {}
    for number, names in regions.items():
        layer = layers[number]
        if layer.multiplies is False and not products.isdisjoint(names):
            made = set(layer.makes)
            claimed = made.union(layer.inner, layer.named)
            nodes = graph.in_order(names)
            cannot = {
                node.name
                for node in nodes
                if node.name in products and (made if node.name in computed else claimed).isdisjoint(node.writes)
            }
            lost = _with_followers(nodes, cannot - computed, claimed)
            kept = _needed(nodes, cannot | lost, claimed)
            found[number] = frozenset(names) - kept
    return found


def may_be_elsewhere(costs: CostTable, layers: Sequence[EngineLayer], regions: Mapping[int, Sequence[str]]) -> bool:
    """Whether a layer may compute one of the products that none is shown to compute.

    That is a layer without a node which is not known to multiply nothing, and one that is known to multiply and has
    nothing to multiply in its region: what it has there is not what it computes.

    Args:
        costs: of the user's graph.
        layers: in execution order.
        regions: the names of the nodes between the tensors of each, by number.
    """
    return any(
        not any(costs.by_name[name].macs != 0 for name in regions.get(number, ()))
        if layer.multiplies
        else layer.multiplies is None and layer.is_unmatched
        for number, layer in enumerate(layers)
        if not (layer.is_overhead or layer.is_view)
    )


def _with_followers(nodes: Sequence[Node], lost: Collection[str], claimed: Collection[str]) -> set[str]:
    """Nodes that are not computed, with those in the region that read them and are not known to be computed."""
    found, made = set(lost), set[str]()
    for node in nodes:
        if node.name in found or (not made.isdisjoint(node.reads) and set(claimed).isdisjoint(node.writes)):
            found.add(node.name)
            made.update(node.writes)
    return found


def _needed(nodes: Sequence[Node], without: Collection[str], claimed: Collection[str]) -> set[str]:
    """The nodes that tensors are computed by, some left out."""
    found: set[str] = set()
    wanted = set(claimed)
    for node in reversed(nodes):
        if node.name not in without and not wanted.isdisjoint(node.writes):
            found.add(node.name)
            wanted.update(node.reads)
    return found
