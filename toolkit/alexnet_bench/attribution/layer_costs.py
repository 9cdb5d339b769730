"""What an engine layer costs: its nodes together, without what stays inside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from alexnet_bench.attribution.as_run import as_run, size_as_run
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph import weights
from alexnet_bench.graph.counting import Held

if TYPE_CHECKING:
    from alexnet_bench.attribution.join import Owned
    from alexnet_bench.core.engine_layers import EngineLayer

_MOST_LAYERS = 10**6
"""That share a node: its shares are fractions that were rounded to floats."""


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What a layer costs: its nodes together, without what stays inside it."""

    macs: int | None
    flop: int | None
    bytes: int | None
    params: int
    weight_bytes: int
    activation_bytes: int | None
    live_bytes: int | None
    output_shapes: tuple[tuple[int, ...] | None, ...]
    is_assumed: bool


class Rounding:
    """Whole counts of layers that share nodes: what one loses the next one gets, so that their sums stay right."""

    def __init__(self) -> None:
        self._lost: dict[str, Fraction] = {}

    def whole(self, count: str, exact: Fraction | None) -> int | None:
        """The count of one layer, less than one from what it is exactly.

        Args:
            count: which of them.
            exact: with its parts of nodes; None when unknown.
        """
        if exact is None or exact.denominator == 1:
            return None if exact is None else int(exact)
        exact += self._lost.get(count, 0)
        self._lost[count] = exact - round(exact)
        return round(exact)


def layer_cost(
    graph: Graph, costs: CostTable, owned: Owned, stored: Held | None = None, rounding: Rounding | None = None
) -> LayerCost:
    """The cost of what a layer computes. A fused layer reads its inputs and weights and writes its outputs, no more.

    Parameters are those of all nodes that it owns, computed or equal to others. Bytes are at the types that the layer
    has its tensors in, where the backend tells them, else at those of the file.

    Args:
        graph: of the user.
        costs: of that graph.
        owned: the layer and its nodes.
        stored: `weights.stored` of the graph, for callers that ask for many layers.
        rounding: of the layers before, for callers that ask for all layers.
    """
    stored = weights.stored(graph) if stored is None else stored
    rounding = rounding or Rounding()
    params = rounding.whole("params", _total(*_counts(costs, owned, "params")))
    owned = _computed(owned)
    live_bytes = _most([costs.by_name[name].live_bytes for name in (*owned.nodes, *dict(owned.shared))])
    seen = as_run(graph, costs, owned, stored)
    graph, costs, owned, stored = seen.graph, seen.costs, seen.owned, seen.stored
    rows = [costs.by_name[name] for name in (*owned.nodes, *dict(owned.shared))]
    layer = owned.layer
    return LayerCost(
        macs=None if layer.is_unmatched else rounding.whole("macs", _total(*_counts(costs, owned, "macs"))),
        flop=None if layer.is_unmatched else rounding.whole("flop", _total(*_counts(costs, owned, "flop"))),
        bytes=_moved_bytes(graph, costs, owned, stored),
        params=params or 0,
        weight_bytes=_size(graph, weights.as_stored(stored, _weights(graph, owned))) or 0,
        activation_bytes=_activation_bytes(graph, layer),
        live_bytes=live_bytes,
        output_shapes=_output_shapes(graph, layer),
        is_assumed=any(row.assumed for row in rows),
    )


def _output_shapes(graph: Graph, layer: EngineLayer) -> tuple[tuple[int, ...] | None, ...]:
    if layer.step_sizes is not None:
        return (layer.step_sizes,)
    return tuple(graph.tensor(name).sizes for name in layer.makes)


def _computed(owned: Owned) -> Owned:
    """What the layer owns and computes: without the nodes that the runtime found equal to others."""
    alone = tuple(name for name in owned.nodes if name not in owned.merged)
    return replace(owned, nodes=alone, shared=tuple(part for part in owned.shared if part[0] not in owned.merged))


def _counts(
    costs: CostTable, owned: Owned, count: Literal["macs", "flop", "params"]
) -> tuple[list[int | None], list[tuple[int | None, float]]]:
    """A count of each node that a layer owns alone, and of each that it shares with its share."""
    alone: list[int | None] = [getattr(costs.by_name[name], count) for name in owned.nodes]
    return alone, [(getattr(costs.by_name[name], count), share) for name, share in owned.shared]


