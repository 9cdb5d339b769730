"""Order, constants and liveness of nodes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import onnx
import onnx.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.graph import Node
from alexnet_bench.graph.liveness import constant_tensors, live_nodes, topological_order

if TYPE_CHECKING:
    from tests.unit.graph.conftest import Read


def node(name: str, reads: str, writes: str, op: str = "Op", *, domain: str = "", captured: str = "") -> Node:
    return Node(name, op, domain, tuple(reads), tuple(writes), {}, bool(captured), tuple(captured))


def order(*nodes: Node, outputs: str = "") -> list[str]:
    return [item.name for item in topological_order(nodes, frozenset("x"), outputs)]


def test_file_order_is_kept_where_it_is_an_order() -> None:
    assert order(node("b", "x", "b"), node("a", "x", "a"), node("c", "ab", "c")) == ["b", "a", "c"]


def test_a_node_comes_after_what_it_reads() -> None:
    assert order(node("c", "ab", "c"), node("a", "x", "a"), node("b", "a", "b")) == ["a", "b", "c"]


def test_a_node_that_reads_one_tensor_twice() -> None:
    assert order(node("b", "aa", "b"), node("a", "x", "a")) == ["a", "b"]


def test_captured_tensors_count_as_read() -> None:
    assert order(node("if", "x", "y", captured="a"), node("a", "x", "a")) == ["a", "if"]


@given(st.integers(1, 30), st.randoms(use_true_random=False))
def test_any_order_of_a_graph_is_sorted(size: int, chance: random.Random) -> None:
    names = [chr(ord("A") + index) for index in range(size)]
    nodes = [
        node(name, "".join(chance.sample(["x", *names[:i]], k=min(2, i + 1))), name) for i, name in enumerate(names)
    ]
    chance.shuffle(nodes)
    made = {"x"}
    for item in topological_order(nodes, frozenset("x"), names):
        assert made.issuperset(item.reads)
        made.update(item.writes)
    assert len(made) == size + 1


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ([node("a", "b", "a"), node("b", "a", "b")], "", "cycle through node a"),
        ([node("first", "x", "f"), node("a", "a", "a")], "", "cycle through node a"),
        ([node("a", "z", "a")], "", "node a reads tensor z, which nothing makes"),
        ([node("a", "x", "a", captured="z")], "", "node a reads tensor z"),
        ([node("a", "x", "t"), node("b", "x", "t")], "", "tensor t is made twice, by nodes a and b"),
        ([node("a", "x", "tt")], "", "tensor t is made twice, by nodes a and a"),
        ([node("a", "x", "a")], "z", "tensor z is an output of the graph, and nothing makes it"),
    ],
)
def test_what_is_no_graph_is_refused(nodes: list[Node], outputs: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as raised:
        order(*nodes, outputs=outputs)
    assert raised.value.hint


def test_names_in_messages_are_escaped() -> None:
    with pytest.raises(ModelError) as raised:
        order(node("\x1b[2J", "x", "\n"), node("b", "x", "\n"))
    assert raised.value.message.isprintable()


def test_a_long_chain_in_reverse_is_no_problem() -> None:
    names = [f"t{index}" for index in range(20_000)]
    chain = [Node(b, "Op", "", (a,), (b,), {}) for a, b in zip(["x", *names], names, strict=False)]
    assert topological_order(chain[::-1], frozenset("x"), names[-1:]) == tuple(chain)


def test_constants_follow_the_nodes_that_make_them() -> None:
    nodes = [node("c", "w", "c"), node("d", "c", "d"), node("e", "xd", "e"), node("f", "", "f", "Constant")]
    assert constant_tensors(nodes, frozenset("w")) == frozenset("wcdf")


def test_random_numbers_are_no_constants() -> None:
    nodes = [node("r", "", "r", "RandomNormal"), node("l", "w", "l", "RandomUniformLike"), node("s", "r", "s")]
    assert constant_tensors(nodes, frozenset("w")) == frozenset("w")
    assert constant_tensors([node("r", "", "r", "RandomNormal", domain="com.example")], frozenset()) == frozenset("r")


def test_a_branch_that_captures_an_input_is_no_constant() -> None:
    assert constant_tensors([node("if", "w", "y", captured="x")], frozenset("w")) == frozenset("w")


def test_live_is_what_reaches_an_output_and_depends_on_an_input() -> None:
    nodes = [
        node("constant", "w", "c"),
        node("dead", "x", "d"),
        node("used", "xc", "u"),
        node("captured", "x", "k"),
        node("end", "u", "y", captured="k"),
        node("after death", "d", "e"),
    ]
    constants = constant_tensors(nodes, frozenset("w"))
    assert live_nodes(nodes, "y", constants) == {"used", "captured", "end"}


def test_weights_through_nodes_are_found(read: Read) -> None:
    graph = read(
        """g (float[N,2,4,4] x) => (float y) <int64[3] s = {3, 3, 2}, int64[1] axes = {0}> {
            flat = ConstantOfShape(s)
            more = Unsqueeze(flat, axes)
            w = Transpose<perm = [3, 0, 1, 2]>(more)
            w2 = Concat<axis = 1>(w, w)
            [conv] y = Conv(x, w2)
            unused = Relu(x)
        }"""
    )
    assert {"flat", "more", "w", "w2", "s", "axes"} == graph.constants
    assert graph.live == {"conv"}
    assert graph.tensor("w2").shape == (2, 2, 3, 3)


BRANCHES = """g (float[N,4] x, bool c) => (float[N,4] y) <float[4] w = {1,2,3,4}> {
    used = Relu(x)
    unused = Exp(x)
    [if] y = If(c) <
        then_branch = a () => (float[N,4] t) { t = Mul(used, w) },
        else_branch = b () => (float[N,4] e) { inner = Abs(x)  e = Identity(inner) }
    >
}"""


def test_branches_keep_alive_what_they_capture(read: Read) -> None:
    graph = read(BRANCHES, shapes={"c": ()})
    (branch,) = (item for item in graph.nodes if item.name == "if")
    assert branch.has_subgraph
    assert set(branch.captured) == {"used", "w", "x"}
    assert graph.live == {"Relu:used", "if"}


def test_what_a_sparse_constant_of_a_branch_holds_is_not_captured(read: Read) -> None:
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>' + BRANCHES)
    (branch,) = (item for item in model.graph.node if item.op_type == "If")
    body = branch.attribute[0].g
    sparse = body.sparse_initializer.add(dims=[4])
    sparse.values.CopyFrom(onnx.helper.make_tensor("sparse", 1, [1], [1.0]))
    sparse.indices.CopyFrom(onnx.helper.make_tensor("i", 7, [1], [0]))
    body.node[0].input[1] = "sparse"
    graph = read(model, shapes={"c": ()})
    assert {"used", "x"} == {name for item in graph.nodes for name in item.captured}
