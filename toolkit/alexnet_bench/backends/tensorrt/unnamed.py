"""What layers without metadata stand for: told from the layers that name nodes, by the tensors between them.

TensorRT's compiler unrolls recurrent nodes into kernels for each step, most of which name no node (seen in TensorRT-RTX
1.7.1), and gives a tensor one name in all layers that make or read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet_bench.backends.tensorrt.graph_types import GraphTypes
from alexnet_bench.backends.tensorrt.layer_types import multiplies
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor
from alexnet_bench.core.graph import Graph


@dataclass(frozen=True, slots=True)
class _Step:
    """A layer of an engine, or a node of a graph.

    Attributes:
        reads: tensors.
        makes: tensors.
        nodes: what it stands for; nothing where that is looked for.
    """

    reads: frozenset[str]
    makes: frozenset[str]
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Steps that stand for nothing and hang together by what they make.

    Attributes:
        steps: positions.
        before: nodes that make what they read, and inputs of the graph.
        after: nodes that read what they make, and outputs of the graph.
    """

    steps: tuple[int, ...]
    before: frozenset[str]
    after: frozenset[str]


def with_unnamed(
    layers: Sequence[PlanLayer], named: Sequence[tuple[str, ...]], graph: Graph, types: GraphTypes
) -> list[tuple[str, ...]]:
    """The nodes of each layer, those of layers that name none from what lies around them.

    What reads what a node makes, and makes what the same node reads, is a part of it, as a graph has no cycles. What
    else lies between layers stands for the nodes without a layer that lie between the nodes of these; where there are
    none, and something multiplies, for the one product that it lies beside. Several layers for several products are
    left as they are: which computes which cannot be told.

    Args:
        layers: of an engine.
        named: the nodes that each of them names.
        graph: that the engine was built from.
        types: of the graph; nodes that compute nothing are not looked for.
    """
    if all(nodes or layer.nodes is None for layer, nodes in zip(layers, named, strict=True)):
        return list(named)
    steps = [
        _Step(_names(layer.inputs), _names(layer.outputs), nodes) for layer, nodes in zip(layers, named, strict=True)
    ]
    has_layer = {name for nodes in named for name in nodes}
    live = graph.live_nodes
    groups = _parts(
        [
            _Step(frozenset(node.reads), frozenset(node.writes), (node.name,) if node.name in has_layer else ())
            for node in live
        ],
        graph,
    )
    found = list(named)
    for part in _parts(steps, graph):
        around = (part.before & part.after & has_layer) or {
            live[at].name
            for group in groups
            if not (group.before.isdisjoint(part.before) or group.after.isdisjoint(part.after))
            for at in group.steps
        }
        if not around and any(multiplies(layers[at]) for at in part.steps):
            around = _single((part.before | part.after) & has_layer & types.products)
        nodes = tuple(node.name for node in live if node.name in around and node.name in types.busy)
        if len(part.steps) == 1 or len(types.products.intersection(nodes)) < 2:
            for at in part.steps:
                found[at] = nodes if layers[at].nodes is not None else found[at]
    return found


def _single(names: frozenset[str]) -> frozenset[str]:
    return names if len(names) == 1 else frozenset()


def _names(tensors: Sequence[PlanTensor]) -> frozenset[str]:
    return frozenset(tensor.name for tensor in tensors if tensor.name)


def _parts(steps: Sequence[_Step], graph: Graph) -> list[_Part]:
    """The steps without nodes, those together that make or read a tensor that one of them makes."""
    unnamed = [at for at, step in enumerate(steps) if not step.nodes]
    makers: dict[str, list[int]] = {}
    readers: dict[str, list[int]] = {}
    for at, step in enumerate(steps):
        for name in step.makes:
            makers.setdefault(name, []).append(at)
        for name in step.reads:
            readers.setdefault(name, []).append(at)
    parts, seen = [], set[int]()
    for first in unnamed:
        if first in seen:
            continue
        pending, members, before, after = [first], list[int](), set[str](), set[str]()
        seen.add(first)
        while pending:
            at = pending.pop()
            members.append(at)
            around = [(before, other) for name in steps[at].reads for other in makers.get(name, ())]
            around += [(after, other) for name in steps[at].makes for other in readers.get(name, ())]
            for names, other in around:
                if steps[other].nodes:
                    names.update(steps[other].nodes)
                elif other not in seen:
                    seen.add(other)
                    pending.append(other)
            before.update(steps[at].reads.intersection(graph.inputs))
            after.update(steps[at].makes.intersection(graph.outputs))
        parts.append(_Part(tuple(sorted(members)), frozenset(before), frozenset(after)))
    return parts
