"""`verify` of TensorRT's engines where it runs: the tool is the real one, and engines compute as ONNX Runtime does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from alexnet_bench import BuildOptions, build_engine, export, verify
from alexnet_bench.core.verification import Verification
from tests.unit.workflows.tensorrt_in_process import TensorRt

FAULTY = "conv2.weight"


@pytest.fixture
def plan(trt: TensorRt, tmp_path: Path) -> Path:
    return _built(trt, tmp_path, {})


def _built(trt: TensorRt, folder: Path, settings: dict[str, str]) -> Path:
    trt.computes = True
    file = folder / "lenet.plan"
    build_engine("lenet-5", options=BuildOptions(backend="tensorrt", precision="fp16", settings=settings), output=file)
    return file


def _spoil(content: bytes) -> bytes:
    """The model with a filter that is off by a lot."""
    model = onnx.load_from_string(content)
    (weight,) = [item for item in model.graph.initializer if item.name.startswith(FAULTY)]
    values = numpy_helper.to_array(weight).copy()
    values[0] += 30 * np.abs(values).max()
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    spoilt: bytes = model.SerializeToString()
    return spoilt


def _check_devices(trt: TensorRt) -> None:
    assert trt.devices
    assert [wrong for device in trt.devices for wrong in device.wrongs + device.open_resources()] == []


def test_an_engine_is_right(plan: Path, trt: TensorRt) -> None:
    found = verify(plan, against="lenet-5")
    (output,) = found.outputs
    assert (found.verdict, found.precision, output.tolerance) == ("passed", "fp16", 1e-2)
    assert output.error is not None
    assert 0 < output.error < output.tolerance
    _check_devices(trt)


@pytest.mark.parametrize("settings", [{}, {"strip": "on"}])
def test_the_first_bad_node_is_found_by_building_the_engine_again(
    trt: TensorRt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    """A builder that gets one weight wrong, each time."""
    monkeypatch.setattr(trt, "spoil", _spoil)
    file = _built(trt, tmp_path, settings)
    said: list[str] = []
    found = verify(file, against="lenet-5", progress=said.append)
    assert found.verdict == "failed"
    first = found.first_bad
    assert first is not None
    assert (first.found, first.nodes, first.detail) == (True, ("conv2",), "")
    assert (first.makes[0].name, first.makes[0].engine_name) == ("conv2", "conv2/float16")
    assert first.runs == len([line for line in said if line == "building lenet-5 again, to look inside"]) > 1
    assert trt.settings[-1].get("strip", "off") == "off"
    _check_devices(trt)


def test_an_engine_of_another_model_cannot_be_looked_into(plan: Path, tmp_path: Path) -> None:
    export("lenet-5", tmp_path / "other.onnx")
    (tmp_path / "other.onnx").write_bytes(_spoil((tmp_path / "other.onnx").read_bytes()))
    found: Verification = verify(plan, against=tmp_path / "other.onnx")
    assert found.verdict == "failed"
    assert found.first_bad is not None
    assert not found.first_bad.found
    assert "--against is not the model that it was built from" in found.first_bad.detail
