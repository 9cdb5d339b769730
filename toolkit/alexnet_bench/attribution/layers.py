"""Layer profiles: what each engine layer costs by the user's nodes, beside the time it took."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Literal

from alexnet_bench.attribution.roofline import place, work_of
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.profile import Ceilings, LayerProfile, SharedNode
from alexnet_bench.graph import weights

if TYPE_CHECKING:
    from alexnet_bench.attribution.join import Attribution, Owned
    from alexnet_bench.core.engine_layers import LayerTimes

Stored = Mapping[str, tuple[str, ...]]
"""What the file holds of constants that are dequantised (`weights.stored`)."""


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


@dataclass(frozen=True, slots=True)
class _Time:
    """Typical seconds of a layer, None when it was not timed, and of all layers together."""

    layer_s: float | None
    total_s: float


def static_layers(costs: CostTable, budget_times_s: Iterable[float | None]) -> tuple[LayerProfile, ...]:
    """One layer for each live node: what can be said without running anything.

    Args:
        costs: of the graph.
        budget_times_s: predicted time of each of its rows.
    """
    return tuple(
        LayerProfile(
            name=row.name,
            op=row.op,
            onnx_nodes=(row.name,),
            shared_nodes=(),
            output_shapes=row.output_shapes,
            params=row.params,
            weight_bytes=row.weight_bytes,
            activation_bytes=row.activation_bytes,
            live_bytes=row.live_bytes,
            macs=row.macs,
            flop=row.flop,
            bytes=row.bytes,
            flop_per_byte=_ratio(row.flop, row.bytes),
            budget_time_s=budget_time_s,
        )
        for row, budget_time_s in zip(costs.rows, budget_times_s, strict=True)
    )


def timed_layers(
    graph: Graph, costs: CostTable, attribution: Attribution, times: LayerTimes, ceilings: Ceilings | None
) -> tuple[LayerProfile, ...]:
    """One layer for each layer of the engine, in execution order, with its time and its place under the roofs."""
    samples = (times.samples_s[owned.layer.name] for owned in attribution.owned)
    typical = [median(of_layer) if of_layer else None for of_layer in samples]
    total, stored = sum(time_s or 0.0 for time_s in typical), weights.stored(graph)
    return tuple(
        _timed(
            name,
            owned,
            layer_cost(graph, costs, owned, stored),
            times,
            _Time(time_s, total),
            ceilings,
        )
        for name, owned, time_s in zip(layer_names(attribution), attribution.owned, typical, strict=True)
    )


def layer_cost(graph: Graph, costs: CostTable, owned: Owned, stored: Stored | None = None) -> LayerCost:
    """The cost of what a layer computes. A fused layer reads its inputs and weights and writes its outputs, no more.

    Parameters are those of all nodes that it owns, computed or equal to others. Weights have the bytes of the file.

    Args:
        graph: of the user.
        costs: of that graph.
        owned: the layer and its nodes.
        stored: `weights.stored` of the graph, for callers that ask for many layers.
    """
    stored = weights.stored(graph) if stored is None else stored
    params = _total(*_counts(costs, owned, "params"))
    owned = _computed(owned)
    rows = [costs.by_name[name] for name in (*owned.nodes, *dict(owned.shared))]
    layer = owned.layer
    return LayerCost(
        macs=None if layer.is_unmatched else _total(*_counts(costs, owned, "macs")),
        flop=None if layer.is_unmatched else _total(*_counts(costs, owned, "flop")),
        bytes=_moved_bytes(graph, costs, owned, stored),
        params=params or 0,
        weight_bytes=_size(graph, weights.as_stored(stored, _weights(graph, owned))) or 0,
        activation_bytes=_size(graph, {*layer.reads, *layer.makes}),
        live_bytes=_most([row.live_bytes for row in rows]),
        output_shapes=tuple(graph.tensor(name).sizes for name in layer.makes),
        is_assumed=any(row.assumed for row in rows),
    )


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


def layer_names(attribution: Attribution) -> list[str]:
    """A unique name for each layer: its nodes, or for what is not the user's, the operator and the tensor it makes.

    The backend's own names are not used where they differ from session to session (`ReorderOutput_token_15`).
    """
    names: dict[str, None] = {}
    for owned in attribution.owned:
        nodes = [*owned.nodes, *(name for name, _ in owned.shared)]
        base = " + ".join(nodes) or ":".join((owned.layer.op, *owned.layer.makes[:1])) or owned.layer.name
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}#{number}"
        names[name] = None
    return list(names)


def _timed(
    name: str, owned: Owned, cost: LayerCost, times: LayerTimes, time: _Time, ceilings: Ceilings | None
) -> LayerProfile:
    layer, time_s = owned.layer, time.layer_s
    work = work_of(cost.flop, cost.bytes, is_overhead=layer.is_overhead)
    flop, moved, placement = work.flop, work.bytes, None
    rated_s = None if cost.is_assumed else time_s  # a rate of work that was assumed would say nothing
    if ceilings is not None and rated_s is not None and not work.is_idle and flop is not None and moved is not None:
        placement = place(flop=flop, moved_bytes=moved, time_s=rated_s, dtype=layer.compute_dtype, ceilings=ceilings)
    return LayerProfile(
        name=name,
        op=layer.op,
        onnx_nodes=owned.nodes,
        shared_nodes=tuple(SharedNode(name, share) for name, share in owned.shared),
        merged_nodes=tuple(name for name in (*owned.nodes, *dict(owned.shared)) if name in owned.merged),
        output_shapes=cost.output_shapes or layer.output_shapes,
        params=cost.params,
        weight_bytes=cost.weight_bytes,
        activation_bytes=cost.activation_bytes,
        live_bytes=cost.live_bytes,
        macs=cost.macs,
        flop=flop,
        bytes=moved,
        time_s=time_s,
        samples_s=times.samples_s[layer.name],
        time_fraction=_ratio(time_s, time.total_s),
        flop_per_s=_ratio(flop, rated_s),
        bytes_per_s=_ratio(moved, rated_s),
        flop_per_byte=work.flop_per_byte,
        bound="overhead" if work.is_idle else placement.bound if placement else None,
        fraction_of_ceiling=placement.fraction_of_ceiling if placement else None,
        compute_dtype=layer.compute_dtype,
        input_dtypes=layer.input_dtypes,
        output_dtypes=layer.output_dtypes,
    )


def _moved_bytes(graph: Graph, costs: CostTable, owned: Owned, stored: Stored) -> int | None:
    """Bytes that the layer has to move: what its nodes read from outside of it, and what it makes; None when unknown.

    Of a node spread over several layers, each moves its share.
    """
    layer = owned.layer
    if layer.is_unmatched:
        return None
    if layer.is_overhead:
        return _sum(_size(graph, layer.reads), _size(graph, layer.makes))
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


def _read_from_outside(graph: Graph, costs: CostTable, owned: Owned, stored: Stored) -> int | None:
    """Bytes that the nodes of a layer read and do not make themselves, each tensor once.

    Of a tensor that a node only reads in part (Gather, Slice), no more than that part.
    """
    inside: set[str] = set()
    seen_as: dict[str, str] = {}  # under another shape: by the view, what it is a view of
    read: set[str] = set()
    total = 0
    for node in _nodes(graph, owned):
        row = costs.by_name[node.name]
        if row.bytes == 0 and node.reads:
            seen_as |= {name: seen_as.get(node.reads[0], node.reads[0]) for name in node.writes}
            continue
        fresh = weights.as_stored(stored, {seen_as.get(name, name) for name in node.reads}) - inside - read
        size = _size(graph, fresh)
        if size is None:
            return None
        total += size if row.bytes_read is None else min(size, row.bytes_read)
        read |= fresh
        inside.update(node.writes)
    return total


def _nodes(graph: Graph, owned: Owned) -> list[Node]:
    """The nodes of a layer in graph order."""
    return graph.in_order((*owned.nodes, *dict(owned.shared)))


def _weights(graph: Graph, owned: Owned) -> set[str]:
    return {name for node in _nodes(graph, owned) for name in node.reads if name in graph.constants}


def _size(graph: Graph, names: Collection[str]) -> int | None:
    """Bytes of tensors together; None when the size of one is unknown."""
    sizes = [graph.tensor(name).size_bytes for name in names]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _most(values: Sequence[int | None]) -> int | None:
    """The largest, None when one is unknown; 0 of none."""
    return None if None in values else max((value or 0 for value in values), default=0)


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right


def _total(whole: Sequence[int | None], shared: Sequence[tuple[int | None, float]]) -> int | None:
    """The sum, None when any part is unknown."""
    if any(value is None for value in whole) or any(value is None for value, _ in shared):
        return None
    return sum(value or 0 for value in whole) + round(sum((value or 0) * share for value, share in shared))


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
