"""Shape rules of ONNX Runtime's operators, compared with what ONNX Runtime makes of one node when it runs it."""

from __future__ import annotations

from contextlib import nullcontext, suppress

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import defs, helper, numpy_helper

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph import contrib
from alexnet_bench.graph.convert import dtype_name
from alexnet_bench.graph.counting import count
from tests.unit.graph.conftest import Read
from tests.unit.graph.contrib_nodes import MORE_REAL, NOT_RUN
from tests.unit.graph.formula_case import MICROSOFT
from tests.unit.graph.real_node import (
    BYTES,
    QUANTISED_BY,
    ROW,
    SCALE,
    SIGNED,
    ZERO,
    Array,
    Declared,
    Real,
    number,
    real,
    small,
    whole,
)


def _projected(*, batch: int = 2, length: int = 3, inner: int = 8, columns: int = 24) -> list[Array]:
    return [real(batch, length, inner), real(inner, columns), real(columns)]


def _new_tokens(*, batch: int = 1, queries: int = 1, heads: int = 4, kv_heads: int = 2) -> list[Array]:
    return [real(batch, queries, 8 * heads), *[real(batch, queries, 8 * kv_heads)] * 2]


def _lengths(total: int) -> list[Array]:
    return [np.array([total - 1], np.int32), number(total)]


IMAGE, FILTERS = real(2, 4, 7, 6), real(6, 4, 3, 2)
WINDOWS: list[dict[str, object]] = [
    {},
    {"strides": [2, 1], "pads": [1, 0, 2, 1]},
    {"dilations": [2, 1]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "VALID", "strides": [2, 2]},
]
POOLS: list[dict[str, object]] = [
    {"kernel_shape": [3, 2], **more}
    for more in ({}, {"strides": [2, 2]}, {"strides": [2, 2], "ceil_mode": 1}, {"pads": [1, 0, 1, 1], "ceil_mode": 1})
]
HEADS = {"num_heads": 2}
GROUPS = {"num_heads": 4, "kv_num_heads": 2}


def _quantised_conv(image: Array, filters: Array, **attributes: object) -> Real:
    scales = [SCALE, ZERO, filters, SCALE, small(dtype="int8"), SCALE, ZERO]
    return Real("QLinearConv", [image, *scales], attributes=attributes)


CONVOLUTIONS = [
    *(Real("FusedConv", [IMAGE, FILTERS], attributes={"activation": "Relu", **window}) for window in WINDOWS),
    Real("FusedConv", [IMAGE, FILTERS, real(6), real(2, 6, 5, 5)]),
    Real("FusedConv", [real(1, 4, 5, 5), real(4, 2, 3, 3)], attributes={"group": 2}),
    *(_quantised_conv(small(2, 4, 7, 6), small(6, 4, 3, 2, dtype="int8"), **window) for window in WINDOWS),
    *(
        _quantised_conv(small(2, 7, 6, 4), small(6, 4, 3, 2, dtype="int8"), channels_last=1, **window)
        for window in WINDOWS
    ),
    *(Real("NhwcMaxPool", [small(2, 7, 6, 4)], attributes=pool) for pool in POOLS),
    *(Real("QLinearAveragePool", [small(2, 4, 7, 6), *QUANTISED_BY * 2], attributes=pool) for pool in POOLS),
    Real(
        "QLinearAveragePool", [small(2, 7, 6, 4), *QUANTISED_BY * 2],
        attributes={"kernel_shape": [3, 2], "channels_last": 1},
    ),
    Real("QLinearGlobalAveragePool", [small(2, 4, 7, 6), *QUANTISED_BY * 2]),
    Real("QLinearGlobalAveragePool", [small(2, 7, 6, 4), *QUANTISED_BY * 2], attributes={"channels_last": 1}),
]  # fmt: skip

