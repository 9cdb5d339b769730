"""Shapes that depend on data, or that no rule gives, are those of the run, on the real runtimes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench import Options, Profile, profile
from tests.unit.workflows.conftest import QUICK

ORT = replace(QUICK, backend="onnxruntime-cpu")


@pytest.fixture
def routed(tmp_path: Path) -> Path:
    """The rows of x whose first number is positive go through a product; where they are is an output, too."""
    generator = np.random.default_rng(0)
    constants: dict[str, np.ndarray] = {
        "w": generator.standard_normal((4, 8)).astype(np.float32),
        "zero": np.array(0, np.int64),
        "nothing": np.array(0, np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["x", "zero"], ["first"], "gather_first", axis=1),
        helper.make_node("Greater", ["first", "nothing"], ["positive"], "greater"),
        helper.make_node("NonZero", ["positive"], ["where"], "nonzero"),
        helper.make_node("Squeeze", ["where"], ["rows"], "squeeze"),
        helper.make_node("Gather", ["x", "rows"], ["chosen"], "gather_rows"),
        helper.make_node("MatMul", ["chosen", "w"], ["y"], "product"),
    ]
    graph = helper.make_graph(
        nodes,
        "routed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16, 4])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["k", 8]),
            helper.make_tensor_value_info("where", TensorProto.INT64, [1, "k"]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    path = tmp_path / "routed.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8), path)
    return path


@pytest.mark.parametrize("rows", [3, 11])
def test_nodes_behind_them_are_counted_as_the_run_had_them(routed: Path, tmp_path: Path, rows: int) -> None:
    x = -np.ones((16, 4), np.float32)
    x[:rows] = 1
    np.savez(tmp_path / "x.npz", x=x)
    found = profile(routed, options=replace(ORT, inputs=tmp_path / "x.npz"))
    assert found.totals.macs == rows * 4 * 8
    (product,) = (layer for layer in found.layers if "product" in layer.onnx_nodes)
    assert (product.macs, product.output_shapes) == (rows * 4 * 8, ((rows, 8),))
    assert found.coverage.macs_attributed_fraction == 1.0
    assert found.coverage.unknown_ops == ()
    (said,) = [item.message for item in found.warnings if item.code == "run-shapes"]
    assert "do not follow from the model alone, and are counted as in the last run" in said
    assert "product" in said


def test_without_a_run_they_stay_uncounted(routed: Path) -> None:
    found = profile(routed, options=Options(static=True))
    assert found.totals.macs == 0
    assert [item.code for item in found.warnings if item.code in ("run-shapes", "unknown-shape")] == ["unknown-shape"]


def test_a_loop_is_counted_whose_results_are_turned_and_turned_back(tmp_path: Path) -> None:
    """As tf2onnx writes recurrent layers in a row; of the Transposes between them, ONNX Runtime leaves nothing."""
    info = helper.make_tensor_value_info
    value = [info(name, TensorProto.FLOAT, [2, 8]) for name in ("before", "after", "step")]
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["before", "w"], ["after"]),
            helper.make_node("Identity", ["after"], ["step"]),
            helper.make_node("Less", ["i", "last"], ["on"]),
        ],
        "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), value[0]],
        [info("on", TensorProto.BOOL, []), *value[1:]],
    )
    nodes = [
        helper.make_node("Loop", ["times", "true", "x"], ["end", "steps"], "loop", body=body),
        helper.make_node("Transpose", ["steps"], ["turned"], "turn", perm=[1, 2, 0]),
        helper.make_node("Transpose", ["turned"], ["back"], "turn_back", perm=[2, 0, 1]),
        helper.make_node("MatMul", ["back", "v"], ["y"], "product"),
    ]
    constants = {
        "times": np.array(9),
        "last": np.array(99),
        "true": np.array(True),
        "w": np.ones((8, 8), np.float32),
        "v": np.ones((8, 4), np.float32),
    }
    made = [info(name, TensorProto.FLOAT, None) for name in ("y", "back")]
    weights = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "turned", [info("x", TensorProto.FLOAT, [2, 8])], made, weights)
    path = tmp_path / "turned.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    found = profile(path, options=ORT)
    macs = {node: layer.macs for layer in found.layers for node in layer.onnx_nodes}
    assert macs["loop"] == macs["turn"] == macs["turn_back"] == 9 * 2 * 8 * 8
    assert macs["product"] == 9 * 2 * 8 * 4
    assert found.coverage.macs_attributed_fraction == 1.0
    assert found.coverage.unknown_ops == ()


def test_an_output_that_is_left_out_hides_no_shape_of_the_others(tmp_path: Path) -> None:
    """ONNX Runtime's trace has no place for what Unique is not asked for."""
    nodes = [
        helper.make_node("Unique", ["x"], ["found", "", "back"], "unique"),
        helper.make_node("Unsqueeze", ["found", "last"], ["column"], "unsqueeze"),
        helper.make_node("MatMul", ["column", "w"], ["y"], "product"),
        helper.make_node("Gather", ["found", "back"], ["z"], "gather"),
    ]
    weights = {"last": np.array([1]), "w": np.ones((1, 8), np.float32)}
    graph = helper.make_graph(
        nodes,
        "unique",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "z")],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    path = tmp_path / "unique.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    np.savez(tmp_path / "x.npz", x=np.arange(16, dtype=np.float32) % 5)
    found = profile(path, options=replace(ORT, inputs=tmp_path / "x.npz"))
    assert found.totals.macs == 5 * 8
    assert found.coverage.unknown_ops == ()


