"""Layer profiles: what each engine layer costs by the user's nodes, beside the time it took."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from alexnet_bench.attribution.layer_costs import LayerCost, Rounding, layer_cost
from alexnet_bench.attribution.roofline import place, work_of
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import Ceilings, LayerProfile, SharedNode
from alexnet_bench.graph import weights

if TYPE_CHECKING:
    from alexnet_bench.attribution.join import Attribution, Owned
    from alexnet_bench.core.engine_layers import LayerTimes


@dataclass(frozen=True, slots=True)
class _Time:
    """Typical seconds of a layer, None when it was not timed, and of all layers together."""

    layer_s: float | None
    total_s: float


def timed_layers(
    graph: Graph, costs: CostTable, attribution: Attribution, times: LayerTimes, ceilings: Ceilings | None
) -> tuple[LayerProfile, ...]:
    """One layer for each layer of the engine, in execution order, with its time and its place under the roofs."""
    samples = (times.samples_s[owned.layer.name] for owned in attribution.owned)
    typical = [median(of_layer) if of_layer else None for of_layer in samples]
    total, stored = sum(time_s or 0.0 for time_s in typical), weights.stored(graph)
    rounding = Rounding()
    return tuple(
        _timed(
            graph,
            name,
            owned,
            layer_cost(graph, costs, owned, stored, rounding),
            times,
            _Time(time_s, total),
            ceilings,
        )
        for name, owned, time_s in zip(layer_names(attribution), attribution.owned, typical, strict=True)
    )


def layer_names(attribution: Attribution) -> list[str]:
    """A unique name for each layer: its nodes, or for what is not the user's, the operator and the tensor it makes.

    The backend's own names are not used where they differ from session to session (`ReorderOutput_token_15`).
    """
    names: dict[str, None] = {}
    for owned in attribution.owned:
        nodes = [*owned.nodes, *(name for name, _ in owned.shared), *owned.constants]
        base = " + ".join(nodes) or ":".join((owned.layer.op, *owned.layer.makes[:1])) or owned.layer.name
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}#{number}"
        names[name] = None
    return list(names)


def _timed(
    graph: Graph,
    name: str,
    owned: Owned,
    cost: LayerCost,
    times: LayerTimes,
    time: _Time,
    ceilings: Ceilings | None,
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
        constant_nodes=owned.constants,
        inputs=graph.activations(layer.reads),
        outputs=layer.makes,
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


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
