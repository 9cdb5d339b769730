"""Engine layers joined to the nodes of the user's graph, by the tensors that they read and make.

A layer owns the nodes that lie between what it makes and what it reads. What no layer can be shown to own stays
unattributed; what several layers need (a shape computed for two of them) is shared between them in equal parts, and by
what each makes where they are known to be steps that multiply element by element.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from alexnet_bench.attribution.not_computed import may_be_elsewhere, not_computed
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph.formulas.inputs import values_read
from alexnet_bench.graph.liveness import RANDOM_OPS

_MOST_LAYERS = 10**6
"""That share a node: its shares are fractions that were rounded to floats."""


@dataclass(frozen=True, slots=True)
class Owned:
    """What one layer stands for.

    Attributes:
        layer: of the engine.
        nodes: the user's nodes that it owns alone, in graph order.
        shared: nodes that it owns in part, with its share; the shares of a node sum to 1.
        merged: those of them that the runtime does not compute: it found them equal to others, or left them out.
        left_out: those of the merged that are not known to be computed while loading or in place of an equal one.
        constants: nodes that no input can change, and that the runtime computes in each run nevertheless, in graph
            order; they are not live, so they are among neither of these.
    """

    layer: EngineLayer
    nodes: tuple[str, ...]
    shared: tuple[tuple[str, float], ...] = ()
    merged: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    constants: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, Fraction]:
        """Its nodes, those that it owns alone first, each with the part of it that is this layer's."""
        shared = {name: Fraction(share).limit_denominator(_MOST_LAYERS) for name, share in self.shared}
        return dict.fromkeys(self.nodes, Fraction(1)) | shared


@dataclass(frozen=True)
class Attribution:
    """The join of an engine and a graph.

    Attributes:
        owned: one for each layer, in execution order.
        unattributed: live nodes that no layer owns, in graph order.
    """

    owned: tuple[Owned, ...]
    unattributed: tuple[str, ...]


def join(graph: Graph, costs: CostTable, layers: Sequence[EngineLayer]) -> Attribution:
    """Gives every live node to the layers that compute it.

    Args:
        graph: of the engine, with the shapes of the case.
        costs: of that graph.
        layers: in execution order.
    """
    materialised = {name for item in layers for name in (*item.reads, *item.makes, *item.inner, *item.equals)}
    values = value_numbers(graph)
    together = Counter((item.reads, item.makes) for item in layers if not item.is_overhead and not item.is_view)
    workers = [(index, layer) for index, layer in enumerate(layers) if not layer.is_unmatched and not layer.is_overhead]
    regions: dict[int, list[str]] = {}
    for index, layer in workers:
        region = _region(layer, layer.makes, graph.producers, materialised, values)
        if together[layer.reads, layer.makes] > 1 and len(region) > 1:
            continue  # several layers for several nodes: which computes which cannot be told
        inner = _region(layer, layer.inner, graph.producers, materialised, values)
        regions[index] = list(dict.fromkeys((*region, *inner)))
    lost = not_computed(graph, costs, dict(workers), regions)
    owners = _owners({index: set(names) - lost.get(index, frozenset()) for index, names in regions.items()})
    computed = frozenset(owners)
    if may_be_elsewhere(costs, layers, regions):
        lost = {}
    equals = {index: _region(layer, layer.equals, graph.producers, materialised, values) for index, layer in workers}
    for index, _ in workers:
        for name in dict.fromkeys((*lost.get(index, ()), *equals[index])):
            if name not in computed:
                owners.setdefault(name, []).append(index)
    _adopt_duplicates(graph, owners, values)
    of_layers: list[list[str]] = [[] for _ in layers]
    for name in (node.name for node in graph.live_nodes):
        for index in owners.get(name, ()):
            of_layers[index].append(name)
    merged = owners.keys() - computed
    left_out = _unknown(graph, merged, computed.union(*equals.values()), values)
    several = [(node, owners[node.name]) for node in graph.live_nodes if len(owners.get(node.name, ())) > 1]
    shares = {node.name: _shares(graph, costs, node, layers, found) for node, found in several}
    pairs = zip(layers, of_layers, strict=True)
    owned = [_owned(index, layer, mine, shares, merged, left_out) for index, (layer, mine) in enumerate(pairs)]
    owned = _with_constants(graph, owned)
    return Attribution(tuple(owned), tuple(node.name for node in graph.live_nodes if node.name not in owners))


def _owners(regions: Mapping[int, Iterable[str]]) -> dict[str, list[int]]:
    """The layers, by number, that have each node in their region."""
    owners: dict[str, list[int]] = {}
    for index, names in regions.items():
        for name in names:
            owners.setdefault(name, []).append(index)
    return owners


def value_numbers(graph: Graph) -> dict[str, str]:
    """For each tensor that a live node makes, the first tensor that is certain to be equal to it.

    Equal are the outputs of the same operator with the same attributes on equal inputs. Nodes with an attribute that is
    not kept (a tensor, a subgraph), and random ones, are equal to nothing else.
    """
    values: dict[str, str] = {}
    first: dict[object, Node] = {}
    for node in graph.live_nodes:
        key: object = node.name
        if not node.has_subgraph and node.op_type not in RANDOM_OPS and None not in node.attributes.values():
            inputs = tuple(values.get(name, name) for name in node.inputs)
            attributes = tuple(sorted(node.attributes.items()))
            key = (node.domain, node.op_type, inputs, attributes, tuple(map(bool, node.outputs)))
        original = first.setdefault(key, node)
        values |= dict(zip(node.outputs, original.outputs, strict=True))
    return values


