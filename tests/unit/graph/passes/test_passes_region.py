"""What lies between tensors, who reads it, and what its constants are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from onnx import helper

from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.region import between, highest_rank, is_private
from tests.unit.graph.passes.conftest import drawn, small

NODES = [
    helper.make_node("Relu", ["input"], ["x"]),
    helper.make_node("Shape", ["x"], ["sizes"]),
    helper.make_node("Neg", ["x"], ["a"]),
    helper.make_node("Mul", ["a", "a"], ["b"]),
    helper.make_node("Expand", ["scale", "sizes"], ["c"]),
    helper.make_node("Add", ["b", "c"], ["y"]),
    helper.make_node("ConstantOfShape", ["sizes"], ["z"]),
]


def draft(*outputs: str) -> Draft:
    nodes = [helper.make_node(node.op_type, node.input, node.output) for node in NODES]
    return Draft(small(nodes, {"input": [2, 3]}, ["y", *outputs], {"scale": drawn(1, 1, 3)}, shapes={"sizes": [2]}))


def names(nodes: Sequence[object] | None) -> list[str]:
    return [getattr(node, "name", "") for node in nodes or ()]


def test_nodes_between_are_in_order_and_need_nothing_else() -> None:
    whole = draft("z")
    last = next(node for node in whole.nodes if node.output[0] == "y")
    assert names(between(whole, ["x"], last)) == ["node_sizes", "node_a", "node_b", "node_c", "node_y"]
    assert between(whole, ["a"], last) is None  # the sizes come from x


@pytest.mark.parametrize(("outputs", "private"), [((), True), (("z",), True), (("a",), False), (("b", "z"), False)])
def test_only_sizes_may_be_read_from_outside(outputs: tuple[str, ...], private: bool) -> None:
    whole = draft(*outputs)
    last = next(node for node in whole.nodes if node.output[0] == "y")
    nodes = between(whole, ["x"], last)
    assert nodes is not None
    assert is_private(whole, ["x"], nodes) == private


def test_the_highest_rank_of_constants() -> None:
    whole = draft()
    last = next(node for node in whole.nodes if node.output[0] == "y")
    nodes = between(whole, ["x"], last)
    assert nodes is not None
    assert highest_rank(whole, ["x"], nodes) == 3
    assert highest_rank(whole, ["x", "scale"], nodes) == 0
    constant = helper.make_node("Constant", [], ["k"], value=helper.make_tensor("v", 1, [1, 1], np.ones(1)))
    by_node = Draft(small([constant, helper.make_node("Mul", ["x", "k"], ["y"])], {"x": [3]}, ["y"], {}))
    assert highest_rank(by_node, ["x"], list(by_node.nodes)) == 2
