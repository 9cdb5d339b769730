"""Which precision an engine is in, and whether a backend that was told a type to compute in really does."""

from __future__ import annotations

from collections.abc import Callable

from alexnet_bench.attribution.join import join
from alexnet_bench.attribution.origins import user_layers
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.passport import count_types
from alexnet_bench.engine.computed_types import Asked, check_types
from alexnet_bench.engine.readback import read_back
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.model_bytes import named_copy
from alexnet_bench.verdict.precision import coarser, of_graph
from alexnet_bench.verdict.sides import ModelSide

_WIDE = "float32"


def precision_of(given: str | None, graph: Graph, built: str) -> tuple[str, str]:
    """The precision of an engine, and where that is known from.

    Args:
        given: by the user.
        graph: of the engine.
        built: what its recipe asks for, "" where it has none.
    """
    if given is not None:
        return given, "given"
    holds = coarser(built, of_graph(graph))
    return holds, "its passport" if holds == built else "its graph"


def check_told(side: ModelSide, precision: str, progress: Callable[[str], None]) -> dict[str, int]:
    """The layers by type, of a model run once, after they were compared with the type that its backend was told.

    Only layers with multiply-adds count. A backend may leave some of them in float32, but not all.

    Args:
        side: a model; where its backend was told nothing, it is in the types of its own graph, and nothing is run.
        precision: that was asked for.
        progress: told of the run.

    Raises:
        PrecisionError: layers compute in another type; the message names them.
        BackendRefusal: the runtime does not take the model.
        BackendCrash: the worker died or hung.
    """
    told = side.request.precision
    if not told:
        return {}
    progress(f"reading back whether it computes in {told}")
    found = read_back(side.request, side.inputs[0], side.graph, side.deadlines, named_model=named_copy(side.file))
    costs = count(side.graph)
    mapped = user_layers(costs, costs, join(side.graph, costs, found.layers), side.origins)
    working = [layer for layer in mapped.layers if layer.macs and layer.compute_dtype]
    narrow = [layer for layer in working if layer.compute_dtype != _WIDE]
    check_types(Asked(precision, is_quantised=of_graph(side.graph) == "int8"), narrow or working)
    return count_types(mapped.layers)
