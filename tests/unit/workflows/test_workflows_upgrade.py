"""`export MODEL.onnx --opset N`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.external_data_helper import set_external_data
from onnx.numpy_helper import from_array

from alexnet_bench.core.errors import ModelError, UsageError
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.workflows.upgrade import _compared, upgrade

_SIZES = (1, 3, 8, 8)


def write(path: Path, nodes: list[onnx.NodeProto] | None = None, **changes: Any) -> Path:
    """An old model: a convolution, then an interpolation that a later opset calls by another name."""
    value = helper.make_tensor_value_info
    nodes = nodes or [
        helper.make_node("Conv", ["x", "w"], ["a"], name="first"),
        helper.make_node("Upsample", ["a"], ["y"], scales=[1.0, 1.0, 2.0, 2.0], mode="nearest", name="second"),
    ]
    weights = from_array(np.arange(108, dtype=np.float32).reshape(4, 3, 3, 3) / 108, "w")
    graph = helper.make_graph(
        nodes, "g", [value("x", 1, changes.pop("sizes", _SIZES))], [value("y", 1, (1, 4, 12, 12))], [weights]
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=changes.pop("ir_version", 3))
    made.metadata_props.add(key="author", value="somebody")
    if changes.pop("external", False):
        (path.parent / "w.bin").write_bytes(weights.raw_data)
        set_external_data(made.graph.initializer[0], "w.bin", offset=0, length=432)
        made.graph.initializer[0].ClearField("raw_data")
    path.write_bytes(made.SerializeToString())
    return path


def answers(path: Path) -> np.ndarray:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"x": np.linspace(0, 1, 192, dtype=np.float32).reshape(_SIZES)})[0]
    return found


@pytest.mark.parametrize("changes", [{}, {"ir_version": 8}, {"external": True}], ids=str)
def test_a_file_at_a_newer_opset_answers_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    old = write(tmp_path / "old.onnx", **changes)
    done = upgrade(old, tmp_path / "new.onnx", opset=17)
    made = onnx.load(done.path)
    onnx.checker.check_model(str(done.path), full_check=True)
    assert [item.version for item in made.opset_import] == [17]
    assert [node.op_type for node in made.graph.node if node.op_type != "Constant"] == ["Conv", "Resize"]
    assert made.metadata_props[0].value == "somebody"
    assert [info.name for info in made.graph.input] == ["x"]
    assert done.note == "counted as before: 3,888 MAC, 7,776 FLOP, 108 parameters"
    write(tmp_path / "runnable.onnx", ir_version=8)
    np.testing.assert_array_equal(answers(done.path), answers(tmp_path / "runnable.onnx"))


def test_what_changes_in_the_counts_is_said(tmp_path: Path) -> None:
    before = open_model(write(tmp_path / "before.onnx", ir_version=8))
    after = open_model(write(tmp_path / "after.onnx", ir_version=8, sizes=(2, 3, 8, 8)))
    assert _compared(before, after).startswith("counted otherwise: 3,888 MAC")
    assert "7,776 MAC" in _compared(before, after).partition(" before, ")[2]


def test_a_model_of_open_sizes_is_converted_and_not_counted(tmp_path: Path) -> None:
    old = write(tmp_path / "old.onnx", sizes=("N", 3, "H", "W"), ir_version=8)
    assert "not counted" in upgrade(old, tmp_path / "new.onnx", opset=13).note


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"opset": 99}, UsageError, "there is no opset 99"),
        ({"opset": 0}, UsageError, "there is no opset 0"),
        ({"output": "new.txt"}, UsageError, "no name of a model"),
        ({"model": "lenet-5"}, UsageError, "written at one opset"),
        ({"model": "nothing.onnx"}, ModelError, "does not exist"),
        ({"model": "odd.onnx"}, ModelError, "cannot be converted to opset 17"),
        ({"model": "calls.onnx"}, ModelError, "has functions"),
        ({"model": "external.onnx", "output": "elsewhere/new.onnx"}, UsageError, "does not reach"),
    ],
    ids=str,
)
def test_what_cannot_be_converted_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    error: type[UsageError | ModelError],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("elsewhere").mkdir()
    write(Path("old.onnx"))
    write(Path("odd.onnx"), [helper.make_node("Odd", ["x", "w"], ["y"])], ir_version=8)
    write(Path("external.onnx"), external=True)
    calls = onnx.load(write(Path("calls.onnx"), ir_version=8))
    relu = helper.make_node("Relu", ["a"], ["b"])
    calls.functions.append(helper.make_function("f", "F", ["a"], ["b"], [relu], [helper.make_opsetid("", 8)]))
    Path("calls.onnx").write_bytes(calls.SerializeToString())
    given = {"model": "old.onnx", "output": "new.onnx", "opset": 17, **changes}
    with pytest.raises(error) as caught:
        upgrade(given["model"], given["output"], opset=given["opset"])
    assert said in caught.value.message
    assert caught.value.hint
    assert not Path(given["output"]).exists()


def test_a_converted_model_is_replaced_and_another_is_not(tmp_path: Path) -> None:
    old = write(tmp_path / "old.onnx")
    new = upgrade(old, tmp_path / "new.onnx", opset=17).path
    assert upgrade(old, new, opset=13).path == new
    (other := write(tmp_path / "other.onnx")).touch()
    with pytest.raises(UsageError, match=r"other\.onnx is there already, is no export"):
        upgrade(old, other, opset=17)
    with pytest.raises(UsageError, match="read by this very"):
        upgrade(new, tmp_path / "." / "new.onnx", opset=17)


def test_a_model_that_ends_the_converter_is_refused(tmp_path: Path) -> None:
    """ONNX (1.23) infers shapes on the way, and there EyeLike looks at a type that nobody knows."""
    nodes = [
        helper.make_node("Stranger", ["x"], ["t"], domain="custom"),
        helper.make_node("EyeLike", ["t"], ["y"], dtype=1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [value("x", 1, (2, 2))], [value("y", 1, (2, 2))])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("custom", 1)]
    model, output = tmp_path / "model.onnx", tmp_path / "converted.onnx"
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), model)
    with pytest.raises(ModelError, match=r"cannot be converted to opset 20: ONNX's converter died by signal SIGSEGV"):
        upgrade(model, output, opset=20)
    assert sorted(tmp_path.iterdir()) == [model]
