"""Layer profiles: what each engine layer costs by the user's nodes, beside the time it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from alexnet_bench.attribution.join import Attribution, Owned
from alexnet_bench.attribution.roofline import place
from alexnet_bench.core.cost import CostTable, NodeCost
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import Ceilings, LayerProfile, SharedNode


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What a layer costs: its nodes together, without what stays inside it."""

    macs: int | None
    flop: int | None
    bytes: int | None
    params: int
    weight_bytes: int
    activation_bytes: int
    live_bytes: int
    output_shapes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class _Time:
    """Typical seconds of a layer and of all layers together."""

    layer_s: float
    total_s: float


def static_layers(costs: CostTable) -> tuple[LayerProfile, ...]:
    """One layer for each live node: what can be said without running anything."""
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
        )
        for row in costs.rows
    )


def timed_layers(
    graph: Graph, costs: CostTable, attribution: Attribution, times: LayerTimes, ceilings: Ceilings | None
) -> tuple[LayerProfile, ...]:
    """One layer for each layer of the engine, in execution order, with its time and its place under the roofs."""
    typical = {owned.layer.name: median(times.samples_s[owned.layer.name]) for owned in attribution.owned}
    total = sum(typical.values())
    return tuple(
        _timed(name, owned, layer_cost(graph, costs, owned), times, _Time(typical[owned.layer.name], total), ceilings)
        for name, owned in zip(layer_names(attribution), attribution.owned, strict=True)
    )


def layer_cost(graph: Graph, costs: CostTable, owned: Owned) -> LayerCost:
    """The cost of what a layer owns. A fused layer reads its inputs and weights and writes its outputs, no more."""
    rows = [costs.by_name[name] for name in owned.nodes]
    parts = [(costs.by_name[name], share) for name, share in owned.shared]
    layer = owned.layer
    activations = _size(graph, layer.reads) + _size(graph, layer.makes)
    weights = _weights(graph, owned)
    weight_bytes = _size(graph, weights)
    return LayerCost(
        macs=_total([row.macs for row in rows], [(row.macs, share) for row, share in parts]),
        flop=_total([row.flop for row in rows], [(row.flop, share) for row, share in parts]),
        bytes=_moved_bytes(owned, rows, activations + weight_bytes),
        params=sum(row.params for row in rows),
        weight_bytes=weight_bytes,
        activation_bytes=activations,
        live_bytes=max((row.live_bytes for row in rows), default=0),
        output_shapes=tuple(graph.tensor(name).sizes or () for name in layer.makes),
    )


def layer_names(attribution: Attribution) -> list[str]:
    """A unique name for each layer: its nodes, or for what is not the user's, the operator and the tensor it makes.

    The backend's own names are not used where they differ from session to session (`ReorderOutput_token_15`).
    """
    taken: dict[str, int] = {}
    names = []
    for owned in attribution.owned:
        nodes = [*owned.nodes, *(name for name, _ in owned.shared)]
        name = " + ".join(nodes) or ":".join((owned.layer.op, *owned.layer.makes[:1])) or owned.layer.name
        taken[name] = taken.get(name, 0) + 1
        names.append(name if taken[name] == 1 else f"{name}#{taken[name]}")
    return names


def _timed(
    name: str, owned: Owned, cost: LayerCost, times: LayerTimes, time: _Time, ceilings: Ceilings | None
) -> LayerProfile:
    layer, time_s = owned.layer, time.layer_s
    flop, moved = (0, cost.bytes) if layer.is_overhead else (cost.flop, cost.bytes)
    idle = layer.is_overhead or (flop == 0 and moved == 0)
    placement = None
    if ceilings is not None and not idle and flop is not None and moved is not None:
        placement = place(flop=flop, moved_bytes=moved, time_s=time_s, dtype=layer.compute_dtype, ceilings=ceilings)
    return LayerProfile(
        name=name,
        op=layer.op,
        onnx_nodes=owned.nodes,
        shared_nodes=tuple(SharedNode(name, share) for name, share in owned.shared),
        output_shapes=cost.output_shapes,
        params=cost.params,
        weight_bytes=cost.weight_bytes,
        activation_bytes=cost.activation_bytes,
        live_bytes=cost.live_bytes,
        macs=cost.macs,
        flop=flop,
        bytes=moved,
        time_s=time_s,
        samples_s=times.samples_s[layer.name],
        time_fraction=time_s / time.total_s if time.total_s else None,
        flop_per_s=_ratio(flop, time_s),
        bytes_per_s=_ratio(moved, time_s),
        flop_per_byte=_ratio(flop, moved),
        bound="overhead" if idle else placement.bound if placement else None,
        fraction_of_ceiling=placement.fraction_of_ceiling if placement else None,
        compute_dtype=layer.compute_dtype,
        input_dtypes=layer.input_dtypes,
        output_dtypes=layer.output_dtypes,
    )


def _moved_bytes(owned: Owned, rows: Sequence[NodeCost], fused_bytes: int) -> int | None:
    """Bytes that the layer has to move: by the node's own formula for one node, else inputs, weights and outputs."""
    if owned.layer.is_unmatched:
        return None
    if len(rows) == 1 and not owned.shared and not owned.layer.is_overhead:
        return rows[0].bytes
    if rows and all(row.bytes == 0 for row in rows):
        return 0
    return fused_bytes


def _weights(graph: Graph, owned: Owned) -> set[str]:
    wanted = {*owned.nodes, *(name for name, _ in owned.shared)}
    return {name for node in graph.live_nodes if node.name in wanted for name in node.reads if name in graph.constants}


def _size(graph: Graph, names: set[str] | tuple[str, ...]) -> int:
    return sum(graph.tensor(name).size_bytes or 0 for name in names)


def _total(whole: Sequence[int | None], shared: Sequence[tuple[int | None, float]]) -> int | None:
    """The sum, None when any part is unknown."""
    if any(value is None for value in whole) or any(value is None for value, _ in shared):
        return None
    return sum(value or 0 for value in whole) + round(sum((value or 0) * share for value, share in shared))


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
