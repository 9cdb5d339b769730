"""Whole models: totals that are known from elsewhere, and the rules that totals follow."""

from __future__ import annotations

import importlib.util
from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.network import architectures, counts, onnx_export
from alexnet_bench.network.shapes import layer_tensors, place

if TYPE_CHECKING:
    from tests.unit.graph.conftest import Read


# Counted independently of this package, by two public counters and by hand for the convolutions.
PACKAGED = {
    "bvlc_alexnet": (654_560_384, 60_965_224),
    "densenet121": (2_834_161_664, 8_146_152),
    "inception_v1": (1_431_556_352, 6_998_552),
    "inception_v2": (2_018_851_840, 11_234_792),
    "resnet50": (4_089_184_256, 25_610_152),
    "shufflenet": (124_664_528, 1_420_152),
    "squeezenet": (349_151_936, 1_235_496),
    "vgg19": (19_632_062_464, 143_667_240),
    "zfnet512": (1_481_727_008, 87_250_536),
}


def packaged_file(name: str) -> Path:
    spec = importlib.util.find_spec("onnx")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0], "backend", "test", "data", "light", f"light_{name}.onnx")


@cache
def packaged(name: str) -> tuple[Graph, CostTable]:
    graph = build_graph(open_model(packaged_file(name)), name=name)
    return graph, count(graph)


@pytest.mark.parametrize("name", PACKAGED)
def test_the_models_of_the_onnx_package(name: str) -> None:
    _, table = packaged(name)
    assert (table.macs, table.params) == PACKAGED[name]
    assert [(row.op, row.why_unknown) for row in table.rows if not row.counted] == []


@pytest.mark.parametrize("name", PACKAGED)
def test_rows_and_totals_agree(name: str) -> None:
    graph, table = packaged(name)
    assert [row.name for row in table.rows] == [node.name for node in graph.live_nodes]
    assert sum(row.params for row in table.rows) == table.params  # no weight is shared in these
    assert sum(row.weight_bytes for row in table.rows) == table.weight_bytes
    assert table.param_bytes == 4 * table.params
    assert table.flop >= 2 * table.macs
    assert table.by_name[table.peak_node].live_bytes == table.activation_peak_bytes
    held = [
        (row.live_bytes or 0, row.activation_bytes or 0) for row in table.rows if row.op not in ("Reshape", "Dropout")
    ]
    assert all(alive >= of_node > 0 for alive, of_node in held)


def test_trainable_parameters_leave_running_statistics_out() -> None:
    """torchvision's resnet50 has 25,557,032 parameters."""
    _, table = packaged("resnet50")
    assert table.trainable_params == 25_557_032
    assert sum(row.trainable_params for row in table.rows) == 25_557_032


def test_work_is_linear_in_the_batch(read: Read) -> None:
    text = """g (float[N,3,8,8] x) => (float y) <float[4,3,3,3] w, float[4] b> {
        c = Conv<pads = [1, 1, 1, 1]>(x, w, b)  r = Relu(c)  p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r)
        f = Flatten(p)  y = Softmax(f)
    }"""
    one, many = count(read(text)), count(read(text, batch=7))
    assert many.macs == 7 * one.macs == 7 * 4 * 64 * 27
    assert many.flop == 7 * one.flop
    assert many.params == one.params == 4 * 27 + 4
    assert [row.weight_bytes for row in many.rows] == [row.weight_bytes for row in one.rows]


def test_an_unknown_operator_is_listed_and_neither_fatal_nor_zero(read: Read) -> None:
    table = count(read("g (float[2,4] x) => (float[] y) { h = com.example.Magic(x)  y = Relu(h) }"))
    magic = table.by_name["Magic:h"]
    assert magic.op == "com.example.Magic"
    assert magic.why_unknown == "no formula"
    assert (magic.macs, magic.flop, magic.transcendentals) == (None, None, None)
    assert (magic.bytes_read, magic.bytes_written, magic.bytes) == (32, None, None)
    assert table.by_name["Relu:y"].why_unknown == "shape of output 0 is unknown"
    assert (table.macs, table.flop) == (0, 0)


