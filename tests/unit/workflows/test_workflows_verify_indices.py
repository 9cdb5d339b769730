"""A network whose only output is the best of its classes, two of which are nearly alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from alexnet_bench import verify
from tests.unit.workflows.verify_models import Array, network, weight, write


def alike(first: float, second: float, *, scale: float = 1.0) -> ModelProto:
    """Classes 3 and 7 have the same weights, and biases that decide between them."""
    weights: Array = weight(network(), "fc.w")
    weights[3] = weights[7]
    biases = np.zeros(10, np.float32)
    biases[[3, 7]] = first, second
    return network(outputs=["best"], change={"fc.w": weights * np.float32(scale), "fc.b": biases})


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return write(tmp_path / "reference.onnx", alike(0.0, 1e-5))


def test_the_other_of_two_that_are_nearly_alike_is_as_right(reference: Path, tmp_path: Path) -> None:
    found = verify(write(tmp_path / "engine.onnx", alike(1e-5, 0.0)), against=reference)
    (best,) = found.outputs
    assert (found.verdict, best.measure, best.dtype, best.tolerance) == ("passed", "score", "int64", 1e-4)
    assert best.error is not None
    assert 0 < best.error < 1e-4
    assert {check.outcome for check in found.self_checks if check.name == "shuffled-inputs"} == {"found"}


def test_indices_inside_that_leave_the_tolerance_may_do_so_by_a_tie(tmp_path: Path) -> None:
    def behind(model: ModelProto) -> ModelProto:
        """A number by the best class, and a fault behind it would not be seen."""
        model.graph.node.append(helper.make_node("Cast", ["best"], ["number"], "cast", to=TensorProto.FLOAT))
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info("number", TensorProto.FLOAT, None))
        return model

    reference = write(tmp_path / "reference.onnx", behind(alike(0.0, 1e-5)))
    found = verify(write(tmp_path / "engine.onnx", behind(alike(1e-5, 0.0))), against=reference).first_bad
    assert found is not None
    assert [tensor.name for tensor in found.makes] == ["best"]
    assert "near a tie another is as right" in found.detail


def test_the_worst_in_place_of_the_best_is_wrong(reference: Path, tmp_path: Path) -> None:
    found = verify(write(tmp_path / "engine.onnx", alike(0.0, 1e-5, scale=-1.0)), against=reference)
    assert (found.verdict, found.outputs[0].measure) == ("failed", "score")
    assert found.first_bad is not None
    assert found.first_bad.nodes == ("fc",)
