"""Nodes of ONNX Runtime beyond those that its optimiser makes of common models, to compare shape rules with."""

from __future__ import annotations

import numpy as np
from ml_dtypes import float8_e4m3fn

from tests.unit.graph.real_node import (
    BYTES,
    QUANTISED_BY,
    ROW,
    SCALE,
    ZERO,
    Array,
    Real,
    half,
    number,
    real,
    small,
    whole,
)

WORDS = np.array([["a b", "c d e"]], dtype=object)
IDS = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.int64)
STREAMS = real(2, 3, 2, 4)
HEADS = {"num_heads": 2}
GROUPS = {"num_heads": 4, "kv_num_heads": 2}
KEYED = {"q_num_heads": 4, "kv_num_heads": 2}

ELEMENTWISE = [
    Real("GatedAdd", [ROW, ROW, real(3, 1)]),
    Real("ScaledSiLU", [ROW]),
    Real("GatedRMSNorm", [ROW, real(5), ROW]),
    Real("BranchwiseRMSNorm", [STREAMS, real(2, 4)]),
    Real("SampleOp", [ROW]),
    Real("Trilu", [real(2, 3, 5)]),
    Real("Inverse", [np.eye(3, dtype=np.float32)[None].repeat(2, 0)]),
    Real("HyperConnectionPreMix", [STREAMS, real(2, 3, 2)]),
    Real("HyperConnectionPreMix", [real(2, 3, 8), real(2, 3, 2)], attributes={"num_branches": 2}),
    Real("HyperConnectionPostMix", [STREAMS, real(2, 3, 4), real(2, 3, 2), real(2, 3, 2, 2)]),
    Real("EngramGate", [*[STREAMS] * 2, real(2, 3, 4), *[real(2, 4)] * 3], 2),
    Real("LinearAttentionGate", [real(2, 3, 4), real(4), real(4), real(2, 3, 4)], 2),
    Real("MurmurHash3", [small(3, dtype="int32")]),
    Real("MurmurHash3", [small(3, dtype="int64")], attributes={"positive": 0}),
    Real(
        "QLinearWhere",
        [np.ones((2, 1, 5), bool), small(3, 5), *QUANTISED_BY, small(5), *QUANTISED_BY, *QUANTISED_BY],
    ),
    Real(
        "QEmbedLayerNormalization",
        [
            small(2, 3, dtype="int32"), small(2, 3, dtype="int32"), small(9, 4), small(5, 4), small(2, 4), small(4),
            small(4), small(2, 3, dtype="int32"), *[SCALE] * 5, *[ZERO] * 5,
        ],
        2,
    ),
]  # fmt: skip

PACKED = {"K": 32, "N": 7, "block_size": 16}
EXPERTS = [real(6, 8), real(6, 4), real(4, 16, 8), real(4, 16), real(4, 8, 16), real(4, 8)]
PRODUCTS = [
    Real("TransposeMatMul", [real(2, 5, 3), real(4, 1, 7, 5)], attributes={"transA": 1, "transB": 1}),
    Real("MatMulInteger16", [small(2, 3, 5, dtype="int16"), small(5, 7, dtype="int16")]),
    Real("MatMulBnb4", [real(2, 3, 32), small(112), real(14)], attributes={**PACKED, "quant_type": 1}),
    Real("MatMulFpQ4", [real(3, 32), small(7 * 20), whole(32, 7)], attributes={"blk_quant_type": 0}),
    Real("CDist", [ROW, real(4, 5)], attributes={"metric": "euclidean"}),
    Real("MoE", EXPERTS, attributes={"k": 2}),
    Real("MoE", [real(2, 3, 8), *EXPERTS[1:]], attributes={"k": 1, "activation_type": "gelu"}),
    Real(
        "QMoE",
        [real(6, 32), real(6, 4), small(4, 32, 16), real(4, 32), None, small(4, 32, 16), real(4, 32)],
        attributes={"k": 2, "expert_weight_bits": 4},
    ),
]

