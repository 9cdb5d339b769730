"""A profile put together from its parts; no part is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import msgspec

from alexnet_bench.attribution import coverage as coverages
from alexnet_bench.attribution.by_metadata import attribute
from alexnet_bench.attribution.join import Attribution, join
from alexnet_bench.attribution.layers import timed_layers
from alexnet_bench.attribution.origins import user_layers
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.profile import (
    Case,
    Caution,
    Ceilings,
    Coverage,
    EngineInfo,
    Environment,
    InputInfo,
    Latency,
    LatencyParts,
    LayerProfile,
    Profile,
)
from alexnet_bench.core.statistics import summarise
from alexnet_bench.measure.latency import LatencyRun
from alexnet_bench.workflows import cautions, count_cautions, memory, miscomputed
from alexnet_bench.workflows.counted import (
    Counted,
    EngineGraph,
    budget_lines,
    model_info,
    totals,
    with_budget_times,
)
from alexnet_bench.workflows.uncounted import (
    NO_COUNTS,
    bare_coverage,
    bare_layers,
    computed_in,
    no_model,
    uncounted_model,
)


@dataclass(frozen=True)
class Measured:
    """One case after running."""

    backend: str
    latency: LatencyRun
    times: LayerTimes
    ceilings: Ceilings
    threads: int
    seed: int | None
    weights_sha256: str | None
    given_inputs: str = ""


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
        case=Case(case.batch, case.graph.input_sizes, run.threads, run.seed),
        engine=_engine(run, layers, case.engine.passport if case.engine else None),
        totals=totals(case.costs),
        coverage=coverage,
        latency=latency,
        layers=with_budget_times(case, layers, budgets),
        memory=memory.measured(case.run_costs.activation_peak_bytes, run.times, run.latency),
        ceilings=run.ceilings,
        budget=budget_lines(case, budgets, latency.throughput_per_s),
        environment=environment,
        warnings=(
            *_of_run(latency, run),
            *miscomputed.of_graph(run.backend, case.run_graph),
            *case.cautions,
            *count_cautions.of_counts(coverage, case.graph),
            *cautions.of_attribution(coverage),
            *cautions.of_constants(layers),
            *cautions.of_ceilings(run.ceilings, layers),
        ),
    )


def uncounted_profile(
    name: str, inputs: Sequence[InputInfo], batch: int, run: Measured, environment: Environment
) -> Profile:
    """A profile of an engine that was run, and whose model is not known: nothing is counted, and nothing attributed.

    Args:
        name: of the engine.
        inputs: as they were fed.
        batch: images of one forward pass.
        run: of it.
        environment: that it ran in.
    """
    run = _rounded(run)
    times = run.times
    samples = [times.samples_s[layer.name] for layer in times.layers]
    layers = bare_layers(times.layers, [median(found) if found else None for found in samples], times.samples_s)
    latency = _latency(batch, run)
    return Profile(
        model=uncounted_model(name, inputs),
        case=Case(batch, {item.name: item.shape or () for item in inputs}, run.threads, run.seed),
        engine=_engine(run, layers, None),
        totals=NO_COUNTS,
        coverage=bare_coverage(layers, times),
        latency=latency,
        layers=layers,
        memory=memory.measured(None, times, run.latency),
        ceilings=run.ceilings,
        budget=(),
        environment=environment,
        warnings=(*_of_run(latency, run), no_model()),
    )


def _of_run(latency: Latency, run: Measured) -> Iterator[Caution]:
    yield from cautions.of_latency(latency, unstable_processes=run.latency.unstable_processes)
    yield from cautions.of_threads(run.threads)
    yield from cautions.of_given(run.given_inputs)
    yield from cautions.of_streams(run.times)
    yield from cautions.of_device(latency.parts, run.latency.loaded.device_use)


def _attribution(case: Counted, times: LayerTimes) -> Attribution:
    """The layers with their nodes: as the runtime names those, or by the tensors that they read and make."""
    if not times.named:
        return join(case.run_graph, case.run_costs, times.layers)
    return attribute(case.run_graph, case.run_costs, times.named)


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


def _engine(run: Measured, layers: Sequence[LayerProfile], passport: Passport | None) -> EngineInfo:
    loaded = run.latency.loaded
    return EngineInfo(
        run.backend,
        loaded.backend_version,
        passport.requested_precision if passport else None,
        computed_in(layers),
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
        profiled_kernels=run.times.recorded_kernels,
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