PRODUCTS = [
    Real("FusedMatMul", [ROW, real(5, 7)], attributes={"alpha": 0.5}),
    Real("FusedMatMul", [real(2, 5, 3), real(4, 1, 7, 5)], attributes={"transA": 1, "transB": 1}),
    Real("FusedMatMul", [real(5), real(5, 7)], attributes={"transA": 1}),
    Real("FusedMatMul", [real(2, 3, 5), real(3, 5, 7)], attributes={"transBatchA": 1}),
    Real("FusedMatMul", [real(5, 3, 2), real(3, 5, 7)], attributes={"transBatchA": 1, "transA": 1}),
    Real("FusedMatMul", [real(3, 2, 5), real(5, 3, 7)], attributes={"transBatchB": 1}),
    Real("FusedGemm", [ROW, real(5, 7), real(7)], attributes={"activation": "Relu"}),
    Real("FusedGemm", [real(5, 3), real(7, 5)], attributes={"transA": 1, "transB": 1, "activation": "Tanh"}),
    Real("QGemm", [BYTES, *QUANTISED_BY, small(5, 7), *QUANTISED_BY]),
    Real("QGemm", [BYTES, *QUANTISED_BY, small(5, 7), *QUANTISED_BY, None, *QUANTISED_BY]),
    Real("QGemm", [BYTES, *QUANTISED_BY, small(7, 5), *QUANTISED_BY], attributes={"transB": 1}),
    Real("MatMulIntegerToFloat", [small(2, 3, 5), small(5, 7), SCALE, SCALE]),
    Real("MatMulIntegerToFloat", [BYTES, small(5, 7, dtype="int8"), SCALE, SCALE, ZERO, SIGNED, real(7)]),
    Real("DynamicQuantizeMatMul", [real(2, 3, 5), small(5, 7), SCALE]),
    Real("DynamicQuantizeMatMul", [ROW, small(5, 7, dtype="int8"), real(7), small(7, dtype="int8"), real(7)]),
    *(
        Real(
            "MatMulNBits", [a, small(7, 2, 8), real(14)], attributes={"K": 32, "N": 7, "bits": 4, "block_size": 16}
        )
        for a in (real(6, 32), real(2, 3, 32))
    ),
]  # fmt: skip

ELEMENTWISE = [
    *(Real(op, [real(2, 3, 4)]) for op in ("Gelu", "FastGelu", "QuickGelu")),
    *(Real("ThresholdedRelu", [real(2, 3, 4)], domain="", opset=opset) for opset in (7, 9, 10)),
    Real("FastGelu", [real(2, 3, 4), real(4)]),
    Real("BiasGelu", [real(2, 3, 4), real(4)]),
    Real("QuantizeLinear", [ROW, *QUANTISED_BY]),
    Real("QuantizeLinear", [ROW, SCALE]),
    Real("QuantizeLinear", [ROW, SCALE, SIGNED]),
    Real("QuantizeLinear", [ROW, SCALE, small(dtype="uint16")]),
    Real("DequantizeLinear", [BYTES, *QUANTISED_BY]),
    Real("DequantizeLinear", [small(3, 5, dtype="int32"), SCALE]),
    *(
        Real(op, [a, *QUANTISED_BY, b, *QUANTISED_BY, *QUANTISED_BY])
        for op in ("QLinearAdd", "QLinearMul")
        for a, b in ((BYTES, BYTES), (BYTES, small(5)), (small(2, 1, 5), small(3, 1)), (BYTES, small()))
    ),
    Real("QLinearSigmoid", [BYTES, *QUANTISED_BY, *QUANTISED_BY]),
    Real("QLinearLeakyRelu", [BYTES, *QUANTISED_BY, *QUANTISED_BY]),
    Real("QLinearSoftmax", [BYTES, *QUANTISED_BY, *QUANTISED_BY], attributes={"axis": -1, "opset": 13}),
    *(
        Real("QLinearConcat", [SCALE, ZERO, a, *QUANTISED_BY, b, *QUANTISED_BY], attributes={"axis": axis})
        for a, b, axis in ((BYTES, BYTES, 0), (BYTES, small(3, 2), 1), (BYTES, small(3, 4), -1))
    ),
]


