from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alexnet_bench.attribution.origins import UserLayers, user_layers
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import SharedNode
from alexnet_bench.graph.counting import count
from tests.unit.attribution.conftest import joined

if TYPE_CHECKING:
    from tests.unit.attribution.conftest import Hand

_SHAPES = {"x": (2, 4), "w": (4, 3), "h": (2, 3), "y": (2, 3)}


@pytest.fixture
def user(hand: Hand) -> Graph:
    """MatMul n_h of 24 MACs, then Relu n_y."""
    nodes = [hand.node("MatMul", "x w", "h"), hand.node("Relu", "h", "y")]
    return hand.graph(nodes, _SHAPES, outputs="y", constants="w")


@pytest.fixture
def engine(hand: Hand) -> Graph:
    """What passes made of it: a product, its result cast, and the Relu in two steps."""
    nodes = [
        hand.node("MatMul", "x w", "p"),
        hand.node("Cast", "p", "h"),
        hand.node("Abs", "h", "q"),
        hand.node("Relu", "q", "y"),
    ]
    shapes = _SHAPES | {"p": (2, 3), "q": (2, 3)}
    return hand.graph(nodes, shapes, outputs="y", constants="w")


def _layers(user: Graph, engine: Graph, layers: list[EngineLayer], origins: dict[str, tuple[str, ...]]) -> UserLayers:
    return user_layers(count(user), count(engine), joined(engine, layers), origins)


_ORIGINS: dict[str, tuple[str, ...]] = {"n_p": ("n_h",), "n_h": ("n_h",), "n_q": ("n_y",), "n_y": ("n_y",)}


def test_rows_name_the_users_nodes(user: Graph, engine: Graph, hand: Hand) -> None:
    found = _layers(user, engine, [hand.layer("one", "x w", "h"), hand.layer("two", "h", "y")], _ORIGINS)
    assert [(layer.name, layer.onnx_nodes, layer.macs) for layer in found.layers] == [
        ("n_p + n_h", ("n_h",), 24),
        ("n_q + n_y", ("n_y",), 0),
    ]
    assert (found.macs_attributed_fraction, found.unattributed) == (1.0, ())


def test_what_casts_a_product_has_none_of_its_multiply_adds(user: Graph, engine: Graph, hand: Hand) -> None:
    layers = [hand.layer("one", "x w", "p"), hand.layer("cast", "p", "h"), hand.layer("two", "h", "y")]
    found = _layers(user, engine, layers, _ORIGINS)
    assert [layer.shared_nodes for layer in found.layers[:2]] == [(SharedNode("n_h", 1.0),), (SharedNode("n_h", 0.0),)]
    assert [layer.macs for layer in found.layers] == [24, 0, 0]


def test_a_node_without_multiply_adds_is_shared_in_equal_parts(user: Graph, engine: Graph, hand: Hand) -> None:
    layers = [hand.layer("one", "x w", "h"), hand.layer("abs", "h", "q"), hand.layer("relu", "q", "y")]
    found = _layers(user, engine, layers, _ORIGINS)
    assert [layer.shared_nodes for layer in found.layers[1:]] == [(SharedNode("n_y", 0.5),)] * 2


def test_a_node_that_kept_its_name_needs_no_origin(user: Graph, hand: Hand) -> None:
    found = _layers(user, user, [hand.layer("all", "x w", "y")], {})
    assert found.layers[0].onnx_nodes == ("n_h", "n_y")


def test_what_was_made_of_several_nodes_names_them_in_graph_order(user: Graph, hand: Hand) -> None:
    engine = hand.graph([hand.node("Gemm", "x w", "y")], _SHAPES, outputs="y", constants="w")
    found = _layers(user, engine, [hand.layer("all", "x w", "y")], {"n_y": ("n_y", "n_h")})
    assert found.layers[0].onnx_nodes == ("n_h", "n_y")
    assert found.layers[0].macs == 24


def test_what_no_layer_stands_for_is_named(user: Graph, engine: Graph, hand: Hand) -> None:
    found = _layers(user, engine, [hand.layer("two", "h", "y")], _ORIGINS)
    assert found.macs_attributed_fraction == 0.0
    assert found.unattributed == ("n_h",)


def test_a_layer_that_the_runtime_added_stands_for_nothing(user: Graph, hand: Hand) -> None:
    layers = [hand.layer("all", "x w", "y"), hand.layer("reorder", "y", "y", is_overhead=True)]
    found = _layers(user, user, layers, {})
    assert (found.layers[1].name, found.layers[1].onnx_nodes, found.layers[1].macs) == ("Op:y", (), 0)


def test_an_unmatched_layer_has_no_known_multiply_adds(user: Graph, hand: Hand) -> None:
    layers = [hand.layer("all", "x w", "y"), hand.layer("odd", "", "", is_unmatched=True)]
    assert _layers(user, user, layers, {}).layers[1].macs is None
