"""One build of an engine in the format of its runtime: passes, the build in a worker, its layers and their types.

Nothing is run: such engines are built where no device is, too. What their layers compute in is read from what the
runtime says of the engine that it has built.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.attribution.by_metadata import join_by_metadata
from alexnet_bench.attribution.join import Attribution, Owned
from alexnet_bench.attribution.origins import user_layers
from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.protocol import PlanBuilt, PlanRequest, ShapeBounds
from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.backends.tensorrt.layer_profiles import of_first_profile
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_log import read_plan_layers
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer
from alexnet_bench.backends.tensorrt.refusal import Refused
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.engine_layers import NamedLayer
from alexnet_bench.core.errors import BackendCrash, BackendRefusal
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.passport import EngineLayerInfo, count_types
from alexnet_bench.core.text import printable
from alexnet_bench.engine.build import Written, write_engine
from alexnet_bench.engine.cache import PLAN_FILE
from alexnet_bench.engine.key import this_place
from alexnet_bench.engine.narrowed import narrowed_nodes
from alexnet_bench.engine.plan import (
    TF32,
    check_settings,
    is_stripped,
    keep_graph,
    plan_request,
    shape_bounds,
    timings_file,
)
from alexnet_bench.engine.ranges import SizeRanges
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.engine.sizes import with_plan_sizes
from alexnet_bench.engine.twins import twins_of
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.marking import mark_outputs
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model
from alexnet_bench.workflows.engines.shown import shown
from alexnet_bench.workflows.engines.sized import SizedModel
from alexnet_bench.workflows.engines.steps import Built, ends, judge_types

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Task:
    """What is to be built.

    Attributes:
        usual: the user's model with the sizes that the engine is made for.
        recipe: to follow.
        feeds: inputs of those sizes, for passes that look at values.
        key: of the engine.
        folder: where the engine goes.
    """

    usual: SizedModel
    recipe: Recipe
    feeds: Mapping[str, np.ndarray]
    key: str
    folder: Path


def make_plan(task: Task, progress: Callable[[str], None]) -> Built:
    """Builds an engine into a folder, and reads from the build what it computes in.

    Beside a stripped engine, the folder keeps the ONNX file that its weights come from.

    Raises:
        PrecisionError: in another type than was asked for.
        BackendRefusal: the runtime does not take the model, with the node, its operator and the reason.
        AlexnetBenchError: the recipe or the runtime does not go along otherwise.
    """
    plan, recipe = task.folder / PLAN_FILE, task.recipe
    check_settings(recipe)
    with Worker(task.usual.deadlines) as worker:
        typed = task.folder if is_stripped(recipe) else worker.scratch  # what a stripped engine is refitted from
        written = _write(task, typed)
        engine, graph = _opened(task, written)
        request = _request(task, written.file, worker, _narrowed(task, written, graph))
        built = _build(worker, request, progress)
        keep_graph(engine, plan)
        told, unread = _told(request)
        layers = named_layers(told, tf32=recipe.precision == TF32, graph=graph)
        costs = count(graph)
        joined = _joined(graph, costs, layers, written.file)
    for warning in built.warnings:
        progress(f"{recipe.backend} warns: {printable(warning, 300)}")
    mapped = user_layers(task.usual.costs, costs, joined, written.origins)
    products = [
        layer
        for layer, item, owned in zip(mapped.layers, layers, joined.owned, strict=True)
        if item.multiplies or _has_macs(owned, costs)
    ]
    notes = (*_check(task, written, products, progress), *unread)
    return Built(
        replace(written, file=plan),
        mapped.layers,
        count_types(mapped.layers),
        mapped.macs_attributed_fraction,
        mapped.unattributed,
        built.timing_cache_sha256,
        notes,
    )


def make_marked_plan(task: Task, tensors: Sequence[str], progress: Callable[[str], None]) -> Path:
    """Builds an engine once more, weights included, with tensors inside its network as outputs too; gives its file.

    Raises:
        BackendRefusal: the runtime does not take the model so.
        AlexnetBenchError: as `make_plan`.
    """
    with Worker(task.usual.deadlines) as worker:
        written = _write(task, worker.scratch)
        marked = mark_outputs(open_model(written.file), tensors, worker.scratch / "marked")
        _build(worker, _request(task, marked, worker, {}), progress)
    return task.folder / PLAN_FILE


def _write(task: Task, folder: Path) -> Written:
    """The network that passes make of the model."""
    recipe, usual = with_plan_sizes(task.recipe), task.usual
    return write_engine(
        usual.source, usual.graph, recipe, feeds=task.feeds, folder=folder, key=task.key, deadlines=usual.deadlines
    )


def _request(task: Task, network: Path, worker: Worker, narrow: Mapping[str, str]) -> PlanRequest:
    recipe = task.recipe
    profiles = [_profile(task, ranges) for ranges in recipe.sizes]
    plan, timings = task.folder / PLAN_FILE, _timings(recipe.backend)
    return plan_request(recipe, network, plan, worker.scratch, profiles=profiles, timings=timings, narrowed=narrow)


def _opened(task: Task, written: Written) -> tuple[ModelFile, Graph]:
    engine, recipe = open_model(written.file), task.recipe
    name = task.usual.model.name
    return engine, build_graph(engine, name=name, batch=recipe.opt_batch, given_shapes=recipe.opt_shapes)


def _narrowed(task: Task, written: Written, graph: Graph) -> dict[str, str]:
    return narrowed_nodes(task.recipe, written.origins, task.usual.graph, graph)


def _check(
    task: Task, written: Written, products: Sequence[EngineLayerInfo], progress: Callable[[str], None]
) -> tuple[str, ...]:
    """The types of the layers that multiply; those that no node of the user was found for, too."""

    def needed(names: Collection[str]) -> Collection[str]:
        progress("building it once more, to see whether it is taken without --keep-fp32")
        return _refused_unless_kept(task, names)

    return judge_types(task.recipe, task.usual.graph, task.usual.costs, written, products, needed)


def _refused_unless_kept(task: Task, names: Collection[str]) -> frozenset[str]:
    """Those of some nodes kept in float32 whose operator is refused where none of them is; none where it is taken."""
    operators = {node.name: node.op_type for node in task.usual.graph.nodes}
    narrower = {*names, *(operators[name] for name in names)}
    keep = tuple(kept for kept in task.recipe.keep_fp32 if kept not in narrower)
    with Worker(task.usual.deadlines) as worker:
        trial = replace(task, recipe=msgspec.structs.replace(task.recipe, keep_fp32=keep), folder=worker.scratch)
        written = _write(trial, worker.scratch)
        _, graph = _opened(trial, written)
        narrow = _narrowed(trial, written, graph)
        try:
            worker.build(_request(trial, written.file, worker, narrow))
        except BackendRefusal as refusal:
            by_name = {node.name: node for node in graph.nodes}
            told = {user for name, user in narrow.items() if str(_as_refused(by_name[name])) in refusal.message}
            refused = {operators[user] for user in told}
            return frozenset(name for name in names if operators[name] in refused)
        except BackendCrash:
            return frozenset()
    return frozenset()


def _as_refused(node: Node) -> Refused:
    """How a refusal calls a node."""
    return Refused("", node.name, node.op_type, node.domain)


def _has_macs(owned: Owned, costs: CostTable) -> bool:
    parts = (*owned.nodes, *(name for name, share in owned.shared if share))
    return any(costs.by_name[name].macs for name in parts)


def _joined(graph: Graph, costs: CostTable, layers: list[NamedLayer], file: Path) -> Attribution:
    """The layers with their nodes; weights are only compared where nodes with multiply-adds have no layer."""
    joined = join_by_metadata(graph, costs, layers)
    if not any(costs.by_name[name].macs for name in joined.unattributed):
        return joined
    return join_by_metadata(graph, costs, layers, twins_of(joined.unattributed, graph, file))


def _told(request: PlanRequest) -> tuple[tuple[PlanLayer, ...], tuple[str, ...]]:
    """The layers of the engine that was built; none, and what to say of that, where the description is not understood.

    The engine is as good as any then, but nothing can be said of its types.
    """
    try:
        return of_first_profile(read_plan_layers(Path(request.layers_path).read_text(encoding="utf-8"))), ()
    except BackendCrash as error:
        why = "; ".join(filter(None, (error.message, error.hint)))
        return (), (f"what the layers compute in is not known, and was not compared: {why}",)


def _profile(task: Task, ranges: SizeRanges) -> dict[str, ShapeBounds]:
    """The sizes of every input in one optimisation profile."""

    def counted(batch: int | None, shapes: Mapping[str, Sequence[int]]) -> Graph:
        return build_graph(task.usual.source, name=task.usual.model.name, batch=batch, given_shapes=shapes)

    is_first = ranges == task.recipe.sizes[0]
    usual = task.usual.graph if is_first else counted(ranges.batch_at("opt"), ranges.shapes_at("opt"))
    found = {end: counted(batch, shapes) for end, shapes, batch in ends(ranges)}
    return shape_bounds(found.get("min", usual), usual, found.get("max", usual))


def _timings(backend: str) -> Path:
    return timings_file(this_place(backend, availability(get_backend(backend)).version))


def _build(worker: Worker, request: PlanRequest, progress: Callable[[str], None]) -> PlanBuilt:
    with shown(Path(request.progress_path), progress):
        return worker.build(request)
