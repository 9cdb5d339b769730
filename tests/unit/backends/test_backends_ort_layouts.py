"""Transposes that ONNX Runtime moves, removes or does while it changes a layout: who owns what is around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import NodeProto, helper

from alexnet_bench.graph.counting import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.backends.conftest import Build, Profile, Profiled

IMAGE = (1, 16, 8, 12)
TO_LAST, TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
WEIGHTS: dict[str, Any] = {"w": (16, 16, 1, 1), "v": (16, 16, 1, 1), "g": (16,), "b": (16,), "last": np.array([3])}
VIEWS = {"Transpose", "Identity"}


def node(op: str, inputs: str, output: str, /, **attributes: Any) -> NodeProto:
    return helper.make_node(op, inputs.split(), [output], f"n_{output}", **attributes)


def turn(tensor: str, output: str, order: Sequence[int]) -> NodeProto:
    return node("Transpose", tensor, output, perm=list(order))


def pool(tensor: str, output: str) -> NodeProto:
    return node("AveragePool", tensor, output, kernel_shape=[2, 2])


def norm(tensor: str, output: str) -> NodeProto:
    return node("LayerNormalization", f"{tensor} g b", output)


def block(tensor: str, output: str) -> list[NodeProto]:
    """A residual block whose norm has the channels last, as in CoAtNet."""
    inside = [turn(tensor, f"{output}_t", TO_LAST), norm(f"{output}_t", f"{output}_n")]
    inside += [turn(f"{output}_n", f"{output}_u", TO_FIRST), node("Conv", f"{output}_u v", f"{output}_c")]
    return [*inside, node("Add", f"{tensor} {output}_c", output)]


def assert_each_kernel_owns_its_work(run: Profiled) -> None:
    """No kernel has work of another one, nothing counts as equal to something else, sums are the model's."""
    run.check()
    assert run.wrong_claims() == []
    operators = {item.name: item.op_type for item in run.graph.nodes}
    for layer in run.layers:
        work = [operators[name] for name in layer.onnx_nodes if operators[name] not in VIEWS]
        assert work == ([] if layer.op.startswith("Reorder") or layer.op in VIEWS else [layer.op]), layer.name
        assert [part for part in layer.shared_nodes if operators[part.name] not in VIEWS] == []
        assert layer.merged_nodes == ()
    rows = count(run.graph).rows
    assert sum(layer.macs or 0 for layer in run.layers) == sum(row.macs or 0 for row in rows)
    assert sum(layer.flop or 0 for layer in run.layers) == sum(row.flop or 0 for row in rows)


