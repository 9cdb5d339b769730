"""Trials of a small model on the real ONNX Runtime."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.measure.latency import LatencyCase
from alexnet_bench.measure.trial import MOST_KEPT, run_trial


@pytest.fixture
def case(tmp_path: Path) -> LatencyCase:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [value("x", TensorProto.FLOAT, [4])],
        [value("y", TensorProto.FLOAT, [4])],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    write_arrays(tmp_path, {"x": np.ones(4, np.float32)})
    return LatencyCase(LoadRequest("onnxruntime-cpu", str(path), 1, settings={"arena": "off"}), tmp_path)


def test_a_trial_gives_some_samples_and_what_was_in_force(case: LatencyCase) -> None:
    trial = run_trial(case, seconds=0.05, within_s=60)
    assert trial is not None
    assert MOST_KEPT // 2 < len(trial.samples_s) <= MOST_KEPT
    assert all(0 < value < 0.05 for value in trial.samples_s)
    assert trial.settings["arena"] == "off"


def test_a_trial_without_time_has_samples_all_the_same(case: LatencyCase) -> None:
    trial = run_trial(case, seconds=0.0, within_s=60)
    assert trial is not None
    assert len(trial.samples_s) == 5


@pytest.mark.parametrize("within_s", [-1.0, 0.0, 0.6])
def test_a_trial_ends_when_its_time_is_up(case: LatencyCase, within_s: float) -> None:
    begun = time.monotonic()
    assert run_trial(case, seconds=30, within_s=within_s) is None
    assert time.monotonic() - begun < 5


def test_what_a_runtime_refuses_is_an_error(case: LatencyCase) -> None:
    Path(case.request.model_path).write_bytes(b"no model")
    with pytest.raises(BackendRefusal):
        run_trial(case, seconds=0.05, within_s=60)
