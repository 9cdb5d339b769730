"""Which bias is added last, on real graphs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.verdict.last_bias import LastBias, find_last_bias

_OURS = "com.microsoft"
_WEIGHTS = {
    "w": np.ones((4, 3), np.float32), "b": np.ones(3, np.float32), "k": np.ones((2, 1, 1, 1), np.float32),
    "kb": np.ones(2, np.float32), "k1": np.ones(1, np.float32),
}  # fmt: skip


def found(tmp_path: Path, nodes: Sequence[NodeProto], x: list[int], y: list[int]) -> LastBias | str:
    value = helper.make_tensor_value_info
    constants = [numpy_helper.from_array(array, name) for name, array in _WEIGHTS.items()]
    inputs, outputs = [value("x", TensorProto.FLOAT, x)], [value("y", TensorProto.FLOAT, y)]
    graph = helper.make_graph(list(nodes), "g", inputs, outputs, constants)
    path = tmp_path / "m.onnx"
    path.write_bytes(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(_OURS, 1)]
        ).SerializeToString()
    )
    return find_last_bias(build_graph(open_model(path), name="m"), "y")


def node(op: str, reads: str, makes: str, **attributes: Any) -> NodeProto:
    outputs = makes.split()
    return helper.make_node(op, reads.split(), outputs, name=f"n_{outputs[0]}", **attributes)


def test_of_a_gemm_with_its_factor(tmp_path: Path) -> None:
    bias = found(tmp_path, [node("Gemm", "x w b", "y", beta=0.5)], [1, 4], [1, 3])
    assert bias == LastBias("y", "n_y", "b", "Gemm", (1, 3), 0.5)


@pytest.mark.parametrize("reads", ["m b", "b m"])
def test_of_a_product_and_an_addition(reads: str, tmp_path: Path) -> None:
    bias = found(tmp_path, [node("MatMul", "x w", "m"), node("Add", reads, "y")], [1, 4], [1, 3])
    assert isinstance(bias, LastBias)
    assert (bias.tensor, bias.op) == ("b", "Add")


def test_of_a_convolution_behind_what_only_moves(tmp_path: Path) -> None:
    nodes = [node("Conv", "x k kb", "c"), node("Identity", "c", "i"), node("Flatten", "i", "y")]
    bias = found(tmp_path, nodes, [1, 1, 2, 2], [1, 8])
    assert bias == LastBias("y", "n_c", "kb", "Conv", (1, 2, 2, 2))


def test_before_a_softmax_over_the_last_axis(tmp_path: Path) -> None:
    bias = found(tmp_path, [node("Gemm", "x w b", "g"), node("Softmax", "g", "y")], [1, 4], [1, 3])
    assert isinstance(bias, LastBias)
    assert bias.is_softmax
    other = found(tmp_path, [node("Gemm", "x w b", "g"), node("Softmax", "g", "y", axis=0)], [1, 4], [1, 3])
    assert other == "n_y (Softmax) comes last, and adds no bias"


@pytest.mark.parametrize(
    ("nodes", "y"),
    [([node("Relu", "x", "y")], [1, 4]), ([node("MatMul", "x w", "y")], [1, 3]), ([node("Add", "x x", "y")], [1, 4])],
    ids=["Relu", "MatMul", "Add"],
)
def test_networks_that_end_without_one(nodes: Sequence[NodeProto], y: list[int], tmp_path: Path) -> None:
    why = found(tmp_path, nodes, [1, 4], y)
    assert isinstance(why, str)
    assert why.endswith("comes last, and adds no bias")


@pytest.mark.parametrize(
    ("made", "x", "op", "tensor"),
    [
        (node("LayerNormalization", "x b b", "y"), [2, 3], "LayerNormalization", "b"),
        (node("InstanceNormalization", "x kb kb", "y"), [1, 2, 4], "InstanceNormalization", "kb"),
        (node("BatchNormalization", "x kb kb kb kb", "y"), [1, 2, 4], "BatchNormalization", "kb"),
        (node("SkipLayerNormalization", "x x b b", "y", domain=_OURS), [1, 1, 3], "SkipLayerNormalization", "b"),
    ],
    ids=lambda item: item.op_type if isinstance(item, NodeProto) else None,
)
def test_of_a_normalisation(made: NodeProto, x: list[int], op: str, tensor: str, tmp_path: Path) -> None:
    bias = found(tmp_path, [made], x, x)
    assert isinstance(bias, LastBias)
    assert (bias.tensor, bias.op, bias.scale) == (tensor, op, 1.0)
    assert bias.shift(tuple(x), _WEIGHTS[tensor]).shape == tuple(x)


def test_of_what_is_taken_away(tmp_path: Path) -> None:
    bias = found(tmp_path, [node("Sub", "x b", "y")], [1, 3], [1, 3])
    assert isinstance(bias, LastBias)
    assert bias.shift((1, 3), _WEIGHTS["b"]).tolist() == [[-1, -1, -1]]


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("LayerNormalization", "x b", "y")], "adds no bias"),
        ([node("LayerNormalization", "x b b", "n y")], "this output of it has no bias"),
        ([node("Relu", "x", "r"), node("LayerNormalization", "x b r", "y")], "its bias is no constant"),
        ([node("GroupNormalization", "x k1 k1", "y", num_groups=1)], "its bias, one for each group, is not looked at"),
        ([node("BiasGelu", "x b", "y", domain=_OURS)], "whether it adds a bias is not looked at"),
    ],
    ids=["without", "mean", "computed", "groups", "foreign"],
)
def test_a_bias_that_is_not_looked_at_is_not_denied(nodes: Sequence[NodeProto], why: str, tmp_path: Path) -> None:
    assert str(found(tmp_path, nodes, [1, 3], [1, 3])).endswith(f"comes last, and {why}")
