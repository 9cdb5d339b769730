"""The types that ONNX Runtime's products of packed weights compute in, held to how exact their results are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from alexnet_bench.backends.onnxruntime.trace import Args
from alexnet_bench.backends.onnxruntime.types import multiplying_bytes, with_types
from alexnet_bench.core.engine_layers import EngineLayer

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Profile

ROWS, K, N = 8, 256, 32
EXACT = 1e-5
"""Error of a product in float32; one of bytes is off by thousandths."""
LEVELS = [None, 0, 1, 2, 3, 4]
CASES = [
    *[(bits, 32, level, "") for bits in (2, 4, 8) for level in LEVELS],
    *[(4, block, 4, "") for block in (16, 64, 128, 256)],
    *[(2, block, 4, "") for block in (16, 64, 128, 256)],
    *[(4, 32, 4, extra) for extra in ("zeros in bytes", "zeros in floats", "groups", "weights given", "bias")],
]


def product(bits: int, block: int, level: int | None, extra: str) -> tuple[ModelProto, np.ndarray[Any, Any]]:
    """A MatMulNBits, and the matrix that its weights stand for."""
    generator, zero = np.random.default_rng(0), 1 << (bits - 1)
    packed = generator.integers(0, 256, (N, K // block, block * bits // 8), dtype=np.uint8)
    scales = generator.uniform(0.5, 1, N * K // block).astype(np.float32)
    fields = np.stack([(packed >> (bits * i)) & ((1 << bits) - 1) for i in range(8 // bits)], -1)
    weights = (fields.reshape(N, -1, block).astype(np.float64) - zero) * scales.reshape(N, -1, 1)
    stored: dict[str, np.ndarray[Any, Any]] = {"b": packed, "s": scales}
    further: dict[str, tuple[int, np.ndarray[Any, Any]]] = {
        "zeros in bytes": (3, np.full(N * (K // block) // 2, 0x88, np.uint8)),
        "zeros in floats": (3, np.full((N, K // block), zero, np.float32)),
        "groups": (4, (np.arange(K) // block).astype(np.int32)),
        "bias": (5, np.zeros(N, np.float32)),
    }
    inputs = ["x", "b", "s", "", "", ""]
    if extra in further:
        index, stored["more"] = further[extra]
        inputs[index] = "more"
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [ROWS, K])]
    if extra == "weights given":
        given.append(helper.make_tensor_value_info("b", TensorProto.UINT8, stored.pop("b").shape))
    settings: dict[str, Any] = {"K": K, "N": N, "bits": bits, "block_size": block}
    if level is not None:
        settings["accuracy_level"] = level
    node = helper.make_node("MatMulNBits", inputs, ["y"], "n", domain="com.microsoft", **settings)
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [ROWS, N])]
    constants = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    graph = helper.make_graph([node], "g", given, made, constants)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), weights.reshape(N, K).T


@pytest.mark.parametrize(("bits", "block", "level", "extra"), CASES)
def test_a_product_is_said_to_be_of_bytes_when_its_error_is(
    bits: int, block: int, level: int | None, extra: str, profile_model: Profile
) -> None:
    import onnxruntime as ort

    model, weights = product(bits, block, level, extra)
    run = profile_model(model)
    run.check()
    (layer,) = [layer for layer in run.layers if layer.op == "MatMulNBits"]
    stored = {item.name: numpy_helper.to_array(item) for item in product(bits, block, level, "")[0].graph.initializer}
    drawn = np.random.default_rng(1).standard_normal((ROWS, K)).astype(np.float32)
    feeds = {name: {**stored, "x": drawn}[name] for name in run.feeds}
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    exact = feeds["x"].astype(np.float64) @ weights
    error = np.linalg.norm(session.run(None, feeds)[0] - exact) / np.linalg.norm(exact)
    assert layer.compute_dtype == ("float32" if error < EXACT else "int8")
    assert layer.input_dtypes[0] == "float32"


def test_weights_of_4_bits_behind_a_dequantisation_are_multiplied_as_bytes(profile_model: Profile) -> None:
    """ONNX Runtime makes a MatMulNBits of it, and allows 8 bits for the other side."""
    values = np.random.default_rng(0).integers(-8, 8, K * N)
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["w"], "dq", block_size=32, axis=0),
        helper.make_node("MatMul", ["x", "w"], ["y"], "mm"),
    ]
    constants = [
        helper.make_tensor("q", TensorProto.INT4, [K, N], values),
        numpy_helper.from_array(np.ones((K // 32, N), np.float32), "s"),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [ROWS, K])]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [ROWS, N])]
    graph = helper.make_graph(nodes, "g", given, made, constants)
    run = profile_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    run.check()
    assert [(layer.op, layer.compute_dtype) for layer in run.layers] == [("MatMulNBits", "int8")]


def dequantised(_: int) -> tuple[NodeProto, str, list[int], list[TensorProto]]:
    """A DequantizeLinear of an input of bytes, with the input's name and sizes, and its constants."""
    node = helper.make_node("DequantizeLinear", ["q", "s"], ["d"], "dequantise")
    return node, "q", [4, 32], [numpy_helper.from_array(np.array(0.5, np.float32), "s")]


def picked(dtype: int) -> tuple[NodeProto, str, list[int], list[TensorProto]]:
    """A GatherBlockQuantized of quantised weights, likewise."""
    settings: dict[str, Any] = {"bits": 4 if dtype == TensorProto.INT4 else 8, "block_size": 16}
    node = helper.make_node("GatherBlockQuantized", ["q", "i", "s"], ["d"], "pick", domain="com.microsoft", **settings)
    scales = numpy_helper.from_array(np.linspace(0.5, 1, 8, dtype=np.float32).reshape(4, 2), "s")
    return node, "i", [3], [helper.make_tensor("q", dtype, [4, 32], np.arange(128) % 7), scales]


@pytest.mark.parametrize(
    ("made", "given_type", "stored"),
    [
        (dequantised, TensorProto.INT8, "int8"),
        (dequantised, TensorProto.UINT8, "uint8"),
        (picked, TensorProto.INT64, "int4"),
        (picked, TensorProto.INT64, "uint8"),
    ],
)
def test_what_dequantises_computes_in_floats(made: Any, given_type: int, stored: str, profile_model: Profile) -> None:
    node, given, sizes, constants = made(getattr(TensorProto, stored.upper()))
    graph = helper.make_graph(
        [node, helper.make_node("Softmax", ["d"], ["y"], "softmax")],
        "g",
        [helper.make_tensor_value_info(given, given_type, sizes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    run = profile_model(helper.make_model(graph, opset_imports=opsets, ir_version=10))
    run.check()
    assert [layer.compute_dtype for layer in run.layers] == ["float32", "float32"]
    assert stored in run.layers[0].input_dtypes


def test_other_providers_choose_for_themselves() -> None:
    model, _ = product(4, 32, 4, "")
    in_bytes = multiplying_bytes(model)
    assert in_bytes == {"n"}
    layer = EngineLayer("n", "MatMulNBits", ("x",), ("y",))
    for provider, dtype in [("CPUExecutionProvider", "int8"), ("CUDAExecutionProvider", "float16")]:
        shown = Args("MatMulNBits", provider, [{"float16": [ROWS, K]}], [{"float16": [ROWS, N]}])
        assert with_types(layer, shown, in_bytes).compute_dtype == dtype
