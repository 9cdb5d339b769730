"""Polygraphy's JSON files: those that Polygraphy 0.53.6 wrote (tests/data/polygraphy), and our own."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_bench.core.errors import UsageError
from alexnet_bench.verdict.polygraphy import encode_inputs, encode_outputs, read_inputs, read_outputs, runner_of

_THEIRS = Path(__file__).resolve().parents[2] / "data" / "polygraphy"


def test_their_inputs_are_read() -> None:
    found = read_inputs(_THEIRS / "inputs.json")
    assert [list(item) for item in found] == [["x", "ids"]] * 2
    assert found[0]["x"] == pytest.approx(np.array([[0.12573022, -0.13210486, 0.64042264]]))
    assert (found[0]["x"].dtype.name, found[1]["ids"].tolist()) == ("float32", [1])


def test_their_outputs_are_read_by_runner() -> None:
    found = read_outputs(_THEIRS / "outputs.json")
    assert {name: len(runs) for name, runs in found.items()} == {"onnxrt-runner-N0": 2, "trt-runner-N1": 1}
    assert found["trt-runner-N1"][0]["y"].dtype == np.float16
    assert runner_of(Path("f"), found, "trt-runner-N1")[1] == found["trt-runner-N1"]


def test_ours_are_what_polygraphy_would_have_written() -> None:
    inputs = read_inputs(_THEIRS / "inputs.json")
    assert json.loads(encode_inputs(inputs)) == json.loads((_THEIRS / "inputs.json").read_bytes())
    theirs = json.loads((_THEIRS / "outputs.json").read_bytes())
    for _, iterations in theirs["lst"]:
        for iteration in iterations:
            iteration["runtime"] = None
    assert json.loads(encode_outputs(read_outputs(_THEIRS / "outputs.json"))) == theirs


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), np.float16),
        np.array(3.5),
        np.array([True, False]),
        np.arange(6, dtype=np.uint8).reshape(1, 2, 3),
    ],
)
def test_arrays_survive(array: np.ndarray[Any, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(encode_inputs([{"x\n/é": array}]))
    (found,) = read_inputs(path)
    assert found["x\n/é"].dtype == array.dtype
    assert found["x\n/é"].shape == array.shape
    assert np.array_equal(found["x\n/é"], array)


def test_one_iteration_needs_no_list(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(json.loads((_THEIRS / "inputs.json").read_bytes())[0]))
    assert len(read_inputs(path)) == 1


def test_two_runners_of_one_name_are_told_apart_and_a_choice_is_asked_for(tmp_path: Path) -> None:
    content = json.loads((_THEIRS / "outputs.json").read_bytes())
    content["lst"] = [content["lst"][1], content["lst"][1]]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    found = read_outputs(path)
    assert list(found) == ["trt-runner-N1", "trt-runner-N1#2"]
    with pytest.raises(UsageError, match="several runners") as caught:
        runner_of(path, found, "")
    assert "FILE.json#RUNNER; there are: trt-runner-N1, trt-runner-N1#2" in caught.value.hint
    with pytest.raises(UsageError, match="no outputs of nobody"):
        runner_of(path, found, "nobody")


def _pickled() -> str:
    content = io.BytesIO()
    np.save(content, np.array([{"code": 1}], dtype=object), allow_pickle=True)
    return base64.b64encode(content.getvalue()).decode()


def _archive() -> str:
    content = io.BytesIO()
    np.savez(content, a=np.zeros(2))
    return base64.b64encode(content.getvalue()).decode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("3", "holds no inputs"),
        ("[3]", "no list of named arrays"),
        ('[{"x": 3}]', "x is no numpy array"),
        ('[{"x": {"tensor": "aa", "polygraphy_class": "Tensor"}}]', "x is no numpy array"),
        ('[{"x": {"array": "no base64!", "polygraphy_class": "ndarray"}}]', "damaged"),
        ('[{"x": {"array": "QUJD", "polygraphy_class": "ndarray"}}]', "damaged"),
        (json.dumps([{"x": {"array": _pickled(), "polygraphy_class": "ndarray"}}]), "damaged"),
        (json.dumps([{"x": {"array": _archive(), "polygraphy_class": "ndarray"}}]), "archive"),
        ('{"lst": [], "polygraphy_class": "RunResults"}', "holds no inputs"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_what_is_no_file_of_inputs_is_refused_with_a_reason(content: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=problem):
        read_inputs(path)


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"lst": [], "polygraphy_class": "RunResults"}', '{"lst": [3], "polygraphy_class": "RunResults"}',
     '{"lst": [["a", [{"outputs": 3}]]], "polygraphy_class": "RunResults"}',
     '{"lst": [[3, []]], "polygraphy_class": "RunResults"}'],
)  # fmt: skip
def test_what_is_no_file_of_outputs_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="holds"):
        read_outputs(path)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_inputs(tmp_path / "none.json")
