"""One node run by ONNX's reference at the opset of its model, compared with ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from alexnet_bench.core.cost import CostTable
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.reference import run_node
from tests.unit.graph.conftest import Read

ROW = np.array([[3, 1, 2, 5]], np.int64)
OLD: list[tuple[str, int, int, dict[str, Any]]] = [
    # operator, opset, outputs, attributes that are inputs in later opsets
    ("Unsqueeze", 11, 1, {"axes": [0, 3]}),
    ("Squeeze", 11, 1, {"axes": [0]}),
    ("ReduceSum", 11, 1, {"axes": [1], "keepdims": 0}),
    ("ReduceMax", 12, 1, {"axes": [1]}),
    ("Slice", 9, 1, {"axes": [1], "starts": [1], "ends": [3]}),
    ("Split", 11, 2, {"axis": 1, "split": [1, 3]}),
    ("Clip", 6, 1, {"min": 2.0, "max": 4.0}),
]


@pytest.mark.parametrize(("operator", "opset", "outputs", "attributes"), OLD, ids=[case[0] for case in OLD])
def test_old_forms_of_operators_are_run(operator: str, opset: int, outputs: int, attributes: dict[str, Any]) -> None:
    """Exporters of opset 11 write all sizes of a Reshape so."""
    value = ROW.astype(np.float32) if operator == "Clip" else ROW
    names = [f"y{index}" for index in range(outputs)]
    node = helper.make_node(operator, ["x"], names, **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)],
        [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), None) for name in names],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for made, wanted in zip(run_node(node, {"x": value}, {"": opset}), session.run(None, {"x": value}), strict=True):
        np.testing.assert_array_equal(made, wanted)


def test_a_shape_that_is_computed_at_opset_11_is_followed(read: Read) -> None:
    """The batch and a constant, put together for a Reshape, as tracing exporters write a view."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "nought"], ["n"]),
        helper.make_node("Unsqueeze", ["n"], ["first"], axes=[0]),
        helper.make_node("Concat", ["first", "rest"], ["sizes"], axis=0),
        helper.make_node("Reshape", ["x", "sizes"], ["r"]),
        helper.make_node("Relu", ["r"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            helper.make_tensor("nought", TensorProto.INT64, [], [0]),
            helper.make_tensor("rest", TensorProto.INT64, [2], [3, 4]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    read_model = read(model, shapes={"x": (5, 12)})
    table: CostTable = count(read_model)
    assert read_model.tensor("y").shape == (5, 3, 4)
    assert table.flop == 60
