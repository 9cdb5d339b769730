"""Nodes whose settings, sizes or weights make none of their operator: a pass leaves them as they are."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, helper

from alexnet_bench.graph.passes import PASSES
from tests.unit.graph.passes.conftest import EVALUATOR, Array, drawn, small

LEFT: dict[str, tuple[str, list[NodeProto], list[int | str], dict[str, Array]]] = {}


def left(title: str, name: str, nodes: list[NodeProto], x: list[int | str], **weights: Any) -> None:
    LEFT[title] = (name, nodes, x, {key: np.asarray(value) for key, value in weights.items()})


left("no size", "portable-lrn", [helper.make_node("LRN", ["x"], ["y"])], [1, 4, 3, 3])
left("size 0", "lower-lrn", [helper.make_node("LRN", ["x"], ["y"], size=0)], [1, 4, 3, 3])
left("size -3", "lower-lrn", [helper.make_node("LRN", ["x"], ["y"], size=-3)], [1, 4, 3, 3])
left("no channels", "lower-lrn", [helper.make_node("LRN", ["x"], ["y"], size=3)], [1, 0, 3, 3])
left("no output", "lower-lrn", [helper.make_node("LRN", ["x"], [], "lrn", size=3)], [1, 3, 3, 3])
left(
    "no channels in a tower",
    "lower-lrn",
    [
        helper.make_node("Reshape", ["x", "s"], ["a"], allowzero=1),
        helper.make_node("LRN", ["a"], ["b"], size=3),
        helper.make_node("Reshape", ["b", "s"], ["y"], allowzero=1),
    ],
    [1, 0, 3, 3],
    s=[1, 0, 3, 3],
)
for bias in ([], ["b"]):
    for count in (5, 1):
        left(
            f"{count} statistics for 4 channels, bias {bias}",
            "fold-batchnorm",
            [
                helper.make_node("Conv", ["x", "w", *bias], ["c"]),
                helper.make_node("BatchNormalization", ["c", "s", "s", "s", "s"], ["y"]),
            ],
            [1, 3, 4, 4],
            w=drawn(4, 3, 1, 1),
            b=drawn(4),
            s=np.ones(count, np.float32),
        )
left(
    "statistics of two lengths",
    "fold-batchnorm",
    [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "s", "t", "s", "s"], ["y"]),
    ],
    [1, 3, 4, 4],
    w=drawn(4, 3, 1, 1),
    s=np.ones(4, np.float32),
    t=np.ones(1, np.float32),
)
left(
    "no filters",
    "gemm-forms",
    [helper.make_node("Conv", ["x", "w"], ["y"])],
    [2, 3, 4, 4],
    w=np.zeros((0, 3, 4, 4), np.float32),
)
left(
    "a number beyond float64",
    "recompose-ort",
    [
        helper.make_node("Mul", ["x", "k"], ["a"]),
        helper.make_node("Pow", ["a", "two"], ["b"]),
        helper.make_node("Mul", ["b", "x"], ["y"]),
    ],
    [2],
    k=np.array(1e200),
    two=np.array(2.0),
)
left("no input", "fold-constants", [helper.make_node("Shape", [], ["s"]), helper.make_node("Identity", [], ["y"])], [2])
left("one factor", "fp16", [helper.make_node("Mul", [], ["a"]), helper.make_node("Mul", ["x"], ["y"])], [2])


@pytest.mark.parametrize("title", LEFT)
def test_a_malformed_node_is_left_alone(title: str) -> None:
    name, nodes, x, weights = LEFT[title]
    for index, node in enumerate(nodes):
        node.name = f"n{index}"
    graph = small([], {"x": x}, [], weights)
    graph.graph.node.extend(nodes)
    graph.graph.output.append(helper.make_empty_tensor_value_info("y"))
    result = PASSES[name].run(graph)
    if name != "fp16":
        assert result.changes == ()


def written_out(batch: int, channels: int) -> ModelProto:
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["square"]),
        helper.make_node("Unsqueeze", ["square", "one"], ["view"]),
        helper.make_node("Pad", ["view", "pads"], ["padded"]),
        helper.make_node("AveragePool", ["padded"], ["mean"], kernel_shape=[3, 1, 1]),
        helper.make_node("Squeeze", ["mean", "one"], ["means"]),
        helper.make_node("Mul", ["means", "alpha"], ["scaled"]),
        helper.make_node("Add", ["scaled", "k"], ["sum"]),
        helper.make_node("Pow", ["sum", "beta"], ["power"]),
        helper.make_node("Div", ["x", "power"], ["y"]),
    ]
    numbers = {"alpha": 1e-2, "k": 1.0, "beta": 0.75}
    weights: dict[str, Array] = {name: np.array(value, np.float32) for name, value in numbers.items()}
    weights |= {"one": np.array([1]), "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1, 0, 0])}
    return small(nodes, {"x": [batch, channels, 3, 3]}, ["y"], weights)


@pytest.mark.parametrize(("batch", "found"), [(2, True), (0, False), (10**12, False), (2 * 10**6, False)])
def test_a_normalisation_that_is_too_large_to_prove_stays(batch: int, found: bool) -> None:
    result = PASSES["recompose"].run(written_out(batch, 10), evaluator=EVALUATOR)
    assert [node.op_type for node in result.model.graph.node].count("LRN") == found
    assert bool(result.changes) is found


def test_a_split_into_more_parts_than_outputs_is_not_tried() -> None:
    """Each part would be an element of a list."""
    cut = helper.make_node("Split", ["c"], ["a", "b"], num_outputs=300_000)
    graph = small([cut, helper.make_node("Add", ["x", "a"], ["y"])], {"x": [3]}, ["y"], {"c": np.ones(6, np.float32)})
    graph.opset_import[0].version = 18
    tracemalloc.start()
    assert PASSES["fold-constants"].run(graph).changes == ()
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