def test_openvino_knows_the_shapes_behind_a_sequence(tmp_path: Path) -> None:
    """A loop turns each step of x by w and puts the results in a row; a product of the row follows."""
    pytest.importorskip("openvino", reason="openvino is not installed")
    info = helper.make_tensor_value_info
    row = helper.make_tensor_sequence_value_info("before", TensorProto.FLOAT, None)
    after = helper.make_tensor_sequence_value_info("after", TensorProto.FLOAT, None)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Gather", ["x", "i"], ["step"], axis=0),
            helper.make_node("MatMul", ["step", "w"], ["turned"]),
            helper.make_node("SequenceInsert", ["before", "turned"], ["after"]),
        ],
        "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), row],
        [info("on", TensorProto.BOOL, []), after],
    )
    nodes = [
        helper.make_node("SequenceEmpty", [], ["empty"], "empty"),
        helper.make_node("Loop", ["times", "true", "empty"], ["steps"], "loop", body=body),
        helper.make_node("ConcatFromSequence", ["steps"], ["row"], "row", axis=0, new_axis=1),
        helper.make_node("MatMul", ["row", "v"], ["y"], "product"),
    ]
    constants = {
        "times": np.array(9),
        "true": np.array(True),
        "w": np.ones((8, 8), np.float32),
        "v": np.ones((8, 4), np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "sequence",
        [info("x", TensorProto.FLOAT, [9, 6, 8])],
        [info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    path = tmp_path / "sequence.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    found = profile(path, options=replace(QUICK, backend="openvino"))
    assert found.totals.macs == sum(layer.macs or 0 for layer in found.layers) == 9 * 6 * 8 * (8 + 4)
    assert found.coverage.macs_attributed_fraction == 1.0


@pytest.fixture
def ending_early(tmp_path: Path) -> Path:
    """A loop doubles x up to nine times, while its largest number is below 100; what each turn made is multiplied."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Add", ["before", "before"], ["after"]),
            helper.make_node("ReduceMax", ["after"], ["largest"], keepdims=0),
            helper.make_node("Less", ["largest", "limit"], ["on"]),
            helper.make_node("Relu", ["after"], ["each"]),
        ],
        "body",
        [
            info("i", TensorProto.INT64, []),
            info("go", TensorProto.BOOL, []),
            info("before", TensorProto.FLOAT, [4, 8]),
        ],
        [
            info("on", TensorProto.BOOL, []),
            info("after", TensorProto.FLOAT, [4, 8]),
            info("each", TensorProto.FLOAT, [4, 8]),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["times", "true", "x"], ["last", "steps"], "loop", body=body),
        helper.make_node("MatMul", ["steps", "w"], ["y"], "product"),
    ]
    constants = {
        "times": np.array(9),
        "true": np.array(True),
        "limit": np.array(100, np.float32),
        "w": np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "early",
        [info("x", TensorProto.FLOAT, [4, 8])],
        [info("y", TensorProto.FLOAT, None), info("steps", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    path = tmp_path / "early.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_a_run_tells_how_long_a_loop_is(ending_early: Path, tmp_path: Path) -> None:
    """From 40 it takes two turns, 80 and 160; without a run, nine are the most."""
    np.savez(tmp_path / "x.npz", x=np.full((4, 8), 40, np.float32))
    found = profile(ending_early, options=replace(ORT, inputs=tmp_path / "x.npz"))
    (product,) = (layer for layer in found.layers if "product" in layer.onnx_nodes)
    assert (product.macs, product.output_shapes) == (2 * 4 * 8 * 8, ((2, 4, 8),))
    assert [item.why for item in found.coverage.assumptions] == ["at most 9 turns of the loop"]
    assert "product" in next(item.message for item in found.warnings if item.code == "run-shapes")

    counted = profile(ending_early, options=Options(static=True))
    assert counted.totals.macs == 9 * 4 * 8 * 8
    notes = [item.message for item in counted.warnings if item.code == "assumed"]
    assert notes == [
        "loop: at most 9 turns of the loop, as only a run would tell",
        "product: sizes after the most turns of a loop, as only a run would tell",
    ]


def test_a_runtime_that_departs_from_onnx_is_told(tmp_path: Path) -> None:
    """ONNX Runtime (1.31) leaves the dilation out of what `auto_pad` fills up."""
    pool = helper.make_node(
        "MaxPool", ["x"], ["p"], "pool", kernel_shape=[3, 3], strides=[2, 2], dilations=[2, 2], auto_pad="SAME_UPPER"
    )
    behind = [helper.make_node("Relu", ["p"], ["r"], "relu"), helper.make_node("MaxPool", ["r"], ["y"], "other")]
    behind[1].attribute.append(helper.make_attribute("kernel_shape", [1, 1]))
    model = _saved(tmp_path, [pool, *behind], (1, 3, 16, 16), ("y", TensorProto.FLOAT, ["n", "c", "h", "w"]))
    (caution,) = (item for item in profile(model, options=ORT).warnings if item.code == "other-sizes")
    assert caution.message == "pool made 1x3x7x7 in the run, and 1x3x8x8 is counted, as the model has it"
    openvino = profile(model, options=replace(QUICK, backend="openvino"))  # it does what ONNX says
    assert "other-sizes" not in {item.code for item in openvino.warnings}


def test_a_declared_size_that_depends_on_data_is_told(tmp_path: Path) -> None:
    found = helper.make_node("NonZero", ["x"], ["y"], "nonzero")
    model = _saved(tmp_path, [found], (2, 2), ("y", TensorProto.INT64, [2, 3]))
    np.savez(tmp_path / "x.npz", x=np.eye(2, dtype=np.float32))
    same, other = (profile(model, options=replace(ORT, inputs=given)) for given in (None, tmp_path / "x.npz"))
    assert "nonzero made 2x4 in the run, and 2x3 is counted, as the model has it" in _messages(same)
    assert "nonzero made 2x2 in the run, and 2x3 is counted, as the model has it" in _messages(other)
    np.savez(tmp_path / "x.npz", x=np.triu(np.ones((2, 2), np.float32)))
    fitting = profile(model, options=replace(ORT, inputs=tmp_path / "x.npz"))
    assert "other-sizes" not in {item.code for item in fitting.warnings}


def _messages(found: Profile) -> list[str]:
    return [item.message for item in found.warnings]


def _saved(
    folder: Path, nodes: list[onnx.NodeProto], sizes: tuple[int, ...], output: tuple[str, int, list[int | str]]
) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info(*output)],
    )
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
