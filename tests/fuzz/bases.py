"""The models that are mutated: small, and together of every kind that the reader knows."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

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


_TURNS = """
<ir_version: 8, opset_import: ["" : 17, "c" : 1]>
g (float[4,3] x, int64[N] n) => (float[A,B] y, float[C,D] z, int64[E] w) <int64 t = {5}, int64[1] k = {7}> {
    on = Constant <value = bool {1}> ()  zero = Constant <value_int = 0> ()  one = Constant <value_int = 1> ()
    y, seen = Loop (t, on, x) <body = b (int64 i, bool c, float[4,3] v) => (bool d, float[4,3] u, float[3] s) {
        zero1 = Constant <value_ints = [0]> ()
        d = Identity (c)  u = c.G <alpha = 2.0> (v)  s = ReduceSum <keepdims = 0> (v, zero1)
    }>
    start = c.G <alpha = 0.5> (x)
    last, z = Scan <num_scan_inputs = 1, body = b (float[4,3] e, float[3] f) => (float[4,3] g, float[3] h) {
        g = Add (e, f)  h = Relu (f)
    }> (start, x)
    r = Range (zero, t, one)  p = Tile (r, k)  q = Expand (n, k)  w = Concat <axis = 0> (p, q)
}
<domain: "c", opset_import: ["" : 17, "c" : 1]>
G <alpha: float = 1.0> (p) => (r) { k = Elu <alpha: float = @alpha> (p)  r = c.H (k) }
<domain: "c", opset_import: ["" : 17]> H (p) => (r) { r = Abs (p) }
"""


_TABLES = """
<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 5]>
g (float[N,4] x, int64[N,6] w) => (float[N,2] y, int64[N] l, float[N,2] p, float[N,3] t, float[N,6] f) {
    t = TfIdfVectorizer <
        mode = "TF", min_gram_length = 1, max_gram_length = 2, max_skip_count = 1, ngram_counts = [0, 2],
        ngram_indexes = [0, 1, 2], pool_int64s = [2, 3, 5, 4]
    > (w)
    d = Identity (w)  f = ai.onnx.ml.LabelEncoder <keys_int64s = [2, 3], values_floats = [0.5, 1.5]> (d)
    a = ai.onnx.ml.Imputer <imputed_value_floats = [0.0], replaced_value_float = -1.0> (x)
    s = ai.onnx.ml.Scaler <offset = [0.0, 1.0, 2.0, 3.0], scale = [1.0, 1.0, 2.0, 2.0]> (a)
    y = ai.onnx.ml.LinearRegressor <coefficients = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], targets = 2> (s)
    n = ai.onnx.ml.Normalizer <norm = "L2"> (s)
    l, p = ai.onnx.ml.SVMClassifier <
        coefficients = [1.0, 2.0], support_vectors = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], rho = [0.5],
        vectors_per_class = [1, 1], classlabels_ints = [0, 1], kernel_type = "RBF", kernel_params = [0.1, 0.0, 3.0]
    > (n)
}
"""
_BLOCKS = """
<ir_version: 8, opset_import: ["" : 17, "com.microsoft.nchwc" : 1]>
g (float[N,10,8,8] x) => (float[N,12,4,4] y) <float[16,16,3,3] w = {}, float[16] b = {}> {
    i = com.microsoft.nchwc.ReorderInput (x)
    c = com.microsoft.nchwc.Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1], activation = "Relu"> (i, w, b)
    m = com.microsoft.nchwc.MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (c)
    y = com.microsoft.nchwc.ReorderOutput <channels = 12> (m)
}
"""


_TO_FOLD = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[2,3,2,2] x) => (float[2,4] y)
<float[4,3,1,1] w = {1,2,3,4,5,6,7,8,9,10,11,12}, float[4] s = {1,2,3,4}, float[1,4] k = {1,2,3,4},
 float[1,4,2,2] u = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}> {
    c = Conv (x, w)  d = BatchNormalization (c, s, s, s, s)  e = LRN <size = 3> (d)  f = Identity (e)
    g = Conv (f, u)  h = Relu (g)  i = Flatten (h)  j = Gemm (i, k)  y = BatchNormalization (j, s, s, s, s)
}
"""
_TO_PUT_TOGETHER = """
<ir_version: 8, opset_import: ["" : 20]>
g (float[2,4] x) => (float[2,4] y)
<float root = {1.41421356}, float one = {1}, float half = {0.5}, float few = {1e-12}, float[4] s = {1,2,3,4},
 int64[1] last = {-1}, float two = {2}> {
    a = Add (x, x)  b = Div (a, root)  c = Erf (b)  d = Add (c, one)  e = Mul (a, d)  g = Mul (e, half)
    mean = ReduceMean (g, last)  z = Sub (g, mean)  q = Pow (z, two)  v = ReduceMean (q, last)
    o = Add (v, few)  r = Sqrt (o)  n = Div (z, r)  t = Mul (n, s)  l = Add (t, s)  p = Mul (l, half)
    i = Sin (p)  y = Mul (i, i)
}
"""
_TO_LOWER = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[2,6,3,3] x) => (float[2,6,3,3] y)
<int64[1] one = {1}, int64[10] pads = {0,0,1,0,0,0,0,1,0,0}, float alpha = {0.01}, float k = {1.0}, float beta = {0.75},
 int64[4] split = {4,3,3,3}, int64[4] join = {2,6,3,3}> {
    a = Mul (x, x)  b = Unsqueeze (a, one)  c = Pad (b, pads)  d = AveragePool <kernel_shape = [3, 1, 1]> (c)
    e = Squeeze (d, one)  f = Mul (e, alpha)  g = Add (f, k)  h = Pow (g, beta)  n = Div (x, h)
    r = Reshape (n, split)  l = LRN <size = 4> (r)  y = Reshape (l, join)
}
"""


def bases_of_passes() -> list[ModelProto]:
    """Models in which passes find something, and those of all kinds of layers that hold their weights."""
    texts = (_TO_FOLD, _TO_PUT_TOGETHER, _TO_LOWER, _BRANCHES, _TURNS)
    return [*map(onnx.parser.parse_model, texts), _layers(), _old()]


def bases() -> list[ModelProto]:
    """Convolutions, branches, loops, functions, computed shapes, recurrent, attention, tables, other and old layers."""
    lenet = architectures.get("lenet-5")
    texts = [onnx.parser.parse_model(text) for text in (_BRANCHES, _TURNS, _TABLES, _BLOCKS)]
    small = [build_model(lenet, initialise(lenet)), *texts, _layers(), _quantised(), _old()]
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


def _quantised() -> ModelProto:
    """Integer layers of ONNX and of ONNX Runtime, weights in another file, and a sparse constant."""
    weights = {
        "s": np.float32(0.1),
        "z": np.uint8(3),
        "w": np.ones((4, 3, 3, 3), np.uint8),
        "m": np.ones((16, 8), np.uint8),
        "b": np.ones((8,), np.int32),
        "f": np.ones((8, 4), np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearConv", ["q", "s", "z", "w", "s", "z", "s", "z"], ["c"], strides=[2, 2]),
        helper.make_node("QLinearAdd", ["c", "s", "z", "c", "s", "z", "s", "z"], ["a"], domain=_MICROSOFT),
        helper.make_node("Flatten", ["a"], ["l"]),
        helper.make_node("QGemm", ["l", "s", "z", "m", "s", "z", "b"], ["g"], domain=_MICROSOFT),
        helper.make_node("MatMulInteger", ["l", "m"], ["i"]),
        helper.make_node("MatMul", ["g", "f"], ["h"]),
        helper.make_node("MatMul", ["h", "d"], ["y"]),
        helper.make_node("DynamicQuantizeLinear", ["y"], ["e", "e1", "e2"]),
    ]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    set_external_data(constants[-1], "weights.bin", offset=0, length=128)
    constants[-1].ClearField("raw_data")
    outputs = [helper.make_tensor_value_info(name, code, None) for name, code in (("y", 1), ("i", 6), ("e", 2))]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 6, 6])
    graph = helper.make_graph(nodes, "quantised", [x], outputs, constants)
    values = helper.make_tensor("d", TensorProto.FLOAT, [2], [1.0, 2.0])
    places = helper.make_tensor("places", TensorProto.INT64, [2], [0, 5])
    graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4, 4]))
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def _old() -> ModelProto:
    """Operators as they were written in opset 1, in a file of IR version 3."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("Add", ["c", "b"], ["a"], broadcast=1, axis=1),
        helper.make_node("Upsample", ["a"], ["u"], height_scale=2.0, width_scale=3.0),
        helper.make_node("Pad", ["u"], ["p"], paddings=[0, 0, 1, 1, 0, 0, 1, 1]),
        helper.make_node("Reshape", ["p"], ["r"], shape=[0, -1]),
        helper.make_node("Concat", ["r", "r"], ["k"]),
        helper.make_node("Cast", ["k"], ["y"], to="FLOAT16"),
    ]
    constants = [numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")]
    constants.append(numpy_helper.from_array(np.ones((4,), np.float32), "b"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 6, 6])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT16, None)
    graph = helper.make_graph(nodes, "old", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 1)], ir_version=3)