def _region(
    layer: EngineLayer,
    tensors: Sequence[str],
    producer: Mapping[str, Node],
    materialised: set[str],
    values: Mapping[str, str],
) -> list[str]:
    """The live nodes between tensors that the layer computes and what it reads, or any other layer computes.

    A runtime that merges equal computations reads the one result in place of each of them.
    """
    stops = {values.get(name, name) for name in layer.reads}
    pending = [name for name in tensors if name not in layer.reads]
    region: dict[str, None] = {}
    while pending:
        node = producer.get(pending.pop())
        if node is None or node.name in region:
            continue
        region[node.name] = None
        needed = values_read(node)
        pending += [name for name in needed if name not in materialised and values.get(name, name) not in stops]
    return list(region)


def _adopt_duplicates(graph: Graph, owners: dict[str, list[int]], values: Mapping[str, str]) -> None:
    """A node without an owner that repeats another one is computed by the layers that compute the other."""
    computed: dict[str, list[int]] = {}
    for node in graph.live_nodes:
        if node.name in owners and node.writes:
            computed.setdefault(values[node.writes[0]], owners[node.name])
    for node in graph.live_nodes:
        if node.name not in owners and node.writes and values[node.writes[0]] in computed:
            owners[node.name] = computed[values[node.writes[0]]]


def _unknown(
    graph: Graph, merged: AbstractSet[str], known: AbstractSet[str], values: Mapping[str, str]
) -> frozenset[str]:
    """Of nodes that no layer computes, those whose results an input can change and no known node has, too."""
    there = {values[name] for node in graph.live_nodes if node.name in known for name in node.writes}
    wanted = ((node.name, node.writes) for node in graph.live_nodes if node.name in merged)
    done = {name for name, made in wanted if all(item in graph.fixed or values[item] in there for item in made)}
    return frozenset(merged - done)


def _shares(
    graph: Graph, costs: CostTable, node: Node, layers: Sequence[EngineLayer], found: Sequence[int]
) -> dict[int, float]:
    """By layer, its share of a node that several compute.

    What only shows their result has none of the work, nor has what multiplies no matrices of a product that others do.
    """
    working = [index for index in found if not layers[index].is_view] or found
    if costs.by_name[node.name].is_product:
        working = [index for index in working if layers[index].multiplies is not False] or working
    made = _elements_made(graph, costs, node, [layers[index] for index in working])
    part = {index: elements / sum(made) for index, elements in zip(working, made, strict=True)}
    return {index: part.get(index, 0.0) for index in found}


def _elements_made(graph: Graph, costs: CostTable, node: Node, working: Sequence[EngineLayer]) -> list[int]:
    """What each of the layers that compute a node has of its work, as parts of their sum.

    Equal parts, but where the node multiplies, no layer sums over products, and some make another size than the node:
    then each computes as many products as it makes elements. So runtimes compute an Einsum of several operands.
    """
    whole = graph.tensor(node.writes[0]).elements if node.writes else None
    sizes = [prod(item.step_sizes) if item.step_sizes is not None else whole for item in working]
    by_elements = costs.by_name[node.name].macs and all(item.multiplies is False for item in working)
    return [size if by_elements and size and None not in sizes else 1 for size in sizes]


def _owned(
    index: int,
    layer: EngineLayer,
    mine: Sequence[str],
    shares: Mapping[str, Mapping[int, float]],
    merged: AbstractSet[str],
    left_out: AbstractSet[str],
) -> Owned:
    alone = tuple(name for name in mine if name not in shares)
    shared = tuple((name, shares[name][index]) for name in mine if name in shares)
    idle = not mine and not layer.is_overhead  # such as a node that nothing reads, which the runtime runs all the same
    layer = replace(layer, is_unmatched=True) if idle else layer
    return Owned(layer, alone, shared, frozenset(merged & set(mine)), frozenset(left_out & set(mine)))


def _with_constants(graph: Graph, owned: Sequence[Owned]) -> list[Owned]:
    """The layers, and with those of constants the user's nodes that these stand for, if there are any."""
    if not any(item.layer.is_constant for item in owned):
        return list(owned)
    producer = {name: node for node in graph.nodes if is_constant(graph, node) for name in node.writes}
    found = []
    for item in owned:
        names = _constant_region(item.layer, producer) if item.layer.is_constant else set()
        constants = tuple(node.name for node in graph.nodes if node.name in names) if names else ()
        layer = replace(item.layer, is_overhead=item.layer.is_overhead and not constants)
        layer = replace(layer, reads=()) if layer.is_constant else layer  # they are weights, and count as those
        found.append(replace(item, layer=layer, constants=constants))
    return found


def _constant_region(layer: EngineLayer, producer: Mapping[str, Node]) -> set[str]:
    """The nodes that one kernel stands for, back to that of its operator: what is before that was folded while loading.

    What another layer makes does not end it: a runtime that moves a Transpose of weights in front of what dequantises
    them, and folds it, dequantises the same weights twice.
    """
    folded = {name for node in producer.values() if node.op_type == layer.op for name in node.reads}
    return set(_region(layer, layer.makes, producer, folded, {}))


def is_constant(graph: Graph, node: Node) -> bool:
    """Whether a node computes a constant from others; one that only holds a value does not run."""
    return bool(node.reads) and graph.constants.issuperset(node.writes)