NORMALISATIONS = [
    Real("SkipLayerNormalization", [real(2, 3, 4), real(2, 3, 4), real(4), real(4)]),
    Real("SkipLayerNormalization", [real(2, 3, 4), real(3, 4), real(4), real(4), real(4)], outputs=4),
    Real("SkipSimplifiedLayerNormalization", [real(2, 3, 4), real(2, 3, 4), real(4)], outputs=4),
    Real("SkipSimplifiedLayerNormalization", [real(6, 4), real(6, 4), real(4), real(4)], outputs=4),
    Real("SimplifiedLayerNormalization", [real(2, 3, 4), real(4)], 2, {"axis": -1}, domain=""),
    Real("SimplifiedLayerNormalization", [real(2, 3, 4), real(3, 4)], 2, {"axis": 1}, domain=""),
    *(
        Real("LayerNormalization", [real(2, 3, 4), *[real(*scaled)] * 2], 3, {"axis": axis}, domain="", opset=opset)
        for scaled, axis in (((4,), -1), ((3, 4), 1))
        for opset in (11, 16, 17)
    ),
    Real(
        "EmbedLayerNormalization",
        [small(2, 3, dtype="int32"), small(2, 3, dtype="int32"), real(9, 4), real(5, 4), real(2, 4), real(4), real(4)],
        outputs=3,
    ),
    Real(
        "EmbedLayerNormalization",
        [small(2, 3, dtype="int32"), None, real(9, 4), real(5, 4), None, real(4), real(4), small(2, 3, dtype="int32")],
        outputs=2,
    ),
]

ATTENTION = [
    Real("Attention", _projected(), 2, HEADS),
    Real("Attention", [*_projected(), None, real(2, 2, 2, 7, 4)], 2, HEADS),
    Real("Attention", _projected(columns=28), 1, {**HEADS, "qkv_hidden_sizes": [8, 8, 12]}),
    Real("QAttention", [small(2, 3, 8), small(8, 24), real(24), SCALE, SCALE, None, *[ZERO] * 2], 2, HEADS),
    Real(
        "QAttention",
        [small(2, 3, 8), small(8, 24), real(24), SCALE, SCALE, None, *[ZERO] * 2, real(2, 2, 2, 7, 4)], 2,
        {**HEADS, "unidirectional": 1},
    ),
    Real("MultiHeadAttention", [real(2, 3, 8), real(2, 5, 8), real(2, 5, 12)], 3, HEADS),
    Real("MultiHeadAttention", [real(2, 3, 8), real(2, 5, 8), real(2, 5, 8), real(24)], 3, HEADS),
    Real("MultiHeadAttention", [real(2, 3, 8), real(2, 2, 5, 4), real(2, 2, 5, 4)], 1, HEADS),
    Real(
        "MultiHeadAttention", [*[real(2, 3, 8)] * 3, None, None, None, *[real(2, 2, 7, 4)] * 2], 3,
        {**HEADS, "unidirectional": 1},
    ),
    *(
        Real("GroupQueryAttention", [*_new_tokens(queries=queries), *[real(1, 2, past, 8)] * 2, *_lengths(total)], 3,
             GROUPS)
        # a cache that grows, one that is there in full, and the same for several tokens at once
        for past, queries, total in ((4, 1, 5), (16, 1, 5), (4, 2, 6), (16, 3, 3))
    ),
    *(
        Real("GroupQueryAttention", [*_new_tokens(queries=queries), *[real(1, 2, 16, 8)] * 2, *_lengths(total)], 3,
             {**GROUPS, "local_window_size": 8, "sliding_window_cache": 1})
        for queries, total in ((1, 5), (1, 40), (3, 40), (24, 24))
    ),
    Real("GroupQueryAttention", [*_new_tokens(queries=3), None, None, *_lengths(3)], 3, GROUPS),
    Real(
        "GroupQueryAttention",
        [real(1, 3, 128), None, None, None, None, *_lengths(3), real(16, 8), real(16, 8)], 3,
        {**GROUPS, "do_rotary": 1},
    ),
    Real("RotaryEmbedding", [real(2, 4, 3, 8), np.zeros((2, 3), np.int64), real(9, 4), real(9, 4)]),
    Real("RotaryEmbedding", [real(2, 3, 32), np.zeros((2, 3), np.int64), real(9, 4), real(9, 4)]),
    Real(
        "RotaryEmbedding", [real(2, 3, 32), np.zeros(1, np.int64), real(9, 2), real(9, 2)], 1,
        {"num_heads": 4, "rotary_embedding_dim": 4},
    ),
]  # fmt: skip

REAL = [*CONVOLUTIONS, *PRODUCTS, *ELEMENTWISE, *NORMALISATIONS, *ATTENTION, *MORE_REAL]