def test_an_operator_of_a_later_opset_is_told_from_one_without_shapes(read: Read) -> None:
    text = "g (float[2,4] x) => (float[] y) { y = Gelu(x) }"
    assert (
        count(read(text)).rows[0].why_unknown == "opset 17 of the model does not have this operator, which came later"
    )
    assert count(read(f'<ir_version: 9, opset_import: ["" : 20]> {text}')).rows[0].why_unknown == ""


def test_an_operator_that_onnx_runtime_has_at_every_opset_is_not_said_to_come_later(read: Read) -> None:
    text = "g (float[2,4] x, float[4] scale) => (y) { h = com.example.Magic(x)  y = LayerNormalization(h, scale) }"
    table = count(read(f'<ir_version: 8, opset_import: ["" : 14, "com.example" : 1]> {text}'))
    assert table.by_name["LayerNormalization:y"].why_unknown == "shape of input 0 is unknown"


@pytest.mark.parametrize("opset", [2**31, 2**62, -(2**62), 0])
def test_opsets_that_are_none_are_no_crash(read: Read, opset: int) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 17]> g (float[2] x) => (float[] y) { y = Sin(x) }'
    )
    model.opset_import[0].version = opset
    assert count(read(model)).rows[0].op == "Sin"


def test_names_in_reasons_are_escaped(read: Read) -> None:
    value = [helper.make_tensor_value_info("z", 1, [2])]
    magic = helper.make_node("Magic", ["x"], ["z"], "\x1b[2J", domain="com.example")
    branch = helper.make_graph([magic], "b", [], value)
    choice = helper.make_node("If", ["c"], ["y"], "last", then_branch=branch, else_branch=branch)
    inputs = [helper.make_tensor_value_info("c", 9, []), helper.make_tensor_value_info("x", 1, [2])]
    graph = helper.make_graph([choice], "g", inputs, [helper.make_tensor_value_info("y", 1, [2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    reason = count(read(model)).by_name["last"].why_unknown
    assert "[2J" in reason
    assert reason.isprintable()


def test_reasons_are_short(read: Read) -> None:
    pool = helper.make_node("MaxPool", ["x"], ["y"], "pool", kernel_shape=["a" * 10_000, "b"])
    values = [helper.make_tensor_value_info(name, 1, [1, 1, 4, 4]) for name in "xy"]
    graph = helper.make_graph([pool], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    reason = count(read(model)).by_name["pool"].why_unknown
    assert 0 < len(reason) < 200


def test_a_weight_that_two_nodes_read_counts_once(read: Read) -> None:
    table = count(
        read(
            """g (float[2,4] x) => (float y) <float[4,4] w> {
            a = MatMul(x, w)  b = MatMul(a, w)
            same = Identity(w)  c = MatMul(b, same)
            turned = Transpose(same)  y = MatMul(c, turned)
        }"""
        )
    )
    assert (table.params, table.trainable_params, table.param_bytes, table.weight_bytes) == (16, 16, 64, 64)
    assert [row.params for row in table.rows] == [16] * 4


def test_settings_and_scalars_and_integers_are_no_parameters(read: Read) -> None:
    table = count(
        read(
            """g (float[2,4] x) => (float y)
            <float low = {0}, float high = {6}, float[1] two = {2}, int64[2] shape = {4, 2}, float[2] scale = {1, 2}> {
            a = Clip(x, low, high)  b = Pow(a, two)  c = Reshape(b, shape)  y = Mul(c, scale)
        }"""
        )
    )
    assert table.params == 2
    assert table.weight_bytes == 4 + 4 + 4 + 16 + 8


@pytest.mark.parametrize(
    ("opset", "node", "settings", "params"),
    [
        (9, "Upsample (x, s)", {"s": [4]}, 0),
        (10, "Resize (x, s)", {"s": [4]}, 0),
        (13, "Resize (x, r, s)", {"r": [8], "s": [4]}, 0),
        (1, "Tile (x, s, t)", {"s": [1], "t": [1]}, 0),
        (17, "OneHot (i, d, v)", {"d": [1], "v": [2]}, 0),
        (17, "NonMaxSuppression (b, c, n, s, t)", {"s": [1], "t": [1]}, 0),
        (17, "QuantizeLinear <axis = 1> (x, s)", {"s": [2]}, 0),
        (21, "DequantizeLinear <axis = 1> (q, s)", {"s": [2]}, 0),
        (17, "STFT (w, n, s)", {"s": [4]}, 0),
        (23, "RotaryEmbedding (x, s, t)", {"s": [4, 2], "t": [4, 2]}, 0),
        (17, "CastLike (x, s)", {"s": [3]}, 0),
        (17, "SoftmaxCrossEntropyLoss (x, l, s)", {"s": [2]}, 0),
        (17, "NegativeLogLikelihoodLoss (x, l, s)", {"s": [2]}, 0),
        (17, "LSTM <hidden_size = 4> (e, w0, r0, , , s, t)", {"s": [1, 1, 4], "t": [1, 1, 4], "w0": [1, 16, 3]}, 48),
        (17, "GRU <hidden_size = 4> (e, w0, r3, , , s)", {"s": [1, 1, 4], "w0": [1, 12, 3]}, 36),
        (17, "RNN <hidden_size = 4> (e, w0, r1, , , s)", {"s": [1, 1, 4], "w0": [1, 4, 3]}, 12),
        (17, "com.microsoft.RotaryEmbedding (x, i, s, t)", {"s": [4, 2], "t": [4, 2]}, 0),
        (17, "PRelu (x, s)", {"s": [2, 1, 1]}, 2),
        (17, "Add (x, s)", {"s": [2, 1, 1]}, 2),
    ],
)
def test_settings_are_no_parameters_as_constants_with_an_axis(
    read: Read, opset: int, node: str, settings: dict[str, list[int]], params: int
) -> None:
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : {opset}, "com.microsoft" : 1]>'
        " g (float[1,2,3,4] x, int64[5] i, float[1,6,4] b, float[1,1,6] c, int64[1] n, int8[1,2,3,4] q,"
        " float[1,16,1] w, int64[1,3,4] l, float[2,1,3] e, float[1,16,4] r0, float[1,12,4] r3,"
        " float[1,4,4] r1)"
        f" => (y) {{ y = {node} }}"
    )
    for name, dims in settings.items():
        model.graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=dims)
    table = count(read(model))
    assert table.params == params
    assert table.weight_bytes == 4 * sum(map(prod, settings.values()))


def test_a_weight_made_of_others_is_the_weight_that_is_used(read: Read) -> None:
    table = count(read("g (float[2,4] x) => (float y) <float[4,4] v, float[4] g> { w = Mul(v, g)  y = MatMul(x, w) }"))
    assert table.params == 16


@pytest.mark.parametrize("like", ["l", "x"])
def test_a_cast_reads_nothing_of_what_only_gives_it_a_type(read: Read, like: str) -> None:
    (row,) = count(read(f"g (float16[2,3] x, float[1000,1000] l) => (y) {{ y = CastLike (x, {like}) }}")).rows
    assert (row.bytes_read, row.bytes_written) == (12, 24 if like == "l" else 12)


def test_a_cast_reads_a_constant_as_the_file_holds_it(read: Read) -> None:
    (row,) = count(
        read(
            """g (float16[5] l) => (y) <int8[3,4] q, float s = {0.5}> {
            w = DequantizeLinear (q, s) y = CastLike (w, l)
            }"""
        )
    ).rows
    assert (row.bytes_read, row.bytes_written) == (12 + 4, 24)


def test_bytes_are_counted_at_their_types(read: Read) -> None:
    table = count(read("g (float16[2,4] x) => (float y) <float16[4,4] w> { h = MatMul(x, w)  y = Cast<to = 1>(h) }"))
    matmul, cast = table.rows
    assert (matmul.bytes_read, matmul.bytes_written, matmul.weight_bytes) == (16 + 32, 16, 32)
    assert (cast.bytes_read, cast.bytes_written, cast.bytes) == (16, 32, 48)


QUANTISED = """<ir_version: 10, opset_import: ["" : 21]>
g (float[1,16,8,8] x) => (float y)
<int8[16,16,3,3] q, float[16] s, int8[16] z, int32[16] qb, float[16] sb, float xs, int8 xz> {
    xq = QuantizeLinear(x, xs, xz)  xd = DequantizeLinear(xq, xs, xz)
    w = DequantizeLinear<axis = 0>(q, s, z)  b = DequantizeLinear<axis = 0>(qb, sb)
    y = Conv<pads = [1, 1, 1, 1]>(xd, w, b)
}"""


def test_dequantised_weights_have_the_bytes_that_are_stored(read: Read) -> None:
    table = count(read(QUANTISED))
    weights = 2304 + 16 * 4 + 16 + 16 * 4 + 16 * 4
    conv = table.by_name["Conv:y"]
    assert conv.weight_bytes == table.param_bytes == weights
    assert table.weight_bytes == weights + 4 + 1  # and the scale and zero point of the activations
    assert (conv.params, table.params) == (2304 + 16, 2304 + 16)
    assert (conv.bytes_read, conv.bytes_written) == (4 * 1024 + weights, 4 * 1024)


def test_dequantised_weights_behind_views_and_inside_bodies(read: Read) -> None:
    table = count(
        read(
            """<ir_version: 10, opset_import: ["" : 21]>
            g (float[2,4] x, bool c) => (float y) <int4[2,8] q, float[2,2] s, int64[2] shape = {4, 4}, int8[4,4] p,
            float scale> {
            d = DequantizeLinear<axis = 1, block_size = 4>(q, s)  r = Reshape(d, shape)  t = Transpose(r)
            a = MatMul(x, t)  b = MatMul(a, r)
            y = If(c) <then_branch = one () => (float[2,4] m) { e = DequantizeLinear(p, scale)  m = MatMul(b, e) },
                       else_branch = two () => (float[2,4] n) { n = Identity(b) }>
        }"""
        )
    )
    first, second, branch = table.rows
    assert first.weight_bytes == second.weight_bytes == 8 + 16
    assert first.bytes_read == second.bytes_read == 32 + 8 + 16
    assert branch.weight_bytes == 16 + 4
    assert table.weight_bytes == 8 + 16 + 16 + 4


DEQUANTISED = "e = DequantizeLinear(p, scale, z)"
VIEWED = "v = Transpose(e)  w = Identity(v)"
PLAIN = f"{DEQUANTISED} {VIEWED}", ""


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ("", f"{DEQUANTISED} {VIEWED}"),
        (DEQUANTISED, VIEWED),
        (f"{DEQUANTISED} v = Transpose(e)", "w = Identity(v)"),
        PLAIN,
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_dequantised_weights_count_alike_on_both_sides_of_a_body(
    read: Read, outside: str, inside: str, depth: int
) -> None:
    """16 bytes, their scale and zero point, wherever they are made and read: in the graph, a loop, one in a loop."""
    rows = {"MatMul:y": f"{outside} {inside} y = MatMul(x, w)"}
    if depth:
        body = f"{inside} o = MatMul(i, w)" if depth == 1 else loop("i", "o", f"{inside} u = MatMul(j, w)", "j", "u")
        rows = {"Loop:y": f"{outside} {loop('x', 'y', body, 'i', 'o')}"}
    ((name, text),) = rows.items()
    table = count(
        read(
            f"""<ir_version: 10, opset_import: ["" : 21]> g (float[2,4] x) => (float y)
            <int8[4,4] p, float scale, int8 z, int64 n, bool t> {{ {text} }}"""
        )
    )
    assert table.by_name[name].bytes_read == 2 * 4 * 4 + 16 + 4 + 1
    assert table.param_bytes == 16 + 4 + 1
    assert table.weight_bytes == 16 + 4 + 1 + (8 + 1) * bool(depth)


def loop(start: str, end: str, nodes: str, before: str, after: str) -> str:
    """One turn, whose number is not known, of a loop that carries a tensor."""
    return f"""{end} = Loop(n, t, {start}) <body = of_{end} (int64 at_{end}, bool on_{end}, float[2,4] {before}) =>
        (bool go_{end}, float[2,4] {after}) {{ {nodes} go_{end} = Identity(on_{end}) }}>"""


def test_a_body_that_has_a_name_of_its_own_for_what_is_outside_takes_nothing_from_there(read: Read) -> None:
    """ONNX forbids it; then the bytes are those of the tensor that is read."""
    table = count(
        read(
            """<ir_version: 10, opset_import: ["" : 21]> g (float[2,4] x, bool c) => (float[2,4] y)
            <int8[4,4] p, float scale> {
                e = DequantizeLinear(p, scale)
                y = If(c) <then_branch = one () => (float[2,4] m) { p = Identity(x)  m = MatMul(p, e) },
                           else_branch = two () => (float[2,4] n) { n = Identity(x) }>
            }"""
        )
    )
    assert table.by_name["If:y"].bytes_read == 32 + 64


CAST = "g (float[2,4] x, float16[2,4] h) => (float y, float16 z) <float16[4,4] w>"


def test_a_weight_that_is_cast_has_the_bytes_that_are_stored(read: Read) -> None:
    """Behind views, inside a body, and where it is read both as it is and cast, it is one tensor of the file."""
    table = count(
        read(
            f"{CAST} {{ c = Cast<to = 1>(w)  t = Transpose(c)  a = MatMul(x, t)  y = MatMul(a, c)  z = MatMul(h, w) }}"
        )
    )
    assert (table.param_bytes, table.weight_bytes) == (32, 32)
    assert [(row.weight_bytes, row.bytes_read) for row in table.rows] == [(32, 32 + 32), (32, 32 + 32), (32, 16 + 32)]
    assert [row.params for row in table.rows] == [16, 16, 16]
    other = "else_branch = q () => (float[2,4] n) { n = Identity(x) }"
    for outside, inside in (("", "c = Cast<to = 1>(w)"), ("c = Cast<to = 1>(w)", "")):
        body = f"then_branch = p () => (float[2,4] m) {{ {inside} m = MatMul(x, c) }}, {other}"
        text = f"g (float[2,4] x, bool k) => (float y) <float16[4,4] w> {{ {outside} y = If(k) <{body}> }}"
        table = count(read(text))
        assert (table.params, table.weight_bytes, table.rows[0].bytes_read) == (16, 32, 32 + 32)


def test_a_cast_weight_that_is_read_in_parts_counts_those_in_its_new_type(read: Read) -> None:
    table = count(read("g (int64[3] i) => (float y) <float16[64,8] w> { c = Cast<to = 1>(w)  y = Gather(c, i) }"))
    assert table.rows[0].bytes_read == 3 * 8 + 3 * 8 * 4
    assert table.weight_bytes == 64 * 8 * 2


def sparse(name: str) -> onnx.SparseTensorProto:
    """12 floats, each with an index, of 8x16: 144 bytes."""
    values = numpy_helper.from_array(np.arange(1, 13, dtype=np.float32), name)
    return helper.make_sparse_tensor(values, numpy_helper.from_array(3 * np.arange(12)), [8, 16])


@pytest.mark.parametrize("as_node", [False, True])
def test_a_sparse_weight_has_the_bytes_of_its_values_and_indices(read: Read, as_node: bool) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]> g (float[2,8] x, bool k) => (float[2,8] y) {
            a = MatMul(x, w)  t = Transpose(w)  b = MatMul(a, t)
            y = If(k) <then_branch = p () => (float[2,8] m) { n = MatMul(b, w)  v = Transpose(u)  m = MatMul(n, v) },
                       else_branch = q () => (float[2,8] o) { o = Identity(b) }>
        }"""
    )
    branch = next(item.g for item in model.graph.node[3].attribute if item.name == "then_branch")
    branch.sparse_initializer.append(sparse("u"))
    if as_node:
        model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], sparse_value=sparse("")))
    else:
        model.graph.sparse_initializer.append(sparse("w"))
    table = count(read(model))
    first, second, branches = table.rows
    assert (first.weight_bytes, first.bytes_read) == (144, 2 * 8 * 4 + 144)
    assert (second.weight_bytes, second.bytes_read) == (144, 2 * 16 * 4 + 144)
    assert (branches.weight_bytes, branches.bytes_read) == (288, 2 * 8 * 4 + 2 * 16 * 4 + 288)
    assert (table.params, table.param_bytes, table.weight_bytes) == (2 * 128, 288, 288)


def test_floats_that_are_rounded_when_the_model_runs_are_stored_as_floats(read: Read) -> None:
    text = """g (float[2,4] x) => (float y) <float[4,4] w, float s, int8 z> {
        q = QuantizeLinear(w, s, z)  d = DequantizeLinear(q, s, z)  y = MatMul(x, d)
    }"""
    assert count(read(text)).weight_bytes == 64


def without_data(name: str) -> onnx.ModelProto:
    """A reference network as it is exported, its weights as shapes alone: a quarter of a gigabyte less."""
    network = architectures.get(name)
    nodes, constants = onnx_export._graph(network)
    placed = place(network)
    weights = [
        TensorProto(name=tensor, data_type=TensorProto.FLOAT, dims=shape)
        for layer in placed
        for tensor, shape in layer_tensors(layer).items()
    ]
    inputs = [onnx_export._value(onnx_export.INPUT, network.input_shape)]
    outputs = [onnx_export._value(onnx_export.OUTPUT, placed[-1].output_shape)]
    graph = helper.make_graph(nodes, name, inputs, outputs, [*constants, *weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("name", architectures.names())
def test_an_exported_network_counts_as_its_table_does(read: Read, name: str, batch: int) -> None:
    expected = counts.count(architectures.get(name))
    table = count(read(without_data(name), batch=batch))
    assert [row.name for row in table.rows if not row.counted] == []
    assert table.macs == batch * expected.macs
    assert (table.params, table.trainable_params) == (expected.params, expected.trainable_params)
    for layer in expected.layers:
        row = table.by_name.get(layer.name)
        if row is not None:
            assert (row.macs, row.params, row.trainable_params) == (
                batch * layer.macs,
                layer.params,
                layer.trainable_params,
            )
            assert prod(row.output_shapes[0] or ()) == batch * prod(layer.output_shape)
    missing = {layer.kind for layer in expected.layers if layer.name not in table.by_name}
    assert missing <= {"Dropout"}


def test_a_network_exported_with_its_weights(tmp_path: Path) -> None:
    network = architectures.get("lenet-5")
    weights = {
        name: np.zeros(shape, np.float32) for layer in place(network) for name, shape in layer_tensors(layer).items()
    }
    path = tmp_path / "lenet.onnx"
    onnx_export.export(network, weights, path)
    table = count(build_graph(open_model(path), name="lenet-5"))
    assert (table.macs, table.params) == (416_520, 61_706)


# 2·MAC, biases, ReLU, LRN at 13 per element, and comparisons of the pools, worked out from the layers' sizes.
_LAYERS_2012 = {
    "conv1": 2 * 105_415_200 + 290_400,
    "conv2": 2 * 223_948_800 + 186_624,
    "conv3": 2 * 149_520_384 + 64_896,
    "conv4": 2 * 112_140_288 + 64_896,
    "conv5": 2 * 74_760_192 + 43_264,
    "fc6": 2 * 37_748_736 + 4_096,
    "fc7": 2 * 16_777_216 + 4_096,
    "fc8": 2 * 4_096_000 + 1_000,
}


def test_the_flop_of_the_2012_network(read: Read) -> None:
    table = count(read(without_data("alexnet-2012")))
    assert {name: table.by_name[name].flop for name in _LAYERS_2012} == _LAYERS_2012
    relus = 290_400 + 186_624 + 2 * 64_896 + 43_264 + 2 * 4_096
    pools = 8 * (69_984 + 43_264 + 9_216)
    norms = 13 * (290_400 + 186_624)
    assert table.flop == sum(_LAYERS_2012.values()) + relus + pools + norms
    assert sum(row.transcendentals or 0 for row in table.rows) == 290_400 + 186_624


class _Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self._left = iter([{name: np.random.default_rng(0).random(shape, np.float32)}])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._left, None)


@pytest.mark.parametrize("form", [QuantFormat.QOperator, QuantFormat.QDQ], ids=["operators", "Q/DQ"])
def test_quantised_weights_are_the_same_parameters(tmp_path: Path, form: QuantFormat) -> None:
    network = architectures.get("lenet-5")
    random = np.random.default_rng(0)
    weights = {
        name: random.normal(0, 0.1, shape).astype(np.float32)
        for layer in place(network)
        for name, shape in layer_tensors(layer).items()
    }
    onnx_export.export(network, weights, tmp_path / "float.onnx")
    images = _Images(onnx_export.INPUT, (1, *network.input_shape))
    quantize_static(
        tmp_path / "float.onnx", tmp_path / "int8.onnx", images, quant_format=form, calibration_providers=[]
    )
    table = count(build_graph(open_model(tmp_path / "int8.onnx"), name="lenet-5"))
    assert table.params == 61_706
    assert table.param_bytes < 4 * 61_706 / 3


@pytest.mark.parametrize(
    ("node", "dtype", "params"),
    [
        ("Gather (w, i)", TensorProto.INT8, 64 * 8),
        ("Gather (w, i)", TensorProto.INT64, 0),
        ("com.microsoft.GatherBlockQuantized <block_size = 16> (w, i, s)", TensorProto.INT4, 64 * 8),
        ("com.microsoft.GatherBlockQuantized <block_size = 16> (w, i, s)", TensorProto.UINT8, 2 * 64 * 8),
        ("com.microsoft.GatherBlockQuantized <block_size = 16, bits = 8> (w, i, s)", TensorProto.UINT8, 64 * 8),
        ("com.microsoft.GatherBlockQuantized <block_size = 16, bits = 2> (w, i, s)", TensorProto.UINT8, 4 * 64 * 8),
        ("com.microsoft.GatherBlockQuantized <block_size = 16, bits = 0> (w, i, s)", TensorProto.UINT8, 64 * 8),
        ("com.microsoft.QLinearAdd (q, s, z, w, s, z, s, z)", TensorProto.INT8, 64 * 8),
    ],
)
def test_tables_and_operands_in_bytes_are_parameters(read: Read, node: str, dtype: int, params: int) -> None:
    """As in the form with DequantizeLinear; the scales are not."""
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>'
        f" g (int64[3] i, int8[64,8] q) => (y) {{ y = {node} }}"
    )
    model.graph.initializer.add(name="w", data_type=dtype, dims=[64, 8])
    model.graph.initializer.add(name="s", data_type=TensorProto.FLOAT, dims=[64, 1])
    model.graph.initializer.add(name="z", data_type=TensorProto.INT8, dims=[])
    assert count(read(model)).params == params


def test_packed_weights_count_each_element(read: Read) -> None:
    """64 columns of 96 rows in 4 bits: three blocks of 32 for each column, of 16 bytes."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]> g (float[2,96] x) => (float[2,64] y)'
        "{ y = com.microsoft.MatMulNBits <K = 96, N = 64, bits = 4, block_size = 32> (x, w, s) }"
    )
    model.graph.initializer.add(name="w", data_type=TensorProto.UINT8, dims=[64, 3, 16])
    model.graph.initializer.add(name="s", data_type=TensorProto.FLOAT, dims=[192])
    table = count(read(model))
    assert (table.params, table.param_bytes, table.weight_bytes) == (96 * 64, 64 * 48, 64 * 48 + 192 * 4)


