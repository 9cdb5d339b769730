"""Inputs that a user gives: a model that refuses others, which are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper

from alexnet_bench import Options, Profile, profile
from alexnet_bench.backends.array_files import read_arrays
from alexnet_bench.core.errors import BackendRefusal, UsageError
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.verdict import polygraphy
from alexnet_bench.verdict.samples import check_fits
from alexnet_bench.workflows.given_inputs import write_inputs
from tests.unit.workflows.conftest import QUICK

ORT = replace(QUICK, backend="onnxruntime-cpu")
SHAPE = np.array([2, 8], np.int64)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """16 numbers, put into the shape that the second input says: anything but 16 elements is refused."""
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"], "reshape"),
        helper.make_node("MatMul", ["r", "w"], ["y"], "product"),
    ]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [8, 4], [0.5] * 32)
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4]),
            helper.make_tensor_value_info("shape", TensorProto.INT64, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4])],
        [weights],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx"
    )
    return tmp_path / "model.onnx"


def stored(folder: Path, kind: str, **changes: Any) -> Path:
    """The inputs, in one of the forms."""
    arrays: dict[str, Any] = {"x": np.ones((4, 4), np.float32), "shape": SHAPE} | changes
    place = folder / f"inputs{kind}"
    if kind == ".npz":
        np.savez(place, **arrays)
    elif kind == ".json":
        place.write_bytes(polygraphy.encode_inputs([arrays]))
    else:
        place.mkdir()
        for name, array in arrays.items():
            np.save(place / f"{name}.npy", array)
    return place


def run(model: Path, inputs: Path, **options: Any) -> Profile:
    return profile(model, options=replace(ORT, inputs=inputs, **options))


@pytest.mark.parametrize("kind", ["", ".npz", ".json"])
def test_a_model_runs_on_them_with_their_sizes(model: Path, tmp_path: Path, kind: str) -> None:
    with pytest.raises(BackendRefusal):
        profile(model, options=ORT)
    inputs = stored(tmp_path, kind)
    found = run(model, inputs)
    assert found.latency is not None
    assert found.case.shapes == {"x": (4, 4), "shape": (2,)}
    assert found.case.seed is None
    assert [item.message for item in found.warnings if item.code == "given-inputs"] == [
        f"ran on the inputs of {inputs}"
    ]


@pytest.fixture
def one_input(tmp_path: Path) -> Path:
    graph = onnx.parser.parse_graph("one (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }")
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "one.onnx")
    return tmp_path / "one.onnx"


def test_of_a_folder_of_samples_the_first_is_taken_and_the_others_are_not_read(one_input: Path, tmp_path: Path) -> None:
    for kind in ("npy", "npz", "json"):
        place = tmp_path / f"of-{kind}"
        place.mkdir()
        (place / f"2.{kind}").write_text("nothing that could be read")
    np.save(tmp_path / "of-npy" / "1.npy", np.ones((3, 4), np.float32))
    np.savez(tmp_path / "of-npz" / "1.npz", x=np.ones((3, 4), np.float32))
    (tmp_path / "of-json" / "1.json").write_bytes(polygraphy.encode_inputs([{"x": np.ones((3, 4), np.float32)}]))
    for kind in ("npy", "npz", "json"):
        assert run(one_input, tmp_path / f"of-{kind}").case.shapes == {"x": (3, 4)}


def test_a_file_called_like_the_only_input_is_that_input(one_input: Path, tmp_path: Path) -> None:
    stored(tmp_path, "", x=np.ones((2, 4), np.float32))
    with pytest.raises(UsageError, match="gives shape, x; the model takes x"):
        run(one_input, tmp_path / "inputs")


@pytest.mark.parametrize("kind", ["", ".npz"])
def test_texts_are_taken_and_never_made_up(tmp_path: Path, kind: str) -> None:
    graph = onnx.parser.parse_graph('it (string[N] text) => (bool[N] y) { y = RegexFullMatch<pattern = "a.*">(text) }')
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "model.onnx")
    with pytest.raises(BackendRefusal, match="type string, which cannot be generated") as caught:
        profile(tmp_path / "model.onnx", options=ORT)
    assert "--inputs" in caught.value.hint
    place = tmp_path / f"inputs{kind}"
    texts = np.array(["a cat", "dog", "a"])
    if kind:
        stored_as(place, text=texts)
    else:
        place.mkdir()
        np.save(place / "text.npy", texts)
    found = run(tmp_path / "model.onnx", place)
    assert found.latency is not None
    assert found.case.shapes == {"text": (3,)}
    with pytest.raises(UsageError, match="text is of type int64, the model takes string"):
        run(tmp_path / "model.onnx", stored_as(tmp_path / "numbers.npz", text=SHAPE))
    with pytest.raises(UsageError, match="x is of type <U3, the model takes float32"):
        check_fits("numbers", {"x": texts[1:2].astype("<U3")}, {"x": Tensor("x", "float32", (1,))})


def stored_as(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_a_scalar_stays_one(tmp_path: Path) -> None:
    tensors = {"step": Tensor("step", "float32", ()), "x": Tensor("x", "float32", (2, 3))}
    graph = Graph("g", (), ("step", "x"), (), tensors, frozenset(), {}, frozenset(), 17, 8, "")
    given = {"step": np.array(2, np.float32), "x": np.ones((3, 2), np.float32).T}
    write_inputs(tmp_path / "in", graph, given, Options(inputs="in"), (0.0, 1.0))
    read = read_arrays(tmp_path / "in")
    assert {name: array.shape for name, array in read.items()} == {"step": (), "x": (2, 3)}
    assert read["x"].flags.c_contiguous


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.ones((4, 4))}, "x is of type float64, the model takes float32"),
        ({"shape": np.array([2, 8, 1], np.int64)}, "does not fit input shape"),
        ({"z": SHAPE}, "gives shape, x, z; the model takes shape, x"),
    ],
)
def test_what_does_not_fit_is_refused(model: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message) as caught:
        run(model, stored(tmp_path, ".npz", **changes))
    assert getattr(caught.value, "exit_code", None) == 2


def test_arrays_of_other_names_are_to_be_named_after_the_inputs(model: Path, tmp_path: Path) -> None:
    for precision in (None, "fp32"):
        with pytest.raises(UsageError, match=r"inputs\.npz gives image; the model takes shape, x") as caught:
            run(model, stored_as(tmp_path / "inputs.npz", image=SHAPE), precision=precision)
        assert "name an array after each input: shape.npy" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, "their own values and sizes"),
        ({"shapes": {"x": (4, 4)}}, "their own values and sizes"),
        ({"static": True}, "--static runs nothing"),
    ],
)
def test_options_that_contradict_them(model: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(model, stored(tmp_path, ".npz"), **options)
    with pytest.raises(UsageError, match="their own values and sizes"):
        profile(model, batch=4, options=Options(inputs=tmp_path / "inputs.npz"))


@pytest.mark.parametrize("name", ["nothing", "model.onnx", "empty", "none.json"])
def test_what_holds_no_inputs_is_refused(model: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(UsageError, match=f"{name} holds no inputs"):
        run(model, tmp_path / name)