DATA_DEPENDENT = ("DynamicTimeWarping", "Tokenizer", "Unique")
"""Operators of which only a run tells how much they make."""


@pytest.mark.parametrize("node", REAL, ids=str)
def test_shapes_and_types_are_those_of_a_run(read: Read, node: Real) -> None:
    graph = read(node.model)
    for index, made in enumerate(node.run()):
        tensor = graph.tensor(f"y{index}")
        assert tensor.dtype == {"object": "string"}.get(made.dtype.name, made.dtype.name)
        assert tensor.shape is not None
        known = tuple(size if known is None else known for known, size in zip(tensor.shape, made.shape, strict=True))
        assert known == made.shape
        assert (None not in tensor.shape) or node.op in DATA_DEPENDENT
    row = count(graph).rows[0]
    assert (row.counted, row.why_unknown) == (True, "")


@pytest.mark.parametrize("queries", [1, 3])
def test_scores_are_those_of_the_part_of_a_buffer_that_is_in_use(read: Read, queries: int) -> None:
    """5 of 16 places, and the new ones. ONNX Runtime wants the type of the scores declared."""
    tokens = [real(2, queries, 8)] * 3
    node = Real(
        "MultiHeadAttention", [*tokens, None, None, None, *[real(2, 2, 16, 4)] * 2, whole(5, dtype="int32")], 4,
        {**HEADS, "unidirectional": 1},
    )  # fmt: skip
    shapes = [(2, queries, 8), *[(2, 2, 16, 4)] * 2, (2, 2, queries, 5 + queries)]
    graph = read(node.model)
    assert [graph.tensor(f"y{index}").shape for index in range(4)] == shapes
    session = node.session([(1, shape) for shape in shapes])
    assert [made.shape for made in session.run(None, {"x0": tokens[0]})] == shapes


@pytest.mark.parametrize("op", contrib.operators())
def test_every_rule_is_compared_with_onnx_runtime(op: str) -> None:
    """By a run, or where the CPU provider has no kernel by its own inference of shapes."""
    run = {"Range", *(node.op for node in REAL)}  # Range: below, as its size follows from values
    assert (op in run) is not (op in {node.op for node, _ in NOT_RUN})


REFUSED = "Could not find an implementation for|Failed to find kernel|InsertedPrecisionFreeCast"
"""What ONNX Runtime says when no provider runs a node; the last of what its CPU provider has in no float type."""

CACHE_IN_PLACE = "SparseAttention"
"""Its kernel wants the caches that go in and those that come out at one address."""

NOT_INFERRED = ("ComplexMul", "ComplexMulConj", "Irfft", "ReduceSumInteger", "Rfft")
"""Operators of which ONNX Runtime itself infers no shapes."""


@pytest.mark.parametrize(("node", "made"), NOT_RUN, ids=str)
def test_shapes_of_what_the_cpu_does_not_run_are_those_that_onnx_runtime_infers(
    read: Read, node: Real, made: Declared
) -> None:
    graph = read(node.model)
    for index, (dtype, shape) in enumerate(made):
        tensor = graph.tensor(f"y{index}")
        assert (tensor.dtype, tensor.shape) == (dtype_name(dtype), tuple(shape))
    assert count(graph).rows[0].counted
    with nullcontext() if node.op == CACHE_IN_PLACE else pytest.raises(Exception, match=REFUSED):
        node.session(made)


@pytest.mark.parametrize(("node", "made"), NOT_RUN, ids=str)
def test_onnx_runtime_would_contradict_other_shapes(node: Real, made: Declared) -> None:
    """Else the test above shows nothing."""
    others = [(dtype, [size and size + 1 for size in shape] or [3]) for dtype, shape in made]
    refusal = REFUSED if node.op in NOT_INFERRED else "ShapeInferenceError|Output:y0"
    with pytest.raises(Exception, match=refusal):
        node.session(others)