def _moved_bytes(graph: Graph, costs: CostTable, owned: Owned, stored: Held) -> int | None:
    """Bytes that the layer has to move: what its nodes read from outside of it, and what it makes; None when unknown.

    Of a node spread over several layers, each moves its share.
    """
    layer = owned.layer
    if layer.moved_bytes is not None:
        return layer.moved_bytes + _fused_bytes(graph, owned, stored)
    if layer.is_unmatched:
        return None
    if layer.is_overhead:
        return _activation_bytes(graph, layer)
    rows = [costs.by_name[name] for name in (*owned.nodes, *dict(owned.shared))]
    if len(rows) == 1:
        moved = rows[0].bytes
    elif all(row.bytes == 0 for row in rows):
        moved = 0
    else:
        moved = _sum(_read_from_outside(graph, costs, owned, stored), _size(graph, layer.makes))
    if moved is None or owned.nodes:
        return moved
    return round(moved * max((share for _, share in owned.shared), default=0.0))


def _fused_bytes(graph: Graph, owned: Owned, stored: Held) -> int:
    """Bytes of the constants of its nodes that the runtime does not list; none where nodes are shared."""
    listed = owned.layer.moved_constant_bytes
    if listed is None or owned.shared or not owned.layer.moved_bytes:
        return 0
    return max(0, (_size(graph, weights.as_stored(stored, _weights(graph, owned))) or 0) - listed)


def _activation_bytes(graph: Graph, layer: EngineLayer) -> int | None:
    """Bytes of the activations that a layer reads and makes.

    What only changes how a tensor lies in memory reads it and makes it, in another type perhaps.
    """
    if not (layer.is_overhead or layer.is_view):
        return _size(graph, {*layer.reads, *layer.makes})
    read = size_as_run(graph, layer.makes if layer.is_view else layer.reads, layer.floats_read)
    return _sum(read, size_as_run(graph, layer.makes, layer.floats_made))


def _read_from_outside(graph: Graph, costs: CostTable, owned: Owned, stored: Held) -> int | None:
    """Bytes that the nodes of a layer read and do not make themselves, each tensor once.

    Of a tensor that nodes only read in part (Gather, Slice), no more than those parts.
    """
    inside: set[str] = set()
    seen_as: dict[str, str] = {}  # under another shape: by the view, what it is a view of
    whole: set[str] = set()
    in_part: dict[str, int] = {}
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
        if row.bytes_read is not None and row.bytes_read < total:
            largest = max(sizes, key=lambda name: sizes[name] or 0)
            outside = outside - {largest} if row.bytes_read >= total - (sizes[largest] or 0) else set()
            rest = sum(sizes[name] or 0 for name in outside)
            in_part[largest] = in_part.get(largest, 0) + row.bytes_read - rest
        whole |= outside
    parts = [min(size, graph.tensor(name).size_bytes or 0) for name, size in in_part.items() if name not in whole]
    return _sum(_size(graph, whole), sum(parts))


def _nodes(graph: Graph, owned: Owned) -> list[Node]:
    """The nodes of a layer in graph order."""
    return graph.in_order((*owned.nodes, *dict(owned.shared)))


def _weights(graph: Graph, owned: Owned) -> set[str]:
    """The constants that a layer reads; not those that it computes itself."""
    nodes = _nodes(graph, owned)
    made = {name for node in nodes for name in node.writes}
    return {name for node in nodes for name in node.reads if name in graph.constants} - made


def _size(graph: Graph, names: Collection[str]) -> int | None:
    """Bytes of tensors together; None when the size of one is unknown."""
    sizes = [graph.tensor(name).size_bytes for name in names]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _most(values: Sequence[int | None]) -> int | None:
    """The largest, None when one is unknown; 0 of none."""
    return None if None in values else max((value or 0 for value in values), default=0)


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right


def _total(whole: Sequence[int | None], shared: Sequence[tuple[int | None, float]]) -> Fraction | None:
    """The sum, None when any part is unknown."""
    if any(value is None for value in whole) or any(value is None for value, _ in shared):
        return None
    parts = ((value or 0) * Fraction(share).limit_denominator(_MOST_LAYERS) for value, share in shared)
    return sum(parts, Fraction(sum(value or 0 for value in whole)))
