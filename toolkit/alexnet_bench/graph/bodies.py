"""The graphs inside nodes (If, Loop, Scan), with shapes, as graphs of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph import liveness, naming, node_weights
from alexnet_bench.graph.blocked import with_unfilled
from alexnet_bench.graph.convert import (
    attribute_value,
    captured_names,
    graph_outputs,
    initialisers_of,
    integer_values,
    node_from_proto,
    required_inputs,
    sparse_parts,
    tensors_of,
)

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

MAX_DEPTH = 20
"""Bodies nested more deeply are left out, and with them the work of the nodes that hold them."""

TURNS = "turns of the loop"
"""What is known of a Loop's turns: an attribute of two integers, the largest number, and 1 if it cannot end earlier."""

MAX_TURNS = 1 << 31
"""Where a condition ends a Loop, more turns are no bound: torch writes a while loop with 2^63 - 1 of them."""

TAKEN = "branch taken"
"""What is known of an If: an attribute, the name of the branch that its condition leads to."""

FITTING = "branch that fits"
"""What follows of an If where that is not known: an attribute, the name of its one branch whose shapes can be."""

_FOUND_OUT = (TURNS, TAKEN, FITTING)


@dataclass(frozen=True)
class Values:
    """What small tensors of a graph hold, where that follows from constants and sizes, and is no data.

    Attributes:
        integers: flattened, by tensor.
        inside: of the bodies of its nodes, by the first output of the node and the name of the attribute.
        ends: least and largest number of larger tensors, where these are known.
    """

    integers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inside: Mapping[tuple[str, str], Values] = field(default_factory=dict)
    ends: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def joined(self, more: Values) -> Values:
        """These, and what another walk over the same graph found besides."""
        shared = {key: found.joined(more.inside[key]) for key, found in self.inside.items() if key in more.inside}
        inside = {**self.inside, **more.inside, **shared}
        return Values({**more.integers, **self.integers}, inside, {**more.ends, **self.ends})


def attach(
    graph: Graph,
    protos: Mapping[str, NodeProto],
    values: Values,
    around: frozenset[str] = frozenset(),
    depth: int = 0,
) -> Graph:
    """The graph, its nodes with their bodies.

    Args:
        graph: without bodies.
        protos: the nodes by identity, as shape inference left them: with the inferred shapes inside their subgraphs.
        values: that shape inference followed, those inside its nodes too.
        around: names of tensors that the graphs around this one make.
        depth: of this graph itself.
    """
    if depth >= MAX_DEPTH or not any(node.has_subgraph for node in graph.nodes):
        return graph
    visible = around.union(graph.tensors, graph.constants, *(node.writes for node in graph.nodes))
    scope = _Scope(graph, visible, values, depth)
    holding = {node.name for node in graph.nodes if node.has_subgraph} & protos.keys()
    nodes = (_with_bodies(node, protos[node.name], scope) if node.name in holding else node for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


@dataclass(frozen=True)
class _Scope:
    """What a body finds around itself: the graph, every name in sight, the values followed, and how deep it is."""

    graph: Graph
    visible: frozenset[str]
    values: Values
    depth: int

    @cached_property
    def _makers(self) -> dict[str, int]:
        """The node of the graph that makes each computed constant."""
        constants = self.graph.constants
        return {
            name: position
            for position, node in enumerate(self.graph.nodes)
            if constants.issuperset(node.writes)
            for name in node.writes
        }

    def makers_of(self, names: Iterable[str]) -> list[Node]:
        """The nodes of the graph that constants of these names are computed by, in order."""
        found, wanted = set[int](), list(names)
        for name in wanted:  # grows while it is walked
            position = self._makers.get(name)
            if position is not None and position not in found:
                found.add(position)
                wanted += self.graph.nodes[position].reads
        return [self.graph.nodes[position] for position in sorted(found)]


def _with_bodies(node: Node, proto: NodeProto, scope: _Scope) -> Node:
    taken = next((item.s for item in proto.attribute if item.name in (TAKEN, FITTING)), None)
    bodies = tuple(
        (
            attribute.name,
            _body(attribute.g, f"{node.name}/{attribute.name}", scope, _inside(scope, node, attribute.name)),
        )
        for attribute in proto.attribute
        if attribute.HasField("g") and taken in (None, attribute.name.encode())
    )
    attributes = {name: value for name, value in node.attributes.items() if name not in _FOUND_OUT}
    attributes |= {item.name: attribute_value(item) for item in proto.attribute if item.name in _FOUND_OUT}
    return msgspec.structs.replace(node, bodies=bodies, attributes=attributes)


def _inside(scope: _Scope, node: Node, attribute: str) -> Values:
    return scope.values.inside.get((node.outputs[0], attribute), Values()) if node.outputs else Values()


def _body(proto: GraphProto, path: str, scope: _Scope, values: Values) -> Graph:
    """A subgraph; what it captures it sees under the name that it has outside, and nothing else from there.

    Of constants that are computed outside it gets the nodes as well, as constants that it computes itself have theirs:
    they tell what the file holds of them.
    """
    outer, captured = scope.graph, captured_names(proto)
    names = [f"{path}/{name}" for name in naming.identities(proto)]
    nodes = [node_from_proto(item, name) for item, name in zip(proto.node, names, strict=True)]
    inputs, outputs, own = required_inputs(proto), graph_outputs(proto), initialisers_of(proto)
    visible = scope.visible & captured
    ordered = liveness.topological_order(nodes, known=visible.union(own, inputs), outputs=outputs)
    given = (outer.constants & captured) - set(inputs)
    constants = liveness.constant_tensors(ordered, own | given)
    makers = _unmistakable(scope.makers_of(given), own.union(inputs, *(node.writes for node in ordered)))
    around = {name for node in makers for name in (*node.reads, *node.writes)}
    given_sparse = {name: held for name, held in outer.sparse.items() if name in captured | around}
    sparse = given_sparse | sparse_parts(proto)
    parts = {part.name: part for held in sparse.values() for part in held}
    graph = Graph(
        name=path,
        nodes=(*makers, *ordered),
        inputs=inputs,
        outputs=outputs,
        tensors={
            **{name: outer.tensors[name] for name in captured | around if name in outer.tensors},
            **tensors_of(proto),
            **parts,
        },
        constants=constants.union(around, parts),
        integers={
            **{name: outer.integers[name] for name in captured if name in outer.integers},
            **values.integers,
            **integer_values(proto),
        },
        live=liveness.live_nodes(ordered, outputs, constants),
        opset=outer.opset,
        ir_version=outer.ir_version,
        sha256=outer.sha256,
        sparse=sparse,
    )
    protos = dict(zip(names, proto.node, strict=True))
    return attach(with_unfilled(node_weights.attach(graph, protos)), protos, values, visible, scope.depth + 1)


def _unmistakable(makers: Sequence[Node], own: frozenset[str]) -> Sequence[Node]:
    """The nodes from outside, none of them where a name of theirs means something else inside."""
    return makers if all(own.isdisjoint((*node.reads, *node.writes)) for node in makers) else ()
