"""One build: the model counted, made into an engine, run once, and its types compared with those asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.attribution.coverage import counted_only
from alexnet_bench.attribution.join import join
from alexnet_bench.attribution.origins import user_layers
from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.registry import get_backend, settings_of
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.errors import BackendCrash, BackendRefusal
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.passport import EngineLayerInfo, count_types
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.engine.build import Written, write_engine
from alexnet_bench.engine.computed_types import (
    COMPUTED_IN,
    Asked,
    all_kept,
    check_kept,
    check_types,
    narrowed,
    not_kept,
    untold,
)
from alexnet_bench.engine.loading import graph_file, is_plan
from alexnet_bench.engine.narrowed import explained, narrowed_nodes
from alexnet_bench.engine.plan import TF32, check_shapes, is_stripped
from alexnet_bench.engine.plugins import plugin_paths
from alexnet_bench.engine.ranges import ENDS, End, SizeRanges
from alexnet_bench.engine.readback import read_back, try_once
from alexnet_bench.engine.recipe import PRECISION_PASSES, Recipe
from alexnet_bench.engine.sizes import by_input
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.ceiling_runs import EMULATED, why_emulated
from alexnet_bench.verdict.precision import of_graph
from alexnet_bench.workflows import count_cautions, miscomputed
from alexnet_bench.workflows.engines.sized import SizedModel, at_sizes, at_usual_sizes
from alexnet_bench.workflows.engines.stripped import weights_of
from alexnet_bench.workflows.resolve import ResolvedModel


@dataclass(frozen=True)
class Built:
    """What a build gives beside its files.

    Attributes:
        written: the engine's file and how it came about.
        layers: as read back.
        compute_dtypes: layers by type.
        macs_attributed_fraction: share of the user's multiply-adds counted whose layer is known, None without any.
        unattributed: the user's live nodes without a layer.
        timing_cache_sha256: of the timings that kernels were chosen by, None where they are not timed.
        notes: what a user should know beside that, each a sentence.
    """

    written: Written
    layers: tuple[EngineLayerInfo, ...]
    compute_dtypes: dict[str, int]
    macs_attributed_fraction: float | None
    unattributed: tuple[str, ...]
    timing_cache_sha256: str | None = None
    notes: tuple[str, ...] = ()


def make(
    model: ResolvedModel,
    recipe: Recipe,
    key: str,
    folder: Path,
    *,
    timeout_s: float | None,
    progress: Callable[[str], None],
) -> Built:
    """Builds an engine into a folder, and reads back what it computes in.

    Raises:
        PrecisionError: in another type than was asked for.
        AlexnetBenchError: the model, the recipe or the runtime does not go along.
    """
    progress(f"building {model.name} by recipe {recipe.name} for {recipe.backend}")
    usual = at_usual_sizes(model, recipe, timeout_s)
    usual.check_memory()
    source, graph, costs, feeds = usual.source, usual.graph, usual.costs, usual.feeds()
    if get_backend(recipe.backend).planner:
        from alexnet_bench.workflows.engines.plan import Task, make_plan

        return make_plan(Task(usual, recipe, feeds, key, folder), progress)
    written = write_engine(source, graph, recipe, feeds=feeds, folder=folder, key=key, deadlines=usual.deadlines)
    progress("reading back what it computes in")
    engine = open_model(written.file)
    with ScratchFolder() as scratch:
        write_arrays(Path(scratch), feeds)
        engine_graph = build_graph(engine, name=model.name, batch=recipe.opt_batch, given_shapes=recipe.opt_shapes)
        request = load_request(recipe, written.file, graph)
        try:
            found = read_back(request, Path(scratch), engine_graph, usual.deadlines)
        except BackendRefusal as refusal:
            raise explained(refusal, recipe, narrowed_nodes(recipe, written.origins, graph, engine_graph)) from None
    engine_costs = count(engine_graph)
    joined = join(engine_graph, engine_costs, found.layers)
    mapped = user_layers(costs, engine_costs, joined, written.origins)
    notes = judge_types(recipe, graph, costs, written, [layer for layer in mapped.layers if layer.macs])
    notes += (*_emulated(request), *miscomputed.in_words(recipe.backend, engine_graph))
    for name, shapes, size in ends(recipe.sizes[0]):
        progress(f"trying the {name} of the shapes that it takes")
        _try_end(at_sizes(source, model, size, shapes, timeout_s), recipe, written.file)
    return Built(
        written,
        mapped.layers,
        count_types(mapped.layers),
        mapped.macs_attributed_fraction,
        mapped.unattributed,
        notes=notes,
    )


def judge_types(
    recipe: Recipe,
    graph: Graph,
    costs: CostTable,
    written: Written,
    layers: Sequence[EngineLayerInfo],
    needed: Callable[[Collection[str]], Collection[str]] = lambda _: (),
) -> tuple[str, ...]:
    """Compares the types that layers compute in with what was asked for.

    Args:
        recipe: that was followed.
        graph: of the user's model.
        costs: of that graph.
        written: what passes left alone.
        layers: with multiply-adds, as they were read back.
        needed: of nodes that were asked to stay in float32, and do not, those that the backend takes no other way.

    Returns:
        What a user should know beside the types, each a sentence.

    Raises:
        PrecisionError: a layer computes in another type than was asked for.
    """
    products = [row.name for row in sorted(costs.rows, key=lambda row: -(row.macs or 0)) if row.macs]
    nodes = {node.name: node for node in graph.live_nodes}
    wide = {name for name in products if any(graph.tensor(read).dtype == "float64" for read in nodes[name].reads)}
    asked = Asked(
        recipe.precision,
        is_quantised=of_graph(graph) == "int8",
        kept_fp32=written.kept_fp32,
        unable=written.unable,
        products=products,
        wide=wide,
        can_keep=recipe.may_keep_fp32,
        given=recipe.keep_fp32,
        lacks=_lacks(recipe),
    )
    # TF32 is leave to round, which products that are written out, or have kernels of their own, make no use of.
    check_types(asked, [layer for layer in layers if recipe.precision != TF32 or layer.compute_dtype != "float32"])
    named = {name for name in products if not {name, nodes[name].op_type}.isdisjoint(recipe.keep_fp32)}
    wrong = not_kept(layers, written.kept_fp32, products)
    refused = named.intersection(wrong)
    lost = check_kept(named.difference(needed(refused) if refused else ()), wrong)
    uncounted = count_cautions.in_words(counted_only(costs))
    return (
        *written.notes,
        *uncounted,
        *untold(asked, layers),
        *all_kept(asked, layers),
        *narrowed(layers, wide),
        *lost,
    )


def load_request(recipe: Recipe, file: Path, graph: Graph, threads: int | None = None) -> LoadRequest:
    """What a worker is to load for an engine of a recipe, with the shapes of a graph.

    Args:
        recipe: with the settings to run it with.
        file: the engine.
        graph: with the shapes of its inputs.
        threads: in place of the recipe's; None takes those, else the physical cores that this process may use.

    Raises:
        ShapeError: the engine was built for other shapes.
        EngineError: it is kept without its weights, or needs plugins, and they are not to be found.
    """
    shapes = graph.input_sizes
    if is_plan(file):
        check_shapes(by_input(recipe, graph_file(file)), shapes)
    return LoadRequest(
        recipe.backend,
        str(file.resolve()),
        threads or recipe.threads or usable_cores(),
        precision=COMPUTED_IN[recipe.precision] if recipe.precision and get_backend(recipe.backend).is_told else "",
        settings={**recipe.backend_settings, **_allowing_tf32(recipe, file)},
        shapes=shapes,
        plugins=plugin_paths(recipe.plugins),
        weights_path=str(weights_of(file).resolve()) if is_plan(file) and is_stripped(recipe) else "",
    )


def _allowing_tf32(recipe: Recipe, file: Path) -> dict[str, str]:
    """What a backend is told where products of float32 may round to TF32; one that has no such setting never does."""
    knows = is_plan(file) or TF32 in settings_of(get_backend(recipe.backend))
    return {TF32: "on"} if recipe.precision == TF32 and knows else {}


def ends(ranges: SizeRanges) -> Iterator[tuple[End, Mapping[str, Sequence[int]], int | None]]:
    """The smallest and the largest shapes, with the batch, where they are not the usual ones."""
    usual = ranges.shapes_at("opt"), ranges.batch_at("opt")
    for end in ENDS:
        found = ranges.shapes_at(end), ranges.batch_at(end)
        if found != usual:
            yield end, *found


def _try_end(end: SizedModel, recipe: Recipe, file: Path) -> None:
    end.check_memory()
    with ScratchFolder() as scratch:
        end.write_feeds(Path(scratch))
        try_once(load_request(recipe, file, end.graph), Path(scratch), end.deadlines)


def _emulated(request: LoadRequest) -> tuple[str, ...]:
    """A note where the type that the backend is told to compute in is emulated here, and so slower than float32."""
    if not request.precision:
        return ()
    try:
        why = why_emulated(request.backend, request.threads, request.precision, request.settings)
    except (BackendRefusal, BackendCrash):  # of a product alone; the engine itself was built, and runs
        return ()
    return (f"{request.precision} is {why}",) if why else ()


def emulated_note(notes: Sequence[str]) -> str:
    """That note among those of a passport, "" where it is not there."""
    return next((note for note in notes if EMULATED in note), "")


def _lacks(recipe: Recipe) -> str:
    """The pass that a recipe would need to compute in its precision, "" where it has it or the backend needs none."""
    needs_none = recipe.narrows_types or get_backend(recipe.backend).is_told
    return "" if needs_none or recipe.precision not in PRECISION_PASSES else recipe.precision
