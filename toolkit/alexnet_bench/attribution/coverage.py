"""How much of the arithmetic and of the measured time has an owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Literal

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.profile import Coverage, LayerProfile, UnknownOp

if TYPE_CHECKING:
    from alexnet_bench.attribution.join import Attribution
    from alexnet_bench.core.engine_layers import LayerTimes


def counted_only(costs: CostTable) -> Coverage:
    """Coverage of the counts, without a run."""
    return Coverage(
        nodes=len(costs.rows),
        nodes_counted=sum(row.counted for row in costs.rows),
        unknown_ops=_by_reason(costs, "why_unknown"),
        assumptions=(*_by_reason(costs, "assumed"), *_by_reason(costs, "why_no_bytes")),
    )


def measured(costs: CostTable, attribution: Attribution, layers: Sequence[LayerProfile], times: LayerTimes) -> Coverage:
    """Coverage of counts, arithmetic and time.

    What a layer has and does not compute counts as attributed where it is known to be computed elsewhere: an equal node
    is, a product that the runtime left out is not.

    `time_attributed_fraction` is (time on the user's nodes + identified overhead) / time in kernels. Overhead, and the
    time of a run outside kernels, are given apart.
    """
    counts = counted_only(costs)
    kernel_s = sum(layer.time_s or 0.0 for layer in layers)
    of_engine = zip(attribution.owned, layers, strict=True)
    overhead_s = sum(layer.time_s or 0.0 for owned, layer in of_engine if owned.layer.is_overhead)
    mine = (layer for layer in layers if layer.onnx_nodes or layer.shared_nodes or layer.constant_nodes)
    owned_s = sum(layer.time_s or 0.0 for layer in mine)
    without_owner = sum(costs.by_name[name].macs or 0 for name in attribution.unattributed)
    left_out = sum(costs.by_name[name].macs or 0 for name in set().union(*(own.left_out for own in attribution.owned)))
    uncounted = sum(_uncounted(costs, layer) for layer in layers if layer.macs is None)
    lost_macs = without_owner + left_out + uncounted
    return replace(
        counts,
        macs_attributed_fraction=1 - lost_macs / costs.macs if costs.macs else None,
        time_attributed_fraction=min(1.0, (owned_s + overhead_s) / kernel_s) if kernel_s else None,
        overhead_fraction=overhead_s / kernel_s if kernel_s else None,
        outside_kernels_fraction=outside_kernels(times),
        unattributed_nodes=attribution.unattributed,
    )


def _uncounted(costs: CostTable, layer: LayerProfile) -> float:
    """The multiply-adds of a layer's nodes, where the layer has no count because another node of it has none."""
    shares = dict.fromkeys(layer.onnx_nodes, 1.0) | {part.name: part.share for part in layer.shared_nodes}
    computed = shares.keys() - set(layer.merged_nodes)
    return sum(shares[name] * (costs.by_name[name].macs or 0) for name in computed)


def _by_reason(costs: CostTable, reason: Literal["why_unknown", "assumed", "why_no_bytes"]) -> tuple[UnknownOp, ...]:
    """The nodes that have something to say for themselves, by operator and what it is; the first of the graph first."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in costs.rows:
        why: str = getattr(row, reason)
        if why:
            found.setdefault((row.op, why), []).append(row.name)
    return tuple(UnknownOp(op, tuple(nodes), why) for (op, why), nodes in found.items())


def outside_kernels(times: LayerTimes) -> float | None:
    """Share of a run that no kernel accounts for: scheduling, allocation, and the profiler itself."""
    if not times.run_s:
        return None
    kernels = [sum(samples) for samples in zip(*times.samples_s.values(), strict=True)]
    shares = [1 - inside / run for inside, run in zip(kernels, times.run_s, strict=False) if run > 0]
    return max(0.0, median(shares)) if shares else None
