"""Models whose operators multiply bytes without a plain QuantizeLinear, on the real runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench import BuildOptions, VerifyOptions, build_engine, verify

ROWS, COLUMNS, BLOCK = 64, 32, 32
X = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, ROWS])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, COLUMNS])
OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
WEIGHT = np.random.default_rng(0).standard_normal((ROWS, COLUMNS)).astype(np.float32)
SCALES = np.full((ROWS // BLOCK, COLUMNS), 0.1, np.float32)


def written(path: Path, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]) -> Path:
    graph = helper.make_graph(nodes, "g", [X], [Y], weights)
    onnx.save(helper.make_model(graph, opset_imports=OPSETS, ir_version=10), path)
    return path


def packed(path: Path) -> Path:
    """A product with weights in 4 bits, which may round what they are multiplied by."""
    product = helper.make_node(
        "MatMulNBits",
        ["x", "w", "s"],
        ["y"],
        name="product",
        domain="com.microsoft",
        K=ROWS,
        N=COLUMNS,
        bits=4,
        block_size=BLOCK,
        accuracy_level=4,
    )
    stored = np.random.default_rng(0).integers(0, 255, (COLUMNS, ROWS // BLOCK, BLOCK // 2)).astype(np.uint8)
    return written(path, [product], [numpy_helper.from_array(stored, "w"), numpy_helper.from_array(SCALES.T, "s")])


def dequantised(path: Path) -> Path:
    """A product with weights in 4 bits behind a DequantizeLinear, of which no input is needed to compute it."""
    stored = np.random.default_rng(0).integers(-8, 7, (ROWS, COLUMNS)).flatten().tolist()
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["f"], axis=0, block_size=BLOCK),
        helper.make_node("MatMul", ["x", "f"], ["y"], name="product"),
    ]
    weight = helper.make_tensor("w", TensorProto.INT4, [ROWS, COLUMNS], stored)
    return written(path, nodes, [weight, numpy_helper.from_array(SCALES, "s")])


@pytest.mark.parametrize("make", [packed, dequantised])
def test_products_with_packed_weights_may_be_of_bytes(make: Callable[[Path], Path], tmp_path: Path) -> None:
    passport = build_engine(make(tmp_path / "model.onnx"), options=BuildOptions(backend="onnxruntime-cpu"))
    assert set(passport.compute_dtypes) <= {"int8", "float32"}  # float32 without instructions for products of bytes


def test_what_the_runtime_saved_counts_as_quantised(tmp_path: Path) -> None:
    """Quantised at run time, and fused by the runtime to one operator that reads and makes floats."""
    exact = written(
        tmp_path / "float.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        [numpy_helper.from_array(WEIGHT, "w")],
    )
    scale = np.asarray(np.abs(WEIGHT).max() / 127, np.float32)
    rounded = np.round(WEIGHT / scale).astype(np.int8)
    make = helper.make_node
    nodes = [
        make("DynamicQuantizeLinear", ["x"], ["bytes", "a", "zero"]),
        make("MatMulInteger", ["bytes", "w", "zero"], ["sums"], name="product"),
        make("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
        make("Mul", ["a", "b"], ["c"]),
        make("Mul", ["floats", "c"], ["y"]),
    ]
    weights = [numpy_helper.from_array(rounded, "w"), numpy_helper.from_array(scale, "b")]
    settings = onnxruntime.SessionOptions()
    settings.optimized_model_filepath = str(tmp_path / "saved.onnx")
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(written(tmp_path / "bytes.onnx", nodes, weights), settings)
    saved = tmp_path / "saved.onnx"
    assert [node.op_type for node in onnx.load(saved).graph.node] == ["DynamicQuantizeMatMul"]
    found = verify(saved, against=exact)
    assert (found.verdict, found.precision, found.tolerance) == ("passed", "int8", 0.1)
    assert verify(saved, against=exact, options=VerifyOptions(precision="int8")).verdict == "passed"
