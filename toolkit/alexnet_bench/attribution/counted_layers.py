"""Layer profiles of counts alone."""

from __future__ import annotations

from collections.abc import Iterable

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import LayerProfile


def static_layers(graph: Graph, costs: CostTable, budget_times_s: Iterable[float | None]) -> tuple[LayerProfile, ...]:
    """One layer for each live node: what can be said without running anything.

    Args:
        graph: of the user.
        costs: of that graph.
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
            flop_per_byte=row.flop / row.bytes if row.flop is not None and row.bytes else None,
            budget_time_s=budget_time_s,
            inputs=graph.activations(node.reads),
            outputs=node.writes,
        )
        for node, row, budget_time_s in zip(graph.live_nodes, costs.rows, budget_times_s, strict=True)
    )
