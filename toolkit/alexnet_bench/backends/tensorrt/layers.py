"""What the layers of an engine compute in, and which of the nodes behind them they multiply for."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet_bench.backends.tensorrt.graph_types import GraphTypes, graph_types
from alexnet_bench.backends.tensorrt.layer_nodes import is_nobodys, known_names, nodes_of
from alexnet_bench.backends.tensorrt.layer_types import compute_dtype, has_product_kernel, multiplies
from alexnet_bench.backends.tensorrt.loops import runs_of, turns_around
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor
from alexnet_bench.backends.tensorrt.unnamed import with_unnamed
from alexnet_bench.backends.tensorrt.untold_constants import with_untold_constants
from alexnet_bench.core.engine_layers import EngineLayer, NamedLayer
from alexnet_bench.core.graph import Graph


def named_layers(layers: Sequence[PlanLayer], *, tf32: bool, graph: Graph | None = None) -> list[NamedLayer]:
    """Layers with the nodes that TensorRT names for them.

    One that its metadata names no node for, or that only moves data, is overhead: a change of layout, or two streams
    that wait for each other; unless it lies where a node is computed. Of all others without a node it is not known what
    they stand for, nor of what multiplies where that may be for one or another node.

    Args:
        layers: as TensorRT describes them.
        tf32: whether products of float32 may round their factors.
        graph: that the engine was built from, for engines without metadata, nodes without names, and types and
            constants that layers do not tell; None where it is not known.
    """
    known = known_names(graph)
    types = None if graph is None else graph_types(graph)
    nodes, untold = [nodes_of(layer, known) for layer in layers], frozenset[int]()
    if graph is not None and types is not None:
        found = with_unnamed(layers, nodes, graph, types)
        nodes, untold = found.nodes, found.untold
    runs = runs_of(layers, nodes, turns_around(graph))
    computed = _computed(layers, nodes, types)
    named = [
        _named(layer, mine, compute_dtype(layer, theirs, types), types, tf32=tf32, runs=often, is_untold=at in untold)
        for at, (layer, mine, theirs, often) in enumerate(zip(layers, nodes, computed, runs, strict=True))
    ]
    return named if types is None else with_untold_constants(layers, named, types)


def _computed(
    layers: Sequence[PlanLayer], nodes: Sequence[tuple[str, ...]], types: GraphTypes | None
) -> Sequence[tuple[str, ...]]:
    """The nodes whose arithmetic each layer does: without products that others multiply, where anything is left."""
    if types is None:
        return nodes
    working = [multiplies(layer, mine, types) for layer, mine in zip(layers, nodes, strict=True)]
    named = {name for mine, is_so in zip(nodes, working, strict=True) if is_so for name in mine}
    multiplied = types.products.intersection(named)
    others = [tuple(name for name in mine if name not in multiplied) for mine in nodes]
    return [
        other if types.computed(other) and not is_so else mine
        for mine, other, is_so in zip(nodes, others, working, strict=True)
    ]


def _named(
    layer: PlanLayer,
    nodes: tuple[str, ...],
    dtype: str,
    types: GraphTypes | None,
    *,
    tf32: bool,
    runs: int | None,
    is_untold: bool,
) -> NamedLayer:
    is_overhead = not nodes and not is_untold and is_nobodys(layer)
    return NamedLayer(
        EngineLayer(
            name=layer.name,
            op=layer.kind,
            reads=(),
            makes=(),
            is_overhead=is_overhead,
            is_unmatched=not nodes and not is_overhead,
            compute_dtype="tf32" if tf32 and has_product_kernel(layer) and dtype == "float32" else dtype,
            input_dtypes=_unique(layer.inputs),
            output_dtypes=_unique(layer.outputs),
            tactic=layer.tactic,
            output_shapes=layer.told_shapes,
            moved_bytes=None if types is not None and types.in_part.intersection(nodes) else _moved(layer, runs),
        ),
        nodes,
        multiplies=multiplies(layer, nodes, types),
        is_by_name=bool(nodes) and layer.nodes is None,
    )


def _moved(layer: PlanLayer, runs: int | None) -> int | None:
    """Bytes that all runs of a layer move together; None where they are not told, or constants in a loop are not."""
    each = layer.moved_bytes
    if each is None or runs is None or (runs != 1 and not layer.tells_constants):
        return None
    return each * runs


def _unique(tensors: Sequence[PlanTensor]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tensor.dtype for tensor in tensors))
