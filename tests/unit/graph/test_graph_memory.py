"""Which activations hold memory while each node runs, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph.formulas.movement import is_view
from alexnet_bench.graph.memory import analyse

if TYPE_CHECKING:
    from tests.unit.graph.conftest import Read


def alive(graph: Graph) -> dict[str, int | None]:
    live = analyse(graph).live_bytes
    return {node.name: size for node, size in zip(graph.live_nodes, live, strict=True)}


def test_a_chain_holds_two_tensors_at_a_time(read: Read) -> None:
    graph = read("g (float[10] x) => (float y) { [a] a = Relu(x)  [b] b = Relu(a)  [c] y = Relu(b) }")
    assert alive(graph) == {"a": 80, "b": 80, "c": 80}


def test_a_branch_stays_until_its_last_reader(read: Read) -> None:
    """x 16 B; a 16; wide 64; b 16; y 16."""
    graph = read(
        """g (float[4] x) => (float y) <int64[2] s = {4, 4}, int64[1] axis = {0}> {
        [a] a = Relu(x)
        [wide] wide = Expand(a, s)
        [b] b = ReduceSum<keepdims = 0>(wide, axis)
        [y] y = Add(a, b)
        }"""
    )
    assert alive(graph) == {"a": 32, "wide": 80, "b": 96, "y": 48}
    result = analyse(graph)
    assert (result.peak_bytes, result.peak_node) == (96, "b")


def test_a_view_shares_the_memory_of_what_it_views(read: Read) -> None:
    """x 64 B; a 64, kept by two views of it; y 64."""
    graph = read(
        """g (float[4,4] x) => (float y) <int64[1] s = {16}> {
        [a] a = Relu(x)
        [flat] flat = Reshape(a, s)
        [same] same = Identity(flat)
        [y] y = Exp(same)
        }"""
    )
    assert alive(graph) == {"a": 128, "flat": 64, "same": 64, "y": 128}


def test_a_view_of_an_input_and_of_an_output(read: Read) -> None:
    graph = read(
        "g (float[4,4] x) => (float a, float y) { [flat] flat = Flatten(x)  [a] a = Relu(flat)  [y] y = Identity(a) }"
    )
    assert alive(graph) == {"flat": 64, "a": 128, "y": 64}


def test_an_operator_of_another_domain_is_no_view(read: Read) -> None:
    graph = read("g (float[4] x) => (float[4] y) { [y] y = com.example.Reshape(x) }")
    assert alive(graph) == {"y": 32}


def test_outputs_stay_until_the_end_and_dead_nodes_take_nothing(read: Read) -> None:
    graph = read(
        """g (float[4] x) => (float first, float y) {
        [first] first = Relu(x)  [dead] dead = Exp(x)  [b] b = Exp(x)  [y] y = Abs(b)
        }"""
    )
    assert alive(graph) == {"first": 32, "b": 48, "y": 48}


def test_weights_are_no_activations(read: Read) -> None:
    graph = read("g (float[4] x) => (float y) <float[4] w> { [w2] w2 = Exp(w)  [y] y = Add(x, w2) }")
    assert alive(graph) == {"y": 32}


def test_while_something_of_unknown_size_is_alive_the_whole_is_not_known(read: Read) -> None:
    graph = read(
        """g (float[4] x) => (float[] y) {
        [magic] h = com.example.Magic(x)  [y] y = Relu(h)
        }"""
    )
    assert alive(graph) == {"magic": None, "y": None}
    result = analyse(graph)
    assert (result.peak_bytes, result.peak_node, result.unsized) == (16, "magic", ("h", "y"))


def test_what_nothing_uses_may_have_any_size(read: Read) -> None:
    graph = read("g (float[4] x) => (float[4] y) { [y] y, mask = com.example.Drop(x) }")
    assert alive(graph) == {"y": 32}
    assert analyse(graph).unsized == ()


def test_texts_have_no_size(read: Read) -> None:
    assert alive(read("g (string[4] x) => (string[4] y) { [y] y = Identity(x) }")) == {"y": 0}


@pytest.mark.parametrize("inputs", ["", "float[2] x"])
def test_a_graph_without_live_nodes(read: Read, inputs: str) -> None:
    result = analyse(read(f"g ({inputs}) => (float[2] y) <float[2] w> {{ y = Relu(w) }}"))
    assert (result.live_bytes, result.peak_bytes, result.peak_node) == ((), 0, "")


def test_an_input_that_is_an_output(read: Read) -> None:
    assert alive(read("g (float[4] x) => (float x, float y) { [y] y = Relu(x) }")) == {"y": 32}


def test_what_a_branch_captures_is_alive_while_it_runs(read: Read) -> None:
    graph = read(
        """g (float[4] x, bool c) => (float[4] y) {
        [a] a = Relu(x)
        [if] y = If(c) <
            then_branch = t () => (float[4] u) { u = Exp(a) }, else_branch = e () => (float[4] v) { v = Abs(a) }
        >
        }""",
        shapes={"c": ()},
    )
    assert alive(graph) == {"a": 33, "if": 33}


def test_a_branch_holds_what_is_inside_it_beside_its_output(read: Read) -> None:
    """x 16 B, a 16, c 1; inside: e, f and h at once."""
    graph = read(
        """g (float[4] x, bool c) => (float[4] y) {
        [a] a = Relu(x)
        [if] y = If(c) <
            then_branch = t () => (float[4] o) { e = Exp(a) f = Sin(e) h = Add(e, f) o = Neg(h) },
            else_branch = e () => (float[4] v) { v = Abs(a) }
        >
        }""",
        shapes={"c": ()},
    )
    assert alive(graph) == {"a": 33, "if": 1 + 16 + 3 * 16}


def test_what_a_loop_returns_counts_inside_and_then_outside(read: Read) -> None:
    """ONNX's inference leaves the state of a Loop without a shape, as a body may change it; this body does not."""
    graph = read(
        """g (float[4] x) => (float[] y) <int64 n = {3}, bool go = {1}> {
        [a] a = Relu(x)
        [loop] z = Loop(n, go, a) <body = b (int64 i, bool ci, float[4] v) => (bool co, float[4] w) {
            co = Identity(ci) e = Exp(v) f = Sin(e) w = Add(e, f)
        }>
        [y] y = Tanh(z)
        }"""
    )
    assert graph.tensor("z").shape == (4,)
    assert alive(graph) == {"a": 32, "loop": 16 + 3 * 16 + 1, "y": 32}


