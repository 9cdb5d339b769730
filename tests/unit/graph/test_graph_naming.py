"""What nodes are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import GraphProto, NodeProto

from alexnet_bench.graph.naming import identities


def graph(*nodes: tuple[str, str, tuple[str, ...]]) -> GraphProto:
    """Nodes as (name, operator, outputs)."""
    return GraphProto(node=[NodeProto(name=name, op_type=op, output=outputs) for name, op, outputs in nodes])


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        pytest.param([("a", "Relu", ("x",)), ("b", "Relu", ("y",))], ["a", "b"], id="unique"),
        pytest.param([("", "Relu", ("x",)), ("", "Add", ("y",))], ["Relu:x", "Add:y"], id="unnamed"),
        pytest.param([("a", "Relu", ("x",)), ("a", "Add", ("y",))], ["Relu:x", "Add:y"], id="duplicates"),
        pytest.param(
            [("Relu:x", "Add", ("y",)), ("", "Relu", ("x",))], ["Relu:x", "Relu:x#2"], id="taken by a given name"
        ),
        pytest.param(
            [("", "Relu", ("x",)), ("Relu:x", "Add", ("y",))], ["Relu:x#2", "Relu:x"], id="given names go first"
        ),
        pytest.param(
            [("Relu:#2", "Add", ("y",)), ("", "Relu", ()), ("", "Relu", ())],
            ["Relu:#2", "Relu:", "Relu:#3"],
            id="a given name in the middle of the numbers",
        ),
        pytest.param([("", "Split", ("", "b"))], ["Split:b"], id="first output left out"),
        pytest.param([("", "Print", ())], ["Print:"], id="no output"),
        pytest.param([("", "", ())], [":"], id="nothing at all"),
        pytest.param(
            [("a" * 1001, "Relu", ("x",)), ("b" * 1000, "Add", ("y",))], ["Relu:x", "b" * 1000], id="an essay"
        ),
        pytest.param(
            [("", "Relu", (letter * 2000,)) for letter in "xx"],
            [f"Relu:{'x' * 995}", f"Relu:{'x' * 993}#2"],
            id="nor from outputs",
        ),
        pytest.param([("卷积 ✓", "Conv", ("x",))], ["卷积 ✓"], id="unicode"),
        pytest.param([("Relu:x", "Relu", ("x",)), ("Relu:x", "Relu", ("x",))], ["Relu:x", "Relu:x#2"], id="as derived"),
    ],
)
def test_identities(nodes: list[tuple[str, str, tuple[str, ...]]], names: list[str]) -> None:
    assert identities(graph(*nodes)) == names


short = st.sampled_from(["", "a", "b", "Relu:a", "Relu:a#2", "Relu:", "Relu:#2", "Relu:#3"])


@given(st.lists(st.tuples(short, st.just("Relu"), st.lists(short, max_size=2).map(tuple)), max_size=12))
def test_always_unique_and_never_taken_from_a_node_that_has_its_own(
    nodes: list[tuple[str, str, tuple[str, ...]]],
) -> None:
    names = identities(graph(*nodes))
    assert len(set(names)) == len(names) == len(nodes)
    given_names = [name for name, _, _ in nodes]
    for name, node in zip(names, nodes, strict=True):
        if node[0] and given_names.count(node[0]) == 1:
            assert name == node[0]


def test_many_equal_nodes() -> None:
    """In linear time: trying every number anew for each node would take minutes here."""
    names = identities(graph(*[("", "Print", ())] * 50_000))
    assert names[-1] == "Print:#50000"


def test_names_that_were_given_are_kept_the_next_time() -> None:
    """However long what they are made of is."""
    nodes = [("", "Relu", (f"{'x' * 2000}{number}",)) for number in range(12)]
    names = identities(graph(*nodes))
    assert identities(graph(*((name, "Relu", ("y",)) for name in names))) == names
