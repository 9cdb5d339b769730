"""Values of small tensors that follow from sizes: through Q/DQ into shapes, and into the work of what reads them."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from ml_dtypes import int4, uint4
from onnx import numpy_helper, parser

from alexnet_bench.graph.bodies import Values
from alexnet_bench.graph.counting import count
from tests.unit.graph.conftest import Read
from tests.unit.graph.formula_case import Case

MICROSOFT = "com.microsoft."
HEADER = '<ir_version: 9, opset_import: ["" : 20, "com.microsoft" : 1]> '
OF_200 = round(2.5 * 200 * np.log2(200))
OF_400 = round(2.5 * 400 * np.log2(400))
LENGTH = "s = Shape(x)  l = Slice(s, one, two)  length = Squeeze(l)"


def model_of(text: str) -> onnx.ModelProto:
    return parser.parse_model(HEADER + text)


def padded(amount: float, scale: object, zero: object, *, axis: int = 1, domain: str = "") -> onnx.ModelProto:
    """x[1,3,16,16] padded by an amount that goes through Q/DQ, as tools write that quantise all of a graph."""
    model = parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]> g (float[1,3,16,16] x) => (float[A,B,C,D] y)
        <int64[1] two = {{2}}, int64[2] none = {{0, 0}}, float[1] nought = {{0.0}}> {{
            s = Shape(x)  h = Gather(s, two)  f = Cast<to = 1>(h)  zeros = Mul(f, nought)  p = Add(zeros, amount)
            q = {domain}QuantizeLinear<axis = {axis}>(p, scale, zero)
            d = {domain}DequantizeLinear<axis = {axis}>(q, scale, zero)
            i = Cast<to = 7>(d)  pads = Concat<axis = 0>(none, i, i, none, i, i)  y = Pad(x, pads)
        }}"""
    )
    values = {"amount": np.array([amount], np.float32), "scale": np.array(scale, np.float32), "zero": np.array(zero)}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    return model


