"""Halving along the graph, against every node looked at in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, log2

import numpy as np
import pytest

from alexnet_bench.core.graph import Graph, Node, Tensor
from alexnet_bench.verdict.first_bad import Located, cut, locate, steps
from alexnet_bench.verdict.pairs import same_tensors


def graph_of(nodes: Mapping[str, Sequence[str]], outputs: Sequence[str], constants: Sequence[str] = ()) -> Graph:
    """Each node makes the tensor of its own name from those listed; `x` is the input."""
    made = tuple(Node(f"n_{name}", "Op", "", tuple(reads), (name,), {}) for name, reads in nodes.items())
    return Graph(
        name="g",
        nodes=made,
        inputs=("x",),
        outputs=tuple(outputs),
        tensors={name: Tensor(name, "float32", (1,)) for name in ("x", *nodes)},
        constants=frozenset(constants),
        integers={},
        live=frozenset(node.name for node in made),
        opset=17,
        ir_version=8,
        sha256="",
    )


class Fault:
    """Answers with errors as a run would, and counts."""

    def __init__(self, errors: Mapping[str, float]) -> None:
        self._errors, self.marked = errors, list[tuple[str, ...]]()

    def __call__(self, names: Sequence[str]) -> Mapping[str, float]:
        self.marked.append(tuple(names))
        return dict(self._errors)


def search(graph: Graph, errors: Mapping[str, float], comparable: Sequence[str] | None = None) -> tuple[Located, Fault]:
    fault = Fault(errors)
    bad = {name: errors[name] for name in graph.outputs if errors[name] > 1}
    places = steps(graph, comparable or [name for node in graph.nodes for name in node.outputs], tuple(bad))
    return locate(places, bad, fault, 1.0), fault


CHAIN = {f"t{index}": ["x" if not index else f"t{index - 1}"] for index in range(64)}


@pytest.mark.parametrize("first", [0, 1, 17, 31, 32, 62, 63])
def test_a_chain_of_64_takes_six_runs(first: int) -> None:
    located, fault = search(graph_of(CHAIN, ["t63"]), {f"t{index}": 9.0 * (index >= first) for index in range(64)})
    assert located.step is not None
    assert located.step.nodes == (f"n_t{first}",)
    assert located.step.makes == (f"t{first}",)
    assert located.runs == len(fault.marked) == 6
    assert all(len(marked) == 1 for marked in fault.marked)
    assert located.errors[f"t{first}"] == 9.0


BRANCHES = {
    "a": ["x"], "left": ["a"], "left2": ["left"], "right": ["a"], "right2": ["right"], "sum": ["left2", "right2"],
    "skip": ["sum", "x"], "y": ["skip"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "node"),
    [
        (["right2", "sum", "skip", "y"], "n_right2"),
        (["left", "left2", "sum", "skip", "y"], "n_left"),
        (["skip", "y"], "n_skip"),
        (["y"], "n_y"),
        (["a", "left", "left2", "right", "right2", "sum", "skip", "y"], "n_a"),
    ],
)
def test_branches(bad: Sequence[str], node: str) -> None:
    located, _ = search(graph_of(BRANCHES, ["y"]), {name: 5.0 if name in bad else 0.1 for name in BRANCHES})
    assert located.step is not None
    assert located.step.nodes == (node,)


@pytest.mark.parametrize("seed", range(60))
def test_any_graph_and_any_errors_give_a_node_that_reads_good_and_makes_bad(seed: int) -> None:
    """Errors that come and go at random: halving needs no order among them."""
    generator = np.random.default_rng(seed)
    names = [f"t{index}" for index in range(int(generator.integers(1, 40)))]
    nodes: dict[str, list[str]] = {}
    for index, name in enumerate(names):
        earlier = ["x", *names[:index]]
        nodes[name] = [earlier[i] for i in sorted({len(earlier) - 1, *generator.integers(0, len(earlier), 2)})]
    errors = {name: float(generator.random() * 2) for name in names} | {names[-1]: 3.0}
    graph = graph_of(nodes, names[-1:])
    located, fault = search(graph, errors)
    assert located.step is not None
    assert len(located.step.nodes) == 1
    assert all(errors[name] <= 1 for name in located.step.reads)
    assert all(errors[name] > 1 for name in located.step.makes)
    read = set(nodes[located.step.makes[0]]) - {"x"}
    assert set(located.step.reads) == read
    assert len(fault.marked) <= ceil(log2(len(names))) + 1


def test_a_value_that_is_no_number_is_bad() -> None:
    errors = {f"t{index}": float("nan") if index >= 40 else 0.0 for index in range(64)} | {"t63": 5.0}
    located, _ = search(graph_of(CHAIN, ["t63"]), errors)
    assert located.step is not None
    assert located.step.nodes == ("n_t40",)


def test_tensors_that_cannot_be_compared_are_joined_to_the_next_one() -> None:
    located, fault = search(graph_of(BRANCHES, ["y"]), dict.fromkeys(BRANCHES, 5.0) | {"a": 0.1}, ["a", "sum", "y"])
    assert located.step is not None
    assert located.step.nodes == ("n_left", "n_left2", "n_right", "n_right2", "n_sum")
    assert (located.step.reads, located.step.makes) == (("a",), ("sum",))
    assert all(set(marked) <= {"a", "sum", "y"} for marked in fault.marked)


def test_only_what_the_failing_output_needs_is_searched() -> None:
    graph = graph_of(BRANCHES | {"z": ["left"]}, ["y", "z"])
    found = steps(graph, [*BRANCHES, "z"], ("z",))
    assert [step.nodes for step in found] == [("n_a",), ("n_left",), ("n_z",)]


def test_a_cut_is_what_later_steps_still_read() -> None:
    found = steps(graph_of(BRANCHES, ["y"]), list(BRANCHES), ("y",))
    order = [step.makes[0] for step in found]
    assert order == list(BRANCHES)
    assert cut(found, 2, ("y",)) == ("a", "left")
    assert cut(found, 4, ("y",)) == ("left2", "right")
    assert cut(found, 8, ("y",)) == ("y",)


def test_a_fault_that_goes_away_when_it_is_looked_at_is_said_to() -> None:
    errors = {f"t{index}": 0.0 for index in range(64)}
    fault = Fault(errors)
    places = steps(graph_of(CHAIN, ["t63"]), list(CHAIN), ("t63",))
    located = locate(places, {"t63": 9.0}, fault, 1.0)
    assert located.step is None
    assert located.marked == ("t31",)


def test_constants_and_one_node() -> None:
    graph = graph_of({"w": [], "y": ["x", "w"]}, ["y"], constants=["w"])
    located, _ = search(graph, {"y": 9.0, "w": 0.0}, ["y"])
    assert located.step is not None
    assert (located.step.reads, located.runs) == ((), 0)


def test_tensors_are_matched_by_name_type_and_size() -> None:
    one = graph_of({"a": ["x"], "b": ["a"], "y": ["b"]}, ["y"])
    two = graph_of({"a": ["x"], "c": ["a"], "y": ["c"]}, ["y"])
    assert same_tensors(one, two, {}) == {"a": "a", "y": "y"}
    larger = {**two.tensors, "a": Tensor("a", "float32", (2,)), "y": Tensor("y", "int64", (1,))}
    other = replace(two, tensors=larger)
    assert same_tensors(one, other, {}) == {}


def test_tensors_are_matched_by_the_node_that_makes_them() -> None:
    """A pass to another type names anew what nodes make, and puts a cast at both ends, which are no such tensors."""
    one = graph_of({"a": ["x"], "b": ["a"], "y": ["b"]}, ["y"])
    made = {"n_cast": "x16", "n_a": "a16", "n_b": "b16", "n_y": "y16", "n_back": "y"}
    reads = ("x", *made.values())
    half = replace(
        one,
        nodes=tuple(
            Node(name, "Cast" if name in ("n_cast", "n_back") else "Op", "", (read,), (write,), {})
            for (name, write), read in zip(made.items(), reads, strict=False)
        ),
        tensors={name: Tensor(name, "float16" if name.endswith("16") else "float32", (1,)) for name in reads},
        live=frozenset(made),
    )
    origins = {"n_cast": ("n_a",), "n_back": ("n_y",)}
    assert same_tensors(one, half, origins) == {"a": "a16", "b": "b16", "y": "y"}


def test_what_is_quantised_in_place_of_a_relu_is_found_behind_it() -> None:
    """onnxruntime.quantization leaves it out, and the Conv makes a tensor of the Relu's name, which is negative."""

    def of(nodes: list[tuple[str, str, str, str]]) -> Graph:
        made = tuple(Node(name, op_type, "", (read,), (write,), {}) for name, op_type, read, write in nodes)
        whole = graph_of({node.outputs[0]: list(node.inputs) for node in made}, ["y"])
        return replace(whole, nodes=made, live=frozenset(node.name for node in made))

    end = ("n_y", "Op", "r", "y")
    reference = of([("n_c", "Conv", "x", "c"), ("n_r", "Relu", "c", "r"), end])
    restored = ("n_d", "DequantizeLinear", "q", "d")
    quantised = of([("n_c", "Conv", "x", "r"), ("n_q", "QuantizeLinear", "r", "q"), restored, ("n_y", "Op", "d", "y")])
    assert same_tensors(reference, quantised, {}) == {"c": "r", "r": "d", "y": "y"}
    # without a quantisation behind it, nothing stands for what the Relu made
    assert same_tensors(reference, of([("n_c", "Conv", "x", "r"), end]), {}) == {"c": "r", "y": "y"}
    # a fused kernel of another operator makes what the last of its nodes made
    fused = of([("n_c", "FusedConv", "x", "r"), end])
    assert same_tensors(reference, fused, {}) == {"r": "r", "y": "y"}


