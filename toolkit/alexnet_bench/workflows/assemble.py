"""A profile put together from its parts; no part is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

import msgspec

from alexnet_bench.attribution import coverage as coverages
from alexnet_bench.attribution.by_metadata import join_by_metadata, with_tensors
from alexnet_bench.attribution.join import Attribution, join
from alexnet_bench.attribution.layers import timed_layers
from alexnet_bench.attribution.origins import user_layers
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.profile import (
    Case,
    Ceilings,
    Coverage,
    EngineInfo,
    Environment,
    Latency,
    LatencyParts,
    LayerProfile,
    Profile,
)
from alexnet_bench.core.statistics import summarise
from alexnet_bench.measure.latency import LatencyRun
from alexnet_bench.workflows import cautions, memory
from alexnet_bench.workflows.counted import (
    Counted,
    EngineGraph,
    budget_lines,
    model_info,
    predictor,
    shapes,
    totals,
)


@dataclass(frozen=True)
class Measured:
    """One case after running."""

    backend: str
    latency: LatencyRun
    times: LayerTimes
    ceilings: Ceilings
    threads: int
    seed: int
    weights_sha256: str | None


def measured_profile(case: Counted, run: Measured, budgets: Sequence[Budget], environment: Environment) -> Profile:
    """A profile of a case that was run."""
    run = _rounded(run)
    attribution = _attribution(case, run.times)
    timed = timed_layers(case.run_graph, case.run_costs, attribution, run.times, run.ceilings)
    layers = memory.with_memory(timed, attribution, run.times.arena)
    coverage = coverages.measured(case.run_costs, attribution, layers, run.times)
    if case.engine is not None:
        layers, coverage = _of_user(case, case.engine, attribution, layers, coverage)
    latency = _latency(case.batch, run)
    return Profile(
        model=model_info(case, run.weights_sha256),
        case=Case(case.batch, shapes(case.graph), run.threads, run.seed),
        engine=_engine(case, run, layers),
        totals=totals(case.costs),
        coverage=coverage,
        latency=latency,
        layers=_with_budget_times(case, layers, budgets),
        memory=memory.measured(case.run_costs, run.times, run.latency),
        ceilings=run.ceilings,
        budget=budget_lines(case, budgets, latency.throughput_per_s),
        environment=environment,
        warnings=(
            *cautions.of_latency(latency, unstable_processes=run.latency.unstable_processes),
            *case.cautions,
            *cautions.of_counts(coverage),
            *cautions.of_attribution(coverage),
            *cautions.of_ceilings(run.ceilings, layers),
            *cautions.of_streams(run.times),
            *cautions.of_device(latency.parts, run.latency.loaded.device_use),
        ),
    )


def _attribution(case: Counted, times: LayerTimes) -> Attribution:
    """The layers with their nodes: as the runtime names those, or by the tensors that they read and make."""
    if not times.named:
        return join(case.run_graph, times.layers)
    return with_tensors(case.run_graph, join_by_metadata(case.run_graph, case.run_costs, times.named))


def _of_user(
    case: Counted, engine: EngineGraph, attribution: Attribution, layers: Sequence[LayerProfile], coverage: Coverage
) -> tuple[tuple[LayerProfile, ...], Coverage]:
    """Layers of an engine that name the user's nodes, and what they cover of the user's graph.

    Counts of a layer stay those of what the engine computes, by which its rates and its place under the roofs go.
    """
    mapped = user_layers(case.costs, engine.costs, attribution, engine.passport.origins)
    renamed = tuple(
        msgspec.structs.replace(layer, onnx_nodes=user.onnx_nodes, shared_nodes=user.shared_nodes, merged_nodes=())
        for layer, user in zip(layers, mapped.layers, strict=True)
    )
    counted = coverages.counted_only(case.costs)
    return renamed, replace(
        coverage,
        nodes=counted.nodes,
        nodes_counted=counted.nodes_counted,
        unknown_ops=counted.unknown_ops,
        assumptions=counted.assumptions,
        macs_attributed_fraction=mapped.macs_attributed_fraction,
        unattributed_nodes=mapped.unattributed,
    )


def _rounded(run: Measured) -> Measured:
    """The run with times in whole nanoseconds, which no clock here resolves further; half the size as JSON."""
    times = replace(run.times, samples_s={name: _nanoseconds(values) for name, values in run.times.samples_s.items()})
    latency = replace(run.latency, samples_s=[_nanoseconds(values) for values in run.latency.samples_s])
    return replace(run, times=times, latency=latency)


def _nanoseconds(seconds: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(value, 9) for value in seconds)


def _engine(case: Counted, run: Measured, layers: Sequence[LayerProfile]) -> EngineInfo:
    computed: dict[str, int] = {}
    for layer in layers:
        if layer.compute_dtype and layer.bound != "overhead":
            computed[layer.compute_dtype] = computed.get(layer.compute_dtype, 0) + 1
    loaded, passport = run.latency.loaded, case.engine.passport if case.engine else None
    return EngineInfo(
        run.backend,
        loaded.backend_version,
        passport.requested_precision if passport else None,
        computed,
        loaded.device,
        passport.passes if passport else (),
        passport.key if passport else None,
    )


def _latency(batch: int, run: Measured) -> Latency:
    summary = summarise(run.latency.samples_s)
    return Latency(
        samples_s=tuple(run.latency.samples_s),
        parts=_parts(run.latency) or LatencyParts(compute_s=summary.median),
        median_s=summary.median,
        p90_s=summary.p90,
        p99_s=summary.p99,
        ci95_s=summary.ci95,
        throughput_per_s=batch / summary.median,
        profiling_overhead_fraction=run.times.profiling_overhead_fraction,
    )


def _parts(latency: LatencyRun) -> LatencyParts | None:
    """The median of each part of a run, where the runtime tells them; what is left of the wall time is the host's."""
    parts = [part for process in latency.parts for part in process]
    if not parts:
        return None
    walls = [wall for process in latency.samples_s for wall in process]
    host_s = [wall - part.h2d_s - part.compute_s - part.d2h_s for wall, part in zip(walls, parts, strict=True)]
    return LatencyParts(
        h2d_s=median(part.h2d_s for part in parts),
        compute_s=median(part.compute_s for part in parts),
        d2h_s=median(part.d2h_s for part in parts),
        host_s=median(host_s),
    )


def _with_budget_times(
    case: Counted, layers: Sequence[LayerProfile], budgets: Sequence[Budget]
) -> tuple[LayerProfile, ...]:
    """Each layer's predicted time on the first budget."""
    predict = predictor(case, budgets)
    times = (
        None if layer.bound == "overhead" else predict(layer.onnx_nodes, layer.flop, layer.bytes) for layer in layers
    )
    return tuple(
        msgspec.structs.replace(layer, budget_time_s=time_s) for layer, time_s in zip(layers, times, strict=True)
    )
