"""Constants and BatchNormalization folded, on models that share, show and override their weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from tests.unit.graph.passes.conftest import EXACT, Array, check, drawn, error, operators, random_feeds, small


def statistics(channels: int, prefix: str = "") -> dict[str, Array]:
    generator = np.random.default_rng(1)
    return {
        f"{prefix}scale": generator.uniform(0.5, 2, channels).astype(np.float32),
        f"{prefix}shift": drawn(channels, seed=2),
        f"{prefix}mean": drawn(channels, seed=3),
        f"{prefix}var": generator.uniform(0.1, 2, channels).astype(np.float32),
    }


BN = ["scale", "shift", "mean", "var"]


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "shufflenet", "inception_v2"])
def test_batchnorms_of_real_architectures(name: str, light: Callable[[str], ModelProto]) -> None:
    model = light(name)
    result = check(model, "fold-batchnorm", [])
    folded = {"resnet50": 53, "densenet121": 60, "shufflenet": 49, "inception_v2": 69}[name]
    before, after = (operators(item).count("BatchNormalization") for item in (model, result.model))
    assert before - after == len(result.changes)
    assert len(result.changes) >= folded - 15
    assert error(model, result.model, random_feeds(model, 2), centred=False) < EXACT


def test_alexnet_bn(network: Callable[[str], ModelProto]) -> None:
    model = network("alexnet-bn")
    result = check(model, "fold-batchnorm", [])
    assert "BatchNormalization" not in operators(result.model)
    assert error(model, result.model, random_feeds(model)) < EXACT
    assert result.origins["conv1/folded"][0] == "conv1"


@pytest.mark.parametrize("opset", [9, 13, 18])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("operator", "bias"), [("Conv", True), ("Conv", False), ("ConvTranspose", True)])
def test_convolutions(operator: str, bias: bool, groups: int, opset: int) -> None:
    shape = (6, 4 // groups, 3, 3) if operator == "Conv" else (4, 6 // groups, 3, 3)
    nodes = [
        helper.make_node(operator, ["x", "w", *(["b"] if bias else [])], ["c"], group=groups),
        helper.make_node("BatchNormalization", ["c", *BN], ["y"], epsilon=0.01),
    ]
    weights = {"w": drawn(*shape), "b": drawn(6, seed=5), **statistics(6)}
    model = small(nodes, {"x": [2, 4, 5, 5]}, ["y"], weights, opset=opset)
    result = check(model, "fold-batchnorm", [])
    assert operators(result.model) == [operator]
    assert error(model, result.model, random_feeds(model)) < EXACT


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias_shape", [(5,), (1, 5), (1,), ()])
def test_products(transposed: int, bias_shape: tuple[int, ...]) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["c"], transB=transposed, alpha=0.5, beta=2.0),
        helper.make_node("BatchNormalization", ["c", *BN], ["y"]),
    ]
    weights = {"w": drawn(5, 4) if transposed else drawn(4, 5), "b": drawn(*bias_shape, seed=7), **statistics(5)}
    model = small(nodes, {"x": [3, 4]}, ["y"], weights)
    result = check(model, "fold-batchnorm", [])
    assert operators(result.model) == ["Gemm"]
    assert error(model, result.model, random_feeds(model)) < EXACT


def test_two_in_a_row_fold_into_one() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *BN], ["d"]),
        helper.make_node("BatchNormalization", ["d", *BN], ["y"]),
    ]
    model = small(nodes, {"x": [1, 3, 4, 4]}, ["y"], {"w": drawn(4, 3, 1, 1), **statistics(4)})
    result = check(model, "fold-batchnorm", [])
    assert operators(result.model) == ["Conv"]
    assert next(iter(result.origins.values())) == ("node_c", "node_d", "node_y")
    assert error(model, result.model, random_feeds(model)) < EXACT


def test_weights_that_others_read_or_that_are_outputs_stay() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *BN], ["y"]),
        helper.make_node("Conv", ["x", "w"], ["z"]),
    ]
    model = small(nodes, {"x": [1, 3, 4, 4]}, ["y", "z", "w", "scale"], {"w": drawn(4, 3, 1, 1), **statistics(4)})
    result = check(model, "fold-batchnorm", [])
    assert operators(result.model) == ["Conv", "Conv"]
    assert error(model, result.model, random_feeds(model)) < EXACT


def batchnorm_with(nodes: list[NodeProto], outputs: list[str]) -> ModelProto:
    first = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *BN], ["y"]),
    ]
    weights = {"w": drawn(4, 3, 1, 1), **statistics(4), "yes": np.array(True)}
    return small([*first, *nodes], {"x": [1, 3, 4, 4]}, outputs, weights)


def branch(tensor: str, name: str) -> GraphProto:
    made = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node("Neg", [tensor], [name], f"node_{name}")], name, [], [made])


def test_a_sum_that_another_node_an_output_or_a_branch_reads_is_not_folded() -> None:
    choice = helper.make_node("If", ["yes"], ["z"], then_branch=branch("c", "a"), else_branch=branch("c", "b"))
    for model in (
        batchnorm_with([helper.make_node("Relu", ["c"], ["z"])], ["y", "z"]),
        batchnorm_with([], ["y", "c"]),
        batchnorm_with([choice], ["y", "z"]),
    ):
        assert check(model, "fold-batchnorm", []).changes == ()


def test_weights_that_a_caller_can_override_are_not_folded() -> None:
    model = batchnorm_with([], ["y"])
    model.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, [4]))
    assert check(model, "fold-batchnorm", []).changes == ()
    model.ir_version = 3  # in which every weight stands among the inputs
    model.graph.input.extend(
        helper.make_tensor_value_info(item.name, item.data_type, list(item.dims))
        for item in model.graph.initializer
        if item.name != "scale"
    )
    result = check(model, "fold-batchnorm", [])
    assert len(result.changes) == 1
    assert [item.name for item in result.model.graph.input] == ["x"]
    assert error(model, result.model, random_feeds(model)) < EXACT


@pytest.mark.parametrize("outputs", [["y", "", ""], ["y", "m", "v"]])
def test_training_mode_is_not_folded(outputs: list[str]) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *BN], outputs, training_mode=1),
    ]
    model = small(nodes, {"x": [1, 3, 4, 4]}, ["y"], {"w": drawn(4, 3, 1, 1), **statistics(4)})
    assert check(model, "fold-batchnorm", []).changes == ()


def test_constants_are_folded_and_copies_go() -> None:
    nodes = [
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Mul", ["w", "two"], ["w2"]),
        helper.make_node("Identity", ["w2"], ["w3"]),
        helper.make_node("MatMul", ["x", "w3"], ["c"]),
        helper.make_node("Shape", ["c"], ["s"]),
        helper.make_node("Reshape", ["c", "s"], ["y"]),
    ]
    model = small(nodes, {"x": [2, 4]}, ["y"], {"w": drawn(4, 4)})
    result = check(model, "fold-constants", [])
    assert operators(result.model) == ["MatMul", "Reshape"]
    assert error(model, result.model, random_feeds(model)) < EXACT


def test_shapes_that_depend_on_the_batch_stay() -> None:
    nodes = [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Reshape", ["x", "s"], ["y"])]
    assert check(small(nodes, {"x": ["N", 4]}, ["y"], {}), "fold-constants", []).changes == ()


def test_sizes_that_follow_from_what_was_folded_are_constants_too() -> None:
    """As torch's tracing exporter computes the sizes of a view; `check` runs the pass a second time."""
    nodes = [
        helper.make_node("Max", ["low", "high"], ["sizes"]),
        helper.make_node("Reshape", ["x", "sizes"], ["view"]),
        helper.make_node("Shape", ["view"], ["found"]),
        helper.make_node("Max", ["found", "low"], ["again"]),
        helper.make_node("Reshape", ["view", "again"], ["other"]),
        helper.make_node("Size", ["other"], ["count"]),
        helper.make_node("Cast", ["count"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["other", "number"], ["y"]),
    ]
    weights = {"low": np.array([1, 4]), "high": np.array([6, 1])}
    model = small(nodes, {"x": [2, 12]}, ["y"], weights, shapes={"y": [6, 4]})
    result = check(model, "fold-constants", [])
    assert operators(result.model) == ["Reshape", "Reshape", "Div"]
    assert error(model, result.model, random_feeds(model)) < EXACT


@pytest.mark.parametrize(("reader", "folds"), [("Add", False), ("Transpose", False), ("Shape", True), ("none", True)])
def test_a_weight_that_others_read_too_is_not_stored_a_second_time(reader: str, folds: bool) -> None:
    """As an embedding that is the weight of the last product too; one that nothing else reads goes for it."""
    others = {
        "Add": [helper.make_node("Add", ["x", "w"], ["z"])],
        "Transpose": [helper.make_node("Transpose", ["w"], ["u"], perm=[1, 0]), helper.make_node("Neg", ["x"], ["z"])],
        "Shape": [helper.make_node("Shape", ["w"], ["s"]), helper.make_node("Reshape", ["x", "s"], ["z"])],
        "none": [helper.make_node("Neg", ["x"], ["z"])],
    }[reader]
    product = helper.make_node("MatMul", ["x", "u" if reader == "Transpose" else "x"], ["p"])
    nodes = [
        helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
        *others,
        product,
        helper.make_node("MatMul", ["p", "t"], ["y"]),
    ]
    model = small(nodes, {"x": [64, 64]}, ["y", "z"], {"w": drawn(64, 64)}, shapes={"y": [64, 64], "z": [64, 64]})
    result = check(model, "fold-constants", [])
    assert ("Transpose" not in operators(result.model)) is folds
    assert result.model.ByteSize() < model.ByteSize() + 100
    assert error(model, result.model, random_feeds(model)) < EXACT


def test_what_would_grow_the_file_or_lose_the_quantised_type_stays() -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["w"]),
        helper.make_node("DequantizeLinear", ["q", "by"], ["v"]),
        helper.make_node("Add", ["w", "v"], ["u"]),
        helper.make_node("Add", ["x", "u"], ["y"]),
    ]
    weights = {"shape": np.array([64, 64]), "q": np.ones((64, 64), np.int8), "by": np.array(0.5, np.float32)}
    model = small(nodes, {"x": [64, 64]}, ["y"], weights)
    assert check(model, "fold-constants", []).changes == ()