def test_tensors_of_long_models_are_matched_in_a_walk_or_two(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0

    def counted(node: Node) -> tuple[str, ...]:
        nonlocal reads
        reads += 1
        return node.inputs

    count = 300
    chain = {f"t{index}": ["x" if not index else f"t{index - 1}"] for index in range(count)}
    graph = graph_of(chain, [f"t{count - 1}"])
    monkeypatch.setattr(Node, "reads", property(counted))
    pairs = same_tensors(graph, graph, {f"n_t{index}": (f"n_t{index}",) for index in range(count)})
    assert len(pairs) == count
    assert reads <= 4 * count


def test_tensors_are_matched_by_the_origins_of_nodes() -> None:
    one = graph_of({"a": ["x"], "b": ["a"], "y": ["b"]}, ["y"])
    fused = graph_of({"ab": ["x"], "y": ["ab"]}, ["y"])
    assert same_tensors(one, fused, {"n_ab": ("n_a", "n_b")}) == {"b": "ab", "y": "y"}
    # A node that took over another's meaning keeps its tensor's name, which then stands for something else.
    renamed = graph_of({"a": ["x"], "y": ["a"]}, ["y"])
    assert same_tensors(one, renamed, {"n_a": ("n_a", "n_b")}) == {"b": "a", "y": "y"}
    # Two nodes in place of one: which of their tensors is it?
    split = graph_of({"a1": ["x"], "a2": ["a1"], "b": ["a2"], "y": ["b"]}, ["y"])
    assert same_tensors(one, split, {"n_a1": ("n_a",), "n_a2": ("n_a",)}) == {"b": "b", "y": "y"}
