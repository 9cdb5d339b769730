"""`alexnet-bench inspect`: stored engines from their files alone; no runtime and no device are needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alexnet_bench.attribution.by_name import join_by_name
from alexnet_bench.core.devices import Budget, parse_budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.inspection import Inspection, InspectionSet
from alexnet_bench.core.text import printable
from alexnet_bench.core.uses import in_use
from alexnet_bench.core.workspace import current_workspace, engines_root
from alexnet_bench.engine.build import built_from
from alexnet_bench.engine.judging import check_whole
from alexnet_bench.engine.loading import (
    Engine,
    find_engine,
    foreign_plan,
    graph_file,
    is_plan,
)
from alexnet_bench.engine.recipe import from_document
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model
from alexnet_bench.workflows.engines.usable_here import reasons_against_engine
from alexnet_bench.workflows.images import images_of
from alexnet_bench.workflows.inspection.layers import counted_engine, inspected_layer, predictions
from alexnet_bench.workflows.inspection.plan import InspectOptions, inspect_plan, plan_file
from alexnet_bench.workflows.options import DEFAULT_BUDGETS
from alexnet_bench.workflows.reference import network_of


@in_use()
def inspect(
    engine: str | Path, *, budgets: Sequence[str] = DEFAULT_BUDGETS, options: InspectOptions | None = None
) -> Inspection:
    """What an engine consists of: layers, types, the user's nodes, FLOP, bytes, and the predicted time of each.

    Args:
        engine: a folder, a file with its passport beside it, the beginning of a key in the cache, or an engine of
            TensorRT that somebody else built.
        budgets: devices to predict times for, as NAME:COUNT.
        options: what is known of an engine that somebody else built.

    Raises:
        UsageError: no such engine or device, or what is known of it does not fit.
        EngineError: the engine has no passport, or its bytes are not those that it speaks of.
    """
    known = options or InspectOptions()
    _check_budgets([engine], budgets, known)
    return _inspect(engine, _devices(budgets), known)


@in_use()
def inspect_all(
    engines: Sequence[str | Path], *, budgets: Sequence[str] = DEFAULT_BUDGETS, options: InspectOptions | None = None
) -> InspectionSet:
    """Several engines on the same devices; arguments and errors as for `inspect`."""
    known = options or InspectOptions()
    if known.layer_info is not None and len(engines) > 1:
        raise UsageError("--layer-info tells the layers of one engine", "inspect the engines one by one")
    _check_budgets(engines, budgets, known)
    devices = _devices(budgets)
    return InspectionSet(tuple(_inspect(engine, devices, known) for engine in engines))


def _check_budgets(engines: Sequence[str | Path], budgets: Sequence[str], known: InspectOptions) -> None:
    """Raises UsageError where devices are given, and nothing is known of any engine to predict times from."""
    if tuple(budgets) == DEFAULT_BUDGETS or known.model is not None:
        return
    if all(foreign_plan(str(engine)) is not None for engine in engines):
        raise UsageError(
            "--budget predicts times of what is counted, and without the model nothing is",
            "give --model MODEL too, or leave --budget out",
        )


def _devices(budgets: Sequence[str]) -> list[Budget]:
    found = [parse_budget(text, current_workspace()) for text in budgets]
    names = [f"{budget.device.name}:{budget.count}" for budget in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the budget {twice} is given twice", "give one --budget for each device")
    return found


def _inspect(engine: str | Path, budgets: Sequence[Budget], known: InspectOptions) -> Inspection:
    foreign = foreign_plan(str(engine))
    if foreign is not None:
        return inspect_plan(foreign, known, budgets)
    found = find_engine(str(engine), engines_root())
    if known != InspectOptions():
        raise UsageError(
            f"{printable(str(engine), 200)} has a passport, which tells its model, its layers and their sizes",
            "leave --model, --layer-info, --shape and --host-code out",
        )
    check_whole(found)
    return _of_passport(found, budgets)


def _of_passport(found: Engine, budgets: Sequence[Budget]) -> Inspection:
    passport = found.passport
    recipe = from_document(passport.recipe)
    file = open_model(graph_file(found.file))
    batch = recipe.opt_batch
    graph = build_graph(file, name=built_from(file) or found.file.stem, batch=batch, given_shapes=recipe.opt_shapes)
    counted = counted_engine(graph, count(graph), budgets, _whole_on_one_card(file))
    owned = join_by_name(graph, passport.layers).owned
    layers = tuple(inspected_layer(counted, *pair) for pair in zip(passport.layers, owned, strict=True))
    images = images_of(file, graph, batch)
    return Inspection(
        model=graph.name,
        passport=passport,
        producer=f"{file.proto.producer_name} {file.proto.producer_version}".strip(),
        batch=images,
        shapes=graph.input_sizes,
        predicted=predictions(layers, budgets, images),
        layers=layers,
        reasons_against=reasons_against_engine(found, recipe),
        plan=plan_file(found.file) if is_plan(found.file) else None,
    )


def _whole_on_one_card(file: ModelFile) -> tuple[str, ...]:
    """Layers that the original of a reference network did not split over its cards."""
    network = network_of(file)
    return () if network is None else network.single_card
