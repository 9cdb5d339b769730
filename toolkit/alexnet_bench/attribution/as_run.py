"""A layer's nodes and tensors as the runtime has them: at its types, and with what it computes of constants.

Counts of the model are at the types of the file. A runtime that computes a float16 model in float32 converts its
weights while loading and its activations on the way, so that what a layer reads and makes is of another size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alexnet_bench.attribution.join import Owned
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph, Node, Tensor, is_float
from alexnet_bench.graph import weights
from alexnet_bench.graph.counting import Held, count


@dataclass(frozen=True, slots=True)
class AsRun:
    """What a layer is counted by.

    Attributes:
        graph: with the tensors of the layer at least, at the types that it has them in.
        costs: of that graph.
        owned: the layer; constants that it computes are its nodes.
        stored: what it reads in place of constants that are dequantised.
    """

    graph: Graph
    costs: CostTable
    owned: Owned
    stored: Held


def as_run(graph: Graph, costs: CostTable, owned: Owned, stored: Held) -> AsRun:
    """A layer as it runs; by the graph and its counts where the backend tells nothing else.

    Args:
        graph: of the user.
        costs: of that graph.
        owned: the layer and its nodes.
        stored: `weights.stored` of the graph.
    """
    layer = owned.layer
    members = _members(graph, owned)
    changed = {} if any(node.bodies for node in members) else _retyped(graph, owned, members)
    reads_made = layer.reads_dequantised and any(name in stored for node in members for name in node.reads)
    if not (changed or reads_made or owned.constants):
        return AsRun(graph, costs, owned, stored)
    stored = {} if reads_made or owned.constants else stored
    part = _part(graph, layer, members, changed, stored)
    is_told = layer.moved_bytes is not None and not owned.constants  # all else is as in the counts of the file
    nodes = (*owned.nodes, *owned.constants)
    return AsRun(part, costs if is_told else count(part, stored), replace(owned, nodes=nodes), stored)


def size_as_run(graph: Graph, names: Iterable[str], floats: str) -> int | None:
    """Bytes of tensors together, floats in a given type if it is one; None when the size of one is unknown."""
    sizes = [_in_type(graph.tensor(name), floats).size_bytes for name in names]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _members(graph: Graph, owned: Owned) -> list[Node]:
    """The nodes of a layer in graph order."""
    if owned.constants:
        return [node for node in graph.nodes if node.name in owned.constants]
    return graph.in_order((*owned.nodes, *dict(owned.shared)))


def _retyped(graph: Graph, owned: Owned, members: Sequence[Node]) -> dict[str, Tensor]:
    """The tensors of a layer that it has in other types than the file."""
    layer = owned.layer
    made = {name for node in members for name in node.writes}
    read = {name for node in members for name in node.reads}.union(layer.reads) - made
    found = {name: _in_type(graph.tensor(name), layer.floats_read) for name in read}
    found |= {name: _in_type(graph.tensor(name), layer.floats_made) for name in made.union(layer.makes)}
    return {name: tensor for name, tensor in found.items() if tensor.dtype != graph.tensor(name).dtype}


def _in_type(tensor: Tensor, floats: str) -> Tensor:
    return Tensor(tensor.name, floats, tensor.shape) if floats and is_float(tensor.dtype) else tensor


def _part(
    graph: Graph, layer: EngineLayer, members: Sequence[Node], changed: Mapping[str, Tensor], stored: Held
) -> Graph:
    """The graph of a layer's nodes alone, with changed tensors."""
    made = tuple(name for node in members for name in node.writes)
    names = {*made, *(name for node in members for name in node.reads), *layer.reads, *layer.makes}
    return replace(
        graph,
        nodes=tuple(members),
        inputs=(),
        outputs=made,
        tensors={name: changed.get(name) or graph.tensor(name) for name in names | weights.as_stored(stored, names)},
        live=frozenset(node.name for node in members),
    )
