"""What is left of a join once the runtime is gone gives the same counts as the join itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from alexnet_bench.attribution import by_name
from alexnet_bench.attribution.by_name import join_by_name, nodes_in_name
from alexnet_bench.attribution.join import Attribution
from alexnet_bench.attribution.layer_costs import layer_cost
from alexnet_bench.attribution.layers import layer_names
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.passport import EngineLayerInfo
from alexnet_bench.graph.counting import count
from tests.unit.attribution.conftest import joined

if TYPE_CHECKING:
    from tests.unit.attribution.conftest import Hand


def _infos(attribution: Attribution) -> list[EngineLayerInfo]:
    return [EngineLayerInfo(name, (), (), "float32", (), (), None) for name in layer_names(attribution)]


def _graph(hand: Hand) -> Graph:
    """x -> a -> b -> y, with c beside b, equal to it."""
    nodes = [
        hand.node("Relu", "x", "a"),
        hand.node("Sqrt", "a", "b"),
        hand.node("Sqrt", "a", "c"),
        hand.node("Add", "b c", "y"),
    ]
    return hand.graph(nodes, dict.fromkeys("xabcy", (2, 3)), outputs="y")


def _check(graph: Graph, layers: Sequence[EngineLayer]) -> Attribution:
    costs, found = count(graph), joined(graph, layers)
    again = join_by_name(graph, _infos(found))
    for first, second in zip(found.owned, again.owned, strict=True):
        before, after = layer_cost(graph, costs, first), layer_cost(graph, costs, second)
        assert (after.macs, after.flop, after.bytes) == (before.macs, before.flop, before.bytes), first.layer.name
        assert (second.nodes, second.shared, second.merged) == (first.nodes, first.shared, first.merged)
    assert again.unattributed == found.unattributed
    return again


def test_fused_layers_and_overhead(hand: Hand) -> None:
    layers = [
        hand.layer("one", "x", "b"),
        hand.layer("reorder", "b", "b", is_overhead=True),
        hand.layer("two", "b", "y"),
    ]
    found = _check(_graph(hand), layers)
    assert [owned.nodes for owned in found.owned[1:2]] == [()]
    assert found.unattributed == ()


def test_a_node_of_several_layers_is_shared(hand: Hand) -> None:
    nodes = [hand.node("Relu", "x", "a"), hand.node("Sqrt", "a", "y"), hand.node("Neg", "a", "z")]
    graph = hand.graph(nodes, dict.fromkeys("xayz", (2, 3)), outputs="y z")
    found = _check(graph, [hand.layer("one", "x", "y"), hand.layer("two", "x", "z")])
    assert found.owned[0].shared == (("n_a", 0.5),)


def test_several_layers_of_one_name_are_numbered(hand: Hand) -> None:
    nodes = [hand.node("Relu", "x", "y")]
    graph = hand.graph(nodes, {"x": (2,), "y": (2,)}, outputs="y")
    found = _check(graph, [hand.layer("one", "x", "y"), hand.layer("two", "x", "y")])
    assert [owned.shared for owned in found.owned] == [(("n_y", 0.5),)] * 2


def test_overhead_of_one_tensor_twice_is_numbered(hand: Hand) -> None:
    graph = _graph(hand)
    costs = count(graph)
    layers = [hand.layer(name, "b", "b", is_overhead=True) for name in ("first", "second")]
    infos = _infos(joined(graph, layers))
    assert [info.name for info in infos] == ["Op:b", "Op:b#2"]
    owned = join_by_name(graph, infos).owned
    assert [layer_cost(graph, costs, item).bytes for item in owned] == [48, 48]


def test_a_name_that_means_nothing_has_no_counts(hand: Hand) -> None:
    graph = _graph(hand)
    (owned,) = join_by_name(graph, [EngineLayerInfo("who knows", (), (), "", (), (), None)]).owned
    cost = layer_cost(graph, count(graph), owned)
    assert (cost.flop, cost.bytes) == (None, None)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("a", ("a",)),
        ("a + b", ("a", "b")),
        ("a#2", ("a#2",)),
        ("b#2", ("b",)),
        ("a + b#3", ("a", "b")),
        ("c + d + a", ("c + d", "a")),
        ("a + c + d", ("a", "c + d")),
        ("a + nothing", None),
        ("Reorder:t", None),
        ("", None),
    ],
)
def test_names_are_taken_apart(name: str, nodes: tuple[str, ...] | None) -> None:
    assert nodes_in_name(name, {"a", "b", "c + d", "a#2"}) == nodes


class CountedJoint(str):
    """A joint that counts how often it joins."""

    __slots__ = ("joins",)

    def join(self, pieces: Iterable[str], /) -> str:
        self.joins = getattr(self, "joins", 0) + 1
        return super().join(pieces)


def test_what_follows_an_unknown_piece_is_not_put_together_in_every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    joint = CountedJoint(" + ")
    monkeypatch.setattr(by_name, "_JOINT", joint)
    assert nodes_in_name(" + ".join(["unknown", *["a"] * 99]), {"a"}) is None
    assert joint.joins == 100


def test_a_constant_that_runs_is_found_by_its_node(hand: Hand) -> None:
    nodes = [hand.node("DequantizeLinear", "q s", "w"), hand.node("MatMul", "x w", "y")]
    shapes = {"x": (2, 3), "q": (3, 4), "s": (4,), "w": (3, 4), "y": (2, 4)}
    graph = replace(hand.graph(nodes, shapes, outputs="y", constants="q s w"), live=frozenset({"n_y"}))
    dequantise = replace(hand.layer("dq", "", "w", is_overhead=True), is_constant=True)
    before = joined(graph, [dequantise, hand.layer("matmul", "x", "y")])
    found = join_by_name(graph, _infos(before))
    assert [(owned.nodes, owned.constants) for owned in found.owned] == [((), ("n_w",)), (("n_y",), ())]
    first, second = (layer_cost(graph, count(graph), owned) for owned in (before.owned[0], found.owned[0]))
    assert first == second
