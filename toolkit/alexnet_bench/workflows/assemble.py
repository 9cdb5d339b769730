"""A profile put together from its parts; no part is measured here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from alexnet_bench.attribution import coverage as coverages
from alexnet_bench.attribution.budget import DTYPE_OF_BUDGET, budget_line, cards
from alexnet_bench.attribution.join import Attribution, join
from alexnet_bench.attribution.layers import static_layers, timed_layers
from alexnet_bench.attribution.origins import user_layers
from alexnet_bench.attribution.roofline import roof_time_s
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.profile import (
    BudgetLine,
    Case,
    Ceilings,
    Coverage,
    EngineInfo,
    Environment,
    InputInfo,
    Latency,
    LatencyParts,
    LayerProfile,
    Memory,
    ModelInfo,
    Profile,
    Totals,
)
from alexnet_bench.core.statistics import summarise
from alexnet_bench.measure.latency import LatencyRun
from alexnet_bench.workflows import cautions, memory, quoted


@dataclass(frozen=True)
class EngineGraph:
    """The graph that is run where that is not the user's.

    Attributes:
        graph: of the engine, with the shapes of the case.
        costs: of that graph.
        passport: of the engine.
    """

    graph: Graph
    costs: CostTable
    passport: Passport


@dataclass(frozen=True)
class Counted:
    """One case after counting: everything that needs no run.

    Attributes:
        graph: the user's, with the shapes of the case.
        costs: of the graph.
        batch: images of one forward pass.
        whole_on_one_card: layers that a budget of several cards does not split.
        engine: what is run in place of the graph, when something is.
    """

    graph: Graph
    costs: CostTable
    batch: int
    whole_on_one_card: tuple[str, ...] = ()
    engine: EngineGraph | None = None

    @property
    def run_graph(self) -> Graph:
        """The graph that the backend is given."""
        return self.engine.graph if self.engine else self.graph

    @property
    def run_costs(self) -> CostTable:
        """The costs of that graph."""
        return self.engine.costs if self.engine else self.costs


@dataclass(frozen=True)
class Measured:
    """One case after running."""

    backend: str
    latency: LatencyRun
    times: LayerTimes
    ceilings: Ceilings
    threads: int
    seed: int
    weights_sha256: str


def static_profile(case: Counted, budgets: Sequence[Budget], environment: Environment) -> Profile:
    """A profile of counts alone: one layer for each live node, every time null."""
    coverage, predict = coverages.counted_only(case.costs), _predictor(case, budgets)
    budget_times_s = (predict((row.name,), row.flop, row.bytes) for row in case.costs.rows)
    return Profile(
        model=_model(case, None),
        case=Case(case.batch, _shapes(case.graph), threads=None, seed=None),
        engine=None,
        totals=_totals(case.costs),
        coverage=coverage,
        latency=None,
        layers=static_layers(case.costs, budget_times_s),
        memory=Memory(static_peak_bytes=case.costs.activation_peak_bytes),
        ceilings=None,
        budget=_budget(case, budgets, None),
        environment=environment,
        warnings=(cautions.not_run(), *cautions.of_counts(coverage)),
    )


def measured_profile(case: Counted, run: Measured, budgets: Sequence[Budget], environment: Environment) -> Profile:
    """A profile of a case that was run."""
    run = _rounded(run)
    attribution = join(case.run_graph, run.times.layers)
    timed = timed_layers(case.run_graph, case.run_costs, attribution, run.times, run.ceilings)
    layers = memory.with_memory(timed, attribution, run.times.arena)
    coverage = coverages.measured(case.run_costs, attribution, layers, run.times)
    if case.engine is not None:
        layers, coverage = _of_user(case, case.engine, attribution, layers, coverage)
    latency = _latency(case.batch, run)
    return Profile(
        model=_model(case, run.weights_sha256),
        case=Case(case.batch, _shapes(case.graph), run.threads, run.seed),
        engine=_engine(case, run, layers),
        totals=_totals(case.costs),
        coverage=coverage,
        latency=latency,
        layers=_with_budget_times(case, layers, budgets),
        memory=memory.measured(case.run_costs, run.times, run.latency),
        ceilings=run.ceilings,
        budget=_budget(case, budgets, latency.throughput_per_s),
        environment=environment,
        warnings=(
            *cautions.of_latency(latency, unstable_processes=run.latency.unstable_processes),
            *cautions.of_counts(coverage),
            *cautions.of_attribution(coverage),
            *cautions.of_ceilings(run.ceilings, layers),
            cautions.no_device(),
        ),
    )


def _of_user(
    case: Counted, engine: EngineGraph, attribution: Attribution, layers: Sequence[LayerProfile], coverage: Coverage
) -> tuple[tuple[LayerProfile, ...], Coverage]:
    """Layers of an engine that name the user's nodes, and what they cover of the user's graph.

    Counts of a layer stay those of what the engine computes, by which its rates and its place under the roofs go.
    """
    mapped = user_layers(case.costs, engine.costs, attribution, engine.passport.origins)
    renamed = tuple(
        replace(layer, onnx_nodes=user.onnx_nodes, shared_nodes=user.shared_nodes, merged_nodes=())
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


def _model(case: Counted, weights_sha256: str | None) -> ModelInfo:
    graph, costs = case.graph, case.costs
    return ModelInfo(
        name=graph.name,
        graph_sha256=graph.sha256,
        weights_sha256=weights_sha256,
        opset=graph.opset,
        inputs=tuple(
            InputInfo(name, graph.tensor(name).sizes or (), graph.tensor(name).dtype) for name in graph.inputs
        ),
        params=costs.params,
        trainable_params=costs.trainable_params,
        param_bytes=costs.param_bytes,
    )


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


def _totals(costs: CostTable) -> Totals:
    return Totals(
        macs=costs.macs,
        mac_flop=2 * costs.macs,
        flop=costs.flop,
        transcendentals=sum(row.transcendentals or 0 for row in costs.rows),
        bytes_read=sum(row.bytes_read or 0 for row in costs.rows),
        bytes_written=sum(row.bytes_written or 0 for row in costs.rows),
        weight_bytes=costs.weight_bytes,
        activation_peak_bytes=costs.activation_peak_bytes,
    )


def _latency(batch: int, run: Measured) -> Latency:
    summary = summarise(run.latency.samples_s)
    return Latency(
        samples_s=tuple(run.latency.samples_s),
        parts=LatencyParts(compute_s=summary.median),
        median_s=summary.median,
        p90_s=summary.p90,
        p99_s=summary.p99,
        ci95_s=summary.ci95,
        throughput_per_s=batch / summary.median,
        profiling_overhead_fraction=run.times.profiling_overhead_fraction,
    )


def _budget(case: Counted, budgets: Sequence[Budget], throughput_per_s: float | None) -> tuple[BudgetLine, ...]:
    lines = []
    for budget in budgets:
        line = budget_line(
            case.graph,
            case.costs,
            budget,
            batch=case.batch,
            throughput_per_s=throughput_per_s,
            whole_on_one_card=case.whole_on_one_card,
        )
        lines.append(replace(line, notes=quoted.notes(case.graph.name, budget)))
    return tuple(lines)


def _with_budget_times(
    case: Counted, layers: Sequence[LayerProfile], budgets: Sequence[Budget]
) -> tuple[LayerProfile, ...]:
    """Each layer's predicted time on the first budget."""
    predict = _predictor(case, budgets)
    times = (
        None if layer.bound == "overhead" else predict(layer.onnx_nodes, layer.flop, layer.bytes) for layer in layers
    )
    return tuple(replace(layer, budget_time_s=time_s) for layer, time_s in zip(layers, times, strict=True))


def _predictor(
    case: Counted, budgets: Sequence[Budget]
) -> Callable[[Sequence[str], int | None, int | None], float | None]:
    """Seconds that the first budget takes for some nodes, their FLOP and their bytes; None where it is not known."""
    peak = budgets[0].device.peak_flop_per_s(DTYPE_OF_BUDGET) if budgets else None
    if peak is None:
        return lambda *_: None
    budget, bytes_per_s = budgets[0], budgets[0].device.memory.bytes_per_s

    def predict(nodes: Sequence[str], flop: int | None, moved_bytes: int | None) -> float | None:
        if flop is None or moved_bytes is None:
            return None
        count = min((cards(node, budget.count, case.whole_on_one_card) for node in nodes), default=budget.count)
        return roof_time_s(flop=flop, moved_bytes=moved_bytes, flop_per_s=count * peak, bytes_per_s=count * bytes_per_s)

    return predict


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {name: graph.tensor(name).sizes or () for name in graph.inputs}
