"""Outputs that are no plain array of numbers of one shape, on the real ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from alexnet_bench import VerifyOptions, verify
from alexnet_bench.core.errors import BackendRefusal
from tests.unit.workflows.verify_models import model, write

NODE = helper.make_node
FACTORS = {"w": np.random.default_rng(1).standard_normal((8, 6)).astype(np.float32)}
WHOLE = VerifyOptions(search=False)


def value(name: str, shape: list[int | str], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def product(*nodes: onnx.NodeProto, outputs: list[Any], weights: dict[str, Any] | None = None) -> onnx.ModelProto:
    """Nodes behind p = x w, of 2x8 by 8x6."""
    first = NODE("MatMul", ["x", "w"], ["p"], name="product")
    return model([first, *nodes], [value("x", [2, 8])], outputs, FACTORS | (weights or {}))


def cast_to_text(by: float = 1.0) -> onnx.ModelProto:
    nodes = NODE("Mul", ["p", "by"], ["m"]), NODE("Cast", ["m"], ["y"], to=TensorProto.STRING)
    outputs = [value("p", [2, 6]), value("y", [2, 6], TensorProto.STRING)]
    return product(*nodes, outputs=outputs, weights={"by": np.array(by, np.float32)})


def test_text_is_compared_exactly(tmp_path: Path) -> None:
    right = write(tmp_path / "right.onnx", cast_to_text())
    stored = tmp_path / "stored.json"
    found = verify(right, options=VerifyOptions(top1=True, save_outputs=stored))
    assert (found.verdict, found.reasons) == ("passed", ())
    text = found.outputs[1]
    assert (text.dtype, text.reference_dtype, text.measure, text.error) == ("string", "string", "exact", 0.0)
    assert text.top1_agreement is None
    assert [check.outcome for check in found.self_checks if check.output == "y"] == ["found", "does not apply"]
    assert verify(f"{stored}#engine", against=f"{stored}#reference").outputs[1].verdict == "passed"
    wrong = verify(write(tmp_path / "wrong.onnx", cast_to_text(by=1.5)), against=right, options=WHOLE)
    assert wrong.outputs[1].verdict == "failed"
    assert "compared exactly" in wrong.outputs[1].reason


def test_numbers_in_place_of_text_fail_with_the_types(tmp_path: Path) -> None:
    right = write(tmp_path / "right.onnx", cast_to_text())
    whole = product(
        NODE("Cast", ["p"], ["y"], to=TensorProto.INT32),
        outputs=[value("p", [2, 6]), value("y", [2, 6], TensorProto.INT32)],
    )
    found = verify(write(tmp_path / "whole.onnx", whole), against=right, options=WHOLE)
    assert found.outputs[1].reason == "it is of type int32, and string in the reference"


def sequence(sizes: list[int]) -> onnx.ModelProto:
    kind = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    split = NODE("SplitToSequence", ["p", "sizes"], ["y"], axis=1)
    return product(split, outputs=[kind], weights={"sizes": np.array(sizes)})


def test_a_sequence_is_compared_where_its_tensors_are_of_one_shape(tmp_path: Path) -> None:
    found = verify(write(tmp_path / "equal.onnx", sequence([3, 3])))
    assert (found.verdict, found.outputs[0].shape) == ("passed", (2, 2, 3))
    with pytest.raises(BackendRefusal, match="output y is a sequence of tensors of different shapes") as caught:
        verify(write(tmp_path / "ragged.onnx", sequence([2, 4])))
    assert caught.value.exit_code == 2


def positive(keeps: str = "p") -> onnx.ModelProto:
    """The elements of p that are positive, as many as there are."""
    nodes = (
        NODE("Greater", ["p", "zero"], ["mask"], name="mask"),
        NODE("Reshape", ["mask", "flat"], ["chosen"], name="chosen"),
        NODE("Neg", ["p"], ["negative"], name="negative"),
        NODE("Compress", [keeps, "chosen"], ["y"], name="compress"),
    )
    weights = {"zero": np.zeros(1, np.float32), "flat": np.array([-1])}
    return product(*nodes, outputs=[value("y", ["n"])], weights=weights)


def test_shapes_that_depend_on_the_input_tell_the_inputs_apart(tmp_path: Path) -> None:
    right = write(tmp_path / "right.onnx", positive())
    found = verify(right)
    assert (found.verdict, found.reasons) == ("passed", ())
    (shuffled, _) = found.self_checks
    assert (shuffled.outcome, shuffled.detail) == ("found", "its shape tells the inputs apart")
    wrong = verify(write(tmp_path / "wrong.onnx", positive(keeps="negative")), against=right)
    assert wrong.verdict == "failed"


def test_a_reference_that_is_no_number_is_not_searched_for_a_fault_of_the_engine(tmp_path: Path) -> None:
    nodes = (
        NODE("Relu", ["p"], ["r"], name="relu"),
        NODE("Log", ["p"], ["l"], name="log"),
        NODE("Add", ["l", "r"], ["y"], name="add"),
    )
    path = write(tmp_path / "log.onnx", product(*nodes, outputs=[value("y", [2, 6])]))
    found = verify(path)
    assert found.verdict == "failed"
    assert found.first_bad is not None
    assert not found.first_bad.found
    assert found.first_bad.detail == "the reference itself gives elements that are no numbers, first made by log"
    assert found.first_bad.candidates == 4


def test_inputs_that_are_no_numbers_are_named_before_any_node(tmp_path: Path) -> None:
    path = write(tmp_path / "relu.onnx", product(NODE("Neg", ["p"], ["y"]), outputs=[value("y", [2, 6])]))
    folder = tmp_path / "inputs"
    folder.mkdir()
    for index in range(16):
        array = np.random.default_rng(index).random((2, 8), np.float32)
        array[0, 0] = np.nan
        np.save(folder / f"{index:02}.npy", array)
    found = verify(path, options=VerifyOptions(inputs=folder))
    assert found.first_bad is not None
    assert found.first_bad.detail == "the reference itself gives elements that are no numbers, and so do the inputs"


def test_an_error_beside_what_is_no_number_is_searched(tmp_path: Path) -> None:
    def logarithm(by: float) -> onnx.ModelProto:
        nodes = NODE("Log", ["p"], ["l"], name="log"), NODE("Mul", ["l", "by"], ["y"], name="scale")
        return product(*nodes, outputs=[value("y", [2, 6])], weights={"by": np.array(by, np.float32)})

    right = write(tmp_path / "right.onnx", logarithm(1.0))
    found = verify(write(tmp_path / "wrong.onnx", logarithm(1.5)), against=right)
    assert found.first_bad is not None
    assert found.first_bad.nodes == ("scale",)
