"""The types that ONNX Runtime's products of packed weights compute in, held to how exact their results are."""

from __future__ import annotations

import platform
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
EXACT = {"float32": 1e-5, "float16": 3e-4}
"""Error of a product in float32 by the type that the result is rounded to; one of bytes is off by thousandths, and so
is a sum of that many numbers in float16."""
ON_ARM = platform.machine().lower().startswith(("aarch64", "arm"))
LEVELS = [None, 0, 1, 2, 3, 4]
CASES = [
    *[(bits, 32, level, "") for bits in (2, 4, 8) for level in LEVELS],
    *[(4, block, 4, "") for block in (16, 64, 128, 256)],
    *[(2, block, 4, "") for block in (16, 64, 128, 256)],
    *[(4, 32, 4, extra) for extra in ("zeros in bytes", "zeros in floats", "groups", "weights given", "bias")],
]


def product(
    bits: int, block: int, level: int | None, extra: str, dtype: str = "float32"
) -> tuple[ModelProto, np.ndarray[Any, Any]]:
    """A MatMulNBits, and the matrix that its weights stand for."""
    generator, zero = np.random.default_rng(0), 1 << (bits - 1)
    packed = generator.integers(0, 256, (N, K // block, block * bits // 8), dtype=np.uint8)
    scales = generator.uniform(0.5, 1, N * K // block).astype(dtype)
    fields = np.stack([(packed >> (bits * i)) & ((1 << bits) - 1) for i in range(8 // bits)], -1)
    weights = (fields.reshape(N, -1, block).astype(np.float64) - zero) * scales.reshape(N, -1, 1)
    stored: dict[str, np.ndarray[Any, Any]] = {"b": packed, "s": scales}
    further: dict[str, tuple[int, np.ndarray[Any, Any]]] = {
        "zeros in bytes": (3, np.full(N * (K // block) // 2, 0x88, np.uint8)),
        "zeros in floats": (3, np.full((N, K // block), zero, dtype)),
        "groups": (4, (np.arange(K) // block).astype(np.int32)),
        "bias": (5, np.zeros(N, dtype)),
    }
    inputs = ["x", "b", "s", "", "", ""]
    if extra in further:
        index, stored["more"] = further[extra]
        inputs[index] = "more"
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    given = [helper.make_tensor_value_info("x", element, [ROWS, K])]
    if extra == "weights given":
        given.append(helper.make_tensor_value_info("b", TensorProto.UINT8, stored.pop("b").shape))
    settings: dict[str, Any] = {"K": K, "N": N, "bits": bits, "block_size": block}
    if level is not None:
        settings["accuracy_level"] = level
    node = helper.make_node("MatMulNBits", inputs, ["y"], "n", domain="com.microsoft", **settings)
    made = [helper.make_tensor_value_info("y", element, [ROWS, N])]
    constants = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    graph = helper.make_graph([node], "g", given, made, constants)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), weights.reshape(N, K).T


@pytest.mark.parametrize(
    "dtype",
    ["float32", pytest.param("float16", marks=pytest.mark.skipif(ON_ARM, reason="ARM multiplies float16 itself"))],
)
@pytest.mark.parametrize(("bits", "block", "level", "extra"), CASES)
def test_a_product_is_said_to_be_of_bytes_when_its_error_is(
    bits: int, block: int, level: int | None, extra: str, dtype: str, profile_model: Profile
) -> None:
    import onnxruntime as ort

    model, weights = product(bits, block, level, extra, dtype)
    run = profile_model(model)
    run.check()
    (layer,) = [layer for layer in run.layers if layer.op == "MatMulNBits"]
    stored = {
        item.name: numpy_helper.to_array(item) for item in product(bits, block, level, "", dtype)[0].graph.initializer
    }
    drawn = np.random.default_rng(1).standard_normal((ROWS, K)).astype(dtype)
    feeds = {name: {**stored, "x": drawn}[name] for name in run.feeds}
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    exact = feeds["x"].astype(np.float64) @ weights
    error = np.linalg.norm(session.run(None, feeds)[0] - exact) / np.linalg.norm(exact)
    assert layer.compute_dtype == ("float32" if error < EXACT[dtype] else "int8")
    assert layer.input_dtypes[0] == dtype


@pytest.mark.skipif(ON_ARM, reason="ARM multiplies float16 itself")
def test_grouped_attention_sums_half_numbers_in_float32(profile_model: Profile) -> None:
    """Equal scores make each output the mean of what came before, and sums in float16 would be off by hundredths."""
    heads, length, size = 2, 512, 8
    inputs, outputs = ["q", "k", "v", "", "", "lengths", "total"], ["y", "keys", "values"]
    settings: dict[str, Any] = {"num_heads": heads, "kv_num_heads": heads}
    node = helper.make_node("GroupQueryAttention", inputs, outputs, "n", domain="com.microsoft", **settings)
    half = TensorProto.FLOAT16
    sizes, cached = [1, length, heads * size], [1, heads, length, size]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(name, half, sizes) for name in "qkv"],
        [helper.make_tensor_value_info(*made) for made in (("y", half, sizes), ("keys", half, cached))]
        + [helper.make_tensor_value_info("values", half, cached)],
        [
            numpy_helper.from_array(np.array([length - 1], np.int32), "lengths"),
            numpy_helper.from_array(np.array([length], np.int32), "total"),
        ],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    (layer,) = [layer for layer in profile_model(model).layers if layer.op == "GroupQueryAttention"]
    import onnxruntime as ort

    values = np.random.default_rng(0).uniform(1, 2, sizes).astype(np.float16)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    made = session.run(["y"], {"q": np.zeros_like(values), "k": values, "v": values})[0]
    exact = np.cumsum(values, axis=1, dtype=np.float64) / np.arange(1, length + 1)[:, None]
    assert np.linalg.norm(made - exact) / np.linalg.norm(exact) < EXACT["float16"]
    assert (layer.compute_dtype, layer.input_dtypes[0]) == ("float32", "float16")


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


@pytest.mark.parametrize("stored", ["int2", "uint2", "int4", "uint4"])
def test_types_of_less_than_a_byte_have_their_names(stored: str, profile_model: Profile) -> None:
    graph = helper.make_graph(
        [helper.make_node("DequantizeLinear", ["q", "s"], ["d"], "dequantise"), helper.make_node("Neg", ["d"], ["y"])],
        "g",
        [helper.make_tensor_value_info("s", TensorProto.FLOAT, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 8])],
        [helper.make_tensor("q", getattr(TensorProto, stored.upper()), [4, 8], np.arange(32) % 2)],
    )
    run = profile_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13))
    run.check()
    assert run.layers[0].input_dtypes == (stored, "float32")


def test_other_providers_choose_for_themselves() -> None:
    model, _ = product(4, 32, 4, "")
    in_bytes = multiplying_bytes(model)
    assert in_bytes == {"n"}
    layer = EngineLayer("n", "MatMulNBits", ("x",), ("y",))
    for provider, dtype in [("CPUExecutionProvider", "int8"), ("CUDAExecutionProvider", "float16")]:
        shown = Args("MatMulNBits", provider, [{"float16": [ROWS, K]}], [{"float16": [ROWS, N]}])
        assert with_types(layer, shown, in_bytes).compute_dtype == dtype


@pytest.mark.parametrize(("machine", "dtype"), [("x86_64", "float32"), ("aarch64", "float16"), ("arm64", "float16")])
def test_arm_multiplies_half_numbers_themselves(machine: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    layer = EngineLayer("n", "MatMulNBits", ("x",), ("y",))
    shown = Args("MatMulNBits", "CPUExecutionProvider", [{"float16": [ROWS, K]}], [{"float16": [ROWS, N]}])
    assert with_types(layer, shown, ()).compute_dtype == dtype