# By name: nodes and outputs.
CASES: dict[str, tuple[list[NodeProto], str]] = {
    "conv, pool and channels last": (
        [node("Conv", "x w", "a"), node("Conv", "a v", "c"), pool("c", "p"), turn("c", "t", TO_LAST), norm("t", "y")],
        "p y",
    ),
    "conv, pool and channels last behind what vanishes": (
        [node("Conv", "x w", "c"), pool("c", "p"), node("Identity", "c", "i"), turn("i", "t", TO_LAST), norm("t", "y")],
        "p y",
    ),
    "channels last, pool and conv": (
        [norm("x12", "n"), turn("n", "t", TO_FIRST), pool("t", "p"), node("Conv", "t w", "y")],
        "p y",
    ),
    "conv with channels last by two transposes": (
        [
            *(node("Conv", "x w", "c"), turn("c", "d", TO_LAST), turn("d", "e", TO_FIRST), turn("e", "y", TO_LAST)),
            *(turn("e", "f", TO_FIRST), turn("f", "z", TO_FIRST)),
        ],
        "y z",
    ),
    "conv that is an output and read behind what vanishes": (
        [node("Conv", "x w", "c"), node("Identity", "c", "i"), node("Tanh", "i", "y")],
        "c y",
    ),
    "sigmoid between transposes, and a reduction of it": (
        [
            *(node("Relu", "x", "a"), turn("a", "t", TO_LAST), node("Sigmoid", "t", "s"), turn("s", "u", TO_FIRST)),
            *(node("ReduceMax", "s last", "y", keepdims=0), node("Exp", "u", "z")),
        ],
        "y z",
    ),
    "sigmoid behind which transposes cancel": (
        [node("Sigmoid", "x", "s"), turn("s", "y", TO_FIRST), turn("y", "z", TO_LAST)],
        "y z",
    ),
    "sigmoid behind which transposes cancel, read in front of them too": (
        [
            *(turn("x", "t", TO_FIRST), node("Sigmoid", "t", "s"), turn("s", "u", TO_LAST)),
            *(node("Softplus", "s", "y"), turn("u", "z", TO_FIRST)),
        ],
        "y z",
    ),
    "softmax that is seen twice": (
        [node("Softmax", "x", "s"), turn("s", "t", TO_FIRST), turn("t", "y", TO_LAST), turn("t", "z", TO_LAST)],
        "y z",
    ),
    "one tensor added to itself behind what vanishes": (
        [
            *(turn("x", "t", TO_LAST), node("Exp", "t", "s"), node("Identity", "s", "i"), node("Add", "i s", "a")),
            turn("a", "y", TO_FIRST),
        ],
        "y",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kernel_owns_its_work(name: str, build: Build, profile_model: Profile) -> None:
    nodes, outputs = CASES[name]
    inputs = {"x12": (1, 8, 12, 16)} if "x12" in nodes[0].input[0] else {"x": IMAGE}
    model = build.model(nodes, inputs, outputs.split(), WEIGHTS, opset=18)
    assert_each_kernel_owns_its_work(profile_model(model))


# By name: nodes, outputs, and the two nodes that one kernel computes.
EQUALS: dict[str, tuple[list[NodeProto], str, set[str]]] = {
    "pools, one read as it is and one with channels last": (
        [
            *(pool("x", "p"), node("Tanh", "p", "h"), turn("h", "y", TO_LAST), pool("x", "q")),
            *(node("ReduceSum", "q last", "z"), turn("q", "u", TO_LAST)),
        ],
        "y z u",
        {"n_p", "n_q"},
    ),
    "sums of one transpose, in either order": (
        [
            *(turn("x", "t", TO_LAST), turn("x", "u", TO_LAST), node("Add", "t u", "y"), node("Add", "u t", "z")),
            node("Exp", "u", "e"),
        ],
        "y z e",
        {"n_y", "n_z"},
    ),
    "activations of one transpose, one of them turned back": (
        [
            *(turn("x", "t", TO_FIRST), node("Softplus", "t", "s"), node("Tanh", "t", "h"), node("Softplus", "t", "r")),
            *(node("ReduceSum", "t last", "z"), turn("s", "y", TO_LAST), pool("r", "p")),
        ],
        "h z y p",
        {"n_s", "n_r"},
    ),
}


@pytest.mark.parametrize("name", EQUALS)
def test_equal_nodes_in_two_layouts_belong_to_the_kernel_that_computes_them(
    name: str, build: Build, profile_model: Profile
) -> None:
    nodes, outputs, equals = EQUALS[name]
    run = profile_model(build.model(nodes, {"x": IMAGE}, outputs.split(), WEIGHTS, opset=18))
    run.check()
    assert run.wrong_claims() == []
    operators = {item.name: item.op_type for item in run.graph.nodes}
    (computes,) = [layer for layer in run.layers if not equals.isdisjoint(layer.onnx_nodes)]
    assert computes.op == operators[min(equals)]
    assert {name for name in computes.onnx_nodes if operators[name] not in VIEWS} == equals
    assert len(equals.intersection(computes.merged_nodes)) == 1


def test_a_convolution_that_is_added_to_another_and_turned_is_its_own(build: Build, profile_model: Profile) -> None:
    nodes = [node("Conv", "x w", "a"), node("Conv", "x v", "c"), node("Add", "a c", "y"), turn("c", "t", TO_LAST)]
    nodes += [node("Relu", "t", "r"), turn("r", "z", (2, 1, 0, 3))]
    run = profile_model(build.model(nodes, {"x": IMAGE}, ["y", "z"], WEIGHTS, opset=18))
    run.check()
    assert sorted(sorted(found - {"n_t"}) for found in run.nodes_of("Conv")) == [["n_a", "n_y"], ["n_c"]]


def test_convolutions_of_blocks_with_channels_last_own_their_arithmetic_each(
    build: Build, profile_model: Profile
) -> None:
    nodes = [node("Conv", "x w", "a"), *block("a", "c"), *block("c", "d"), *block("d", "e"), pool("e", "y")]
    run = profile_model(build.model(nodes, {"x": IMAGE}, ["y"], WEIGHTS, opset=18))
    run.check()
    assert run.wrong_claims() == []
    assert run.nodes_of("Conv") == [{"n_a"}, {"n_c_c", "n_c"}, {"n_d_c", "n_d"}, {"n_e_c", "n_e"}]
    assert run.nodes_of("AveragePool") == [{"n_y"}]
    assert [layer.macs for layer in run.layers if layer.op == "Conv"] == [16 * 16 * 8 * 12] * 4


def test_a_transpose_belongs_to_the_change_of_layout_that_does_it(build: Build, profile_model: Profile) -> None:
    nodes = [node("Conv", "x w", "a"), *block("a", "c"), pool("c", "y")]
    run = profile_model(build.model(nodes, {"x": IMAGE}, ["y"], WEIGHTS, opset=18))
    assert run.owners["n_c_t"] == ("ReorderOutput",)
    assert run.owners["n_c_u"] == ("ReorderInput",)
    overhead = {layer.op: layer.makes for layer in run.times.layers if layer.is_overhead}
    assert overhead == {"ReorderInput": ("x",), "ReorderOutput": ("y",)}


def test_a_sum_far_behind_a_convolution_is_found(build: Build, profile_model: Profile) -> None:
    far = 1500
    nodes = [node("Conv", "x w", "i0"), *(node("Identity", f"i{at}", f"i{at + 1}") for at in range(far))]
    nodes += [node("Conv", "x v", "c"), node("Add", f"i{far} c", "a"), node("Relu", "a", "r"), pool("r", "y")]
    run = profile_model(build.model(nodes, {"x": IMAGE}, ["y"], WEIGHTS, opset=18))
    run.check()
    (owned,) = [nodes for nodes in run.nodes_of("Conv") if "n_a" in nodes]
    assert owned & {"n_i0", "n_c", "n_r"} in ({"n_i0", "n_r"}, {"n_c", "n_r"})
