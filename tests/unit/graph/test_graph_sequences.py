"""Sizes of what goes through sequences and optional values, against those of a run in ONNX Runtime."""

from __future__ import annotations

import time

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from alexnet_bench.graph import shapes as shape_inference
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.sequences import MAX_LENGTH
from tests.unit.graph.conftest import Read
from tests.unit.graph.every_tensor import run

FED = {"fed": np.ones((4, 6), np.float32)}
NUMBERS = {"zero": 0, "one": 1, "two": 2, "three": 3, "last": -1, "first": -2, "ends": [1, 0, 3], "both": [1, 3]}
ARITHMETIC = "s = Shape(fed)  m = Mod(s, most)  x = Reshape(fed, m)  least = ReduceMin<keepdims = 0>(x)"
ROWS = "q = SplitToSequence<axis = 0>(x, three)"
"""Of 3 rows and of 1."""


def model_of(nodes: str) -> onnx.ModelProto:
    """Of x[4,6], whose sizes ONNX alone does not find, and `data`, a number that depends on data; y is the output."""
    model = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]> g (float[4,6] fed) => (y) <int64[2] most = {{100, 100}}> {{
            {ARITHMETIC}  data = Cast<to = 7>(least)  {nodes}
        }}"""
    )
    model.graph.initializer.extend(numpy_helper.from_array(np.array(value), name) for name, value in NUMBERS.items())
    for node in model.graph.node:
        node.input[:] = ["" if name == "none" else name for name in node.input]
    return model


PLACES = ("", ", none", ", zero", ", one", ", last", ", first")
KNOWN = [
    "q = SequenceConstruct(x, x)  y = ConcatFromSequence<axis = 0>(q)",
    "q = SequenceConstruct(x, x)  y = ConcatFromSequence<axis = -1>(q)",
    "q = SequenceConstruct(x, x, x)  y = ConcatFromSequence<axis = 0, new_axis = 1>(q)",
    "q = SequenceConstruct(x, x, x)  y = ConcatFromSequence<axis = 2, new_axis = 1>(q)",
    "q = SequenceConstruct(x, x, x)  y = ConcatFromSequence<axis = -2, new_axis = 1>(q)",
    "q = SequenceConstruct(x, x)  y = SequenceAt(q, data)",
    "q = SplitToSequence<axis = 1>(x, three)  y = ConcatFromSequence<axis = 1>(q)",
    "q = SplitToSequence<axis = -1>(x, three)  y = SequenceAt(q, data)",
    "q = SplitToSequence<axis = 0>(x)  y = SequenceAt(q, data)",
    "q = SplitToSequence<axis = 0, keepdims = 0>(x)  y = SequenceAt(q, one)",
    "q = SplitToSequence<axis = 1, keepdims = 0>(x, none)  y = SequenceAt(q, one)",
    "q = SplitToSequence<axis = 1, keepdims = 0>(x)  y = ConcatFromSequence<axis = 1, new_axis = 1>(q)",
    "q = SplitToSequence<axis = 0, keepdims = 0>(x, both)  y = SequenceAt(q, one)",
    *(f"q = SplitToSequence<axis = 0>(x, ends)  y = SequenceAt(q, {at})" for at in ("zero", "one", "two")),
    f"{ROWS}  y = ConcatFromSequence<axis = -2>(q)",
    *(f"{ROWS}  y = SequenceAt(q, {at})" for at in ("zero", "one", "last", "first")),
    *(f"{ROWS}  r = SequenceInsert(q, x{at})  y = SequenceAt(r, one)" for at in (*PLACES, ", two")),
    f"{ROWS}  r = SequenceInsert(q, x, one)  y = ConcatFromSequence<axis = 0>(r)",
    f"{ROWS}  r = SequenceInsert(q, x, data)  y = SequenceLength(r)",
    *(f"{ROWS}  r = SequenceErase(q{at})  y = SequenceAt(r, zero)" for at in PLACES),
    f"{ROWS}  r = SequenceErase(q, data)  y = SequenceLength(r)",
    "e = SequenceEmpty()  y = SequenceLength(e)",
    "e = SequenceEmpty()  q = SequenceInsert(e, x)  r = SequenceInsert(q, x, data)  y = SequenceAt(r, zero)",
    "q = SequenceConstruct(x, x)  r = SequenceErase(q, data)  y = SequenceAt(r, zero)",
    f"{ROWS}  n = SequenceLength(q)  l = Sub(n, one)  y = SequenceAt(q, l)",
    f"{ROWS}  i = Identity(q)  y = SequenceAt(i, one)",
    f"{ROWS}  o = Optional(q)  i = Identity(o)  g = OptionalGetElement(i)  y = SequenceAt(g, one)",
    "o = Optional(x)  y = OptionalGetElement(o)",
]  # fmt: skip


@pytest.mark.parametrize("nodes", KNOWN)
def test_sizes_are_those_of_a_run(read: Read, nodes: str) -> None:
    model = model_of(nodes)
    graph, made = read(model), run(model, FED)["y"]
    assert (graph.tensor("y").sizes, graph.tensor("y").dtype) == (made.shape, made.dtype.name)
    assert graph.integers.get("y", (made.size,)) == tuple(made.reshape(-1)) or made.dtype == np.float32
    assert all(row.counted for row in count(graph).rows)


@pytest.mark.parametrize(
    "nodes",
    [
        f"{ROWS}  y = SequenceAt(q, data)",
        "q = SplitToSequence<axis = 0>(x, data)  y = SequenceAt(q, one)",
        f"{ROWS}  r = SequenceInsert(q, x, data)  y = SequenceAt(r, zero)",
        f"{ROWS}  r = SequenceErase(q, data)  y = SequenceAt(r, zero)",
        "z = NonZero(x)  q = SequenceConstruct(z, z)  y = SequenceAt(q, one)",
        "z = NonZero(x)  q = SequenceConstruct(z, m)  y = ConcatFromSequence<axis = 0>(q)",
    ],
)
def test_what_depends_on_data_stays_open(read: Read, nodes: str) -> None:
    assert read(model_of(nodes)).tensor("y").sizes is None


@pytest.mark.parametrize(
    "nodes",
    [
        *(f"{ROWS}  y = SequenceAt(q, {at})" for at in ("two", "minus")),
        *(f"{ROWS}  r = SequenceInsert(q, x, {at})  y = SequenceAt(r, zero)" for at in ("three", "minus")),
        *(f"{ROWS}  r = SequenceErase(q, {at})  y = SequenceAt(r, zero)" for at in ("two", "minus")),
        "e = SequenceEmpty()  y = SequenceAt(e, zero)",
        "e = SequenceEmpty()  r = SequenceErase(e)  y = SequenceLength(r)",
        "e = SequenceEmpty()  y = ConcatFromSequence<axis = 0>(e)",
        f"{ROWS}  y = ConcatFromSequence<axis = 1>(q)",
        f"{ROWS}  y = ConcatFromSequence<axis = 0, new_axis = 1>(q)",
        f"{ROWS}  y = ConcatFromSequence<axis = 2>(q)",
        "q = SequenceConstruct(x, least)  y = ConcatFromSequence<axis = 0>(q)",
        "q = SplitToSequence<axis = 2>(x)  y = SequenceLength(q)",
        "q = SplitToSequence<axis = 0>(x, wrong)  y = SequenceAt(q, zero)",
        "q = SplitToSequence<axis = 0>(x, below)  y = SequenceAt(q, zero)",
    ],
)
def test_what_no_runtime_takes_stays_open(nodes: str) -> None:
    model = model_of(nodes)
    more = {"minus": -4, "wrong": [1, 2], "below": [5, -1]}
    model.graph.initializer.extend(numpy_helper.from_array(np.array(value), name) for name, value in more.items())
    tensor = shape_inference.infer(model, batch=None, given={}).tensors.get("y")
    assert tensor is None or tensor.sizes is None or tensor.dtype == "int64"
    assert "y" not in shape_inference.infer(model, batch=None, given={}).values.integers
    with pytest.raises((Fail, InvalidArgument, RuntimeException)):
        run(model, FED)


def test_a_split_into_none_is_left_alone() -> None:
    """ONNX Runtime divides by it, and ends."""
    model = model_of("q = SplitToSequence<axis = 0>(x, zero)  y = SequenceAt(q, one)")
    assert shape_inference.infer(model, batch=None, given={}).tensors["y"].sizes is None


def test_a_length_is_a_number_of_turns(read: Read) -> None:
    model = model_of(
        """q = SplitToSequence<axis = 0, keepdims = 0>(x)  n = SequenceLength(q)  c = Constant<value_int = 1>()
        on = Cast<to = 9>(c)  y = Loop(n, on, least) <body = b (int64 i, bool c1, float v) => (bool c2, float w) {
            c2 = Identity(c1)  w = Add(v, v)
        }>"""
    )
    assert next(row.flop for row in count(read(model)).rows if row.op == "Loop") == 4


def test_what_stands_outside_is_known_inside_of_a_body(read: Read) -> None:
    model = model_of(
        f"""{ROWS}  c = Cast<to = 9>(data)  y = If(c) <
            then_branch = t () => (float[A,B] a) {{ a1 = SequenceAt(q, zero)  a = Add(a1, a1) }},
            else_branch = e () => (float[C,D] b) {{ b1 = SequenceAt(q, zero)  b = Mul(b1, b1) }}>"""
    )
    assert read(model).tensor("y").sizes == run(model, FED)["y"].shape == (3, 6)


@pytest.mark.parametrize("length", [MAX_LENGTH, MAX_LENGTH + 1])
def test_long_sequences_are_not_followed(length: int) -> None:
    model = model_of("r = Expand(least, n)  q = SplitToSequence<axis = 0>(r)  y = ConcatFromSequence<axis = 0>(q)")
    model.graph.initializer.append(numpy_helper.from_array(np.array([length]), "n"))
    known = shape_inference.infer(model, batch=None, given={}).tensors["y"].sizes
    assert known == ((length,) if length <= MAX_LENGTH else None)


def test_a_long_chain_of_long_sequences_ends_soon() -> None:
    model = model_of("r = Expand(least, n)  q0 = SplitToSequence<axis = 0>(r)")
    model.graph.initializer.append(numpy_helper.from_array(np.array([MAX_LENGTH]), "n"))
    model.graph.node.extend(
        helper.make_node("SequenceErase" if turn % 2 == 0 else "SequenceInsert", names, [f"q{turn + 1}"])
        for turn in range(5000)
        for names in [[f"q{turn}", *(["least"] if turn % 2 else [])]]
    )
    model.graph.node.append(helper.make_node("SequenceLength", ["q5000"], ["y"]))
    start = time.perf_counter()
    assert "y" not in shape_inference.infer(model, batch=None, given={}).values.integers
    assert time.perf_counter() - start < 20
