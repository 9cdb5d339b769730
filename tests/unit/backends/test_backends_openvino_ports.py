"""Kernels of several operators with several outputs, on the real OpenVINO: which output is which tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("openvino", reason="openvino is not installed")

from alexnet_bench.backends.openvino.moved import made_from
from alexnet_bench.backends.openvino.record import Kernel, Record, SourceOp
from alexnet_bench.backends.openvino.tensors import Claims
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph.counting import count
from tests.unit.backends.openvino_runs import lost_claims, profiled, whole
from tests.unit.backends.test_backends_openvino_layers import IMAGE, conv, dynamic, node

if TYPE_CHECKING:
    from onnx import NodeProto

    from tests.unit.backends.conftest import Build, Profiled

SIZE = 16 * 16 * 16
POOLED = 16 * 15 * 15 * 3


def pool(inputs: str, output: str) -> NodeProto:
    return node("MaxPool", inputs, output, kernel_shape=[2, 2])


def ends(run: Profiled) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """What each layer that is no overhead reads and makes, by the last that it makes."""
    return {layer.makes[-1]: (layer.reads, layer.makes) for layer in run.times.layers if not layer.is_overhead}


def flop(run: Profiled) -> dict[str, float | None]:
    """By the last tensor that a layer makes."""
    return {layer.outputs[-1]: layer.flop for layer in run.layers if layer.bound != "overhead"}


def test_a_kernel_whose_steps_are_read_makes_these_too(build: Build) -> None:
    nodes = [
        node("Sigmoid", "x", "s"),
        node("Mul", "x s", "d"),
        node("Add", "d c", "a"),
        pool("d", "p"),
        pool("a", "q"),
    ]
    run = profiled(build.model(nodes, IMAGE, ["p", "q"], {"c": (1, 16, 1, 1)}))
    run.check()
    assert lost_claims(run) == set()
    assert ends(run) == {"a": (("x",), ("d", "a")), "p": (("d",), ("p",)), "q": (("a",), ("q",))}
    assert flop(run) == {"a": 5 * SIZE, "p": POOLED, "q": POOLED}
    owner = next(layer for layer in run.layers if layer.op == "Subgraph")
    assert owner.activation_bytes == 3 * SIZE * 4
    assert owner.shared_nodes == ()
    assert owner.onnx_nodes == ("n_s", "n_d", "n_a")


def test_an_output_of_the_model_and_a_step_that_is_read(build: Build) -> None:
    nodes = [node("Sigmoid", "x", "s"), node("Mul", "x s", "d"), node("HardSwish", "d", "y"), pool("d", "p")]
    run = profiled(build.model(nodes, IMAGE, ["y", "p"], {}))
    run.check()
    assert ends(run) == {"y": (("x",), ("d", "y")), "p": (("d",), ("p",))}


def test_a_scale_in_the_kernel_before_it_leaves_what_is_read(build: Build) -> None:
    """The scale of a normalisation is computed ahead, for an output of its own beside the one that others read."""
    weights = {"w": (16, 16, 3, 3), "b": (16,), **dict.fromkeys(("scale", "shift", "mean", "var"), (16,))}
    half: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        *(conv("x w b", "v"), node("MaxPool", "v", "l", **half), node("AveragePool", "v", "m", **half)),
        *(node("Add", "l m", "a"), node("MaxPool", "a", "p", **half)),
        *(node("BatchNormalization", "a scale shift mean var", "n"), node("Relu", "n", "r"), conv("r w b", "q")),
        *(node("MaxPool", "q", "z", **half), node("Add", "p z", "y")),
    ]
    run = profiled(build.model(nodes, IMAGE, ["y"], weights))
    run.check()
    assert ends(run)["r"] == (("a",), ("r",))
    assert ends(run)["p"] == (("a",), ("p",))


@pytest.mark.parametrize("order", ["c b a", "a b c", "b c a"])
def test_outputs_that_one_kernel_reads_are_told_by_their_places(order: str, build: Build) -> None:
    nodes = [node("Relu", "x", "a"), node("Exp", "a", "b"), node("Neg", "b", "c"), node("Concat", order, "y", axis=1)]
    run = profiled(build.model(nodes, IMAGE, ["y"], {}))
    run.check()
    assert lost_claims(run) == set()
    reads, makes = ends(run)["y"]
    assert (reads, makes) == (tuple(order.split()), ("y",))


def test_of_equal_tensors_a_kernel_reads_the_one_that_its_node_reads(build: Build) -> None:
    nodes = [node("ReduceSum", "x axes", "r"), node("ReduceSum", "x axes", "s")]
    nodes += [node("Concat", "x r", "y", axis=1), node("Concat", "s x", "z", axis=1)]
    run = profiled(dynamic(build.model(nodes, IMAGE, ["y", "z"], {"axes": np.array([1])})))
    run.check()
    made = ends(run)
    assert made["s"][1] == ("r", "s"), "this OpenVINO keeps both: take another model"
    assert (made["y"][0], made["z"][0]) == (("x", "r"), ("s", "x"))


CHAIN = Graph(
    name="g",
    nodes=tuple(
        Node(f"n_{made}", kind, "", tuple(read), (made,), {})
        for kind, read, made in (("Relu", "x", "a"), ("Exp", "a", "b"), ("Mul", "ab", "c"), ("Add", "cb", "y"))
    ),
    inputs=("x",),
    outputs=("y",),
    tensors={},
    constants=frozenset(),
    integers={},
    live=frozenset(f"n_{made}" for made in "abcy"),
    opset=17,
    ir_version=8,
    sha256="",
)
SOURCE = [
    SourceOp("Parameter", [], [["x"]]),
    SourceOp("Relu", [(0, 0)], [["a"]], ["f32"], [[4]]),
    SourceOp("Exp", [(1, 0)], [["b"]], ["f32"], [[4]]),
    SourceOp("Multiply", [(1, 0), (2, 0)], [["c"]], ["f32"], [[4]]),
    SourceOp("Add", [(3, 0), (2, 0)], [["y"]], ["f32"], [[4]]),
]


def two_outputs(*readers: Kernel, names: tuple[str, ...] = ("#1", "#2")) -> Claims:
    """A kernel of Relu and Exp, and what reads its outputs."""
    kernels = [
        Kernel("#0", "Input", "", "f32", ["#0"], [], ["f32"], [[4]]),
        Kernel("#2", "Subgraph", "", "f32", [*names], [(0, 0)], ["f32", "f32"], [[4], [4]]),
    ]
    return Claims(Record(SOURCE, [*kernels, *readers], [], []), CHAIN, count(CHAIN))


def test_outputs_that_cannot_be_told_apart_are_both() -> None:
    claims = two_outputs(Kernel("#3", "Eltwise", "", "f32", ["#3"], [(1, 1), (1, 0)], ["f32"], [[4]]))
    assert [whole(claims, 1, output) for output in range(2)] == [("a", "b")] * 2
    assert (claims.makes[1], claims.reads[2]) == (("a", "b"), ("a", "b"))


def test_what_is_left_is_the_other_output() -> None:
    product = Kernel("#3", "Eltwise", "", "f32", ["#3"], [(1, 1), (1, 0)], ["f32"], [[4]])
    claims = two_outputs(product, Kernel("#4", "Eltwise", "", "f32", ["#4"], [(2, 0), (1, 1)], ["f32"], [[4]]))
    assert [whole(claims, 1, output) for output in range(2)] == [("a",), ("b",)]


@pytest.mark.parametrize(("names", "other"), [(("#1", "#2"), ("a",)), (("#1", "#2", "Multiply_9"), ("a", "b"))])
def test_nothing_follows_for_an_output_that_may_be_of_openvinos_own_making(
    names: tuple[str, ...], other: tuple[str, ...]
) -> None:
    product = Kernel("#3", "Eltwise", "", "f32", ["#3"], [(1, 0)], ["f32"], [[4]])
    total = Kernel("#4", "Eltwise", "", "f32", ["#4"], [(2, 0), (1, 0)], ["f32"], [[4]])
    claims = two_outputs(
        product, total, Kernel("Exp_7", "Eltwise", "", "f32", [], [(1, 1)], ["f32"], [[4]]), names=names
    )
    assert [whole(claims, 1, output) for output in range(2)] == [("b",), other]


def test_a_kernel_ahead_is_part_of_what_is_computed_from_it() -> None:
    producer = {name: node for node in CHAIN.nodes for name in node.writes}
    assert made_from(producer, {"x"}, ("a", "b")) == ["a"]
    assert made_from(producer, {"b"}, ("c", "y")) == ["c", "y"]
    assert made_from(producer, {"z"}, ("c", "y")) == ("c", "y")
