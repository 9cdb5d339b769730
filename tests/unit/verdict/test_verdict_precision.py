"""Which precision sets the tolerance of an engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from alexnet_bench.core.graph import Graph, Node, Tensor
from alexnet_bench.verdict.precision import is_quantised, of_graph
from alexnet_bench.workflows.verification.precision import precision_of


def _graph(nodes: Sequence[tuple[str, str, str]], unused: Sequence[tuple[str, str, str]] = ()) -> Graph:
    """Nodes (operator, the types that it reads and makes) that are each an output, and some that are none."""
    made = [
        Node(f"{op} {at}", op, "", (f"in {at}",), (f"out {at}",), {}) for at, (op, _, _) in enumerate([*nodes, *unused])
    ]
    tensors: dict[str, Tensor] = {}
    for node, (_, reads, makes) in zip(made, [*nodes, *unused], strict=True):
        tensors |= {node.inputs[0]: Tensor(node.inputs[0], reads, (1,)), node.outputs[0]: Tensor("", makes, (1,))}
    outputs = tuple(node.outputs[0] for node in made[: len(nodes)])
    return Graph("g", tuple(made), (), outputs, tensors, frozenset(), {}, frozenset(), 17, 8, "")


@pytest.mark.parametrize(
    ("nodes", "unused", "precision"),
    [
        ([("Relu", "float32", "float32")], [("Relu", "float16", "float16")], "fp32"),
        ([("Relu", "float32", "float32")], [("QuantizeLinear", "float32", "int8")], "fp32"),
        ([("Cast", "float16", "float32")], [], "fp32"),
        ([("Cast", "float32", "float16")], [], "fp16"),
        ([("DequantizeLinear", "int8", "float32")], [], "int8"),
        ([("Relu", "float32", "float32"), ("Relu", "bfloat16", "bfloat16")], [], "bf16"),
    ],
)
def test_only_what_an_output_depends_on_counts(
    nodes: list[tuple[str, str, str]], unused: list[tuple[str, str, str]], precision: str
) -> None:
    assert of_graph(_graph(nodes, unused)) == precision


@pytest.mark.parametrize(
    ("built", "dtypes", "holds"),
    [
        ("fp32", ("float32",), ("fp32", "its passport")),
        ("fp32", ("float16",), ("fp16", "its graph")),
        ("bf16", ("float16", "float32"), ("bf16", "its passport")),
        ("tf32", ("float32",), ("tf32", "its passport")),
        ("", ("float32",), ("fp32", "its graph")),
    ],
)
def test_a_graph_of_halves_is_not_held_to_more_than_it_has(
    built: str, dtypes: tuple[str, ...], holds: tuple[str, str]
) -> None:
    graph = _graph([("Relu", dtype, dtype) for dtype in dtypes])
    assert precision_of(None, graph, built) == holds
    assert precision_of("int8", graph, built) == ("int8", "given")


@pytest.mark.parametrize(
    ("op", "dtype", "quantised"),
    [
        ("QuantizeLinear", "uint8", True),
        ("MaxPool", "int8", True),
        ("ConvInteger", "int32", True),
        ("ArgMax", "int64", False),
        ("Cast", "int32", False),
        ("Greater", "bool", False),
    ],
)
def test_integers_that_stand_for_other_numbers(op: str, dtype: str, *, quantised: bool) -> None:
    assert is_quantised(_graph([(op, "float32", dtype)]), "out 0") == quantised


def test_a_second_output_is_no_sum_of_products() -> None:
    graph = _graph([("QEmbedLayerNormalization", "uint8", "float32")])
    masks = msgspec.structs.replace(graph.nodes[0], domain="com.microsoft", outputs=("out 0", "mask"))
    tensors = {**graph.tensors, "mask": Tensor("mask", "int32", (1,))}
    assert not is_quantised(replace(graph, nodes=(masks,), tensors=tensors), "mask")
