"""Products in other forms: the same values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, helper

from tests.unit.graph.passes.conftest import EXACT, check, drawn, error, operators, random_feeds, small


@pytest.mark.parametrize("opset", [9, 13, 18])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ["Relu", "Tanh", "none"])
def test_a_convolution_over_its_whole_input(activation: str, bias: bool, opset: int) -> None:
    nodes = [helper.make_node("Conv", ["x", "w", *(["b"] if bias else [])], ["c"], kernel_shape=[3, 4])]
    if activation != "none":
        nodes.append(helper.make_node(activation, ["c"], ["d"]))
    weights = {"w": drawn(7, 5, 3, 4), "b": drawn(7, seed=1)}
    model = small(nodes, {"x": ["N", 5, 3, 4]}, ["d" if len(nodes) > 1 else "c"], weights, opset=opset)
    result = check(model, "gemm-forms", [])
    expected = {"Relu": ["Relu", "Reshape"], "Tanh": ["Reshape", "Tanh"], "none": ["Reshape"]}[activation]
    assert operators(result.model) == ["Flatten", "Gemm", *expected]
    assert error(model, result.model, random_feeds(model)) < EXACT


def convolution(**attributes: Any) -> ModelProto:
    node = helper.make_node("Conv", ["x", "w"], ["y"], **attributes)
    groups = attributes.get("group", 1)
    assert isinstance(groups, int)
    return small([node], {"x": [1, 4, 3, 3]}, ["y"], {"w": drawn(4, 4 // groups, 3, 3)})


@pytest.mark.parametrize(
    "attributes",
    [{"pads": [1, 1, 1, 1]}, {"group": 2}, {"auto_pad": "SAME_UPPER"}, {"dilations": [1, 1], "pads": [0, 0, 1, 0]}],
)
def test_other_convolutions_stay(attributes: dict[str, Any]) -> None:
    assert check(convolution(**attributes), "gemm-forms", []).changes == ()


def test_a_convolution_of_one_pixel_stays() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    model = small([node], {"x": [1, 4, 1, 1]}, ["y"], {"w": drawn(4, 4, 1, 1)})
    assert check(model, "gemm-forms", []).changes == ()


@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize("shape", [[3, 6, 1], ["N", 6, 1], [2, 3, 6, 1]])
def test_weights_times_single_columns(shape: list[int | str], opset: int) -> None:
    model = small([helper.make_node("MatMul", ["w", "x"], ["y"])], {"x": shape}, ["y"], {"w": drawn(5, 6)}, opset=opset)
    result = check(model, "gemm-forms", [])
    assert operators(result.model) == ["Squeeze", "MatMul", "Unsqueeze"]
    assert error(model, result.model, random_feeds(model)) < EXACT


@pytest.mark.parametrize("shape", [[6, 1], [6], [3, 6, 2], [3, 6, "N"]])
def test_weights_times_one_or_several_columns_stay(shape: list[int | str]) -> None:
    node = helper.make_node("MatMul", ["w", "x"], ["y"])
    assert check(small([node], {"x": shape}, ["y"], {"w": drawn(5, 6)}), "gemm-forms", []).changes == ()


def test_weights_that_others_read_stay_too() -> None:
    nodes = [helper.make_node("MatMul", ["w", "x"], ["y"]), helper.make_node("Neg", ["w"], ["z"])]
    model = small(nodes, {"x": [2, 6, 1]}, ["y", "z", "w"], {"w": drawn(5, 6)})
    result = check(model, "gemm-forms", [])
    assert len(result.changes) == 1
    assert {item.name for item in result.model.graph.initializer} >= {"w"}
    assert np.isfinite(error(model, result.model, random_feeds(model)))
    assert error(model, result.model, random_feeds(model)) < EXACT