def test_a_packed_weight_tied_to_a_table_counts_once(read: Read) -> None:
    """Embeddings are looked up in a view of the last product's weight: 64 rows of 96, two elements in each byte."""
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]> g (int64[3] i) => (float[3,64] y)
        <int64[2] flat = {64, 48}> {
            table = Reshape (w, flat)
            x = com.microsoft.GatherBlockQuantized <bits = 4, block_size = 32> (table, i, s)
            y = com.microsoft.MatMulNBits <K = 96, N = 64, bits = 4, block_size = 32> (x, w, s)
        }"""
    )
    model.graph.initializer.add(name="w", data_type=TensorProto.UINT8, dims=[64, 3, 16])
    model.graph.initializer.add(name="s", data_type=TensorProto.FLOAT, dims=[64, 3])
    table = count(read(model))
    assert [row.params for row in table.rows] == [6144, 6144]
    assert (table.params, table.param_bytes) == (6144, 3072)


@pytest.mark.parametrize(
    ("dtype", "convert", "param_bytes"),
    [
        (TensorProto.INT8, "DequantizeLinear (e, s)", 500 * 64 + 4),
        (TensorProto.FLOAT16, "Cast <to = 1> (e)", 2 * 500 * 64),
    ],
)
def test_an_embedding_that_is_also_the_last_products_weight_counts_once(
    read: Read, dtype: int, convert: str, param_bytes: int
) -> None:
    """Rows are looked up as the file holds them; the product reads all of them converted and transposed."""
    model = onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 21]> g (int64[3] i, float[3,64] h) => (float[3,500] y, t rows) {{
            rows = Gather (e, i)
            f = {convert}
            w = Transpose <perm = [1, 0]> (f)
            y = MatMul (h, w)
        }}""".replace("t rows", f"{'int8' if dtype == TensorProto.INT8 else 'float16'}[3,64] rows")
    )
    model.graph.initializer.add(name="e", data_type=dtype, dims=[500, 64])
    model.graph.initializer.add(name="s", data_type=TensorProto.FLOAT, dims=[])
    table = count(read(model))
    assert [row.params for row in table.rows] == [500 * 64] * 2
    assert (table.params, table.trainable_params, table.param_bytes) == (500 * 64, 500 * 64, param_bytes)


def test_packed_weights_of_a_branch_count_each_element(read: Read) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]> g (bool c, int64[3] i) => (float[3,96] y) {
            y = If (c) <
                then_branch = t () => (float[3,96] a)
                { a = com.microsoft.GatherBlockQuantized <bits = 4, block_size = 32> (w, i, s) },
                else_branch = e () => (float[3,96] b)
                { b = com.microsoft.GatherBlockQuantized <block_size = 32> (w, i, s) }
            >
        }"""
    )
    for branch in model.graph.node[0].attribute:
        branch.g.initializer.add(name="w", data_type=TensorProto.UINT8, dims=[64, 48])
        branch.g.initializer.add(name="s", data_type=TensorProto.FLOAT, dims=[64, 3])
    assert count(read(model)).params == 2 * 64 * 96
