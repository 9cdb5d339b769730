"""The models that are mutated: small, and together of every kind that the reader knows."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from alexnet_bench.network import architectures
from alexnet_bench.network.initialise import initialise
from alexnet_bench.network.onnx_export import build_model
from alexnet_bench.workflows.resolve import onnx_package_models

_MICROSOFT = "com.microsoft"
_BRANCHES = """
<ir_version: 8, opset_import: ["" : 17, "c" : 1]>
g (float[N,4,8,8] x, bool c) => (float[2,M] y, float q) <int64[2] s = {2,-1}> {
    a = Relu(x)  b = Reshape(a, s)
    [i] q = If(c) <then_branch = t () => (float[4] u) { u = Exp(a) }, else_branch = e () => (float[4] v) { v = Abs(a) }>
    m = c.F(b)  z = Gemm <transB = 1> (b, b)  y = MatMul(z, m)
}
<domain: "c", opset_import: ["" : 17]> F (p) => (r) { k = Relu(p)  r = Tanh(k) }
"""


def bases() -> list[ModelProto]:
    """Convolutions, branches and functions, computed shapes, recurrent, attention and quantised layers."""
    lenet = architectures.get("lenet-5")
    small = [build_model(lenet, initialise(lenet)), onnx.parser.parse_model(_BRANCHES), _layers()]
    return [*small, *small, onnx.load(onnx_package_models()["onnx:squeezenet"])]


def _layers() -> ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", 2, 8])
    weights = {
        "w": np.ones((1, 32, 8), np.float32),
        "r": np.ones((1, 32, 8), np.float32),
        "scale": np.ones((8,), np.float32),
        "step": np.float32(0.1),
        "zero": np.uint8(3),
        "last": np.array([0, 0, -1], np.int64),
    }
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r"], ["h"], hidden_size=8),
        helper.make_node("Shape", ["x"], ["sizes"]),
        helper.make_node("Reshape", ["h", "last"], ["flat"]),
        helper.make_node("SkipLayerNormalization", ["x", "x", "scale"], ["n"], domain=_MICROSOFT),
        helper.make_node("MultiHeadAttention", ["n", "n", "n"], ["m"], domain=_MICROSOFT, num_heads=2),
        helper.make_node("Einsum", ["m", "n"], ["e"], equation="bij,bkj->bik"),
        helper.make_node("QuantizeLinear", ["m", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["d"]),
        helper.make_node("Reshape", ["d", "sizes"], ["y"]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "e", "flat")]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "layers", [x], outputs, constants)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)
