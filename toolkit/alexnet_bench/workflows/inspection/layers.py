"""One layer of a stored engine, counted, and with the time that published peaks allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet_bench.attribution.budget import cards
from alexnet_bench.attribution.join import Owned
from alexnet_bench.attribution.layer_costs import layer_cost
from alexnet_bench.attribution.predicted import predict_engine, predict_layer
from alexnet_bench.attribution.roofline import Work, work_of
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.inspection import InspectedLayer, LayerPrediction, Prediction
from alexnet_bench.core.passport import EngineLayerInfo
from alexnet_bench.graph import weights
from alexnet_bench.graph.counting import Held


@dataclass(frozen=True)
class CountedEngine:
    """The graph that the layers of an engine are counted by.

    Attributes:
        graph: the engine's own, or that of the model.
        costs: of it.
        stored: `weights.stored` of it.
        budgets: to predict times for.
        whole_on_one_card: layers that a budget of several cards does not split.
    """

    graph: Graph
    costs: CostTable
    stored: Held
    budgets: Sequence[Budget]
    whole_on_one_card: Sequence[str]


def counted_engine(
    graph: Graph, costs: CostTable, budgets: Sequence[Budget], whole_on_one_card: Sequence[str]
) -> CountedEngine:
    """The graph with what is looked up once for all layers."""
    return CountedEngine(graph, costs, weights.stored(graph), budgets, whole_on_one_card)


def inspected_layer(counted: CountedEngine, info: EngineLayerInfo, owned: Owned) -> InspectedLayer:
    """A layer in terms of the user's nodes, counted by the engine's."""
    is_overhead = owned.layer.is_overhead or (_stands_for_nothing(info) and not owned.constants)
    cost = layer_cost(counted.graph, counted.costs, owned, counted.stored)
    work = work_of(cost.flop, cost.bytes, is_overhead=is_overhead)
    return InspectedLayer(
        name=info.name,
        onnx_nodes=info.onnx_nodes,
        shared_nodes=info.shared_nodes,
        compute_dtype=info.compute_dtype,
        input_dtypes=info.input_dtypes,
        output_dtypes=info.output_dtypes,
        macs=info.macs,
        flop=work.flop,
        bytes=work.bytes,
        flop_per_byte=work.flop_per_byte,
        is_overhead=work.is_idle,
        predicted=tuple(_prediction(counted, info, work, budget) for budget in counted.budgets),
        op=owned.layer.op,
        tactic=info.tactic,
        output_shapes=cost.output_shapes or owned.layer.output_shapes,
    )


def bare_layer(layer: EngineLayer) -> InspectedLayer:
    """A layer as the runtime names it: nothing is counted, and nothing attributed."""
    return InspectedLayer(
        name=layer.name,
        onnx_nodes=(),
        shared_nodes=(),
        compute_dtype=layer.compute_dtype,
        input_dtypes=layer.input_dtypes,
        output_dtypes=layer.output_dtypes,
        macs=None,
        flop=None,
        bytes=None,
        flop_per_byte=None,
        is_overhead=layer.is_overhead,
        op=layer.op,
        tactic=layer.tactic,
        output_shapes=layer.output_shapes,
    )


def predictions(layers: Sequence[InspectedLayer], budgets: Sequence[Budget], batch: int) -> tuple[Prediction, ...]:
    """What each budget allows for the layers together."""
    return tuple(predict_engine(layers, place, budget, batch) for place, budget in enumerate(budgets))


def _prediction(counted: CountedEngine, info: EngineLayerInfo, work: Work, budget: Budget) -> LayerPrediction:
    nodes = (*info.onnx_nodes, *(node.name for node in info.shared_nodes))
    on = min((cards(node, budget.count, counted.whole_on_one_card) for node in nodes), default=budget.count)
    return predict_layer(work, info.compute_dtype, budget.device, on)


def _stands_for_nothing(info: EngineLayerInfo) -> bool:
    """Whether the runtime said that a layer is none of the user's nodes; where it did not say, MACs are unknown."""
    return not info.onnx_nodes and not info.shared_nodes and info.macs == 0
