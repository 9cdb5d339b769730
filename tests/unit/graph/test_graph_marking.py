"""Tensors made outputs: the copy runs, gives the same values, and leaves the model alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from alexnet_bench.core.errors import OutputError
from alexnet_bench.graph.marking import mark_outputs
from alexnet_bench.graph.onnx_io import open_model

X = np.arange(2000, dtype=np.float32).reshape(1, 2000)


def _model(*, with_function: bool = False) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    double = helper.make_function(
        "own", "Double", ["a"], ["b"],
        [helper.make_node("Add", ["a", "a"], ["twice"], name="add"), helper.make_node("Neg", ["twice"], ["b"])],
        opsets[:1],
    )  # fmt: skip
    second = helper.make_node("Double" if with_function else "Neg", ["s"], ["y"], domain="own" if with_function else "")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["s"], name="sum"), second],
        "g",
        [value("x", TensorProto.FLOAT, [1, 2000])],
        [value("y", TensorProto.FLOAT, [1, 2000])],
        [numpy_helper.from_array(np.full(2000, 2, np.float32), "w")],
    )
    functions = [double] if with_function else []
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions)


def _run(path: Path) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": X}), strict=True))


def test_tensors_and_constants_become_outputs_behind_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(_model().SerializeToString())
    before = path.read_bytes()
    found = _run(mark_outputs(open_model(path), ["s", "y", "w", "s"], tmp_path / "copy"))
    assert list(found) == ["y", "s", "w"]
    assert np.array_equal(found["s"], X + 2)
    assert np.array_equal(found["y"], -X - 2)
    assert found["w"].tolist() == [2.0] * 2000
    assert path.read_bytes() == before


def test_external_data_is_found_beside_the_copy(tmp_path: Path) -> None:
    content = _model()
    convert_model_to_external_data(content, location="data/w.bin", size_threshold=0)
    (tmp_path / "data").mkdir()
    onnx.save(content, tmp_path / "m.onnx")
    file = open_model(tmp_path / "m.onnx")
    for _ in range(2):
        found = _run(mark_outputs(file, ["s"], tmp_path / "copy"))
        assert np.array_equal(found["s"], X + 2)


def test_inside_functions_the_names_are_those_of_the_graph(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(_model(with_function=True).SerializeToString())
    file = open_model(path)
    inside = file.proto.graph.node[1].output[0]
    found = _run(mark_outputs(file, [inside], tmp_path / "copy"))
    assert np.array_equal(found[inside], 2 * (X + 2))
    assert np.array_equal(found["y"], -2 * (X + 2))


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(_model().SerializeToString())
    with pytest.raises(OutputError, match="a copy of the model cannot be written"):
        mark_outputs(open_model(path), ["s"], path / "below a file")
