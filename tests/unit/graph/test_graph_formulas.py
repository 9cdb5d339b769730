"""Every formula against a case worked out by hand, and properties that hold for all sizes."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx.reference.ops import op_resize

from alexnet_bench.core.graph import Attribute, Graph, Node
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.formulas import UnknownShape, Work, find_formula, formula, registered
from tests.unit.graph.blocked_cases import BLOCKED_CASES
from tests.unit.graph.contrib_cases import CONTRIB_CASES
from tests.unit.graph.formula_case import Case, Shape, Shapes, work
from tests.unit.graph.fused_cases import FUSED_CASES
from tests.unit.graph.wider_cases import WIDER_CASES

IMAGE, PIXELS = (2, 4, 6, 6), 288
ROW = (3, 5)  # 15 elements
CROPPED: dict[str, Attribute] = {"coordinate_transformation_mode": "tf_crop_and_resize"}

CASES = [
    # 2·8·4·4 outputs, each over 4 channels of its group and 3x3 positions
    Case("Conv", [IMAGE, (8, 4, 3, 3)], (2, 8, 4, 4), macs=9216, flop=18432),
    Case("Conv", [IMAGE, (8, 4, 3, 3), (8,)], (2, 8, 4, 4), macs=9216, flop=18432 + 256),
    Case("Conv", [IMAGE, (8, 2, 3, 3)], (2, 8, 4, 4), macs=4608, flop=9216, attributes={"group": 2}),
    Case("Conv", [(1, 3, 10), (5, 3, 4)], (1, 5, 7), macs=35 * 12, flop=70 * 12),
    Case("Conv", [(1, 2, 4, 4, 4), (3, 2, 2, 2, 2)], (1, 3, 3, 3, 3), macs=81 * 16, flop=162 * 16),
    # 288 inputs, each spread over 3 channels and 2x2 positions
    Case("ConvTranspose", [IMAGE, (4, 3, 2, 2)], (2, 3, 12, 12), macs=3456, flop=6912),
    Case("ConvTranspose", [IMAGE, (4, 3, 2, 2), (3,)], (2, 3, 12, 12), macs=3456, flop=6912 + 864),
    Case("Gemm", [(3, 5), (5, 7)], (3, 7), macs=105, flop=210),
    Case("Gemm", [(3, 5), (5, 7), (7,)], (3, 7), macs=105, flop=231),
    Case("Gemm", [(5, 3), (7, 5), (7,)], (3, 7), macs=105, flop=231, attributes={"transA": 1, "transB": 1}),
    Case("Gemm", [(3, 5), (5, 7), (7,)], (3, 7), macs=105, flop=273, attributes={"alpha": 0.5, "beta": 0.5}),
    Case("Gemm", [(3, 5), (5, 7)], (3, 7), macs=105, flop=210, attributes={"beta": 0.5}),
    Case("MatMul", [(3, 5), (5, 7)], (3, 7), macs=105, flop=210),
    Case("MatMul", [(2, 1, 3, 5), (4, 5, 7)], (2, 4, 3, 7), macs=840, flop=1680),
    Case("MatMul", [(5,), (5,)], (), macs=5, flop=10),
    Case("MatMul", [(5,), (2, 5, 7)], (2, 7), macs=70, flop=140),
    Case("MatMul", [(2, 3, 5), (5,)], (2, 3), macs=30, flop=60),
    Case("LRN", [IMAGE], IMAGE, flop=13 * PIXELS, transcendentals=PIXELS, attributes={"size": 5}),
    Case("BatchNormalization", [IMAGE, (4,), (4,), (4,), (4,)], IMAGE, flop=2 * PIXELS),
    Case(
        "BatchNormalization", [IMAGE, (4,), (4,), (4,), (4,)], IMAGE, flop=7 * PIXELS,
        attributes={"training_mode": 1}, more_outputs=[(4,), (4,)],
    ),
    Case("InstanceNormalization", [IMAGE, (4,), (4,)], IMAGE, flop=7 * PIXELS),
    Case("LayerNormalization", [ROW, (5,), (5,)], ROW, flop=105),
    Case("GroupNormalization", [IMAGE, (4,), (4,)], IMAGE, flop=7 * PIXELS),
    Case("RMSNormalization", [ROW, (5,)], ROW, flop=60),
    Case("MeanVarianceNormalization", [IMAGE], IMAGE, flop=5 * PIXELS),
    Case("LpNormalization", [ROW], ROW, flop=45),
    Case("Softmax", [ROW], ROW, flop=60, transcendentals=15),
    Case("LogSoftmax", [ROW], ROW, flop=60, transcendentals=15),
    Case("Hardmax", [ROW], ROW, flop=15),
    # windows of 6 make 2·4·3·2 = 48 outputs
    Case("MaxPool", [IMAGE], (2, 4, 3, 2), flop=5 * 48, attributes={"kernel_shape": (2, 3)}),
    Case("AveragePool", [IMAGE], (2, 4, 3, 2), flop=6 * 48, attributes={"kernel_shape": (2, 3)}),
    Case("LpPool", [IMAGE], (2, 4, 3, 2), flop=11 * 48, transcendentals=48, attributes={"kernel_shape": (2, 3)}),
    Case("LpPool", [IMAGE], (2, 4, 3, 2), flop=11 * 48, attributes={"kernel_shape": (2, 3), "p": 1}),
    Case("LpPool", [IMAGE], (2, 4, 3, 2), flop=11 * 48, attributes={"kernel_shape": (2, 3), "p": 1.0}),
    Case(
        "LpPool", [IMAGE], (2, 4, 3, 2), flop=528, transcendentals=7 * 48, attributes={"kernel_shape": (2, 3), "p": 3}
    ),
    Case("GlobalLpPool", [IMAGE], (2, 4, 1, 1), flop=2 * PIXELS - 8, transcendentals=8),
    Case("GlobalLpPool", [IMAGE], (2, 4, 1, 1), flop=2 * PIXELS - 8, attributes={"p": 1.0}),
    Case("GlobalLpPool", [IMAGE], (2, 4, 1, 1), 0, 2 * PIXELS - 8, PIXELS + 8, attributes={"p": 2.5}),
    Case("GlobalAveragePool", [IMAGE], (2, 4, 1, 1), flop=PIXELS),
    Case("GlobalMaxPool", [IMAGE], (2, 4, 1, 1), flop=PIXELS - 8),
    Case("ReduceMean", [ROW], (3, 1), flop=15),
    Case("ReduceMean", [ROW], ROW, attributes={"noop_with_empty_axes": 1}),
    Case("ReduceMean", [ROW, (0,)], ROW, attributes={"noop_with_empty_axes": 1}),
    Case("ReduceMean", [ROW, (1,)], (3, 1), flop=15, attributes={"noop_with_empty_axes": 1}),
    Case("ReduceL1", [ROW], (3, 1), flop=27),
    Case("ReduceSumSquare", [ROW], (3, 1), flop=27),
    Case("ReduceL2", [ROW], (3, 1), flop=27, transcendentals=3),
    Case("ReduceLogSum", [ROW], (3, 1), flop=12, transcendentals=3),
    Case("ReduceLogSumExp", [ROW], (3, 1), flop=42, transcendentals=18),
    Case("CumSum", [ROW, ()], ROW, flop=15),
    Case("CumProd", [ROW, ()], ROW, flop=15),
    *(
        Case(op, [ROW], (3, 1), flop=12)
        for op in ("ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd", "ArgMax", "ArgMin")
    ),
    Case("Sum", [ROW, ROW, ROW], ROW, flop=30),
    Case("Max", [ROW, ROW], ROW, flop=15),
    Case("Min", [ROW], ROW, flop=0),
    Case("Mean", [ROW, ROW, ROW], ROW, flop=45),
    Case("Resize", [IMAGE], (2, 4, 12, 12), moved=(4 * PIXELS, 16 * PIXELS)),
    Case("Resize", [IMAGE], (2, 4, 12, 12), flop=9 * 4 * PIXELS, attributes={"mode": "linear"}),
    # antialias widens nothing where nothing shrinks; 16 neighbours, or 4 along one axis
    Case("Resize", [IMAGE], (2, 4, 12, 12), flop=36 * PIXELS, attributes={"mode": "linear", "antialias": 1}),
    Case("Resize", [IMAGE], (2, 4, 12, 12), flop=31 * 4 * PIXELS, attributes={"mode": "cubic"}),
    Case("Resize", [IMAGE], (2, 4, 6, 3), flop=7 * PIXELS // 2, attributes={"mode": "cubic"}),
    Case("Resize", [IMAGE], IMAGE, attributes={"mode": "cubic"}),
    # a region that is brought to the size of the whole
    Case("Resize", [IMAGE, (8,), (4,)], IMAGE, flop=9 * PIXELS, attributes={"mode": "linear", **CROPPED}),
    Case("Resize", [IMAGE, (8,), (4,)], IMAGE, attributes={"mode": "nearest", **CROPPED}),
    Case("Resize", [IMAGE, (2,)], IMAGE, flop=3 * PIXELS, attributes={"mode": "linear", "axes": (-1,), **CROPPED}),
    # from 6 to 3 a place reaches two neighbours to each side, with cubic four; along the axis that grows one, or two
    Case(
        "Resize", [IMAGE, None, None, (4,)], (2, 4, 12, 3), flop=(2 * 4 * 2 - 1) * PIXELS,
        attributes={"mode": "linear", "antialias": 1},
    ),
    Case(
        "Resize", [IMAGE, None, None, (4,)], (2, 4, 12, 3), flop=(2 * 8 * 4 - 1) * PIXELS,
        attributes={"mode": "cubic", "antialias": 1},
    ),
    Case("Upsample", [(2, 4, 6)], (2, 4, 12), flop=3 * 96, attributes={"mode": "linear"}),
    # one FLOP per output, after broadcasting
    *(
        Case(op, [ROW, (5,)], ROW, flop=15)
        for op in (
            "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater",
            "GreaterOrEqual", "Less", "LessOrEqual", "Mod", "Mul", "Or", "Sub", "Xor",
        )
    ),
    *(
        Case(op, [ROW], ROW, flop=15)
        for op in (
            "Abs", "BitwiseNot", "Ceil", "Floor", "IsInf", "IsNaN", "Neg", "Not", "Reciprocal", "Relu", "Round",
            "Sign", "ThresholdedRelu",
        )
    ),
    Case("Where", [ROW, ROW, ROW], ROW, flop=15),
    Case("Clip", [ROW, (), ()], ROW, flop=30),
    Case("LeakyRelu", [ROW], ROW, flop=30),
    Case("PRelu", [ROW, (5,)], ROW, flop=30),
    Case("Shrink", [ROW], ROW, flop=30),
    Case("HardSigmoid", [ROW], ROW, flop=60),
    Case("HardSwish", [ROW], ROW, flop=75),
    # one transcendental per output and no FLOP
    *(
        Case(op, [ROW], ROW, transcendentals=15)
        for op in (
            "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Erf", "Exp", "Log", "Sin", "Sinh",
            "Sqrt", "Tan", "Tanh",
        )
    ),
    Case("Pow", [ROW, ()], ROW, transcendentals=15),
    Case("Sigmoid", [ROW], ROW, flop=45, transcendentals=15),
    Case("Softplus", [ROW], ROW, flop=15, transcendentals=30),
    Case("Softsign", [ROW], ROW, flop=45),
    Case("Elu", [ROW], ROW, flop=45, transcendentals=15),
    Case("Celu", [ROW], ROW, flop=60, transcendentals=15),
    Case("Selu", [ROW], ROW, flop=60, transcendentals=15),
    Case("Gelu", [ROW], ROW, flop=60, transcendentals=15),
    Case("Swish", [ROW], ROW, flop=60, transcendentals=15),
    Case("Swish", [ROW], ROW, flop=60, transcendentals=15, attributes={"alpha": 1.0}),
    Case("Swish", [ROW], ROW, flop=75, transcendentals=15, attributes={"alpha": 1.702}),
    Case("Mish", [ROW], ROW, flop=30, transcendentals=45),
    # no arithmetic
    *(
        Case(op, [ROW], ROW, moved=(0, 0))
        for op in ("Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")
    ),
    Case("Dropout", [ROW, (), ()], ROW, moved=(0, 0), constants={2: 0}),
    *(Case("Dropout", [ROW, (), ()], ROW, flop=30, more_outputs=[ROW], constants=trains) for trains in ({}, {2: 1})),
    *(Case(op, [ROW], (2,), moved=(0, 8)) for op in ("Shape", "Size")),
    Case("Constant", [], ROW, moved=(0, 60)),
    Case("Concat", [ROW, ROW], (6, 5), moved=(120, 120)),
    *(
        Case(op, [ROW], ROW, moved=(60, 60))
        for op in (
            "Cast", "CastLike", "DepthToSpace", "ReverseSequence", "SpaceToDepth", "Split", "Transpose", "Trilu",
        )
    ),
    Case("Pad", [ROW], (5, 5), moved=(60, 100)),
    # 2 of 3 rows are read, and 2 indices
    *(
        Case(op, [ROW, (2,)], (2, 5), moved=(48, 40))
        for op in ("Gather", "GatherElements", "GatherND", "Slice", "Compress", "CenterCropPad")
    ),
    *(Case(op, [ROW, (2,)], (6, 5), moved=(68, 120)) for op in ("Expand", "Tile")),
    Case("ConstantOfShape", [(2,)], ROW, moved=(8, 60)),
    Case("EyeLike", [ROW], ROW, moved=(0, 60)),
    Case("OneHot", [(3,), (), (2,)], (3, 5), moved=(24, 60)),
    Case("Range", [(), (), ()], (7,), moved=(12, 28)),
    *(
        Case(op, [ROW, (2, 1), (2, 5)], ROW, moved=(108, 60))
        for op in ("Scatter", "ScatterElements", "ScatterND", "TensorScatter")
    ),
    Case("ScatterND", [ROW, (2, 1), (2, 5)], ROW, flop=10, attributes={"reduction": "add"}),
]  # fmt: skip


EVERY_CASE = [*CASES, *FUSED_CASES, *BLOCKED_CASES, *WIDER_CASES, *CONTRIB_CASES]


@pytest.mark.parametrize("case", EVERY_CASE, ids=str)
def test_worked_by_hand(case: Case) -> None:
    row = count(case.operation.graph).rows[0]
    assert row.why_unknown == ""
    assert (row.macs, row.flop, row.transcendentals) == (case.macs, case.flop, case.transcendentals)
    read = 4 * sum(prod(shape) for shape in case.inputs if shape is not None)
    written = 4 * sum(prod(shape) for shape in (case.output, *case.more_outputs))
    assert (row.bytes_read, row.bytes_written) == (case.moved or (read, written))


@pytest.mark.parametrize("key", registered(), ids=".".join)
def test_every_registered_operator_has_a_case(key: tuple[str, str]) -> None:
    assert key in {(case.domain, case.op) for case in EVERY_CASE}


@pytest.mark.parametrize(("domain", "op_type"), registered())
def test_every_formula_explains_itself(domain: str, op_type: str) -> None:
    function = find_formula(domain, op_type)
    assert function is not None
    assert function.__doc__


_FROM_NOTHING = ("Constant", "ConstantOfShape", "EyeLike", "MelWeightMatrix", "Range", "Shape", "Size")


@pytest.mark.parametrize(
    "case", [case for case in EVERY_CASE if case.op not in _FROM_NOTHING and (case.output or case.empty)], ids=str
)
def test_nothing_in_nothing_to_do(case: Case) -> None:
    """With a first axis of size zero there is no work."""
    inputs = [(0, *shape[1:]) if index == 0 and shape else shape for index, shape in enumerate(case.inputs)]
    if case.op == "Gemm" and case.attributes.get("transA"):
        inputs[0] = (5, 0)
    if case.op.startswith("Scatter") or case.op in ("Sum", "Mean", "Max", "Min"):
        inputs = [shape and (0, *shape[1:]) for shape in case.inputs]
    if case.op == "MatMul" and len(case.inputs[0] or ()) == 1:
        inputs = [(0,), (2, 0, 7)]
    output = (0, *case.output[1:]) if case.output else ()
    function = find_formula(case.domain, case.op)
    assert function is not None
    result = function(replace(case, inputs=case.empty or inputs, output=output).operation)
    assert (result.macs, result.flop, result.transcendentals) == (0, 0, 0)


sizes = st.integers(1, 12)


@given(tokens=st.integers(0, 12), least=st.integers(-2, 4), most=st.integers(-2, 15), skips=st.integers(-2, 15))
def test_grams_are_those_of_every_length_and_number_of_skips(tokens: int, least: int, most: int, skips: int) -> None:
    spans = [
        {(length - 1) * (skip + 1) for skip in range(max(skips, 0) + 1)} for length in range(max(least, 1), most + 1)
    ]
    grams = sum(max(0, tokens - span) for of_length in spans for span in of_length)
    found = work(
        "TfIdfVectorizer", [(tokens,)], (7,), min_gram_length=least, max_gram_length=most, max_skip_count=skips,
        mode="TF",
    )  # fmt: skip
    assert found.flop == grams


@pytest.mark.parametrize("attribute", ["max_gram_length", "max_skip_count"])
def test_grams_without_bound_end_with_the_tokens(attribute: str) -> None:
    """Of 6 tokens 6 single ones, and 5 to 1 longer ones, or pairs with 0 to 4 between."""
    case = Case("TfIdfVectorizer", [(6,)], (7,), attributes={"mode": "TF", "max_gram_length": 2, attribute: 2**62})
    expected = sum(range(7)) if attribute == "max_gram_length" else 6 + sum(range(6))
    assert count(case.operation.graph).rows[0].flop == expected


def test_grams_of_more_lengths_than_anybody_means_are_not_counted() -> None:
    case = Case("TfIdfVectorizer", [(2**62,)], (7,), attributes={"mode": "TF", "max_gram_length": 2**62})
    assert "too many" in count(case.operation.graph).rows[0].why_unknown


@given(batch=st.integers(1, 64), channels=sizes, out=sizes, size=sizes, kernel=st.integers(1, 3), bias=st.booleans())
def test_convolution_is_linear_in_the_batch(
    batch: int, channels: int, out: int, size: int, kernel: int, bias: bool
) -> None:
    def of(n: int) -> Work:
        weights: list[Shape | None] = [(out, channels, kernel, kernel), (out,) if bias else None]
        return work("Conv", [(n, channels, size + kernel, size + kernel), *weights], (n, out, size + 1, size + 1))

    assert of(batch).macs == batch * of(1).macs
    assert of(batch).flop == batch * of(1).flop


@given(groups=sizes, per_group=sizes, out=sizes, size=sizes)
def test_groups_divide_the_work_of_a_convolution(groups: int, per_group: int, out: int, size: int) -> None:
    channels, filters = groups * per_group, groups * out
    image, result = (1, channels, size, size), (1, filters, size, size)
    whole = work("Conv", [image, (filters, channels, 1, 1)], result)
    grouped = work("Conv", [image, (filters, per_group, 1, 1)], result, group=groups)
    assert grouped.macs * groups == whole.macs
    transposed = work("ConvTranspose", [image, (channels, filters, 1, 1)], result)
    assert work("ConvTranspose", [image, (channels, out, 1, 1)], result, group=groups).macs * groups == transposed.macs


@given(batch=sizes, rows=sizes, inner=sizes, columns=sizes)
def test_a_gemm_is_a_matmul_is_a_pointwise_convolution(batch: int, rows: int, inner: int, columns: int) -> None:
    product = work("MatMul", [(batch, rows, inner), (inner, columns)], (batch, rows, columns))
    assert product.macs == batch * work("Gemm", [(rows, inner), (inner, columns)], (rows, columns)).macs
    assert product == work("Conv", [(batch, inner, rows), (columns, inner, 1)], (batch, columns, rows))


@pytest.mark.parametrize(
    "op", ["Add", "Relu", "Sigmoid", "LRN", "Softmax", "BatchNormalization", "ReduceMean", "LayerNormalization"]
)
@given(batch=st.integers(1, 50), width=sizes)
def test_work_per_element_is_linear_in_the_batch(op: str, batch: int, width: int) -> None:
    one = work(op, [(1, width)], (1, width), size=3)
    many = work(op, [(batch, width)], (batch, width), size=3)
    assert (many.flop, many.transcendentals) == (batch * one.flop, batch * one.transcendentals)


MALFORMED = [
    Case("MaxPool", [IMAGE], IMAGE),
    Case("AveragePool", [IMAGE], IMAGE, attributes={"kernel_shape": (3,)}),
    Case("MaxPool", [IMAGE], IMAGE, attributes={"kernel_shape": (0, 3)}),
    Case("MaxPool", [IMAGE], IMAGE, attributes={"kernel_shape": (2**62,) * 5000}),
    Case("MaxPool", [IMAGE], IMAGE, attributes={"kernel_shape": ("a", "b")}),
    Case("MaxPool", [IMAGE], IMAGE, attributes={"kernel_shape": (float("inf"), float("nan"))}),
    Case("MaxPool", [], IMAGE, attributes={"kernel_shape": (3, 3)}),
    Case("LRN", [IMAGE], IMAGE),
    Case("LRN", [IMAGE], IMAGE, attributes={"size": -5}),
    Case("LRN", [IMAGE], IMAGE, attributes={"size": "5"}),
    Case("Conv", [IMAGE], IMAGE),
    Case("Conv", [], IMAGE),
    Case("Conv", [IMAGE, None], IMAGE),
    Case("Conv", [(), ()], ()),
    Case("Conv", [IMAGE, (4, 4)], IMAGE),
    Case("Gemm", [(5,), (5, 7)], (7,)),
    Case("Gemm", [(3, 5), (6, 7)], (3, 7)),
    Case("Gemm", [(3, 5)], (3, 7)),
    Case("MatMul", [(), ()], ()),
    Case("MatMul", [(3, 5), (6, 7)], (3, 7)),
    Case("Sum", [], ROW),
    Case("Gather", [], ROW),
    Case("Reshape", [], ROW),
    Case("Reshape", [ROW], (4, 4)),
    Case("Transpose", [ROW], ()),
    Case("Resize", [IMAGE], IMAGE, attributes={"mode": "x"}),
    Case("Resize", [IMAGE], ROW, attributes={"mode": "linear"}),
    Case("", [IMAGE], IMAGE),
]


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["linear", "cubic"]))
def test_antialias_takes_as_many_neighbours_as_the_reference_of_onnx_weighs(before: int, after: int, mode: str) -> None:
    coefficients = {"linear": op_resize._linear_coeffs_antialias, "cubic": op_resize._cubic_coeffs_antialias}[mode]
    done = work("Resize", [(2, before), None, None, (2,)], (2, after), mode=mode, antialias=1)
    if after < before:
        assert done.flop == (2 * len(coefficients(0.5, after / before)) - 1) * 2 * after
    assert not done.assumed


def test_how_far_antialias_reaches_is_assumed_where_only_a_factor_tells() -> None:
    """From 5 to 2, by 0.4 or by 0.5: a reach of 3 or of 2. From 6 to 3, by 0.5 to 0.66: 2."""
    assert work("Resize", [(1, 5), None, (2,)], (1, 2), mode="linear", antialias=1).assumed
    assert not work("Resize", [(1, 6), None, (2,)], (1, 3), mode="linear", antialias=1).assumed
    sizes: Shapes = [(1, 5), None, None, (2,)]
    assert work("Resize", sizes, (1, 2), mode="linear", antialias=1, keep_aspect_ratio_policy="not_larger").assumed


@pytest.mark.parametrize("case", MALFORMED, ids=str)
def test_a_malformed_node_is_listed_with_a_reason(case: Case) -> None:
    row = count(case.operation.graph).rows[0]
    assert row.why_unknown
    assert (row.macs, row.flop, row.transcendentals) == (None, None, None)
    assert not row.counted


_WHATEVER_ITS_SHAPE = (
    "ExpandDims", "Flatten", "Identity", "Optional", "OptionalGetElement", "Reshape", "SequenceEmpty",
    "SequenceErase", "Squeeze", "Unsqueeze",
)  # fmt: skip


@pytest.mark.parametrize("key", registered(), ids=".".join)
def test_without_any_shape_a_node_is_not_counted(key: tuple[str, str]) -> None:
    """Only what stays where it is costs nothing whatever its shape. A Dropout with a third input may be training."""
    node = Node("node", key[1], key[0], ("x", "y", "z"), ("out",), {"kernel_shape": (2, 2), "size": 3})
    row = count(Graph("g", (node,), (), ("out",), {}, frozenset(), {}, frozenset({"node"}), 17, 8, "")).rows[0]
    assert row.counted is (key[1] in _WHATEVER_ITS_SHAPE)


def test_an_operator_of_another_domain_is_another_operator() -> None:
    assert find_formula("com.example", "Conv") is None


def test_a_second_formula_for_an_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="Conv has a formula already"):
        formula("Conv")(lambda _: Work())


def test_a_missing_output_is_an_unknown_shape() -> None:
    with pytest.raises(UnknownShape, match="output 3"):
        Case("Split", [ROW], ROW).operation.output(3)
