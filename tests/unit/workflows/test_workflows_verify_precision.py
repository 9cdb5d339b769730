"""The type that OpenVINO was told to compute in, and tensors of bfloat16 that it shows, on the real OpenVINO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from alexnet_bench import BuildOptions, VerifyOptions, build_engine, verify
from alexnet_bench.core.errors import PrecisionError
from tests.unit.workflows.verify_models import model, network, weight, write

ov = pytest.importorskip("openvino")


def computed_in(hint: str) -> str:
    """What OpenVINO computes in on this processor when it is told a type."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])
    content = model([helper.make_node("MatMul", ["x", "w"], ["y"])], [x], [y], {"w": np.ones((8, 8), np.float32)})
    core = ov.Core()
    read = core.read_model(content.SerializeToString(), b"")
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": hint})
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())


@pytest.mark.parametrize(("precision", "hint"), [("fp16", "f16"), ("bf16", "bf16")])
def test_a_type_that_is_not_computed_in_is_an_error(precision: str, hint: str, tmp_path: Path) -> None:
    path = write(tmp_path / "model.onnx", network())
    options = VerifyOptions(backend="openvino", precision=precision)
    instead = computed_in(hint)
    if instead == hint:
        assert verify(path, options=options).verdict == "passed"
        return
    name = {"bf16": "bfloat16", "f32": "float32"}[instead]
    with pytest.raises(PrecisionError, match=rf"{precision} was asked for, and 4 of 4 layers .*\({name}\)"):
        verify(path, options=options)


def test_some_layers_may_stay_in_float32(tmp_path: Path) -> None:
    """Both directions of an LSTM compute in bfloat16, and are joined in float32."""
    if computed_in("bf16") != "bf16":
        pytest.skip("this processor does not multiply bfloat16")
    generator = np.random.default_rng(0)
    weights = {
        name: (generator.standard_normal(shape) / 4).astype(np.float32)
        for name, shape in {"W": (2, 64, 8), "R": (2, 64, 16), "w": (16, 5)}.items()
    }
    nodes = [
        helper.make_node("LSTM", ["x", "W", "R"], ["", "h"], name="lstm", hidden_size=16, direction="bidirectional"),
        helper.make_node("MatMul", ["h", "w"], ["y"], name="product"),
    ]
    x, y, h = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [6, 2, 8]), ("y", [2, 2, 5]), ("h", [2, 2, 16]))
    )
    path = write(tmp_path / "lstm.onnx", model(nodes, [x], [y, h], weights))
    assert verify(path, options=VerifyOptions(backend="openvino", precision="bf16")).verdict == "passed"


def test_tensors_of_bfloat16_inside_an_engine_are_read_as_such(tmp_path: Path) -> None:
    if computed_in("bf16") != "bf16":
        pytest.skip("this processor does not multiply bfloat16")
    right, engine = write(tmp_path / "right.onnx", network()), tmp_path / "engine.onnx"
    build_engine(right, options=BuildOptions(backend="openvino", recipe="bf16"), output=engine)
    values = weight(network(), "fc.b")
    values[3] += 30
    wrong = write(tmp_path / "wrong.onnx", network(change={"fc.b": values}))
    assert verify(engine, against=right).verdict == "passed"
    found = verify(engine, against=wrong)
    assert found.first_bad is not None
    assert found.first_bad.nodes == ("fc",)
    assert all((tensor.error or 0.0) < 5e-2 for tensor in found.first_bad.reads)


@pytest.mark.parametrize("source", [TensorProto.BFLOAT16, TensorProto.FLOAT])
def test_inputs_and_outputs_of_bfloat16(source: int, tmp_path: Path) -> None:
    """An engine that takes bfloat16, or gives it, against a reference of float32."""

    def product(*, takes: int, gives: int) -> onnx.ModelProto:
        nodes = [
            helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", ["f", "w"], ["p"]),
            helper.make_node("Cast", ["p"], ["y"], to=gives),
        ]
        x, y = (helper.make_tensor_value_info(*io, [3, 8]) for io in (("x", takes), ("y", gives)))
        weights = {"w": np.random.default_rng(2).standard_normal((8, 8)).astype(np.float32)}
        return model(nodes, [x], [y], weights)

    right = write(tmp_path / "right.onnx", product(takes=TensorProto.FLOAT, gives=TensorProto.FLOAT))
    engine = write(tmp_path / "engine.onnx", product(takes=source, gives=TensorProto.BFLOAT16))
    found = verify(engine, against=right, options=VerifyOptions(backend="openvino", search=False))
    (output,) = found.outputs
    assert (found.verdict, output.dtype) == ("passed", "float32")
    assert output.error is not None
    assert 1e-4 < output.error < 1e-2
