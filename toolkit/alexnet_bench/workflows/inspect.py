"""`alexnet-bench inspect`: stored engines from their files alone; no runtime and no device are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.attribution.budget import cards
from alexnet_bench.attribution.by_name import join_by_name
from alexnet_bench.attribution.join import Owned
from alexnet_bench.attribution.layers import Stored, layer_cost
from alexnet_bench.attribution.predicted import predict_engine, predict_layer
from alexnet_bench.attribution.roofline import Work, work_of
from alexnet_bench.backends.registry import BACKENDS, availability
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.devices import Budget, parse_budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.inspection import InspectedLayer, Inspection, InspectionSet, LayerPrediction
from alexnet_bench.core.passport import EngineLayerInfo, Passport
from alexnet_bench.core.workspace import find_workspace
from alexnet_bench.engine.build import built_from
from alexnet_bench.engine.key import this_place
from alexnet_bench.engine.loading import check_whole, find_engine, graph_file, reasons_against
from alexnet_bench.engine.recipe import from_document
from alexnet_bench.graph import weights
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.network import architectures
from alexnet_bench.workflows.build import engines_root
from alexnet_bench.workflows.counted import shapes
from alexnet_bench.workflows.images import images_of
from alexnet_bench.workflows.options import DEFAULT_BUDGETS


@dataclass(frozen=True)
class _Counted:
    """An engine's graph after counting."""

    graph: Graph
    costs: CostTable
    stored: Stored
    budgets: Sequence[Budget]
    whole_on_one_card: Sequence[str]


def inspect(engine: str | Path, *, budgets: Sequence[str] = DEFAULT_BUDGETS) -> Inspection:
    """What an engine consists of: layers, types, the user's nodes, FLOP, bytes, and the predicted time of each.

    Args:
        engine: a folder, a file with its passport beside it, or the beginning of a key in the cache.
        budgets: devices to predict times for, as NAME:COUNT.

    Raises:
        UsageError: no such engine or device.
        EngineError: the engine has no passport, or its bytes are not those that it speaks of.
    """
    return _inspect(engine, _devices(budgets))


def inspect_all(engines: Sequence[str | Path], *, budgets: Sequence[str] = DEFAULT_BUDGETS) -> InspectionSet:
    """Several engines on the same devices; arguments and errors as for `inspect`."""
    devices = _devices(budgets)
    return InspectionSet(tuple(_inspect(engine, devices) for engine in engines))


def reasons_here(passport: Passport) -> tuple[str, ...]:
    """Why an engine must not be used on this machine as it is; empty when it may."""
    backend = next((backend for backend in BACKENDS if backend.name == passport.backend), None)
    if backend is None:
        return (f"foreign: built for backend {passport.backend}, which this version does not have",)
    here = availability(backend)
    if not (here.works or here.builds):
        return (f"{passport.backend} is not installed here",)
    return reasons_against(passport, this_place(backend.name, here.version))


def _devices(budgets: Sequence[str]) -> list[Budget]:
    found = [parse_budget(text, find_workspace(Path.cwd())) for text in budgets]
    names = [f"{budget.device.name}:{budget.count}" for budget in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the budget {twice} is given twice", "give one --budget for each device")
    return found


def _inspect(engine: str | Path, budgets: Sequence[Budget]) -> Inspection:
    found = find_engine(str(engine), engines_root())
    check_whole(found)
    passport = found.passport
    recipe = from_document(passport.recipe)
    file = open_model(graph_file(found.file))
    batch = recipe.batch.opt if recipe.batch else None
    graph = build_graph(file, name=built_from(file) or found.file.stem, batch=batch, given_shapes=recipe.opt_shapes)
    counted = _Counted(graph, count(graph), weights.stored(graph), budgets, _whole_on_one_card(graph.name))
    owned = join_by_name(graph, passport.layers).owned
    layers = tuple(_layer(counted, *pair) for pair in zip(passport.layers, owned, strict=True))
    images = images_of(graph, batch)
    return Inspection(
        model=graph.name,
        passport=passport,
        producer=f"{file.proto.producer_name} {file.proto.producer_version}".strip(),
        batch=images,
        shapes=shapes(graph),
        predicted=tuple(predict_engine(layers, place, budget, images) for place, budget in enumerate(budgets)),
        layers=layers,
        reasons_against=reasons_here(passport),
    )


def _layer(counted: _Counted, info: EngineLayerInfo, owned: Owned) -> InspectedLayer:
    is_overhead = owned.layer.is_overhead or _stands_for_nothing(info)
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
    )


def _prediction(counted: _Counted, info: EngineLayerInfo, work: Work, budget: Budget) -> LayerPrediction:
    nodes = (*info.onnx_nodes, *(node.name for node in info.shared_nodes))
    on = min((cards(node, budget.count, counted.whole_on_one_card) for node in nodes), default=budget.count)
    return predict_layer(work, info.compute_dtype, budget.device, on)


def _stands_for_nothing(info: EngineLayerInfo) -> bool:
    """Whether the runtime said that a layer is none of the user's nodes; where it did not say, MACs are unknown."""
    return not info.onnx_nodes and not info.shared_nodes and info.macs == 0


def _whole_on_one_card(model: str) -> tuple[str, ...]:
    """Layers that the original of a reference network did not split over its cards."""
    return architectures.get(model).single_card if model in architectures.names() else ()