def test_a_captured_tensor_that_a_branch_returns_is_not_taken_off(read: Read) -> None:
    """Inside, e and f at once; `a` is alive outside, and no memory of the branch."""
    graph = read(
        """g (float[4] x, bool c) => (float[4] y, float[4] z) {
        [a] a = Relu(x)
        [if] y, z = If(c) <
            then_branch = t () => (float[4] a, float[4] f) { e = Exp(a) f = Sin(e) },
            else_branch = e () => (float[4] a, float[4] v) { v = Abs(a) }
        >
        }""",
        shapes={"c": ()},
    )
    assert alive(graph)["if"] == 1 + 16 + 32 + 16


@pytest.mark.parametrize(
    ("mode", "held"), [("", 32), (", ratio", 32), (", ratio, off", 32), (", ratio, on", 64), (", ratio, maybe", 65)]
)
def test_a_dropout_that_trains_is_no_view(read: Read, mode: str, held: int) -> None:
    """Then its output of 32 bytes stands beside the input; a mode that is an input has a byte of its own."""
    graph = read(
        f"""g (float[8] x, bool maybe) => (float[8] y) <float ratio = {{0.5}}, bool on = {{1}}, bool off = {{0}}> {{
        [a] a = Relu(x)  [d] d = Dropout(a{mode})  [m] y = Mul(d, d)
        }}"""
    )
    assert alive(graph)["d"] == held


def test_a_node_without_inputs_views_nothing() -> None:
    """A Reshape that only reads through a graph inside it is malformed, and no reason to stop."""
    assert not is_view(Node("n", "Reshape", "", (), ("y",), {}, has_subgraph=True, captured=("x",)), {})
