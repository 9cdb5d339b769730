"""Bytes that an engine layer moves, of its weights and of its activations.

Of a node whose result several layers make together, each has its share of the constants, and a pass of its own over the
activations: the two directions of a recurrent node read the same sequence, and weights of their own. What it writes of
the result is what the runtime says: one direction writes half of it, and of steps behind each other each writes all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from alexnet_bench.attribution.as_run import size_as_run
from alexnet_bench.core.cost import CostTable, NodeCost
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph import weights
from alexnet_bench.graph.counting import Held

if TYPE_CHECKING:
    from alexnet_bench.attribution.join import Owned

_WHOLE = Fraction(1)


def moved_bytes(graph: Graph, costs: CostTable, owned: Owned, stored: Held) -> Fraction | None:
    """Bytes that the layer has to move: what its nodes read from outside of it, and what it makes; None when unknown.

    Nothing where it has no part in the work of its nodes, and the runtime does not tell.
    """
    layer, parts = owned.layer, owned.parts
    if layer.moved_bytes is not None:
        return Fraction(layer.moved_bytes + _fused_bytes(graph, owned, stored))
    if layer.is_unmatched:
        return None
    if layer.is_overhead:
        return activation_bytes(graph, owned)
    rows = [costs.by_name[name] for name in parts]
    if all(row.bytes == 0 for row in rows) or not any(parts.values()):
        return Fraction(0)
    if len(rows) == 1:
        return _moved_by_node(graph, rows[0], owned)
    return _sum(_read_from_outside(graph, costs, owned, stored), _made_bytes(graph, owned))


def weight_bytes(graph: Graph, owned: Owned, stored: Held) -> Fraction | None:
    """Bytes of its parts of the constants that a layer reads; not of those that it computes itself."""
    nodes, parts = _nodes(graph, owned), _parts_read(graph, owned)
    made = {name for node in nodes for name in node.writes}
    read: dict[str, Fraction] = {}
    for node in nodes:
        constants = {name for name in node.reads if name in graph.constants} - made
        _widen(read, dict.fromkeys(weights.as_stored(stored, constants), parts[node.name]))
    return _parts_size(graph, read)


def activation_bytes(graph: Graph, owned: Owned) -> Fraction | None:
    """Bytes of the activations that a layer reads and makes.

    What only changes how a tensor lies in memory reads it and makes it, in another type perhaps.
    """
    layer = owned.layer
    if not (layer.is_overhead or layer.is_view):
        return _sum(_size(graph, set(layer.reads) - set(layer.makes)), _made_bytes(graph, owned))
    read = size_as_run(graph, layer.makes if layer.is_view else layer.reads, layer.floats_read)
    return _sum(read, size_as_run(graph, layer.makes, layer.floats_made))


def _moved_by_node(graph: Graph, row: NodeCost, owned: Owned) -> Fraction | None:
    """What a layer moves that computes one node, or no more than a part of it: its part of the constants, then."""
    if row.bytes_read is None:
        return None
    (node,) = graph.in_order([row.name])
    activations = _size(graph, {name for name in node.reads if name not in graph.constants}) or 0
    others = (1 - _parts_read(graph, owned)[row.name]) * max(0, row.bytes_read - activations)
    return _sum(row.bytes_read - others, _made_of(owned, row.bytes_written))


def _fused_bytes(graph: Graph, owned: Owned, stored: Held) -> int:
    """Bytes of the constants of its nodes that the runtime does not list; none where nodes are shared."""
    listed = owned.layer.moved_constant_bytes
    if listed is None or owned.shared or not owned.layer.moved_bytes:
        return 0
    return max(0, int(weight_bytes(graph, owned, stored) or 0) - listed)


def _made_bytes(graph: Graph, owned: Owned) -> int | None:
    """Bytes of what a layer makes."""
    return _made_of(owned, _size(graph, set(owned.layer.makes)))


def _made_of(owned: Owned, size: int | None) -> int | None:
    """Bytes that a layer writes: of what several make together, no more than the runtime says."""
    told = owned.layer.made_bytes if owned.shared else None
    return size if size is None or told is None else min(size, told)


def _read_from_outside(graph: Graph, costs: CostTable, owned: Owned, stored: Held) -> Fraction | None:
    """Bytes that the nodes of a layer read and do not make themselves, each tensor once.

    Of a tensor that nodes only read in part (Gather, Slice), no more than those parts; of constants, its parts of them.
    """
    inside: set[str] = set()
    seen_as: dict[str, str] = {}  # under another shape: by the view, what it is a view of
    whole: dict[str, Fraction] = {}
    in_part: dict[str, Fraction] = {}
    parts = _parts_read(graph, owned)
    for node in _nodes(graph, owned):
        row = costs.by_name[node.name]
        if row.bytes == 0 and node.reads:
            seen_as |= {name: seen_as.get(node.reads[0], node.reads[0]) for name in node.writes}
            continue
        outside = weights.as_stored(stored, {seen_as.get(name, name) for name in node.reads}) - inside
        sizes = {name: graph.tensor(name).size_bytes for name in outside}
        total = _size(graph, outside)
        if total is None:
            return None
        inside.update(node.writes)
        part = {name: parts[node.name] if name in graph.constants else _WHOLE for name in outside}
        if row.bytes_read is not None and row.bytes_read < total:
            largest = max(sizes, key=lambda name: sizes[name] or 0)
            outside = outside - {largest} if row.bytes_read >= total - (sizes[largest] or 0) else set()
            rest = sum(sizes[name] or 0 for name in outside)
            in_part[largest] = in_part.get(largest, Fraction(0)) + part[largest] * (row.bytes_read - rest)
        _widen(whole, {name: part[name] for name in outside})
    most = {name: Fraction(graph.tensor(name).size_bytes or 0) for name in in_part.keys() - whole.keys()}
    picked = sum((min(size, in_part[name]) for name, size in most.items()), Fraction(0))
    return _sum(_parts_size(graph, whole), picked)


def _nodes(graph: Graph, owned: Owned) -> list[Node]:
    """The nodes of a layer in graph order."""
    return graph.in_order((*owned.nodes, *dict(owned.shared)))


def _parts_read(graph: Graph, owned: Owned) -> dict[str, Fraction]:
    """The nodes of a layer, each with the part of its constants that the layer reads.

    That is its part of a node whose result it makes together with others. What others need too on the way to what they
    make, each of them reads for itself.
    """
    makes = set(owned.layer.makes)
    on_the_way = {node.name for node in _nodes(graph, owned) if makes.isdisjoint(node.writes)}
    return {name: _WHOLE if name in on_the_way and part else part for name, part in owned.parts.items()}


def _widen(read: dict[str, Fraction], more: Mapping[str, Fraction]) -> None:
    """Adds parts of tensors to those that are read before: the larger of each."""
    for name, part in more.items():
        read[name] = max(part, read.get(name, part))


def _parts_size(graph: Graph, parts: Mapping[str, Fraction]) -> Fraction | None:
    """Bytes of parts of tensors together; None when the size of one is unknown."""
    sizes = {name: graph.tensor(name).size_bytes for name in parts}
    if None in sizes.values():
        return None
    return sum((part * (sizes[name] or 0) for name, part in parts.items()), Fraction(0))


def _size(graph: Graph, names: Collection[str]) -> int | None:
    """Bytes of tensors together; None when the size of one is unknown."""
    sizes = [graph.tensor(name).size_bytes for name in names]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _sum(left: Fraction | int | None, right: Fraction | int | None) -> Fraction | None:
    return None if left is None or right is None else Fraction(left + right)
