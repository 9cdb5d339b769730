"""Layers of a stored engine joined to its graph by their names: what is left of a join once the runtime is gone.

The inverse of `layers.layer_names`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

from alexnet_bench.attribution.join import Attribution, Owned, is_constant, value_numbers
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.passport import EngineLayerInfo

_JOINT = " + "


def join_by_name(graph: Graph, layers: Sequence[EngineLayerInfo]) -> Attribution:
    """Gives each layer the nodes of the engine's graph that its name speaks of.

    Args:
        graph: of the engine, with the shapes of the case.
        layers: of its passport; where a node that several of them name is the user's own, it says who has what share.
    """
    known = {node.name for node in graph.live_nodes}
    of_layers = [nodes_in_name(layer.name, known) for layer in layers]
    owners: dict[str, int] = {}
    for nodes in of_layers:
        for name in nodes or ():
            owners[name] = owners.get(name, 0) + 1
    values, wanted = value_numbers(graph), wanted_tensors(graph, of_layers)
    constants = {node.name for node in graph.nodes if is_constant(graph, node)}
    owned = tuple(
        _unowned(graph, layer, constants) if nodes is None else _owned(graph, layer, nodes, owners, values, wanted)
        for layer, nodes in zip(layers, of_layers, strict=True)
    )
    return Attribution(owned, tuple(node.name for node in graph.live_nodes if node.name not in owners))


def nodes_in_name(name: str, known: Iterable[str]) -> tuple[str, ...] | None:
    """The nodes that a layer's name is made of; None when it is made of something else.

    Names of nodes may hold the joint themselves, and a layer may be numbered, as in "conv1 + relu1#2".
    """
    names = known if isinstance(known, (set, frozenset, dict)) else set(known)
    found = _split(name.split(_JOINT), names)
    stem, numbered, number = name.rpartition("#")
    if found is None and numbered and number.isdecimal():
        found = _split(stem.split(_JOINT), names)
    return found


def _split(pieces: Sequence[str], known: set[str] | frozenset[str] | dict[str, object]) -> tuple[str, ...] | None:
    """Pieces put together again, so that each is a node that is known; the shortest way that ends well."""
    ways: dict[int, tuple[str, ...]] = {0: ()}
    for end in range(1, len(pieces) + 1):
        for begin in reversed(ways):
            piece = _JOINT.join(pieces[begin:end])
            if piece in known:
                ways[end] = (*ways[begin], piece)
                break
    return ways.get(len(pieces))


def wanted_tensors(graph: Graph, of_layers: Sequence[Sequence[str] | None]) -> set[str]:
    """The tensors that go from layer to layer: read by a layer that does not compute them itself, or by the caller."""
    in_layers = {name for nodes in of_layers for name in nodes or ()}
    alone = [(node.name,) for node in graph.live_nodes if node.name not in in_layers]
    wanted = set(graph.outputs)
    for nodes in (*of_layers, *alone):
        members = graph.in_order(nodes or ())
        inside = {name for node in members for name in node.writes}
        wanted.update(name for node in members for name in node.reads if name not in inside)
    return wanted


def _owned(
    graph: Graph,
    layer: EngineLayerInfo,
    nodes: Sequence[str],
    owners: Mapping[str, int],
    values: Mapping[str, str],
    wanted: Container[str],
) -> Owned:
    members = graph.in_order(nodes)
    inside = {name for node in members for name in node.writes}
    told = {shared.name: shared.share for shared in layer.shared_nodes}
    merged = {node.name for node in members if node.writes and values[node.writes[0]] != node.writes[0]}
    reads = tuple(dict.fromkeys(name for node in members for name in node.reads if name not in inside))
    makes = tuple(name for node in members for name in node.writes if name in wanted and node.name not in merged)
    return Owned(
        _as_told(layer, reads, makes),
        tuple(name for name in nodes if owners[name] == 1),
        tuple((name, told.get(name, 1 / owners[name])) for name in nodes if owners[name] > 1),
        frozenset(merged),
    )


def _unowned(graph: Graph, layer: EngineLayerInfo, constants: set[str]) -> Owned:
    """A layer without live nodes: one that computes constants, or overhead."""
    names = nodes_in_name(layer.name, constants)
    if not names:
        return _overhead(graph, layer)
    makes = tuple(name for node in graph.nodes if node.name in names for name in node.writes)
    return Owned(replace(_as_told(layer, (), makes), is_constant=True), (), constants=names)


def _overhead(graph: Graph, layer: EngineLayerInfo) -> Owned:
    """What the runtime added, named by operator and tensor; unmatched when that tensor is not known."""
    tensor = layer.name.partition(":")[2]
    if tensor not in graph.tensors:
        tensor = tensor.rpartition("#")[0]
    found = tensor in graph.tensors
    tensors = (tensor,) if found else ()
    return Owned(replace(_as_told(layer, tensors, tensors), is_overhead=found, is_unmatched=not found), ())


def _as_told(layer: EngineLayerInfo, reads: tuple[str, ...], makes: tuple[str, ...]) -> EngineLayer:
    return EngineLayer(layer.name, "", reads, makes, compute_dtype=layer.compute_dtype, moved_bytes=layer.moved_bytes)
