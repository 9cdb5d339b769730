"""The types that OpenVINO's products of weights in bytes compute in, held to how exact their results are."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

pytest.importorskip("openvino", reason="openvino is not installed")

from alexnet_bench.backends.openvino.backend import OpenVino
from alexnet_bench.backends.protocol import LoadRequest
from tests.unit.backends.openvino_runs import profiled

ROWS, N = 8, 32
EXACT = 1e-5
"""Error of a product in float32; one of rounded activations is off by thousandths."""
CASES = [
    *[(dtype, 256, block, zeros, "32") for dtype in ("u8", "i8", "u4", "i4") for block in (0, 32) for zeros in (0, 1)],
    *[(dtype, 256, block, 1, group) for dtype in ("u8", "u4") for block in (0, 16, 64, 128) for group in ("16", "64")],
    *[("u4", k, 0, 1, "128") for k in (64, 128, 160)],
    *[("i8", 256, 0, 0, "0"), ("u4", 256, 32, 1, "0")],
]


def product(said: str, k: int, block: int, zeros: int) -> tuple[ModelProto, np.ndarray[Any, Any]]:
    """A MatMul behind a DequantizeLinear of weights, and the matrix that these stand for.

    Args:
        said: their type.
        k: rows of the matrix.
        block: rows that have one scale; 0 for all.
        zeros: which are taken off: none, or different ones.
    """
    generator, bits = np.random.default_rng(0), int(said[1:])
    lowest = 0 if said[0] == "u" else -(1 << bits - 1)
    values = generator.integers(lowest, lowest + (1 << bits), (k, N))
    sizes = (k // block, N) if block else (N,)
    scales = generator.uniform(0.5, 1, sizes).astype(np.float32)
    centre = generator.integers(lowest + 3, lowest + (1 << bits) - 3, sizes) if zeros else np.zeros(sizes, np.int64)
    spread = [np.broadcast_to(np.repeat(item, block, 0) if block else item, (k, N)) for item in (centre, scales)]
    dtype = {"u": {8: TensorProto.UINT8, 4: TensorProto.UINT4}, "i": {8: TensorProto.INT8, 4: TensorProto.INT4}}
    stored = [
        helper.make_tensor("q", dtype[said[0]][bits], values.shape, values.flatten()),
        numpy_helper.from_array(scales, "s"),
        *([helper.make_tensor("z", dtype[said[0]][bits], sizes, centre.flatten())] if zeros else []),
    ]
    how: dict[str, Any] = {"axis": 0, "block_size": block} if block else {"axis": 1}
    nodes = [
        helper.make_node("DequantizeLinear", [item.name for item in stored], ["w"], "dq", **how),
        helper.make_node("MatMul", ["x", "w"], ["y"], "mm"),
    ]
    return _model(nodes, k, stored), (values - spread[0]) * spread[1].astype(np.float64)


def _model(nodes: list[onnx.NodeProto], k: int, stored: list[TensorProto]) -> ModelProto:
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [ROWS, k])]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [ROWS, N])]
    graph = helper.make_graph(nodes, "g", given, made, stored)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def _told_and_error(model: ModelProto, weights: np.ndarray[Any, Any], group: str | None) -> tuple[str, float]:
    """The type that the product is said to compute in, and how far its results are from those of float64."""
    settings = {} if group is None else {"dynamic_quantization": group}
    run = profiled(model, settings=settings)
    run.check()
    (layer,) = [layer for layer in run.layers if layer.macs]
    runner, drawn = OpenVino(), np.random.default_rng(1).standard_normal((ROWS, len(weights))).astype(np.float32)
    runner.activate(LoadRequest("openvino", str(run.path), 1, settings=settings))
    exact = drawn.astype(np.float64) @ weights
    return layer.compute_dtype, float(np.linalg.norm(runner.infer({"x": drawn})[0] - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize(("said", "k", "block", "zeros", "group"), CASES)
def test_a_product_is_said_to_be_of_bytes_when_its_error_is(
    said: str, k: int, block: int, zeros: int, group: str
) -> None:
    told, error = _told_and_error(*product(said, k, block, zeros), group)
    assert told == ("float32" if error < EXACT else "int8"), error


@pytest.mark.parametrize("said", ["u8", "i8", "u4", "i4"])
def test_float32_is_float32_beside_weights_in_bytes(said: str) -> None:
    told, error = _told_and_error(*product(said, 256, 32, 0), None)
    assert (told, error < EXACT) == ("float32", True)


def test_products_of_packed_weights_are_in_float32_too() -> None:
    generator = np.random.default_rng(0)
    packed = generator.integers(0, 256, (N, 8, 16), dtype=np.uint8)
    scales = generator.uniform(0.5, 1, (N, 8)).astype(np.float32)
    fields = np.stack([packed & 15, packed >> 4], -1).reshape(N, 8, 32)
    how: dict[str, Any] = {"K": 256, "N": N, "bits": 4, "block_size": 32}
    node = helper.make_node("MatMulNBits", ["x", "q", "s"], ["y"], "mm", domain="com.microsoft", **how)
    stored = [numpy_helper.from_array(packed, "q"), numpy_helper.from_array(scales.flatten(), "s")]
    weights = ((fields - 8.0) * scales[..., None]).reshape(N, 256).T
    told, error = _told_and_error(_model([node], 256, stored), weights, None)
    assert (told, error < EXACT) == ("float32", True)
    told, error = _told_and_error(_model([node], 256, stored), weights, "32")
    assert told == ("float32" if error < EXACT else "int8"), error