IMAGES = [
    Real("GridSample", [real(2, 4, 6, 6), real(2, 5, 3, 2)]),
    Real("CropAndResize", [real(2, 4, 6, 6), real(3, 4), small(3, dtype="int32"), whole(2, 3, dtype="int32")]),
    Real(
        "ConvTransposeWithDynamicPads", [real(2, 4, 6, 5), real(4, 3, 3, 2), whole(1, 0, 1, 1), real(6)],
        attributes={"strides": [2, 1], "group": 2, "output_padding": [1, 0], "dilations": [1, 2]},
    ),
    Real("ConvTransposeWithDynamicPads", [real(2, 4, 6), real(4, 3, 2), whole(0, 0)]),
    Real("MaxpoolWithMask", [real(2, 4, 7, 6), small(2, 4, 7, 6, dtype="int32")],
         attributes={"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}),
    Real(
        "WordConvEmbedding", [small(3, 7, dtype="int32"), real(5, 1, 2, 4), real(5), real(9, 4)],
        attributes={"embedding_size": 5, "conv_window_size": 2, "char_embedding_size": 4},
    ),
]  # fmt: skip

MOVEMENT = [
    Real("GatherND", [real(2, 3, 4), whole(0, 1).reshape(1, 2)]),
    Real("GatherND", [real(2, 3, 4), whole(0, 1).reshape(2, 1)]),
    Real(
        "GatherBlockQuantized", [small(9, 16), whole(1, 2, 3), real(9, 2)],
        attributes={"bits": 4, "block_size": 16, "quantize_axis": 1}, fed=1,
    ),
    Real(
        "GatherBlockQuantized", [small(9, 32), whole(1, 2).reshape(1, 2), real(9, 2)],
        attributes={"bits": 8, "block_size": 16, "quantize_axis": 1}, fed=1,
    ),
    Real("Pad", [ROW, whole(0, 2, 1, 0)]),
    Real("ExpandDims", [ROW, number(-1)]),
    Real("ExpandDims", [ROW, number(1)]),
    Real("UnfoldTensor", [real(2, 9)], attributes={"dim": 1, "size": 4, "step": 2}),
    Real("NGramRepeatBlock", [IDS, real(2, 9)], attributes={"ngram_size": 2}),
    Real(
        "NGramHashMapping", [IDS, whole(3, 5, 7), whole(11, 13, 17, 19)], 2,
        {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0},
    ),
    Real(
        "VarlenNGramHashMapping",
        [IDS.reshape(-1), whole(3, 5, 7), whole(11, 13, 17, 19), whole(0, 3, 8, dtype="int32")], 2,
        {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0},
    ),
    # how many come out is data
    Real("Unique", [real(15)], 3),
    Real("DynamicTimeWarping", [real(3, 5)]),
    Real("Tokenizer", [WORDS], attributes={"mark": 0, "mincharnum": 1, "pad_value": "#", "separators": [" "]}),
]  # fmt: skip

TOKEN = real(2, 1, 8)
BLOCKS = [real(1, 3, 32), real(1, 3, 16), real(1, 3, 16), *[real(1, 2, 32, 8)] * 2]
STATES = [
    Real("CausalConvWithState", [real(2, 4, 7), real(4, 1, 3), real(4), real(2, 4, 2)], 2, {"activation": "silu"}),
    Real("CausalConvWithState", [real(2, 4, 7), real(4, 1, 3)], 2, {"dilation": 2}),
    *(
        Real("LinearAttention", [real(2, 3, 20), real(2, 3, 10), real(2, 3, 12), *more], 2,
             {**KEYED, "update_rule": rule})
        for rule, more in (
            ("linear", []),
            ("gated", [real(2, 2, 5, 6), real(2, 3, 10)]),
            ("gated_delta", [real(2, 2, 5, 6), real(2, 3, 2), real(2, 3, 2)]),
        )
    ),
    Real("DynamicQuantizeLSTM",
         [real(7, 2, 3), small(1, 3, 16), small(1, 4, 16), *[None] * 5, *[real(1), small(1)] * 2], 3,
         {"hidden_size": 4}),
    Real("AttnLSTM",
         [real(7, 2, 3), real(1, 16, 8), real(1, 16, 4), *[None] * 5, real(1, 4, 6), real(1, 7, 6), real(1, 6),
          real(2, 9, 7), None, real(1, 11, 5)], 3, {"hidden_size": 4}),
    Real("DecoderMaskedMultiHeadAttention",
         [TOKEN, TOKEN, TOKEN, None, None, *[real(2, 2, 16, 4)] * 2, number(3)], 3,
         {**HEADS, "past_present_share_buffer": 1}),
    Real("DecoderMaskedMultiHeadAttention", [TOKEN, *[real(2, 2, 5, 4)] * 2], 1, HEADS),
    Real("MRotaryEmbedding", [real(2, 4, 3, 8), np.zeros((3, 2, 3), np.int64), real(9, 4), real(9, 4)],
         attributes={"mrope_section": [2, 1, 1]}),
]  # fmt: skip

MORE_REAL = [*ELEMENTWISE, *PRODUCTS, *IMAGES, *MOVEMENT, *STATES]

FLOAT, UINT8, INT8, INT32, BOOL, FLOAT16, UINT32 = 1, 2, 3, 6, 9, 10, 12


def eights(*shape: int) -> Array:
    return small(*shape, dtype="int8")


def ints(*values: int) -> Array:
    return whole(*values, dtype="int32")


def halves(*shapes: tuple[int, ...] | None) -> list[Array | None]:
    return [None if shape is None else half(*shape) for shape in shapes]


IMAGE = (2, 6, 5, 4)
ORDERS = {"order_input": 1, "order_output": 1}
PAGES = [
    *halves((5, 32), (5, 16), (5, 16), (9, 16, 2, 8), (9, 16, 2, 8)),
    *[ints(0, 2, 5), ints(0, 0), ints(*[1] * 6).reshape(2, 3)],
]
WEIGHTS = [small(7, 2, 8), half(7, 2)]

NOT_RUN = [
    (Real("BiasSoftmax", [ROW, ROW], attributes={"axis": 1, "is_inner_broadcast": 0}), [(FLOAT, (3, 5))]),
    (Real("BiasAdd", halves((2, 3, 8), (8,), (2, 3, 8))), [(FLOAT16, (2, 3, 8))]),
    (Real("BiasSplitGelu", halves((2, 3, 8), (8,))), [(FLOAT16, (2, 3, 4))]),
    (Real("BiasDropout", [ROW, real(5), ROW], 2), [(FLOAT, (3, 5)), (BOOL, (3, 5))]),
    (Real("BitmaskBiasDropout", [real(3, 50), real(50)], 2), [(FLOAT, (3, 50)), (UINT32, (5,))]),
    (Real("BitmaskDropout", [real(3, 50)], 2), [(FLOAT, (3, 50)), (UINT32, (5,))]),
    *((Real(op, [real(3, 4, 2)] * 2), [(FLOAT, (3, 4, 2))]) for op in ("ComplexMul", "ComplexMulConj")),
    (Real("IsAllFinite", [ROW, ROW]), [(BOOL, ())]),
    (Real("MulInteger", [BYTES, ZERO, small(2, 1, 5), ZERO]), [(INT32, (2, 3, 5))]),
    (Real("QuantizeWithOrder", [ROW, SCALE], attributes=ORDERS), [(INT8, (3, 5))]),
    (Real("DequantizeWithOrder", [eights(3, 5), SCALE], attributes={**ORDERS, "to": 10}), [(FLOAT16, (3, 5))]),
    (Real("QOrderedGelu", [eights(3, 5), SCALE, SCALE]), [(INT8, (3, 5))]),
    (Real("QOrderedLayerNormalization", [eights(2, 3, 8), SCALE, half(8), half(8), SCALE]), [(INT8, (2, 3, 8))]),
    (Real("GroupNorm", [half(*IMAGE), real(4), real(4)], attributes={"groups": 2, "activation": 1}),
     [(FLOAT16, IMAGE)]),
    (Real("SkipGroupNorm", [half(*IMAGE), real(4), real(4), half(*IMAGE), half(4)], 2,
          {"groups": 2, "activation": 0}), [(FLOAT16, IMAGE), (FLOAT16, IMAGE)]),
    (Real("NhwcFusedConv", halves((2, 7, 6, 4), (6, 4, 3, 2))), [(FLOAT16, (2, 5, 5, 6))]),
    (Real("NhwcConv", halves((2, 7, 6, 4), (6, 4, 3, 2), (6,)), attributes={"strides": [2, 1]}),
     [(FLOAT16, (2, 3, 5, 6))]),
    (Real("FusedMatMulActivation", [real(2, 5, 3), real(5, 7)], attributes={"transA": 1, "activation": "Relu"}),
     [(FLOAT, (2, 3, 7))]),
    (Real("GemmFastGelu", halves((2, 3, 5), (5, 7), (7,))), [(FLOAT16, (2, 3, 7))]),
    (Real("GemmFloat8", [ROW, real(7, 5)], attributes={"transB": 1, "dtype": 10}), [(FLOAT16, (3, 7))]),
    (Real("QOrderedMatMul", [eights(2, 3, 5), SCALE, eights(5, 7), SCALE, SCALE],
          attributes={"order_A": 1, "order_B": 0, "order_Y": 1}), [(INT8, (2, 3, 7))]),
    (Real("MatMulBlockQuantizedFp8Weight", [half(2, 3, 32), np.ones((7, 32), float8_e4m3fn), real(7, 1)]),
     [(FLOAT16, (2, 3, 7))]),
    (Real("MatMulBlockQuantizedFp4Weight", [half(2, 3, 32), small(7, 16), small(7, 2), SCALE]),
     [(FLOAT16, (2, 3, 7))]),
    (Real("MatMulNBitsMlp", [half(2, 3, 32), half(2, 3, 32), half(32), *WEIGHTS, None, *WEIGHTS], 2,
          {**PACKED, "activation": "silu"}), [(FLOAT16, (2, 3, 7)), (FLOAT16, (2, 3, 32))]),
    (Real("MatMulNBitsQkv", [half(2, 3, 32), half(2, 3, 32), half(32), *[*WEIGHTS, None] * 2, *WEIGHTS], 4,
          {"K": 32, "Nq": 7, "Nkv": 5, "block_size": 16}),
     [(FLOAT16, (2, 3, 7)), (FLOAT16, (2, 3, 5)), (FLOAT16, (2, 3, 5)), (FLOAT16, (2, 3, 32))]),
    (Real("QLinearReduceMean", [small(2, 3, 5), *QUANTISED_BY, *QUANTISED_BY],
          attributes={"axes": [1, -1], "keepdims": 1}), [(UINT8, (2, 1, 1))]),
    (Real("ReduceSumInteger", [small(2, 3, 5)], attributes={"axes": [1], "keepdims": 0}), [(INT32, (2, 5))]),
    (Real("Rfft", [real(2, 8)], attributes={"signal_ndim": 1}), [(FLOAT, (2, 5, 2))]),
    (Real("Irfft", [real(2, 5, 2)], attributes={"signal_ndim": 1}), [(FLOAT, (2, 8))]),
    (Real("TorchEmbedding", [real(9, 4), whole(1, 2, 3)]), [(FLOAT, (3, 4))]),
    (Real("RelativePositionBias", [real(32, 4), number(3, "int64"), number(5, "int64")],
          attributes={"max_distance": 128}), [(FLOAT, (1, 4, 3, 5))]),
    (Real("RemovePadding", [real(2, 3, 4), ints(3, 2)], 4),
     [(FLOAT, (None, 4)), (INT32, (2, 3)), (INT32, (3,)), (INT32, (1,))]),
    (Real("RestorePadding", [real(5, 4), small(2, 3, dtype="int32")]), [(FLOAT, (2, 3, 4))]),
    (Real("GemmaRotaryEmbedding", [real(2, 3, 8), *halves(*[(2, 4, 3, 8)] * 4)], 2),
     [(FLOAT16, (2, 4, 3, 8)), (FLOAT16, (2, 4, 3, 8))]),
    (Real("GatedRelativePositionBias",
          [real(2, 3, 8), real(8), real(1, 2, 3, 3), real(4, 6), real(6), real(1, 2, 1, 1)], attributes=HEADS),
     [(FLOAT, (2, 2, 3, 3))]),
    (Real("DecoderMaskedSelfAttention",
          [TOKEN, real(8, 24), real(24), None, real(2, 2, 2, 7, 4), None, number(3)], 2, HEADS),
     [(FLOAT, (2, 1, 8)), (FLOAT, (2, 2, 2, 8, 4))]),
    (Real("QOrderedAttention",
          [eights(2, 3, 8), *[SCALE] * 4, *[eights(8, 8)] * 3, *[SCALE] * 3, *[real(8)] * 3, None, None, SCALE],
          attributes={**HEADS, **ORDERS, "order_weight": 1}), [(INT8, (2, 3, 8))]),
    (Real("PackedAttention", [real(5, 8), real(8, 24), real(24), ints(*[0] * 6).reshape(2, 3), ints(0, 2, 5)],
          attributes=HEADS), [(FLOAT, (5, 8))]),
    (Real("PackedMultiHeadAttention",
          [real(5, 8), real(5, 8), real(5, 12), None, ints(*[0] * 6).reshape(2, 3), ints(0, 2, 5)], attributes=HEADS),
     [(FLOAT, (5, 12))]),
    (Real("PackedMultiHeadAttention",
          [real(5, 2, 3, 4), None, None, None, ints(*[0] * 6).reshape(2, 3), ints(0, 2, 5)], attributes=HEADS),
     [(FLOAT, (5, 8))]),
    (Real("PagedAttention", PAGES, 3, GROUPS), [(FLOAT16, (5, 32)), *[(FLOAT16, (9, 16, 2, 8))] * 2]),
    (Real("PagedAttention", [half(5, 64), None, None, *PAGES[3:]], 1, GROUPS), [(FLOAT16, (5, 32))]),
    (Real("SparsePagedAttention", [*PAGES, None, ints(*[0] * 10).reshape(5, 2), ints(*[2] * 5)], 3, GROUPS),
     [(FLOAT16, (5, 32)), *[(FLOAT16, (9, 16, 2, 8))] * 2]),
    (Real("SparseAttention",
         [*BLOCKS, ints(0, 1, 3).reshape(1, 3), ints(0, 0, 1).reshape(1, 3), number(3), ints(3)], 3,
         {**GROUPS, "sparse_block_size": 16}), [(FLOAT, (1, 3, 32)), *[(FLOAT, (1, 2, 32, 8))] * 2]),
    (Real("DynamicSparseAttention",
          [*halves((1, 3, 32), (1, 3, 16), (1, 3, 16), (1, 2, 16, 8), (1, 2, 16, 8)), None, None,
           ints(0, 1, 2).reshape(3, 1), ints(1, 1, 1), ints(9), number(10)], 3, GROUPS),
     [(FLOAT16, (1, 3, 32)), *[(FLOAT16, (1, 2, 16, 8))] * 2]),
    (Real("GatedDeltaNet",
          [*halves((6, 2, 5), (6, 2, 5), (6, 4, 3)), None, real(6, 4), real(6, 4), real(1, 4, 3, 5)], 2),
     [(FLOAT16, (6, 4, 3)), (FLOAT, (1, 4, 3, 5))]),
    (Real("GatedDeltaNet", [half(6, 32), None, None, None, real(6, 4), real(6, 4), real(1, 4, 3, 5)], 2),
     [(FLOAT16, (6, 4, 3)), (FLOAT, (1, 4, 3, 5))]),
    (Real("VarlenCausalConvWithState",
          [half(12, 4), half(4, 1, 3), ints(0, 5, 12), half(4), half(2, 4, 2)], 2),
     [(FLOAT16, (12, 4)), (FLOAT16, (2, 4, 2))]),
]  # fmt: skip
"""Nodes that the CPU provider does not run, with what they make, worked out by hand."""