def test_a_large_constant_whose_size_only_shows_when_it_is_computed_stays() -> None:
    nodes = [
        helper.make_node("Exp", ["logarithms"], ["sizes"]),
        helper.make_node("Cast", ["sizes"], ["shape"], to=TensorProto.INT64),
        helper.make_node("ConstantOfShape", ["shape"], ["w"]),
        helper.make_node("ReduceMax", ["w"], ["v"], keepdims=0),
        helper.make_node("Add", ["x", "v"], ["y"]),
    ]
    model = small(nodes, {"x": [4]}, ["y"], {"logarithms": np.array([7, 7], np.float32)}, shapes={"y": [4]})
    result = check(model, "fold-constants", [])
    assert operators(result.model) == ["ConstantOfShape", "ReduceMax", "Add"]
    assert result.model.ByteSize() < 1000


def test_a_constant_of_terabytes_is_not_computed() -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["w"]),
        helper.make_node("ReduceSum", ["w"], ["v"]),
        helper.make_node("Add", ["x", "v"], ["y"]),
    ]
    model = small(nodes, {"x": [4]}, ["y"], {"shape": np.array([10**6, 10**6])})
    assert check(model, "fold-constants", []).changes == ()


def test_constants_that_branches_and_outputs_read_keep_their_names() -> None:
    choice = helper.make_node("If", ["yes"], ["z"], then_branch=branch("k", "a"), else_branch=branch("copy", "b"))
    nodes = [
        helper.make_node("Neg", ["w"], ["k"]),
        helper.make_node("Identity", ["x"], ["copy"]),
        helper.make_node("Neg", ["w"], ["shown"]),
        helper.make_node("Add", ["copy", "k"], ["y"]),
        choice,
    ]
    model = small(nodes, {"x": [4]}, ["y", "z", "shown"], {"w": drawn(4), "yes": np.array(True)})
    result = check(model, "fold-constants", [])
    assert operators(result.model) == ["Identity", "Neg", "Add", "If"]
    assert error(model, result.model, random_feeds(model)) < EXACT
