"""Properties of the formulas of recurrent, attention, quantised and fused operators, and of Einstein sums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet_bench.core.graph import Attribute
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.formulas import Work, find_formula
from tests.unit.graph.contrib_cases import ATTENTION
from tests.unit.graph.formula_case import MICROSOFT, Case, Shape, Shapes, work
from tests.unit.graph.fused_cases import ATTENTION as FUSED_ATTENTION
from tests.unit.graph.fused_cases import SELECTION
from tests.unit.graph.wider_cases import SIGNAL

sizes = st.integers(1, 9)
batches = st.integers(0, 40)


def times(one: Work, batch: int) -> tuple[int, int, int]:
    return one.macs * batch, one.flop * batch, one.transcendentals * batch


def numbers(result: Work) -> tuple[int, int, int]:
    return result.macs, result.flop, result.transcendentals


@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@given(steps=batches, batch=batches, inputs=sizes, hidden=sizes, bias=st.booleans())
def test_a_recurrent_layer_is_linear_in_steps_sequences_and_directions(
    op: str, gates: int, steps: int, batch: int, inputs: int, hidden: int, bias: bool
) -> None:
    def of(length: int, sequences: int, directions: int) -> Work:
        rows = gates * hidden
        weights: list[Shape | None] = [(directions, rows, inputs), (directions, rows, hidden)]
        weights += [(directions, 2 * rows)] if bias else []
        direction = ("forward", "bidirectional")[directions - 1]
        made = (length, directions, sequences, hidden)
        return work(op, [(length, sequences, inputs), *weights], made, direction=direction)

    one = of(1, 1, 1)
    assert one.macs == gates * hidden * (inputs + hidden)
    assert numbers(of(steps, batch, 1)) == times(one, steps * batch)
    assert numbers(of(steps, batch, 2)) == times(one, 2 * steps * batch)


@given(batch=batches, rows=sizes, inner=sizes, columns=sizes)
def test_an_einstein_sum_of_a_product_of_matrices_is_one(batch: int, rows: int, inner: int, columns: int) -> None:
    shapes: list[Shape | None] = [(batch, rows, inner), (batch, inner, columns)]
    product = work("MatMul", shapes, (batch, rows, columns))
    for equation in ("bij,bjk->bik", "...ij,...jk"):
        assert work("Einsum", shapes, (batch, rows, columns), equation=equation) == product
    swapped: list[Shape | None] = [(batch, inner, columns), (batch, rows, inner)]
    assert work("Einsum", swapped, (batch, rows, columns), equation="bjk,bij->bik") == product


@given(size=sizes, other=sizes)
def test_labels_of_one_operand_are_summed_with_additions(size: int, other: int) -> None:
    assert work("Einsum", [(size, other)], (), equation="ij->") == Work(flop=size * other - 1)
    assert work("Einsum", [(size, size)], (), equation="ii->") == Work(flop=size - 1)


@given(batch=batches, groups=sizes, per_group=st.integers(1, 4), queries=sizes, keys=sizes, width=sizes)
def test_attention_is_linear_in_batch_and_query_heads(
    batch: int, groups: int, per_group: int, queries: int, keys: int, width: int
) -> None:
    def of(images: int, heads: int, kv_heads: int) -> Work:
        inputs: Shapes = [(images, heads, queries, width), *[(images, kv_heads, keys, width)] * 2]
        return work("Attention", inputs, (images, heads, queries, width))

    one = of(1, 1, 1)
    assert numbers(of(batch, groups * per_group, groups)) == times(one, batch * groups * per_group)
    packed: Shapes = [(batch, queries, groups * width), *[(batch, keys, groups * width)] * 2]
    multi_head = work("MultiHeadAttention", packed, packed[0] or (), domain=MICROSOFT, num_heads=groups)
    assert numbers(multi_head) == times(one, batch * groups)


@given(batch=batches, length=sizes, heads=sizes, width=sizes)
def test_the_forms_of_self_attention_agree(batch: int, length: int, heads: int, width: int) -> None:
    hidden = heads * width
    three: Shapes = [(batch, length, hidden)] * 3
    output = (batch, length, hidden)
    split = work("MultiHeadAttention", three, output, domain=MICROSOFT, num_heads=heads)
    packed = work("MultiHeadAttention", [(batch, length, heads, 3, width)], output, domain=MICROSOFT, num_heads=heads)
    grouped = work("GroupQueryAttention", three, output, domain=MICROSOFT, num_heads=heads, kv_num_heads=heads)
    assert split == packed == grouped
    projected = work(
        "Attention", [(batch, length, hidden), (hidden, 3 * hidden)], output, domain=MICROSOFT, num_heads=heads
    )
    assert projected.macs - split.macs == batch * length * hidden * 3 * hidden


@given(batch=batches, heads=st.integers(2, 6), width=sizes, past=sizes)
def test_a_cache_costs_what_its_keys_cost(batch: int, heads: int, width: int, past: int) -> None:
    new: Shapes = [(batch, heads, 1, width)] * 3
    cached = work("Attention", [*new, None, *[(batch, heads, past, width)] * 2], (batch, heads, 1, width))
    longer: Shapes = [new[0], *[(batch, heads, past + 1, width)] * 2]
    assert cached == work("Attention", longer, (batch, heads, 1, width))


_TARGETS = ("SoftmaxCrossEntropyLoss",)
"""Operators whose further inputs have a batch too."""

PER_IMAGE: list[tuple[str, str, Shapes, Shape, dict[str, Attribute]]] = [
    (MICROSOFT, "FusedConv", [(1, 4, 6, 6), (8, 2, 3, 3), (8,)], (1, 8, 4, 4), {"activation": "Relu", "group": 2}),
    (MICROSOFT, "NhwcFusedConv", [(1, 6, 6, 4), (8, 4, 3, 3)], (1, 4, 4, 8), {}),
    (MICROSOFT, "FusedGemm", [(1, 5), (5, 7), (7,)], (1, 7), {"activation": "Tanh"}),
    (MICROSOFT, "FusedMatMul", [(1, 3, 5), (5, 7)], (1, 3, 7), {"alpha": 0.5}),
    (MICROSOFT, "BiasGelu", [(1, 5), (5,)], (1, 5), {}),
    (MICROSOFT, "SkipLayerNormalization", [(1, 3, 5), (3, 5), (5,)], (1, 3, 5), {}),
    (MICROSOFT, "DynamicQuantizeMatMul", [(1, 5), (5, 7), ()], (1, 7), {}),
    (MICROSOFT, "QGemm", [(1, 5), (), (), (5, 7), (), ()], (1, 7), {}),
    (MICROSOFT, "QLinearGlobalAveragePool", [(1, 4, 6, 6)], (1, 4, 1, 1), {}),
    ("", "QLinearConv", [(1, 4, 6, 6), (), (), (8, 4, 3, 3), (), (), (), (), (8,)], (1, 8, 4, 4), {}),
    ("", "QLinearMatMul", [(1, 5), (), (), (5, 7), (), (), (), ()], (1, 7), {}),
    ("", "MatMulInteger", [(1, 5), (5, 7)], (1, 7), {}),
    ("", "ConvInteger", [(1, 4, 6, 6), (8, 4, 3, 3)], (1, 8, 4, 4), {}),
    ("", "DynamicQuantizeLinear", [(1, 5)], (1, 5), {}),
    ("", "DeformConv", [(1, 4, 6, 6), (8, 4, 3, 3), (1, 18, 4, 4), (8,)], (1, 8, 4, 4), {}),
    ("", "GridSample", [(1, 4, 6, 6), (1, 5, 5, 2)], (1, 4, 5, 5), {}),
    ("", "Det", [(1, 4, 4)], (1,), {}),
    ("", "TopK", [(1, 5), (1,)], (1, 2), {}),
    ("", "DFT", [(1, 8, 1)], (1, 8, 2), {}),
    ("", "STFT", [(1, 16, 1), (), (8,)], (1, 3, 5, 2), {}),
    ("", "CausalConvWithState", [(1, 4, 7), (4, 1, 3), (4,)], (1, 4, 7), {"activation": "silu"}),
    ("", "LinearAttention", [(1, 3, 20), (1, 3, 10), (1, 3, 12)], (1, 3, 24), {"q_num_heads": 4, "kv_num_heads": 2}),
    ("", "SoftmaxCrossEntropyLoss", [(1, 5, 7), (1, 7)], (1, 7), {"reduction": "none"}),
    ("ai.onnx.ml", "LinearRegressor", [(1, 5)], (1, 1), {"coefficients": (1.0, 2.0, 3.0, 4.0, 5.0)}),
    ("ai.onnx.ml", "SVMRegressor", [(1, 2)], (1, 1), {"support_vectors": (1.0, 2.0, 3.0, 4.0), "kernel_type": "RBF"}),
    (MICROSOFT, "NhwcConv", [(1, 6, 6, 4), (8, 4, 3, 3)], (1, 4, 4, 8), {}),
    (MICROSOFT, "GroupNorm", [(1, 6, 6, 4), (4,), (4,)], (1, 6, 6, 4), {"activation": 1}),
    (MICROSOFT, "WordConvEmbedding", [(1, 7), (5, 1, 2, 4), (5,), (9, 4)], (1, 5), {}),
    (MICROSOFT, "PackedMultiHeadAttention", [(1, 2, 3, 4), *[None] * 3, (2, 3)], (1, 8), {"num_heads": 2}),
    (MICROSOFT, "PagedAttention", [(1, 64), None, None, *[(9, 16, 2, 8)] * 2, (2,), (1,), (1, 3)], (1, 32),
     {"num_heads": 4, "kv_num_heads": 2}),
    (MICROSOFT, "MatMulInteger16", [(1, 5), (5, 7)], (1, 7), {}),
    (MICROSOFT, "Rfft", [(1, 8)], (1, 5, 2), {}),
    (MICROSOFT, "Inverse", [(1, 3, 3)], (1, 3, 3), {}),
    (MICROSOFT, "NGramRepeatBlock", [(1, 6), (1, 9)], (1, 9), {"ngram_size": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("domain", "op", "inputs", "output", "attributes"), PER_IMAGE, ids=str)
@given(batch=batches)
def test_work_is_linear_in_the_batch(
    domain: str, op: str, inputs: Shapes, output: Shape, attributes: dict[str, Attribute], batch: int
) -> None:
    one = work(op, inputs, output, domain=domain, **attributes)
    rest = [(batch, *shape[1:]) if shape and op in _TARGETS else shape for shape in inputs[1:]]
    many = work(op, [(batch, *(inputs[0] or ())[1:]), *rest], (batch, *output[1:]), domain=domain, **attributes)
    assert one.flop > 0
    assert numbers(many) == times(one, batch)


@given(rows=batches, blocks=sizes, columns=sizes)
def test_packed_weights_cost_the_product_and_one_dequantisation(rows: int, blocks: int, columns: int) -> None:
    inner = 16 * blocks
    inputs: Shapes = [(rows, inner), (columns, blocks, 8), (columns, blocks)]
    packed = work("MatMulNBits", inputs, (rows, columns), domain=MICROSOFT, K=inner, N=columns)
    plain = work("MatMul", [(rows, inner), (inner, columns)], (rows, columns))
    assert packed.macs == plain.macs
    assert packed.flop - plain.flop == (2 * inner * columns if rows else 0)


@given(tokens=st.integers(0, 9), experts=st.integers(1, 5), picked=st.integers(1, 5), hidden=sizes, inner=sizes)
def test_a_mixture_costs_its_experts_once_for_each_token_that_picks_them(
    tokens: int, experts: int, picked: int, hidden: int, inner: int
) -> None:
    inputs: Shapes = [(tokens, hidden), (tokens, experts), (experts, inner, hidden), None, (experts, hidden, inner)]
    mixed = work("MoE", inputs, (tokens, hidden), domain=MICROSOFT, k=picked)
    first = work("MatMul", [(tokens, hidden), (hidden, inner)], (tokens, inner))
    second = work("MatMul", [(tokens, inner), (inner, hidden)], (tokens, hidden))
    assert mixed.macs == picked * (first.macs + second.macs)
    everything = 4 * (tokens * (hidden + experts) + 2 * experts * hidden * inner)
    assert mixed.bytes_read is not None
    assert mixed.bytes_read <= everything
    assert (mixed.bytes_read == everything) is (tokens * picked >= experts)


@given(length=st.integers(1, 4096))
def test_real_data_costs_half_a_transform(length: int) -> None:
    whole = work("DFT", [(2, length, 2)], (2, length, 2))
    halved = work("DFT", [(2, length, 1)], (2, length // 2 + 1, 2), onesided=1)
    assert abs(whole.flop - 2 * halved.flop) <= 4  # each is rounded


@given(batch=batches, heads=sizes, keys=sizes, width=sizes)
def test_pages_cost_what_as_many_keys_cost(batch: int, heads: int, keys: int, width: int) -> None:
    hidden = heads * width
    cache: Shape = (batch + 1, keys, heads, width)
    inputs: Shapes = [(batch, hidden)] * 3 + [cache, cache, (batch + 1,), (batch,), (batch, 1)]
    paged = work("PagedAttention", inputs, (batch, hidden), domain=MICROSOFT, num_heads=heads, kv_num_heads=heads)
    plain: Shapes = [(batch, heads, 1, width), *[(batch, heads, keys, width)] * 2]
    assert numbers(paged) == numbers(work("Attention", plain, (batch, heads, 1, width)))


QUERY: Shape = (2, 3, 8)
REFUSED: list[tuple[str, Shapes, Shape, dict[str, Attribute]]] = [
    ("MoE", [(6, 8), (6, 4), (4, 16, 8), None, (4, 9, 16)], (6, 8), {}),
    ("MoE", [(6, 8), (6, 4), (4, 16, 8), None, (4, 8, 16)], (6, 8), {"activation_type": "x"}),
    ("MatMulFpQ4", [(3, 5), (64,), (2,)], (3, 7), {}),
    ("MatMulNBitsMlp", [(3, 5), *[None] * 7], (3, 7), {"K": 5, "N": 7, "activation": "x"}),
    ("GemmFloat8", [(3, 5), (5, 7)], (3, 7), {"activation": "x"}),
    ("CDist", [(3, 5), (4, 5)], (3, 4), {"metric": "jaccard"}),
    ("Rfft", [(2, 8)], (2, 5, 2), {"signal_ndim": 3}),
    ("NGramRepeatBlock", [(2, 6), (2, 9)], (2, 9), {}),
    ("NGramHashMapping", [(2, 6), (3,), (4,)], (2, 6, 4), {"max_ngram_size": 1}),
    ("DynamicQuantizeLSTM", [(7, 2, 3), (1, 3, 15), (1, 4, 16)], (7, 1, 2, 4), {}),
    ("PackedAttention", [(5, 8), (9, 24), None, (2, 3)], (5, 8), {"num_heads": 2}),
    ("PackedMultiHeadAttention", [(5, 8), None, None, None, (2, 3)], (5, 8), {"num_heads": 3}),
    ("PagedAttention", [(5, 8)], (5, 8), {"num_heads": 2}),
    ("SparseAttention", [QUERY, *[None] * 6], QUERY, {"num_heads": 3, "kv_num_heads": 1}),
    ("QOrderedAttention", [QUERY, *[None] * 4, (8, 8)], QUERY, {"num_heads": 3}),
    ("DecoderMaskedMultiHeadAttention", [(2, 1, 8)], (2, 1, 8), {}),
]  # fmt: skip

MALFORMED = [
    Case("LSTM", [(7, 2, 3), (1, 16, 5), (1, 16, 4)], (7, 1, 2, 4)),
    Case("LSTM", [(7, 2, 3), (1, 15, 3), (1, 15, 4)], (7, 1, 2, 4)),
    Case("GRU", [(7, 2, 3), (1, 16, 3), (1, 16, 4)], (7, 1, 2, 4)),
    Case("RNN", [(7, 3), (1, 4, 3), (1, 4, 4)], (7, 1, 4)),
    *(
        Case("Einsum", [(3, 5), (5, 7)], (3, 7), attributes={"equation": equation})
        for equation in (
            "ij,jk->im", "ij,jk->ii", "ij,jk->ik->k", "ij;jk->ik", "i1,1k->ik", "i.j,jk->ik", "i...j...,jk->ik",
            "ij->ij", "ij,jk,kl->il", "ijk,jk->ik", "i,jk->ik", "ij,ik->jk", "", "->", ",", "....,jk->k", "éj,jk->ék",
        )
    ),
    Case("Einsum", [(3, 5), (5, 7)], (3, 7)),
    Case("Einsum", [(3, 5)], (3,), attributes={"equation": 5}),
    Case("Einsum", [], (), attributes={"equation": "i->i"}),
    Case("Attention", [QUERY, QUERY, QUERY], QUERY),
    Case("Attention", [(2, 4), (2, 4), (2, 4)], (2, 4)),
    *(
        Case("MultiHeadAttention", inputs, QUERY, attributes={"num_heads": heads}, domain=MICROSOFT)
        for heads, inputs in ((0, [QUERY] * 3), (3, [QUERY] * 3), (-2, [QUERY] * 3), (2, [QUERY]), (2, [(2, 3)] * 3))
    ),
    Case("GroupQueryAttention", [QUERY] * 3, QUERY, domain=MICROSOFT),
    Case("GroupQueryAttention", [QUERY] * 3, QUERY, domain=MICROSOFT, attributes={"num_heads": 3, "kv_num_heads": 3}),
    Case("Attention", [QUERY, (8, 24)], QUERY, domain=MICROSOFT),
    Case("Attention", [QUERY, (9, 24)], QUERY, domain=MICROSOFT, attributes={"num_heads": 2}),
    Case("Attention", [QUERY, (8, 25)], QUERY, domain=MICROSOFT, attributes={"num_heads": 2}),
    Case(
        "Attention", [QUERY, (8, 24)], QUERY, domain=MICROSOFT,
        attributes={"num_heads": 2, "qkv_hidden_sizes": (8,)},
    ),
    Case("QLinearMatMul", [(3, 5), (), (), (6, 7), (), (), (), ()], (3, 7)),
    Case("QGemm", [(3, 5), (), (), (5, 7), (), ()], (3, 7), domain=MICROSOFT, attributes={"transA": 1}),
    Case("MatMulInteger", [(3, 5), (6, 7)], (3, 7)),
    Case("MatMulInteger", [(), ()], ()),
    Case("MatMulNBits", [(3, 5), (7, 1, 8)], (3, 7), domain=MICROSOFT, attributes={"K": 32, "N": 7}),
    Case("FusedMatMul", [(3, 5), (5, 7)], (3, 7), domain=MICROSOFT, attributes={"transA": 1}),
    Case("FusedConv", [(1, 1, 3, 3), (1, 1, 1, 1)], (1, 1, 3, 3), domain=MICROSOFT, attributes={"activation": "Foo"}),
    Case("RoiAlign", [(1, 1, 3, 3), (1, 4), (1,)], (1, 1, 1, 1)),
    Case("DeformConv", [(1, 1, 3), (1, 1, 1), (1, 2, 3)], (1, 1, 3)),
    Case("NonMaxSuppression", [(2, 6, 4), (3, 6)], (1, 3)),
    Case("Det", [()], ()),
    Case("DFT", [(2, 8, 1), ()], (2, 5, 2), attributes={"onesided": 1}),
    Case("DFT", [(2, 8, 1), None, ()], (2, 8, 2)),
    Case("DFT", [(2, 8, 1)], (2, 8, 2), attributes={"axis": 7}),
    Case("STFT", [(2, 16, 1), (), None, ()], (2, 3, 5, 2)),
    Case("STFT", [(2, 6, 1), (), (8,)], (2, 1, 5, 2)),
    Case("STFT", [(2, 6, 1), (), None, ()], (2, 1, 5, 2), constants={3: 8}),
    Case("LinearAttention", [QUERY] * 3, QUERY),
    Case("LinearAttention", [QUERY] * 3, QUERY, attributes={"q_num_heads": 3, "kv_num_heads": 2}),
    Case("LinearAttention", [QUERY] * 3, QUERY, attributes={"q_num_heads": 2, "kv_num_heads": 2, "update_rule": "x"}),
    Case("LinearClassifier", [(3, 5)], (3,), domain="ai.onnx.ml", attributes={"coefficients": (1.0,) * 7}),
    Case("LinearRegressor", [(3, 5)], (3,), domain="ai.onnx.ml"),
    Case("LinearRegressor", [(3, 5)], (3,), domain="ai.onnx.ml",
         attributes={"coefficients": (1.0,) * 5, "post_transform": "x"}),
    Case("SVMRegressor", [(3, 5)], (3,), domain="ai.onnx.ml",
         attributes={"support_vectors": (1.0,) * 5, "kernel_type": "x"}),
    *(
        Case(op, inputs, output, domain=MICROSOFT, attributes=attributes)
        for op, inputs, output, attributes in REFUSED
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED, ids=str)
def test_a_malformed_node_is_listed_with_a_reason(case: Case) -> None:
    row = count(case.operation.graph).rows[0]
    assert row.why_unknown
    assert (row.macs, row.flop, row.transcendentals) == (None, None, None)


_OF_A_CACHE = (
    "Attention", "DecoderMaskedMultiHeadAttention", "DynamicSparseAttention", "GroupQueryAttention",
    "MultiHeadAttention", "PagedAttention", "SparseAttention", "SparsePagedAttention",
)  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [case for case in (*ATTENTION, *FUSED_ATTENTION) if case.op in _OF_A_CACHE],
    ids=str,
)
def test_a_cache_whose_use_is_data_is_said_to_be_assumed_full(case: Case) -> None:
    """Where its use is known, or only selected keys are read, nothing is assumed."""
    shared = bool(case.attributes.get("past_present_share_buffer"))
    is_read = {
        "Attention": shared,
        "GroupQueryAttention": len(case.inputs) > 3 and case.inputs[3] is not None,
        "MultiHeadAttention": len(case.inputs) > 8,
        "DecoderMaskedMultiHeadAttention": shared,
        "DynamicSparseAttention": case.attributes.get("attention_mode") == "local_plus_selected",
        "SparsePagedAttention": case.attributes.get("attention_mode") == "local_plus_selected",
    }.get(case.op, True)
    function = find_formula(case.domain, case.op)
    assert function is not None
    assert function(case.operation).assumed == ("the cache is full" if is_read and not case.constants else "")


@pytest.mark.parametrize(
    ("op", "assumed"),
    [
        ("NonMaxSuppression", "each box is compared with as many as may be kept"),
        ("TfIdfVectorizer", "every n-gram is in the pool"),
        ("PackedAttention", "every sequence is as long as the longest may be"),
        ("PackedMultiHeadAttention", "every sequence is as long as the longest may be"),
    ],
)
def test_an_upper_bound_says_what_it_assumes(op: str, assumed: str) -> None:
    """Nothing is, where no box is kept."""
    cases = [case for case in (*SELECTION, *SIGNAL, *ATTENTION) if case.op == op]
    assert cases
    for case in cases:
        function = find_formula(case.domain, op)
        assert function is not None
        assert function(case.operation).assumed == (assumed if case.flop else "")


def test_tokens_that_repeat_are_compared_to_the_end() -> None:
    case = Case("NGramRepeatBlock", [(2, 6), (2, 9)], (2, 9), domain=MICROSOFT, attributes={"ngram_size": 3})
    function = find_formula(MICROSOFT, "NGramRepeatBlock")
    assert function is not None
    assert function(case.operation).assumed == "every earlier place is compared to its end"


def test_a_single_packed_sequence_is_as_long_as_it_is() -> None:
    inputs: Shapes = [(3, 8), (8, 24), None, (1, 3)]
    case = Case("PackedAttention", inputs, (3, 8), domain=MICROSOFT, attributes={"num_heads": 2})
    function = find_formula(MICROSOFT, "PackedAttention")
    assert function is not None
    assert function(case.operation).assumed == ""