OPEN = [
    (Real("Pad", [ROW, whole(0, 2, 1, 0)], fed=1), (None, None)),
    (Real("ExpandDims", [ROW, number(1)], fed=1), (None, None, None)),
    (Real("Range", [number(3), number(17), number(2)]), (None,)),
    (Real("RelativePositionBias", [real(32, 4), number(3, "int64"), number(5, "int64")], fed=2), (1, 4, 3, None)),
    (Real("MatMulFpQ4", [real(3, 32), small(140), whole(32, 7)], fed=2), (3, None)),
    (Real("CropAndResize", [IMAGE, real(3, 4), small(3, dtype="int32"), whole(2, 3)], fed=3), (3, 4, None, None)),
    (
        Real("ConvTransposeWithDynamicPads", [IMAGE, real(4, 3, 2, 2), whole(0, 0, 0, 0)], fed=2),
        (2, 3, None, None),
    ),
]


@pytest.mark.parametrize(("node", "shape"), OPEN, ids=str)
def test_sizes_that_follow_from_values_which_are_fed_stay_open(
    read: Read, node: Real, shape: tuple[int | None, ...]
) -> None:
    assert read(node.model).tensor("y0").shape == shape


@pytest.mark.parametrize(
    ("start", "limit", "delta", "size"), [(3, 17, 2, 7), (3, 4, 2, 1), (0, -5, -2, 3), (5, 5, 1, 0), (0.0, 1.0, 0.3, 4)]
)
def test_a_range_of_constants_has_a_known_size(read: Read, start: float, limit: float, delta: float, size: int) -> None:
    dtype = "float32" if isinstance(delta, float) else "int64"
    model = Real("Range", [np.array(value, dtype) for value in (start, limit, delta)]).model
    del model.graph.input[:]
    model.graph.initializer.append(numpy_helper.from_array(np.array(start, dtype), "x0"))
    assert read(model).tensor("y0").shape == (size,)
    options = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert session.run(None, {})[0].shape == (size,)


