"""A model counted without a run, and the profile that gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.attribution import coverage as coverages
from alexnet_bench.attribution.budget import DTYPE_OF_BUDGET, budget_line, cards
from alexnet_bench.attribution.counted_layers import static_layers
from alexnet_bench.attribution.roofline import roof_time_s
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import (
    BudgetLine,
    Case,
    Caution,
    Environment,
    InputInfo,
    LayerProfile,
    Memory,
    ModelInfo,
    Profile,
    Totals,
)
from alexnet_bench.graph.binding import declared_otherwise, taken_as_one
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph
from alexnet_bench.workflows import count_cautions, quoted
from alexnet_bench.workflows.images import images_of, unlike_a_batch
from alexnet_bench.workflows.resolve import ResolvedModel

if TYPE_CHECKING:
    from alexnet_bench.core.passport import Passport


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
        cautions: of the sizes of its inputs and outputs.
        whole_on_one_card: layers that a budget of several cards does not split.
        engine: what is run in place of the graph, when something is.
    """

    graph: Graph
    costs: CostTable
    batch: int
    cautions: tuple[Caution, ...] = ()
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


def count_case(
    file: ModelFile, resolved: ResolvedModel, batch: int | None, given_shapes: Mapping[str, Sequence[int]] | None
) -> Counted:
    """Counts a model with the shapes of one case.

    Raises:
        AlexnetBenchError: its subclass says what is wrong with the model or the shapes.
    """
    graph = build_graph(file, name=resolved.name, batch=batch, given_shapes=given_shapes)
    proto = file.proto.graph
    open_sizes = taken_as_one(proto, given_shapes or {}) if batch is None else {}
    first = unlike_a_batch(file, graph) if batch is None else None
    return Counted(
        graph,
        count(graph),
        images_of(file, graph, batch),
        (
            *count_cautions.of_sizes(open_sizes),
            *count_cautions.of_batch(first),
            *count_cautions.of_outputs(declared_otherwise(proto, graph.tensors)),
        ),
        resolved.whole_on_one_card,
    )


def static_profile(case: Counted, budgets: Sequence[Budget], environment: Environment) -> Profile:
    """A profile of counts alone: one layer for each live node, every time null."""
    coverage, predict = coverages.counted_only(case.costs), _predictor(case, budgets)
    budget_times_s = (predict((row.name,), row.flop, row.bytes) for row in case.costs.rows)
    return Profile(
        model=model_info(case, None),
        case=Case(case.batch, case.graph.input_sizes, threads=None, seed=None),
        engine=None,
        totals=totals(case.costs),
        coverage=coverage,
        latency=None,
        layers=static_layers(case.graph, case.costs, budget_times_s),
        memory=Memory(static_peak_bytes=case.costs.activation_peak_bytes),
        ceilings=None,
        budget=budget_lines(case, budgets, None),
        environment=environment,
        warnings=(count_cautions.not_run(), *case.cautions, *count_cautions.of_counts(coverage, case.graph)),
    )


def model_info(case: Counted, weights_sha256: str | None) -> ModelInfo:
    """The user's model; the hash of its weights is None when nothing read them."""
    graph, costs = case.graph, case.costs
    return ModelInfo(
        name=graph.name,
        graph_sha256=graph.sha256,
        weights_sha256=weights_sha256,
        opset=graph.opset,
        inputs=tuple(InputInfo(name, graph.tensor(name).sizes, graph.tensor(name).dtype) for name in graph.inputs),
        params=costs.params,
        trainable_params=costs.trainable_params,
        param_bytes=costs.param_bytes,
    )


def totals(costs: CostTable) -> Totals:
    """Sums over the nodes that could be counted; of bytes None where those of one of them are not known."""
    return Totals(
        macs=costs.macs,
        mac_flop=2 * costs.macs,
        flop=costs.flop,
        transcendentals=sum(row.transcendentals or 0 for row in costs.rows),
        bytes_read=costs.bytes_read,
        bytes_written=costs.bytes_written,
        weight_bytes=costs.weight_bytes,
        activation_peak_bytes=costs.activation_peak_bytes,
    )


def budget_lines(case: Counted, budgets: Sequence[Budget], throughput_per_s: float | None) -> tuple[BudgetLine, ...]:
    """What each budget could do with the model, beside the images per second measured here."""
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


def with_budget_times(
    case: Counted, layers: Sequence[LayerProfile], budgets: Sequence[Budget]
) -> tuple[LayerProfile, ...]:
    """Each layer's predicted time on the first budget."""
    predict = _predictor(case, budgets)
    times = (
        None if layer.bound == "overhead" else predict(layer.onnx_nodes, layer.flop, layer.bytes) for layer in layers
    )
    return tuple(
        msgspec.structs.replace(layer, budget_time_s=time_s) for layer, time_s in zip(layers, times, strict=True)
    )
