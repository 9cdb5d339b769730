"""LRN that OpenVINO computes wrongly: never in an engine by recipe, and said of what runs it all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from onnx import TensorProto, helper, save

import alexnet_bench
from alexnet_bench import BuildOptions, build_engine
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.workflows import miscomputed
from tests.unit.workflows.conftest import QUICK


def _model(path: Path, *biases: float, size: int = 3) -> Path:
    """LRN nodes in a row that are called `norm0`, `norm1` and so on."""
    tensors = [*(f"t{index}" for index in range(len(biases))), "y"]
    graph = helper.make_graph(
        [
            helper.make_node("LRN", [reads], [makes], f"norm{at}", size=size, alpha=0.5, bias=bias)
            for at, (reads, makes, bias) in enumerate(zip(tensors, tensors[1:], biases, strict=False))
        ],
        "g",
        [helper.make_tensor_value_info("t0", TensorProto.FLOAT, ["N", 8, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8, 5, 5])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _operators(path: str | Path) -> set[str]:
    return {node.op_type for node in open_model(Path(path)).proto.graph.node}


def _graph(path: Path) -> Graph:
    return build_graph(open_model(path), name="m", batch=2, given_shapes=None)


def test_nodes_are_named_with_what_is_wrong_of_them(tmp_path: Path) -> None:
    graph = _graph(_model(tmp_path / "m.onnx", 1.0, 1.5, 2.0, 0.5, 1.5, 1.5))
    (caution,) = miscomputed.of_graph("openvino", graph)
    assert caution.code == "miscomputed"
    assert caution.message.endswith("as norm1 (bias 1.5), norm3 (bias 0.5), norm4 (bias 1.5) and 1 more")
    assert "portable-lrn" in caution.hint
    assert list(miscomputed.of_graph("onnxruntime-cpu", graph)) == []
    assert list(miscomputed.of_graph("openvino", _graph(_model(tmp_path / "n.onnx", 1.0, 2.0)))) == []
    (said,) = miscomputed.in_words("openvino", _graph(_model(tmp_path / "o.onnx", 1.0, size=4)))
    assert "norm0 (size 4)" in said


@pytest.mark.parametrize("bias", [0.5, 1.5, 1.9])
def test_openvino_runs_an_engine_right_that_it_would_run_wrong_as_it_is(tmp_path: Path, bias: float) -> None:
    """Once the model as it is passes, OpenVINO's kernel is mended, and nothing of this is needed for it."""
    pytest.importorskip("openvino")
    model = _model(tmp_path / "m.onnx", bias)
    as_it_is = build_engine(
        model, output=tmp_path / "as.onnx", options=BuildOptions(backend="openvino", optimize=False)
    )
    assert [note.split(":")[0] for note in as_it_is.notes] == ["outputs are not the model's"]
    assert alexnet_bench.verify(tmp_path / "as.onnx", against=model).verdict == "failed"
    by_recipe = build_engine(model, output=tmp_path / "by.onnx", options=BuildOptions(backend="openvino"))
    assert by_recipe.notes == ()
    assert alexnet_bench.verify(tmp_path / "by.onnx", against=model).verdict == "passed"


def test_a_whole_bias_keeps_the_kernel(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model = _model(tmp_path / "m.onnx", 2.0)
    build_engine(model, output=tmp_path / "e.onnx", options=BuildOptions(backend="openvino"))
    assert _operators(tmp_path / "e.onnx") == {"LRN"}
    assert alexnet_bench.verify(tmp_path / "e.onnx", against=model).verdict == "passed"


@pytest.mark.parametrize("recipe", ["bf16", "dynamic-batch", "openvino-bf16"])
def test_recipes_that_openvino_can_be_given_make_other_operators_of_it(tmp_path: Path, recipe: str) -> None:
    pytest.importorskip("openvino")
    options = BuildOptions(backend="openvino", recipe=recipe)
    passport = build_engine(_model(tmp_path / "m.onnx", 1.5), output=tmp_path / "e.onnx", options=options)
    assert "LRN" not in _operators(tmp_path / "e.onnx")
    assert not any("outputs are not" in note for note in passport.notes)


def test_a_profile_of_the_model_as_it_is_says_so(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model = _model(tmp_path / "m.onnx", 1.5)
    told = alexnet_bench.profile(model, options=replace(QUICK, backend="openvino"))
    assert "miscomputed" in [caution.code for caution in told.warnings]
