"""What layers without metadata stand for: told from the layers that name nodes, by the tensors between them.

TensorRT's compiler unrolls recurrent nodes into kernels for each step, most of which name no node (seen in TensorRT-RTX
1.7.1), and gives a tensor one name in all layers that make or read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet_bench.backends.tensorrt.graph_types import GraphTypes
from alexnet_bench.backends.tensorrt.layer_types import has_product_kernel, multiplies
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor
from alexnet_bench.core.graph import Graph, Node


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


@dataclass(frozen=True, slots=True)
class Told:
    """What layers stand for.

    Attributes:
        nodes: of each layer.
        untold: positions of layers that do work of the graph, and of which it cannot be told which.
    """

    nodes: list[tuple[str, ...]]
    untold: frozenset[int]


def with_unnamed(
    layers: Sequence[PlanLayer], named: Sequence[tuple[str, ...]], graph: Graph, types: GraphTypes
) -> Told:
    """The nodes of each layer, those of layers that name none from what lies around them.

    What reads what a node makes, and makes what the same node reads, is a part of it, as a graph has no cycles. What
    else lies between layers stands for the nodes without a layer that lie between the nodes of these; where there are
    none that compute, and something multiplies, for the products that it lies beside: for one, or for all of several
    that do not depend on each other and that it leads to. Else which of the products it computes cannot be told; who
    owns these is then not known at all, so they are taken from the layers that name them, too.

    Args:
        layers: of an engine.
        named: the nodes that each of them names.
        graph: that the engine was built from.
        types: of the graph; nodes that compute nothing are not looked for.
    """
    if all(nodes or layer.nodes is None for layer, nodes in zip(layers, named, strict=True)):
        return Told(list(named), frozenset())
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
    found, untold, doubtful = list(named), set[int](), set[str]()
    for part in _parts(steps, graph):
        works = any(multiplies(layers[at]) for at in part.steps)
        between = types.busy & ((part.before & part.after & has_layer) or _without_layer(part, groups, live))
        around = between or ((part.before | part.after) & has_layer & types.products if works else frozenset())
        products = around & types.products
        is_plain = len(products) < 2 or (len(part.steps) == 1 and bool(between))
        mine = dict.fromkeys(part.steps, around) if is_plain else _beside(steps, part, products, graph)
        if not mine and (works or not products <= has_layer):
            untold.update(part.steps)
            doubtful |= products if any(has_product_kernel(layers[at]) for at in part.steps) else frozenset()
        for at, names in mine.items():
            found[at] = tuple(node.name for node in live if node.name in names)
            if not names and has_product_kernel(layers[at]):
                untold.add(at)
    told = [
        tuple(name for name in nodes if name not in doubtful) if layer.nodes is not None else before
        for layer, nodes, before in zip(layers, found, named, strict=True)
    ]
    return Told(told, frozenset(untold | {at for at, nodes in enumerate(found) if nodes and not told[at]}))


def _without_layer(part: _Part, groups: Sequence[_Part], live: Sequence[Node]) -> frozenset[str]:
    """The nodes without a layer that lie between the same nodes as a part of the engine."""
    return frozenset(
        live[at].name
        for group in groups
        if not (group.before.isdisjoint(part.before) or group.after.isdisjoint(part.after))
        for at in group.steps
    )


def _beside(steps: Sequence[_Step], part: _Part, products: frozenset[str], graph: Graph) -> dict[int, frozenset[str]]:
    """Which of several products each step of a part belongs to; nothing where that cannot be told of one of them.

    What leads to one of them alone, and comes from no other, is a part of it. What leads to several, none of which
    needs another, and comes from none of them, computes a part of each.
    """
    found = {}
    for at in part.steps:
        behind, ahead = _reached(steps, at, is_forward=False), _reached(steps, at, is_forward=True)
        near = (behind | ahead) & products
        if len(near) > 1 and (behind & products or _depend(graph, near)):
            near = behind & ahead & products
        if not near or (len(near) > 1 and not behind.isdisjoint(near)):
            return {}
        found[at] = near
    return found


def _reached(steps: Sequence[_Step], start: int, *, is_forward: bool) -> frozenset[str]:
    """The nodes of the first steps with some that what a step makes leads to, or that what it reads comes from.

    What a step with nodes makes a part of, too, leads to these alone: it is theirs, whoever reads it.
    """
    pending, seen, found = [start], {start}, set[str]()
    while pending:
        here = steps[pending.pop()]
        theirs = [step for step in steps if step.nodes and not step.makes.isdisjoint(here.makes)] if is_forward else []
        found.update(*(step.nodes for step in theirs))
        open_ends = here.makes.difference(*(step.makes for step in theirs)) if is_forward else here.reads
        for at, step in enumerate(steps):
            if at in seen or open_ends.isdisjoint(step.reads if is_forward else step.makes):
                continue
            found.update(step.nodes)
            if not step.nodes:
                seen.add(at)
                pending.append(at)
    return frozenset(found)


def _depend(graph: Graph, names: frozenset[str]) -> bool:
    """Whether one of some nodes needs what another makes."""
    made = set[str]()
    for node in graph.live_nodes:
        needs = not made.isdisjoint(node.reads)
        if needs and node.name in names:
            return True
        if needs or node.name in names:
            made.update(node.writes)
    return False


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
