"""Engine layers joined to nodes, on graphs made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from alexnet_bench.attribution.join import value_numbers
from alexnet_bench.core.graph import Attribute, Graph
from tests.unit.attribution.conftest import joined

if TYPE_CHECKING:
    from tests.unit.attribution.conftest import Hand


def test_a_fused_layer_owns_what_lies_between_its_tensors(hand: Hand) -> None:
    nodes = [hand.node("Conv", "x w", "c"), hand.node("Relu", "c", "r"), hand.node("MaxPool", "r", "y")]
    graph = hand.graph(nodes, {}, outputs="y", constants="w")
    found = joined(graph, [hand.layer("a", "x", "r"), hand.layer("b", "r", "y")])
    assert [owned.nodes for owned in found.owned] == [("n_c", "n_r"), ("n_y",)]
    assert found.unattributed == ()


def test_a_residual_block_ends_at_what_others_make(hand: Hand) -> None:
    nodes = [
        *(hand.node("Conv", "x w", "c"), hand.node("Conv", "c w", "d"), hand.node("Add", "d c", "s")),
        hand.node("Relu", "s", "y"),
    ]
    graph = hand.graph(nodes, {}, outputs="y", constants="w")
    found = joined(graph, [hand.layer("a", "x", "c"), hand.layer("b", "c", "y")])
    assert [owned.nodes for owned in found.owned] == [("n_c",), ("n_d", "n_s", "n_y")]


def test_a_shape_that_two_layers_compute_is_shared_by_them(hand: Hand) -> None:
    nodes = [
        *(hand.node("Shape", "x", "s"), hand.node("Relu", "x", "r"), hand.node("Reshape", "r s", "a")),
        *(hand.node("Tanh", "x", "t"), hand.node("Reshape", "t s", "b")),
    ]
    graph = hand.graph(nodes, {}, outputs="a b")
    found = joined(graph, [hand.layer("a", "x", "a"), hand.layer("b", "x", "b")])
    assert [owned.nodes for owned in found.owned] == [("n_r", "n_a"), ("n_t", "n_b")]
    assert [owned.shared for owned in found.owned] == [(("n_s", 0.5),), (("n_s", 0.5),)]


def test_what_only_gives_a_type_is_no_part_of_a_cast(hand: Hand) -> None:
    nodes = [
        *(hand.node("Conv", "x w", "c"), hand.node("CastLike", "k c", "n")),
        *(hand.node("Relu", "c", "r"), hand.node("Mul", "r n", "y")),
    ]
    graph = hand.graph(nodes, {}, outputs="y", constants="w k")
    found = joined(graph, [hand.layer("cast", "", "n"), hand.layer("conv", "x", "r"), hand.layer("mul", "r n", "y")])
    assert [owned.nodes for owned in found.owned] == [("n_n",), ("n_c", "n_r"), ("n_y",)]


def test_layers_that_make_one_tensor_together_share_its_nodes(hand: Hand) -> None:
    graph = hand.graph([hand.node("Mish", "x", "m"), hand.node("Relu", "m", "y")], {}, outputs="y")
    parts = [hand.layer(name, "x", "m") for name in ("softplus", "tanh", "mul")]
    found = joined(graph, [*parts, hand.layer("relu", "m", "y")])
    assert [owned.shared for owned in found.owned[:3]] == [(("n_m", 1 / 3),)] * 3
    assert found.owned[3].nodes == ("n_y",)


def test_overhead_owns_nothing(hand: Hand) -> None:
    graph = hand.graph([hand.node("Relu", "x", "y")], {}, outputs="y")
    layers = [
        hand.layer("in", "x", "x", is_overhead=True),
        hand.layer("relu", "x", "y"),
        hand.layer("odd", "", "y", is_overhead=True),
    ]
    found = joined(graph, layers)
    assert [owned.nodes for owned in found.owned] == [(), ("n_y",), ()]


def test_nodes_behind_an_unmatched_layer_have_no_owner(hand: Hand) -> None:
    nodes = [hand.node("Relu", "x", "a"), hand.node("Tanh", "a", "b"), hand.node("Neg", "b", "y")]
    graph = hand.graph(nodes, {}, outputs="y")
    layers = [hand.layer("?", "x", "b", is_unmatched=True), hand.layer("neg", "b", "y")]
    found = joined(graph, layers)
    assert [owned.nodes for owned in found.owned] == [(), ("n_y",)]
    assert found.unattributed == ("n_a", "n_b")


def test_a_repeated_node_belongs_to_the_layer_that_computes_the_other(hand: Hand) -> None:
    nodes = [
        *(hand.node("Conv", "x w", "c"), hand.node("Relu", "c", "r"), hand.node("Conv", "x w", "d")),
        *(hand.node("Relu", "d", "q"), hand.node("Concat", "r q", "y")),
    ]
    graph = hand.graph(nodes, {}, outputs="y", constants="w")
    found = joined(graph, [hand.layer("conv", "x", "r"), hand.layer("concat", "r", "y")])
    assert [owned.nodes for owned in found.owned] == [("n_c", "n_r", "n_d", "n_q"), ("n_y",)]


def test_it_does_not_matter_which_of_two_equal_nodes_was_kept(hand: Hand) -> None:
    nodes = [hand.node("Tanh", "x", "a"), hand.node("Tanh", "x", "b"), hand.node("Add", "a b", "y")]
    graph = hand.graph(nodes, {}, outputs="y")
    for kept in ("a", "b"):
        found = joined(graph, [hand.layer("tanh", "x", kept), hand.layer("add", kept, "y")])
        assert [owned.nodes for owned in found.owned] == [("n_a", "n_b"), ("n_y",)]


def test_a_repeated_node_that_another_layer_computes_is_not_taken_from_it(hand: Hand) -> None:
    nodes = [
        *(hand.node("Conv", "x w", "c"), hand.node("Relu", "c", "r")),
        *(hand.node("Conv", "x w", "d"), hand.node("Tanh", "d", "q"), hand.node("Add", "r q", "y")),
    ]
    graph = hand.graph(nodes, {}, outputs="y", constants="w")
    layers = [hand.layer("one", "x", "r"), hand.layer("two", "x", "q"), hand.layer("add", "r q", "y")]
    assert [owned.nodes for owned in joined(graph, layers).owned] == [("n_c", "n_r"), ("n_d", "n_q"), ("n_y",)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"axis": 1}, {"axis": 2}),
        ({"axis": 1}, {}),
        ({"value": None}, {"value": None}),
        ({"pads": (1, 1)}, {"pads": (1, 2)}),
        ({"a": 1, "b": "x"}, {"a": 1, "b": b"x"}),
    ],
)
def test_nodes_with_other_or_unknown_attributes_are_not_equal(
    first: dict[str, Attribute], second: dict[str, Attribute], hand: Hand
) -> None:
    nodes = [hand.node("Op", "x", "a", first), hand.node("Op", "x", "b", second)]
    values = value_numbers(hand.graph(nodes, {}, outputs="a b"))
    assert values["a"] != values["b"]


@pytest.mark.parametrize("op", ["RandomNormalLike", "Bernoulli"])
def test_random_nodes_are_not_equal(op: str, hand: Hand) -> None:
    values = value_numbers(hand.graph([hand.node(op, "x", "a"), hand.node(op, "x", "b")], {}, outputs="a b"))
    assert values["a"] != values["b"]


def test_subgraphs_and_other_outputs_are_not_equal(hand: Hand) -> None:
    nodes = [
        *(hand.node("If", "x", "a", has_subgraph=True), hand.node("If", "x", "b", has_subgraph=True)),
        *(hand.node("Split", "x", "c d"), hand.node("Split", "x", "e f"), hand.node("Split", "x", "g")),
    ]
    values = value_numbers(hand.graph(nodes, {}, outputs="a b"))
    assert values["a"] != values["b"]
    assert (values["e"], values["f"]) == ("c", "d")
    assert values["g"] == "g"


def test_an_empty_engine_attributes_nothing(hand: Hand) -> None:
    found = joined(hand.graph([hand.node("Relu", "x", "y")], {}, outputs="y"), [])
    assert found.owned == ()
    assert found.unattributed == ("n_y",)


def test_several_layers_for_several_nodes_are_not_guessed(hand: Hand) -> None:
    """Which of them computes which cannot be told, so that none is said to."""
    graph = hand.graph([hand.node("Conv", "x", "c"), hand.node("Relu", "c", "y")], {}, outputs="y")
    found = joined(graph, [hand.layer("first", "x", "y"), hand.layer("second", "x", "y")])
    assert found.unattributed == ("n_c", "n_y")
    assert all(owned.layer.is_unmatched and not owned.shared for owned in found.owned)


def test_a_layer_for_nothing_that_is_live_is_unmatched(hand: Hand) -> None:
    graph = hand.graph([hand.node("Relu", "x", "y")], {}, outputs="y")
    found = joined(graph, [hand.layer("relu", "x", "y"), hand.layer("dead", "x", "dead")])
    assert found.unattributed == ()
    assert [owned.layer.is_unmatched for owned in found.owned] == [False, True]


def branch(hand: Hand) -> Graph:
    """x, and what a product makes of it, times zero, added to it; then the larger of that and zero."""
    nodes = [hand.node("Abs", "x", "a"), hand.node("MatMul", "a w", "m"), hand.node("Mul", "m nothing", "s")]
    nodes += [hand.node("Add", "x s", "t"), hand.node("Relu", "t", "y")]
    shapes = {
        "x": (2, 3),
        "a": (2, 3),
        "w": (3, 3),
        "m": (2, 3),
        "nothing": (3,),
        "s": (2, 3),
        "t": (2, 3),
        "y": (2, 3),
    }
    return hand.graph(nodes, shapes, outputs="y", constants="w nothing")


def test_a_layer_that_cannot_multiply_leaves_a_product_out_and_what_hangs_on_it(hand: Hand) -> None:
    graph = branch(hand)
    sums = replace(hand.layer("sum", "x", "y"), multiplies=False, named=("t",))
    (owned,) = joined(graph, [sums]).owned
    assert owned.nodes == ("n_a", "n_m", "n_s", "n_t", "n_y")
    assert owned.merged == {"n_a", "n_m", "n_s"}
    assert joined(graph, [replace(sums, named=())]).owned[0].merged == {"n_a", "n_m", "n_s", "n_t"}
    for may in (True, None):
        assert joined(graph, [replace(sums, multiplies=may)]).owned[0].merged == frozenset()


def test_a_product_that_another_layer_computes_is_not_left_out(hand: Hand) -> None:
    graph = branch(hand)
    sums = replace(hand.layer("sum", "x", "y"), multiplies=False)
    product = replace(hand.layer("product", "x", "s"), multiplies=True)
    first, second = joined(graph, [product, sums]).owned
    assert (first.nodes, second.nodes) == (("n_a", "n_m", "n_s"), ("n_t", "n_y"))
    assert not first.merged | second.merged


@pytest.mark.parametrize(("multiplies", "share"), [(False, 0.0), (None, 0.5), (True, 0.5)])
def test_a_product_is_not_that_of_a_layer_beside_it_that_cannot_multiply(
    hand: Hand, multiplies: bool | None, share: float
) -> None:
    """An elementwise kernel of OpenVINO that says it makes the result of a product too."""
    graph = branch(hand)
    beside = replace(hand.layer("beside", "x", "m y"), multiplies=multiplies)
    first, second = joined(graph, [beside, replace(hand.layer("product", "x", "m"), multiplies=True)]).owned
    assert dict(first.shared) == {"n_a": 0.5, "n_m": share}
    assert dict(second.shared) == {"n_a": 0.5, "n_m": 1 - share}


def test_a_product_that_an_unmatched_layer_may_compute_is_not_said_to_be_left_out(hand: Hand) -> None:
    graph = branch(hand)
    sums = replace(hand.layer("sum", "x", "y"), multiplies=False, named=("t",))
    unknown = hand.layer("unknown", "", "", is_unmatched=True)
    for may in (True, None):
        found = joined(graph, [replace(unknown, multiplies=may), sums])
        assert (found.owned[1].nodes, found.owned[1].merged) == (("n_t", "n_y"), frozenset())
        assert found.unattributed == ("n_a", "n_m", "n_s")
    assert joined(graph, [replace(unknown, multiplies=False), sums]).owned[1].merged == {"n_a", "n_m", "n_s"}


def test_a_product_that_a_layer_beside_it_may_compute_is_not_said_to_be_left_out(hand: Hand) -> None:
    """It multiplies, and is only known to have a part in a node that multiplies nothing."""
    graph = branch(hand)
    sums = replace(hand.layer("sum", "x", "y"), multiplies=False, named=("t",), inner=("t",))
    found = joined(graph, [replace(hand.layer("product", "x", "y"), multiplies=True), sums])
    assert found.unattributed == ("n_a", "n_m", "n_s")
    assert [owned.merged for owned in found.owned] == [frozenset()] * 2


def test_what_is_left_out_is_told_from_what_is_computed_elsewhere(hand: Hand) -> None:
    nodes = [hand.node("MatMul", "x w", "m"), hand.node("Mul", "m nothing", "s"), hand.node("Add", "x s", "t")]
    nodes += [hand.node("MatMul", "x v", "p"), hand.node("MatMul", "x v", "q"), hand.node("Add", "p q", "u")]
    shapes = dict.fromkeys(("x", "w", "m", "s", "t", "v", "p", "q", "u"), (3, 3))
    graph = hand.graph(nodes, shapes | {"nothing": (3,)}, outputs="t u", constants="w v nothing")
    sums = replace(hand.layer("sum", "x", "t"), multiplies=False, named=("t",))
    product = replace(hand.layer("product", "x", "p"), multiplies=True)
    owned = joined(graph, [sums, product, hand.layer("add", "p", "u")]).owned
    assert [item.merged for item in owned] == [{"n_m", "n_s"}, {"n_q"}, frozenset()]
    assert [item.left_out for item in owned] == [{"n_m", "n_s"}, frozenset(), frozenset()]


def test_a_layer_that_adds_to_a_product_of_another_has_no_part_of_the_product(hand: Hand) -> None:
    """The bias of the Gemm is added by the layer behind, which reads what the product makes inside of that node."""
    nodes = [hand.node("Gemm", "x w b", "g"), hand.node("Relu", "g", "y")]
    shapes = {"x": (2, 3), "w": (3, 4), "b": (4,), "g": (2, 4), "y": (2, 4)}
    graph = hand.graph(nodes, shapes, outputs="y", constants="w b")
    product = replace(hand.layer("product", "x", "g"), multiplies=True)
    behind = replace(hand.layer("behind", "x", "y"), multiplies=False, inner=("g",))
    first, second = joined(graph, [product, behind]).owned
    assert (first.nodes, second.nodes) == (("n_g",), ("n_y",))


def test_a_product_of_one_factor_each_can_be_computed_by_elements(hand: Hand) -> None:
    nodes = [hand.node("MatMul", "x w", "m"), hand.node("Relu", "m", "y")]
    graph = hand.graph(nodes, {"x": (4, 1), "w": (1, 5), "m": (4, 5), "y": (4, 5)}, outputs="y", constants="w")
    (owned,) = joined(graph, [replace(hand.layer("all", "x", "y"), multiplies=False)]).owned
    assert (owned.nodes, owned.merged) == (("n_m", "n_y"), frozenset())