@pytest.mark.parametrize(
    ("model", "pad"),
    [
        (padded(1, 1 / 128, np.uint8(0)), 1),
        (padded(2, 1 / 128, np.uint8(0)), 1),  # saturates at 255 / 128
        (padded(5, 2.0, np.int8(3)), 4),  # 2.5 is rounded to the even 2
        (padded(7, 2.0, np.int8(3)), 8),
        (padded(3, [0.5], np.array([-100], np.int8), axis=0), 3),
        (padded(5, 1.0, np.array(0, int4)), 5),
        (padded(9, 1.0, np.array(0, int4)), 7),  # saturates at 7
        (padded(5, 0.5, np.array(8, uint4)), 3),  # saturates at (15 - 8) / 2 = 3.5, and Cast rounds down
        (padded(5, 2.0, np.int8(3), domain=MICROSOFT), 4),
        (padded(300, 1 / 128, np.uint16(0), domain=MICROSOFT), 300),
        (padded(9, 1.0, np.array(0, int4), domain=MICROSOFT), 7),
    ],
)
def test_sizes_through_quantisation_are_those_of_the_runtime(read: Read, model: onnx.ModelProto, pad: int) -> None:
    graph = read(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    made = session.run(None, {"x": np.ones((1, 3, 16, 16), np.float32)})[0]
    assert graph.tensor("y").shape == made.shape == (1, 3, 16 + 2 * pad, 16 + 2 * pad)
    assert all(row.counted for row in count(graph).rows)


def test_the_length_of_a_transform_follows_from_a_shape(read: Read) -> None:
    model = model_of(
        f"""g (float[B,L,1] x) => (float[B,F,2] y) <int64[1] one = {{1}}, int64[1] two = {{2}}, int64 axis = {{1}}> {{
            {LENGTH}  y = DFT<onesided = 1>(x, length, axis)
        }}"""
    )
    for size, flop in ((400, OF_400), (200, OF_200)):  # the values of one case are not those of another
        table = count(read(model, shapes={"x": (2, size, 1)}))
        assert table.by_name["DFT:y"].flop == 2 * flop


def test_a_length_that_is_data_is_not_known(read: Read) -> None:
    model = model_of(
        """g (float[2,400,1] x, int64 length) => (float[2,F,2] y) <int64 axis = {1}> {
            y = DFT<onesided = 1>(x, length, axis)
        }"""
    )
    assert not count(read(model)).by_name["DFT:y"].counted


BOXES = "(float[1,1000,4] b, float[1,80,1000] s) => "
LIMIT = "n = Shape(b)  k = Gather(n, one)  limit = Div(k, ten)  sel = NonMaxSuppression(b, s, limit)"


@pytest.mark.parametrize(
    "text",
    [
        f"{BOXES} (int64[K,3] sel) {{ {LIMIT} }}",
        f"{BOXES} (int64[50,3] sel) {{ {LIMIT} }}",
        f"{BOXES} (int64[K,3] sel, float[1,9] z) {{ {LIMIT}  z = com.example.Other(b) }}",
        f"{BOXES} (int64[50,3] sel, float[1,9] z) {{ {LIMIT}  z = com.example.Other(b) }}",
        f"{BOXES} (int64[50,3] sel, float[N] z) {{ {LIMIT}  z = com.example.Other(b) }}",
    ],
)
def test_values_do_not_depend_on_what_is_declared_elsewhere(read: Read, text: str) -> None:
    """100 of 1000 boxes are kept at most, in each of 80 classes, at 12 FLOP for each pair."""
    consts = "<int64[1] one = {1}, int64[1] ten = {10}>"
    model = model_of("g " + text.replace(") {", f") {consts} {{", 1))
    assert count(read(model)).by_name["NonMaxSuppression:sel"].flop == 12 * 80 * 1000 * 100


def test_values_stay_where_a_declaration_fills_the_last_gap(read: Read) -> None:
    """The graph of a transform, and beside it what nobody can infer: in the main graph, and read inside a body."""
    body = "s = Shape(x)  k = Slice(s, one, two)  n = Squeeze(k)  {0} = DFT<onesided = 1>(x, n, axis)"
    branches = ", ".join(
        f"{name}_branch = {name} () => (float[2,F,2] {name}1) {{ {body.format(f'{name}1')} }}"
        for name in ("then", "else")
    )
    model = model_of(
        f"""g (float[2,400,1] x, bool c) => (float[2,201,2] y, float[2,201,2] w, float[3,7] z)
        <int64[1] one = {{1}}, int64[1] two = {{2}}, int64 axis = {{1}}> {{
            {LENGTH}  y = DFT<onesided = 1>(x, length, axis)  w = If(c) <{branches}>  z = com.example.Other(x)
        }}"""
    )
    table = count(read(model))
    assert [table.by_name[name].flop for name in ("DFT:y", "If:w")] == [2 * OF_400] * 2


def test_values_that_follow_from_a_declared_shape_are_known_too(read: Read) -> None:
    model = model_of(
        f"""g (float[2,9] u) => (float[2,201,2] y)
        <int64[1] one = {{1}}, int64[1] two = {{2}}, int64 axis = {{1}}, float[2,400,1] x> {{
            x = com.example.Other(u)  {LENGTH}  y = DFT<onesided = 1>(x, length, axis)
        }}"""
    )
    assert count(read(model)).by_name["DFT:y"].flop == 2 * OF_400


def test_values_stay_where_no_formula_asks_for_them(read: Read) -> None:
    model = model_of(
        f"""g (float[2,400,1] x) => (int64 length, float[3,7] z) <int64[1] one = {{1}}, int64[1] two = {{2}}> {{
            {LENGTH}  z = com.example.Other(x)
        }}"""
    )
    assert read(model).integers["length"] == (400,)


def test_what_two_walks_found_is_joined() -> None:
    first = Values({"a": (1,), "b": (2,)}, {("y", "body"): Values({"i": (3,)}), ("z", "body"): Values()})
    second = Values({"b": (2,), "c": (4,)}, {("y", "body"): Values({"j": (5,)})})
    assert first.joined(second) == Values(
        {"a": (1,), "b": (2,), "c": (4,)}, {("y", "body"): Values({"i": (3,), "j": (5,)}), ("z", "body"): Values()}
    )


def test_a_formula_gets_only_the_values_that_it_is_registered_with() -> None:
    """Shape inference follows values for these alone: a formula that forgets to say so does not get to a release."""
    limited = Case("NonMaxSuppression", [(1, 9, 4), (1, 2, 9), (1,)], (5, 3), constants={2: 4}).operation
    assert limited.values(2) == (4,)
    for index in (0, 1):
        with pytest.raises(RuntimeError, match=f"NonMaxSuppression is not registered as asking for input {index}"):
            limited.values(index)
    with pytest.raises(RuntimeError, match="Relu"):
        Case("Relu", [(2,)], (2,)).operation.values(0)


def test_values_of_bodies_stay_apart(read: Read) -> None:
    """Both branches call their length n: that of x in one, half of it, made outside, in the other."""
    branch = (
        "(float[2,F,2] {0}) {{ s = Shape(x)  k = Slice(s, one, two)  n = {1}  {0} = DFT<onesided = 1>(x, n, axis) }}"
    )
    whole, half = "Squeeze(k)", "Identity(outside)"
    pairs = {"y": (whole, half), "z": (half, whole), "w": (half, half)}
    nodes = "  ".join(
        f"{name} = If(c) <then_branch = t () => {branch.format(f'{name}1', first)},"
        f" else_branch = e () => {branch.format(f'{name}2', second)}>"
        for name, (first, second) in pairs.items()
    )
    model = model_of(
        f"""g (float[2,400,1] x, bool c) => (float[2,F,2] y, float[2,G,2] z, float[2,H,2] w)
        <int64[1] one = {{1}}, int64[1] two = {{2}}, int64 axis = {{1}}> {{
            {LENGTH}  half = Div(length, two)  outside = Squeeze(half)  {nodes}
        }}"""
    )
    table = count(read(model))
    assert [table.by_name[f"If:{name}"].flop for name in "yzw"] == [2 * OF_400, 2 * OF_400, 2 * OF_200]


def test_a_number_of_keys_that_follows_from_sizes_is_known(read: Read) -> None:
    """32 cached keys and 1 new one, where no output tells; 8 heads of 64 by 33 keys, twice."""
    model = model_of(
        """g (float[1,1,512] q, float[1,1,128] k, float[1,1,128] v, float[1,2,32,64] pk, float[1,2,32,64] pv) =>
        (float[1,1,512] y) <int32[1] last = {32}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3}> {
            s = Shape(pk)  p = Slice(s, two, three)  t = Add(p, one)  n = Squeeze(t)  total = Cast<to = 6>(n)
            y = com.microsoft.GroupQueryAttention<num_heads = 8, kv_num_heads = 2>(q, k, v, pk, pv, last, total)
        }"""
    )
    assert count(read(model)).by_name["GroupQueryAttention:y"].macs == 8 * 33 * 64 * 2


def test_a_number_of_keys_that_is_data_is_assumed(read: Read) -> None:
    """33 keys: the cache is full. Written are 512 numbers, and 33 keys and values of 2 heads of 64."""
    text = """g (float[1,1,512] q, float[1,1,128] k, float[1,1,128] v, float[1,2,32,64] pk, float[1,2,32,64] pv,
        int32 total) => (float[1,1,512] y, float[1,2,P,64] nk, float[1,2,P,64] nv) <int32[1] last = {32}> {
            y, nk, nv = com.microsoft.GroupQueryAttention<num_heads = 8, kv_num_heads = 2>(q, k, v, pk, pv, last, total)
        }"""
    for without in ("", ", nk, nv"):
        model = model_of(text.replace("y, nk, nv = ", f"y{without} = "))
        del model.graph.output[1 if not without else 3 :]
        (row,) = count(read(model)).rows
        caches = 2 * 2 * 33 * 64 if without else 0
        assert (row.macs, row.bytes_written) == (8 * 33 * 64 * 2, 4 * (512 + caches))
        assert row.assumed == "the cache is full, and grows by the new keys"


@pytest.mark.parametrize(("total", "keys", "assumed"), [("= {20}", 20, ""), ("", 32, "the cache is full")])
def test_a_cache_of_fixed_size_is_assumed_full_where_its_use_is_data(
    read: Read, total: str, keys: int, assumed: str
) -> None:
    """Past and present are one buffer of 32 keys."""
    model = model_of(
        f"""g (float[1,1,512] q, float[1,1,128] k, float[1,1,128] v, float[1,2,32,64] pk, float[1,2,32,64] pv
        {"" if total else ", int32 total"}) => (float[1,1,512] y, float[1,2,32,64] nk, float[1,2,32,64] nv)
        <int32[1] last = {{19}}{f", int32 total {total}" if total else ""}> {{
            y, nk, nv = com.microsoft.GroupQueryAttention<num_heads = 8, kv_num_heads = 2>(q, k, v, pk, pv, last, total)
        }}"""
    )
    (row,) = count(read(model)).rows
    assert (row.macs, row.assumed) == (8 * keys * 64 * 2, assumed)


def test_nodes_with_one_reason_have_the_same_words(read: Read) -> None:
    rows = count(
        read("g (float[2,4] x) => (float[] y) { h = com.example.Magic(x)  a = Relu(h)  b = Relu(a)  y = Add(a, b) }")
    ).rows
    assert [row.why_unknown for row in rows[1:]] == ["shape of output 0 is unknown"] * 3
