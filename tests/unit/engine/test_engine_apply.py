from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from alexnet_bench.core.errors import UsageError
from alexnet_bench.engine import apply
from alexnet_bench.engine.apply import apply_recipe
from alexnet_bench.engine.recipe import Precision, Recipe

_FEEDS = {"x": np.ones((1, 4), np.float32)}


def _model() -> ModelProto:
    """x -> first -> Relu -> second, two products whose names hold what separates names from reasons."""
    weights = [numpy_helper.from_array(np.eye(4, dtype=np.float32), name) for name in ("v", "w")]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "v"], ["a"], name="first: product"),
            helper.make_node("Relu", ["a"], ["b"], name="relu"),
            helper.make_node("MatMul", ["b", "w"], ["y"], name="second"),
        ],
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _fp16(*keep: str) -> Recipe:
    return Recipe(name="r", precision="fp16", passes=("fold-constants", "fp16"), keep_fp32=keep)


def _types(model: ModelProto) -> dict[str, int]:
    """Of the weight that each product reads."""
    weights = {item.name: item.data_type for item in model.graph.initializer}
    return {node.name: weights[node.input[1]] for node in model.graph.node if node.op_type == "MatMul"}


def test_without_passes_the_model_stays() -> None:
    model = _model()
    applied = apply_recipe(model, Recipe(name="r"), _FEEDS)
    assert applied.model is model
    assert applied.origins == {name: (name,) for name in ("first: product", "relu", "second")}


def test_a_type_is_changed_and_every_new_node_has_its_origin() -> None:
    applied = apply_recipe(_model(), _fp16(), _FEEDS)
    assert _types(applied.model) == {"first: product": TensorProto.FLOAT16, "second": TensorProto.FLOAT16}
    names = [node.name for node in applied.model.graph.node]
    assert sorted(applied.origins) == sorted(names)
    assert {origin for origins in applied.origins.values() for origin in origins} <= {
        "first: product",
        "relu",
        "second",
    }
    assert applied.changes
    assert applied.kept_fp32 == ()


def test_what_the_recipe_keeps_is_kept_by_name() -> None:
    applied = apply_recipe(_model(), _fp16("first: product"), _FEEDS)
    assert _types(applied.model) == {"first: product": TensorProto.FLOAT, "second": TensorProto.FLOAT16}
    assert applied.kept_fp32 == ("first: product",)


def test_and_by_operator() -> None:
    applied = apply_recipe(_model(), _fp16("MatMul"), _FEEDS)
    assert _types(applied.model) == {"first: product": TensorProto.FLOAT, "second": TensorProto.FLOAT}
    assert applied.kept_fp32 == ("first: product", "second")


def test_what_no_pass_can_change_is_told_with_the_reason() -> None:
    model = _model()
    model.opset_import[0].version = 12
    model.graph.node[1].op_type = "Softmax"  # which computes something else from opset 13 on
    recipe = Recipe(name="r", precision="bf16", passes=("bf16",))
    reason = "MatMul takes no bfloat16 before opset 13"
    applied = apply_recipe(model, recipe, _FEEDS)
    assert applied.unable == {"first: product": reason, "second": reason}
    assert applied.kept_fp32 == ("relu",)
    assert f"in float32 stay first: product, second: {reason}" in applied.changes
    kept = apply_recipe(model, Recipe(name="r", precision="bf16", passes=("bf16",), keep_fp32=("MatMul",)), _FEEDS)
    assert (kept.unable, kept.kept_fp32) == ({}, ("first: product", "relu", "second"))


def test_an_operator_that_is_not_here_is_told() -> None:
    applied = apply_recipe(_model(), _fp16("Softmax"), _FEEDS)
    assert applied.notes == ("keep_fp32: there is no node of operator Softmax",)


@pytest.mark.parametrize(
    ("name", "hint"), [("Secon", "did you mean second?"), ("matmul", "did you mean MatMul?"), ("zzz", "--static")]
)
def test_what_is_no_node_and_no_operator_is_refused_with_the_closest(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"there is no node or operator {name}") as caught:
        apply_recipe(_model(), _fp16(name), _FEEDS)
    assert hint in caught.value.hint


def test_an_unknown_pass_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="fold-nothing"):
        apply_recipe(_model(), Recipe(name="r", passes=("fold-nothing",)), _FEEDS)


def test_what_onnx_runtime_does_not_run_is_narrowed_with_a_note() -> None:
    """The operators of another runtime's plugins are not its own."""
    model = _model()
    model.graph.node[1].op_type, model.graph.node[1].domain = "Own", "my.dom"
    model.opset_import.add(domain="my.dom", version=1)
    applied = apply_recipe(model, _fp16(), _FEEDS)
    assert _types(applied.model) == {"first: product": TensorProto.FLOAT16, "second": TensorProto.FLOAT}
    (note,) = applied.notes
    assert note.startswith("activations were not checked against the range: onnxruntime ")


@pytest.mark.parametrize(("precision", "told"), [("fp16", True), ("bf16", False)])
def test_without_onnx_runtime_the_range_of_float16_is_not_checked_and_a_note_says_so(
    precision: Precision, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "runtime_of_passes", lambda: "")
    applied = apply_recipe(_model(), Recipe(name="r", precision=precision, passes=(precision,)), _FEEDS)
    assert any("not checked" in note and "onnxruntime is not installed" in note for note in applied.notes) == told
