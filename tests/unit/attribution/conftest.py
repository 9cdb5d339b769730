"""Graphs and engines made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from alexnet_bench.attribution.join import Attribution, join
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.graph import Attribute, Graph, Node, Tensor
from alexnet_bench.graph.counting import count

Shape = tuple[int | str | None, ...]


class Hand:
    """Builds what the tests join."""

    def node(
        self,
        op: str,
        inputs: str,
        outputs: str,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        has_subgraph: bool = False,
    ) -> Node:
        """A node named after its first output; tensors are written with spaces between them."""
        made = tuple(outputs.split())
        return Node(f"n_{made[0]}", op, "", tuple(inputs.split()), made, attributes or {}, has_subgraph)

    def graph(
        self, nodes: Sequence[Node], shapes: Mapping[str, Shape | None], *, outputs: str, constants: str = ""
    ) -> Graph:
        """A graph of float32 tensors whose only input is `x`; every node lives."""
        return Graph(
            name="hand",
            nodes=tuple(nodes),
            inputs=("x",),
            outputs=tuple(outputs.split()),
            tensors={name: Tensor(name, "float32", shape) for name, shape in shapes.items()},
            constants=frozenset(constants.split()),
            integers={},
            live=frozenset(node.name for node in nodes),
            opset=17,
            ir_version=8,
            sha256="",
        )

    def layer(
        self, name: str, reads: str, makes: str, *, is_overhead: bool = False, is_unmatched: bool = False
    ) -> EngineLayer:
        """A float32 layer."""
        return EngineLayer(
            name, "Op", tuple(reads.split()), tuple(makes.split()), is_overhead, is_unmatched, compute_dtype="float32"
        )

    def times(
        self, samples_s: Mapping[str, Sequence[float]], layers: Sequence[EngineLayer], outside_s: float = 0.0
    ) -> LayerTimes:
        """Times of layers; a run takes as long as its kernels and `outside_s`."""
        samples = {name: tuple(values) for name, values in samples_s.items()}
        run_s = tuple(sum(values) + outside_s for values in zip(*samples.values(), strict=True))
        return LayerTimes(tuple(layers), samples, run_s, run_s)


def joined(graph: Graph, layers: Sequence[EngineLayer]) -> Attribution:
    """Layers with the nodes of a graph, by its own counts."""
    return join(graph, count(graph), layers)


@pytest.fixture
def hand() -> Hand:
    """Builds graphs and engines by hand."""
    return Hand()