PACKED = [
    (
        Real(
            "DecoderMaskedMultiHeadAttention",
            [real(2, 1, 24), *[None] * 4, *[real(2, 2, 16, 4)] * 2, number(3)],
            3,
            {**HEADS, "past_present_share_buffer": 1},
        ),
        [(2, 1, 8), *[(2, 2, 16, 4)] * 2],
    ),
    *(
        (
            Real(
                "DecoderMaskedMultiHeadAttention",
                [*[real(2, 1, 8)] * 3, None, None, *[real(2, 2, 16, 4)] * 2, number(3)],
                4,
                {**HEADS, "output_qk": 1, "past_present_share_buffer": shared},
            ),
            [(2, 1, 8), *[(2, 2, cached, 4)] * 2, (2, 2, 1, keys)],
        )
        for shared, cached, keys in ((0, 17, 17), (1, 16, 4))
    ),
    (Real("MultiHeadAttention", [real(2, 3, 2, 3, 4)], 1, HEADS), [(2, 3, 8)]),
    (Real("MultiHeadAttention", [real(2, 3, 8), real(2, 5, 2, 2, 4)], 1, HEADS), [(2, 3, 8)]),
    (
        Real(
            "MultiHeadAttention",
            [*[real(2, 1, 8)] * 3, None, None, None, *[real(2, 2, 16, 4)] * 2, np.array([5], np.int32)],
            3,
            HEADS,
        ),
        [(2, 1, 8), (2, 2, 16, 4), (2, 2, 16, 4)],
    ),
    (
        Real(
            "Attention", [*_projected(), None, real(2, 2, 2, 7, 4)], 2, {**HEADS, "past_present_share_buffer": 1}
        ),
        [(2, 3, 8), (2, 2, 2, 7, 4)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("node", "shapes"), PACKED, ids=str)
def test_layouts_that_only_other_devices_run(read: Read, node: Real, shapes: list[tuple[int, ...]]) -> None:
    graph = read(node.model)
    assert [graph.tensor(f"y{index}").shape for index in range(node.outputs)] == shapes


def test_a_cache_of_unknown_use_has_no_known_size(read: Read) -> None:
    """Whether it grows depends on the value of total_sequence_length, which is fed."""
    node = Real("GroupQueryAttention", [*_new_tokens(), *[real(1, 2, 4, 8)] * 2, *_lengths(5)], 3, GROUPS)
    model = node.model
    total = next(item for item in model.graph.initializer if item.name == "x6")
    model.graph.initializer.remove(total)
    model.graph.input.append(helper.make_tensor_value_info("x6", 6, []))
    graph = read(model)
    assert graph.tensor("y0").shape == (1, 1, 32)
    assert graph.tensor("y1").shape == (1, 2, None, 8)
    assert count(graph).rows[0].assumed


def _infer(node: Real, read: Read, **changed: object) -> Graph:
    model = node.model
    for name, value in changed.items():
        kept = [attribute for attribute in model.graph.node[0].attribute if attribute.name != name]
        del model.graph.node[0].attribute[:]
        model.graph.node[0].attribute.extend([*kept, helper.make_attribute(name, value)])
    return read(model)


@pytest.mark.parametrize(
    ("node", "changed"),
    [
        (CONVOLUTIONS[0], {"strides": [0, 0]}),
        (CONVOLUTIONS[0], {"strides": [1]}),
        (CONVOLUTIONS[0], {"pads": [1]}),
        (CONVOLUTIONS[0], {"kernel_shape": [3]}),
        (CONVOLUTIONS[0], {"kernel_shape": [99, 99]}),
        (CONVOLUTIONS[0], {"auto_pad": b"\xff\xfe"}),
        (CONVOLUTIONS[0], {"dilations": [2**62, 2**62]}),
        (Real("MatMulNBits", [real(6, 32), small(7, 2, 8), real(14)]), {"N": -3}),
        (Real("QLinearConcat", [SCALE, ZERO, small(), *QUANTISED_BY]), {"axis": 3}),
        (Real("SimplifiedLayerNormalization", [real(), real()], 2, {}, domain=""), {"axis": 5}),
        (ATTENTION[0], {"num_heads": 0}),
        (ATTENTION[0], {"qkv_hidden_sizes": [2**62, 2**62, 2**62]}),
        (ATTENTION[5], {"num_heads": -1}),
        (Real("MultiHeadAttention", [real(2)], 4, HEADS), {}),
        (Real("MultiHeadAttention", [real(2, 3, 8), real(2), real()], 4, HEADS), {}),
        (Real("GroupQueryAttention", [real(2, 3, 7)], 3, GROUPS), {}),
        (Real("EmbedLayerNormalization", [real(2, 3), None, real()], 3), {}),
        (Real("FusedMatMul", [real(), real()]), {"transBatchA": 1}),
        (Real("FusedMatMul", [real(2, 3, 5), real(4, 5, 7)]), {}),
        (Real("QLinearAdd", [BYTES]), {}),
    ],
    ids=str,
)
def test_a_malformed_node_is_left_open(read: Read, node: Real, changed: dict[str, object]) -> None:
    """A rule that failed would end the inference of the whole model; what contradicts itself is refused behind it."""
    with suppress(ShapeError):
        graph = _infer(node, read, **changed)
        known = graph.tensor("y0").sizes
        assert known is None or not count(graph).rows[0].counted or known == (2, 3, 8)


@pytest.mark.parametrize("op", contrib.operators())
def test_nodes_without_inputs_or_shapes_are_left_open(read: Read, op: str) -> None:
    graph = helper.make_graph(
        [helper.make_node(op, [], ["y"], domain=MICROSOFT), helper.make_node(op, ["x"] * 9, ["z"], domain=MICROSOFT)],
        "g",
        [onnx.ValueInfoProto(name="x")],
        [onnx.ValueInfoProto(name="y"), onnx.ValueInfoProto(name="z")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert read(model).tensor("y").sizes is None or op == "IsAllFinite"  # one truth value, whatever goes in


def test_the_registry_of_onnx_is_left_as_it_was(read: Read) -> None:
    """What is left there would go for every user of onnx in this process; onnx.reference could not be imported."""
    read(ELEMENTWISE[0].model)
    assert not any(defs.has(op, MICROSOFT) for op in contrib.operators())
    assert not defs.has("SimplifiedLayerNormalization")
    with contrib.registered_schemas(), contrib.registered_schemas():
        assert defs.has("BiasGelu", MICROSOFT)
    assert not defs.has("BiasGelu", MICROSOFT)


def test_operators_of_other_domains_have_no_rule() -> None:
    assert not contrib.covers("com.example", "BiasGelu")
    assert not contrib.covers("", "BiasGelu")
    assert contrib.covers("", "SimplifiedLayerNormalization")
    assert contrib.find_schema(helper.make_node("BiasGelu", [], []), {}) is None
