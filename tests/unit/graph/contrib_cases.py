"""Cases worked out by hand: operators of ONNX Runtime beyond the ones that its optimiser makes of common models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_bench.core.graph import Attribute
from tests.unit.graph.formula_case import MICROSOFT, Case, Shape, Shapes
from tests.unit.graph.wider_cases import causal_conv, linear_attention

IMAGE, PIXELS = (2, 4, 6, 6), 288
ROW = (3, 5)  # 15 elements
ONE = ()


def ms(
    op: str,
    inputs: Shapes,
    output: Shape,
    macs: int = 0,
    flop: int = 0,
    transcendentals: int = 0,
    *,
    more: Sequence[Shape] = (),
    moved: tuple[int, int] | None = None,
    constants: Mapping[int, int | tuple[int, ...]] | None = None,
    empty: Shapes | None = None,
    **attributes: Attribute,
) -> Case:
    """A case of the domain com.microsoft."""
    return Case(
        op, inputs, output, macs, flop, transcendentals, attributes, moved, MICROSOFT, more, constants or {}, empty
    )


ELEMENTWISE = [
    ms("BiasAdd", [ROW, (5,), ROW], ROW, flop=30),
    *(
        case
        for op in ("BiasDropout", "BitmaskBiasDropout")
        for case in (ms(op, [ROW, (5,)], ROW, flop=15), ms(op, [ROW, (5,), ROW], ROW, flop=30, more=[ROW]))
    ),
    ms("BitmaskDropout", [ROW], ROW),
    ms("GatedAdd", [ROW, ROW, (3, 1)], ROW, flop=30),
    ms("ScaledSiLU", [ROW], ROW, 0, 75, 15),
    # 18 sums; 9 outputs of 4 and a product
    ms("BiasSplitGelu", [(3, 6), (6,)], (3, 3), 0, 18 + 45, 9),
    ms("IsAllFinite", [ROW, ROW], ONE, flop=30),
    # 30 products, 15 sums of two, and a factor for each
    ms("HyperConnectionPreMix", [(3, 2, 5), (3, 2)], ROW, flop=45),
    ms("HyperConnectionPreMix", [(3, 2, 5), (3, 2)], ROW, flop=60, reduction_scale=0.5),
    ms("HyperConnectionPostMix", [(3, 2, 5), ROW, (3, 2)], (3, 2, 5), flop=60),
    ms("HyperConnectionPostMix", [(3, 2, 5), ROW, (3, 2), (3, 2, 2)], (3, 2, 5), 60, 120 + 60),
    # 12 complex numbers of 4 products and 2 sums
    *(ms(op, [(3, 4, 2), (3, 4, 2)], (3, 4, 2), flop=72) for op in ("ComplexMul", "ComplexMulConj")),
    ms("MulInteger", [ROW, ONE, (5,), ONE], ROW, flop=15 + 15 + 5, empty=[(0, 5), ONE, (0, 5), ONE]),
    ms("MulInteger", [ROW, None, (5,)], ROW, flop=15),
    ms("QLinearWhere", [ROW, ROW, ONE, ONE, (5,), ONE, ONE, ONE, ONE], ROW, flop=90),
    ms("QOrderedGelu", [ROW, ONE, ONE], ROW, 0, 105, 15),
    ms("QuantizeWithOrder", [ROW, ONE], ROW, flop=30),
    ms("DequantizeWithOrder", [ROW, ONE], ROW, flop=15),
    # 7 per word of 32 bits, 9 at the end
    ms("MurmurHash3", [ROW], ROW, flop=240),
]

NORMALISATION = [
    ms("GroupNorm", [IMAGE, (4,), (4,)], IMAGE, flop=7 * PIXELS),
    ms("GroupNorm", [IMAGE, (4,), (4,)], IMAGE, 0, 11 * PIXELS, PIXELS, activation=1),
    ms("SkipGroupNorm", [IMAGE, (4,), (4,), IMAGE], IMAGE, flop=8 * PIXELS),
    ms("SkipGroupNorm", [IMAGE, (4,), (4,), IMAGE, (4,)], IMAGE, flop=9 * PIXELS, more=[IMAGE]),
    ms("BranchwiseRMSNorm", [ROW], ROW, flop=45),
    ms("BranchwiseRMSNorm", [ROW, (5,)], ROW, flop=60),
    ms("GatedRMSNorm", [ROW, (5,), ROW], ROW, 0, 135, 15),
    ms("GatedRMSNorm", [ROW, (5,), ROW], ROW, 0, 120, 15, activation="sigmoid"),
    ms("QOrderedLayerNormalization", [ROW, ONE, (5,), (5,), ONE], ROW, flop=150),
    # 48 elements: two norms of 4, a dot product of 2, a product; another norm
    ms("EngramGate", [*[(2, 3, 2, 4)] * 2, (2, 3, 4), (2, 4), (2, 4)], (2, 3, 2, 4), flop=11 * 48),
    ms("EngramGate", [*[(2, 3, 2, 4)] * 2, (2, 3, 4), *[(2, 4)] * 3], (2, 3, 2, 4), flop=15 * 48,
       more=[(2, 3, 2, 4)]),
    # 24 elements of three tables: 2 sums, 7, 6 to dequantise; of two tables 96 bytes, and all of the third
    ms("QEmbedLayerNormalization", [(2, 3), (2, 3), (100, 4), (50, 4), (2, 4), (4,), (4,), None, *[ONE] * 10],
       (2, 3, 4), flop=15 * 24, moved=(224 + 48 + 32 + 40, 96 + 8), more=[(2,)]),
]  # fmt: skip

PRODUCTS = [
    # 21 outputs of 5; a bias and FastGelu of 8
    ms("GemmFastGelu", [ROW, (5, 7), (7,)], (3, 7), 105, 210 + 189, 21),
    ms("GemmFloat8", [ROW, (7, 5), (7,), ONE, ONE, ONE], (3, 7), 105, 231 + 42, transB=1),
    ms("GemmFloat8", [ROW, (5, 7)], (3, 7), 105, 210 + 84, 21, activation="GELU"),
    ms("TransposeMatMul", [ROW, (7, 5)], (3, 7), 105, 210, transB=1),
    ms("FusedMatMulActivation", [ROW, (5, 7)], (3, 7), 105, 210 + 42, alpha=0.5, activation="Relu"),
    ms("MatMulInteger16", [ROW, (5, 7)], (3, 7), 105, 210),
    # 42 outputs, rescaled by 2
    ms("QOrderedMatMul", [(2, 3, 5), ONE, (5, 7), ONE, ONE], (2, 3, 7), 210, 420 + 84),
    ms("QOrderedMatMul", [(2, 3, 5), ONE, (5, 7), ONE, ONE, (7,)], (2, 3, 7), 210, 504 + 42),
    ms("QOrderedMatMul", [(2, 3, 5), ONE, (5, 7), ONE, ONE, None, (1, 3, 7), ONE], (2, 3, 7), 210, 504 + 84),
    # 12 pairs: 5 differences, 5 squares, 4 sums
    ms("CDist", [ROW, (4, 5)], (3, 4), 0, 168, 12, metric="euclidean"),
    ms("CDist", [ROW, (4, 5)], (3, 4), 0, 168, metric="sqeuclidean"),
    ms("Inverse", [(2, 3, 3)], (2, 3, 3), flop=2 * 2 * 27),
    # 6 rows of 32 by 7 columns; a weight takes 1 or 2
    ms("MatMulBnb4", [(2, 3, 32), (112,), (14,)], (2, 3, 7), 1344, 2688 + 224, K=32, N=7),
    ms("MatMulBnb4", [(2, 3, 7), (112,), (14,)], (2, 3, 32), 1344, 2688 + 224, K=32, N=7, transB=0),
    ms("MatMulFpQ4", [(2, 3, 32), (100,), (2,)], (2, 3, 7), 1344, 2688 + 448, constants={2: (32, 7)}),
    ms("MatMulBlockQuantizedFp8Weight", [(2, 3, 32), (7, 32), (7, 1)], (2, 3, 7), 1344, 2688 + 224),
    ms("MatMulBlockQuantizedFp8Weight", [(2, 3, 32), (7, 32), (7, 1), ONE, (7,)], (2, 3, 7), 1344,
       2912 + 384 + 42),
    ms("MatMulBlockQuantizedFp4Weight", [(2, 3, 32), (7, 16), (7, 2), ONE], (2, 3, 7), 1344, 2688 + 448),
    # two such products, and 42 times silu and a product
    ms("MatMulNBitsMlp", [(2, 3, 32), None, None, *[(7, 2, 8), (7, 2), None] * 2], (2, 3, 7), 2688,
       6272 + 210, 42, K=32, N=7, activation="silu"),
    # 192 elements summed and normalised, 42 sums with each bias
    ms("MatMulNBitsMlp", [(2, 3, 32), (2, 3, 32), (32,), *[(7, 2, 8), (7, 2), (7,)] * 2], (2, 3, 7), 2688,
       6482 + 960 + 84, 42, K=32, N=7, activation="silu"),
    # 7, 5 and 5 columns; 192 elements normalised
    ms("MatMulNBitsQkv", [(2, 3, 32), None, (32,), (7, 2, 8), (7, 2), None, *[(5, 2, 8), (5, 2), None] * 2],
       (2, 3, 7), 3264, 6528 + 1088 + 768, more=[(2, 3, 5)] * 2, K=32, Nq=7, Nkv=5),
]  # fmt: skip

TOKENS, ROUTES = (6, 8), (6, 4)
EXPERTS = [
    # 6 tokens by 2 of 4 experts: 8 to 16, Relu, 16 to 8, weighted sum; 24 routes of 5
    ms("MoE", [TOKENS, ROUTES, (4, 16, 8), None, (4, 8, 16)], TOKENS, 3072, 6144 + 12 * 32 + 120, 24, k=2),
    # 2 tokens read at most 2 of the 4 experts
    ms("MoE", [(2, 8), (2, 4), (4, 16, 8), None, (4, 8, 16)], (2, 8), 512, 1024 + 2 * 32 + 40, 8,
       moved=(64 + 32 + 2048, 64)),
    # 16 pairs of 10 and a sigmoid, biases of 32 and 8
    ms("MoE", [TOKENS, ROUTES, (4, 32, 8), (4, 32), (4, 8, 16), (4, 8)], TOKENS, 4608,
       9216 + 12 * (40 + 160 + 16) + 120, 192 + 24, k=2, activation_type="swiglu", swiglu_fusion=1),
    ms("MoE", [TOKENS, ROUTES, (4, 16, 8), None, (4, 8, 16), None, (4, 16, 8)], TOKENS, 4608,
       9216 + 12 * (80 + 16) + 120, 192 + 24, k=2, activation_type="silu"),
    # 4 · 256 weights dequantised
    ms("QMoE", [TOKENS, ROUTES, (4, 16, 4), (4, 16), None, (4, 8, 8), (4, 8)], TOKENS, 3072, 6648 + 2048, 24, k=2),
]  # fmt: skip

HEADS: dict[str, Any] = {"num_heads": 2}
GROUPS: dict[str, Any] = {"num_heads": 4, "kv_num_heads": 2}
INT8 = [(2, 3, 8), *[ONE] * 4, *[(8, 8)] * 3, *[ONE] * 3, *[(8,)] * 3, None, None, ONE]
PAGES = [(5, 32), (5, 16), (5, 16), (9, 16, 2, 8), (9, 16, 2, 8), (3,), (2,), (2, 3)]
BLOCKS = [(2, 3, 32), (2, 3, 16), (2, 3, 16), (2, 2, 32, 8), (2, 2, 32, 8)]
ONE_TOKEN = [(2, 1, 8), (2, 1, 8), (2, 1, 12)]
PAST = [(2, 2, 7, 4), (2, 2, 7, 6)]

ATTENTION = [
    # 2·2 queries over 8 keys: 32 scores of 4, spread over 6
    ms("DecoderMaskedMultiHeadAttention", [*ONE_TOKEN, None, None, *PAST], (2, 1, 12), 320, 640 + 160, 32,
       more=[(2, 2, 8, 4), (2, 2, 8, 6)], **HEADS),
    ms("DecoderMaskedMultiHeadAttention", [*ONE_TOKEN, (2, 8), None, *PAST, None, None, None, (28,)], (2, 1, 12),
       320, 800 + 32 + 56, 32, **HEADS),
    # without a cache the token looks at itself alone
    ms("DecoderMaskedMultiHeadAttention", ONE_TOKEN, (2, 1, 12), 40, 80 + 20, 4, **HEADS),
    # Q, K and V side by side
    ms("DecoderMaskedMultiHeadAttention", [(2, 1, 28), None, None, None, None, *PAST], (2, 1, 12), 320, 800, 32,
       **HEADS),
    # 5 keys of another sequence; a bias on 16 elements of Q
    ms("DecoderMaskedMultiHeadAttention", [(2, 1, 8), (2, 2, 5, 4), (2, 2, 5, 6), *[None] * 7, (28,)], (2, 1, 12),
       200, 400 + 100 + 16, 20, **HEADS),
    # a buffer of 16 in which 3 are cached: 4 keys; or all of it
    ms("DecoderMaskedMultiHeadAttention", [*ONE_TOKEN, None, None, (2, 2, 16, 4), (2, 2, 16, 6), ONE], (2, 1, 12),
       160, 320 + 80, 16, constants={7: 3}, past_present_share_buffer=1, **HEADS),
    ms("DecoderMaskedMultiHeadAttention", [*ONE_TOKEN, None, None, (2, 2, 16, 4), (2, 2, 16, 6), ONE], (2, 1, 12),
       640, 1280 + 320, 64, past_present_share_buffer=1, **HEADS),
    # 2 tokens of 8 by 24 columns; 32 scores of 4, spread over 4
    ms("DecoderMaskedSelfAttention", [(2, 1, 8), (8, 24), (24,), None, (2, 2, 2, 7, 4)], (2, 1, 8), 384 + 256,
       768 + 48 + 512 + 160, 32, more=[(2, 2, 2, 8, 4)], **HEADS),
    # 6 tokens of 8 by 24 columns, each of 144 rescaled and biased; 48 outputs quantised; 36 scores
    ms("QOrderedAttention", INT8, (2, 3, 8), 1152 + 288, 2304 + 288 + 144 + 756, 36, **HEADS),
    ms("QOrderedAttention", [*INT8, (2, 3)], (2, 3, 8), 1440, 3492 + 36, 36, **HEADS),
    # 5 tokens, the longest sequence has 3: 30 scores
    ms("PackedAttention", [(5, 8), (8, 24), (24,), (2, 3), (3,)], (5, 8), 960 + 240, 1920 + 120 + 630, 30, **HEADS),
    ms("PackedAttention", [(5, 8), (8, 28), None, (2, 3), (3,), (1, 2, 3, 3)], (5, 12), 1120 + 300,
       2240 + 750 + 30, 30, qkv_hidden_sizes=(8, 8, 12), **HEADS),
    ms("PackedMultiHeadAttention", [(5, 8), (5, 8), (5, 12), None, (2, 3), (3,)], (5, 12), 300, 600 + 150, 30,
       **HEADS),
    ms("PackedMultiHeadAttention", [(5, 8), (5, 8), (5, 12), (28,), (2, 3), (3,), (1, 1, 3, 3)], (5, 12), 300,
       750 + 140 + 30, 30, **HEADS),
    ms("PackedMultiHeadAttention", [(5, 2, 3, 4), None, None, None, (2, 3), (3,)], (5, 8), 240, 480 + 150, 30,
       **HEADS),
    # 5·4 queries over 3 pages of 16 keys: 960 scores of 8, spread over 8
    ms("PagedAttention", PAGES, (5, 32), 15360, 30720 + 4800, 960, more=PAGES[3:5], **GROUPS),
    # at most 20 keys; 5·6 heads of 8 turn by 3 and are normalised by 4; of each table of 64 rows 5 are read
    ms("PagedAttention", [*PAGES, (64, 4), (64, 4), None, None, (8,), (8,), None, None, (2,)], (5, 32), 6400,
       12800 + 2000 + 720 + 960, 400, constants={16: (3, 20)}, do_rotary=1, **GROUPS,
       moved=(4 * (320 + 4608 + 3 + 2 + 6 + 8 + 8 + 2) + 4 * 2 * 5 * 4, 640)),
    # 5·4 queries over 7 selected keys, and 4 of a window
    ms("SparsePagedAttention", [*PAGES, None, (5, 7), (5,)], (5, 32), 2240, 4480 + 700, 140, **GROUPS),
    ms("SparsePagedAttention", [*PAGES, None, (5, 7), (5,)], (5, 32), 3520, 7040 + 1100, 220,
       attention_mode="local_plus_selected", local_window_size=4, **GROUPS),
    # all 48 of the pages without a window
    ms("SparsePagedAttention", [*PAGES, None, (5, 7), (5,)], (5, 32), 17600, 35200 + 5500, 1100,
       attention_mode="local_plus_selected", **GROUPS),
    # 2·3·4 queries over 5 selected keys, and 2 of a window
    ms("DynamicSparseAttention", [*BLOCKS, None, None, (6, 5), (6,), (2,), ONE], (2, 3, 32), 1920, 3840 + 600, 120,
       more=BLOCKS[3:5], **GROUPS),
    ms("DynamicSparseAttention", [*BLOCKS, None, None, (6, 5), (6,), (2,), ONE], (2, 3, 32), 2688, 5376 + 840, 168,
       more=BLOCKS[3:5], attention_mode="local_plus_selected", local_window_size=2, **GROUPS),
    # 3 queries over 32 keys are fewer than 2 blocks of 16²; one block of 4² is fewer than those
    ms("SparseAttention", [*BLOCKS, (1, 3), (1, 2), ONE, (2,)], (2, 3, 32), 12288, 24576 + 3840, 768,
       more=BLOCKS[3:5], sparse_block_size=16, **GROUPS),
    ms("SparseAttention", [*BLOCKS, (1, 9), (1, 1), ONE, (2,)], (2, 3, 32), 2048, 4096 + 640, 128,
       more=BLOCKS[3:5], sparse_block_size=4, **GROUPS),
    # 10 keys; 3·2·6 heads of 8 turn; of each table of 32 rows 6 are read
    ms("SparseAttention", [(2, 3, 64), None, None, *BLOCKS[3:], (1, 3), (1, 2), ONE, (2,), (32, 4), (32, 4)],
       (2, 3, 32), 3840, 7680 + 1200 + 864, 240, constants={7: 10}, more=BLOCKS[3:5], sparse_block_size=16,
       do_rotary=1, **GROUPS, moved=(4 * (384 + 2048 + 3 + 2 + 1 + 2) + 4 * 2 * 6 * 4, 768 + 8192)),
    # 192 elements turn; 6 rows of each table, 3 positions per token
    ms("MRotaryEmbedding", [(2, 4, 3, 8), (3, 2, 3), (16, 4), (16, 4)], (2, 4, 3, 8), flop=576,
       moved=(768 + 192 + 72, 768)),
    # 192 and 96 elements turn; sine and cosine of 48 angles
    ms("GemmaRotaryEmbedding", [(2, 3, 8), *[(2, 4, 3, 8)] * 2, *[(2, 2, 3, 8)] * 2], (2, 4, 3, 8), 0, 864, 96,
       more=[(2, 2, 3, 8)], empty=[(0, 3, 8), *[(0, 4, 3, 8)] * 2, *[(0, 2, 3, 8)] * 2]),
    # 12 heads of 4 by 6 columns; 48 and 72 biases, 12 times 4 sums, 6, 4; 36 products
    ms("GatedRelativePositionBias", [(2, 3, 8), (8,), (1, 2, 3, 3), (4, 6), (6,), (1, 2, 1, 1)], (2, 2, 3, 3), 288,
       576 + 48 + 72 + 12 * 14 + 36, 24, **HEADS),
]  # fmt: skip

NO_TOKENS = [(0, 2, 5), (0, 2, 5), (0, 4, 3), None, (0, 4), (0, 4), (1, 4, 3, 5)]
NET = [(6, 2, 5), (6, 2, 5), (6, 4, 3), None, (6, 4), (6, 4), (1, 4, 3, 5)]
RECURRENT = [
    # as LSTM: 14 steps; 7 elements quantised by 5, two products of 16 rescaled
    ms("DynamicQuantizeLSTM", [(7, 2, 3), (1, 3, 16), (1, 4, 16)], (7, 1, 2, 4), 1568, 4088 + 14 * 67, 280),
    ms("DynamicQuantizeLSTM", [(7, 2, 3), (1, 3, 16), (1, 4, 16), (1, 32)], (7, 1, 2, 4), 1568, 5026 + 4 * 56, 280),
    # 14 steps of 16·12, 4·6 for the query, 9 places of 6 + 7, 11·5; 2·9 keys of 7·6
    ms("AttnLSTM", [(7, 2, 3), (1, 16, 8), (1, 16, 4), *[None] * 5, (1, 4, 6), (1, 7, 6), (1, 6), (2, 9, 7), None,
                    (1, 11, 5)],
       (7, 1, 2, 4), 14 * 388 + 756, 12376 + 14 * (68 + 90), 14 * (20 + 63),
       empty=[(0, 0, 3), (1, 16, 8), (1, 16, 4), *[None] * 5, (1, 4, 6), (1, 7, 6), (1, 6), (0, 9, 7), None,
              (1, 11, 5)]),
    *linear_attention(MICROSOFT),
    *causal_conv(MICROSOFT),
    ms("VarlenCausalConvWithState", [(12, 4), (4, 1, 3), (3,), None, (2, 4, 2)], (12, 4), 144, 288,
       more=[(2, 4, 2)]),
    # 24 states of 3x5: three products; 3·24 to scale, 360 to decay, 6 per value
    ms("GatedDeltaNet", NET, (6, 4, 3), 1080, 2160 + 72 + 360 + 144, 24, empty=NO_TOKENS),
    # 120 elements of Q and K by 3; 24 gates by 4, and by 3
    ms("GatedDeltaNet", NET, (6, 4, 3), 1080, 2736 + 360 + 96 + 72, 24 + 72 + 24, qk_l2_norm=1,
       gate_activation="qwen", beta_activation="sigmoid", empty=NO_TOKENS),
    ms("GatedDeltaNet", [(6, 32), None, None, None, (6, 4), (6, 4), (1, 4, 3, 5)], (6, 4, 3), 1080, 2736 + 360, 24,
       qk_l2_norm=1, empty=[(0, 32), None, None, None, (0, 4), (0, 4), (1, 4, 3, 5)]),
    ms("LinearAttentionGate", [(2, 3, 4), (4,), (4,)], (2, 3, 4), 0, 72, 48),
    ms("LinearAttentionGate", [(2, 3, 4), (4,), (4,), (2, 3, 4)], (2, 3, 4), 0, 144, 72, more=[(2, 3, 4)],
       empty=[(0, 3, 4), (4,), (4,), (0, 3, 4)]),
]  # fmt: skip

IMAGES = [
    ms("NhwcConv", [(2, 6, 6, 4), (8, 4, 3, 3), (8,)], (2, 4, 4, 8), 9216, 18432 + 256),
    ms("ConvTransposeWithDynamicPads", [IMAGE, (4, 3, 2, 2), (4,)], (2, 3, 12, 12), 3456, 6912),
    ms("ConvTransposeWithDynamicPads", [IMAGE, (4, 3, 2, 2), (4,), (3,)], (2, 3, 12, 12), 3456, 6912 + 864),
    # 48 windows of 6: 5 comparisons, 6 looks at the mask
    ms("MaxpoolWithMask", [IMAGE, IMAGE], (2, 4, 3, 2), flop=528, kernel_shape=(2, 3)),
    # 3 words of 7 letters: 6 places, 5 filters of 2x4, a bias, tanh, the best of 6
    ms("WordConvEmbedding", [(3, 7), (5, 1, 2, 4), (5,), (9, 4)], ROW, 720, 1440 + 90 + 75, 90,
       moved=(84 + 160 + 20 + 144, 60)),
    ms("GridSample", [IMAGE, (2, 5, 5, 2)], (2, 4, 5, 5), flop=7 * 200, moved=(400 + 1152, 800)),
    # 48 outputs of three interpolations, each from 4 neighbours
    ms("CropAndResize", [IMAGE, (3, 4), (3,), (2,)], (3, 4, 2, 2), flop=432, moved=(68 + 768, 192)),
    ms("CropAndResize", [IMAGE, (3, 4), (3,), (2,)], (3, 4, 2, 2), moved=(68 + 192, 192), mode="nearest"),
    ms("QLinearReduceMean", [ROW, *[ONE] * 4], (3, 1), flop=15 + 9),
    ms("ReduceSumInteger", [ROW], (3, 1), flop=12),
    # 8 real numbers: 2.5 · 8 · 3; 32 of them 2.5 · 32 · 5
    ms("Rfft", [(2, 8)], (2, 5, 2), flop=120),
    ms("Rfft", [(2, 4, 8)], (2, 4, 5, 2), flop=800, signal_ndim=2),
    ms("Irfft", [(2, 5, 2)], (2, 8), flop=120),
]  # fmt: skip

MOVEMENT = [
    ms("GatherND", [ROW, (2, 1)], (2, 5), moved=(48, 40)),
    ms("TorchEmbedding", [(9, 4), (2, 3)], (2, 3, 4), moved=(120, 96)),
    # 64 of 288 elements with their share of 1224 bytes, and 2 indices
    ms("GatherBlockQuantized", [(9, 32), (2,), (9, 2)], (2, 32), flop=128, moved=(272 + 8, 256)),
    ms("Pad", [ROW, (4,)], (5, 5)),
    ms("UnfoldTensor", [(7,)], (3, 3)),
    ms("Trilu", [ROW], ROW),
    ms("SampleOp", [ROW], ROW),
    ms("Range", [ONE] * 3, (7,)),
    ms("RelativePositionBias", [(32, 4), ONE, ONE], (1, 4, 3, 3)),
    ms("ExpandDims", [ROW, ONE], (3, 1, 5), moved=(0, 0)),
    ms("Unique", [(15,)], (15,), flop=60, moved=(60, 300), more=[(15,), (15,)]),
    ms("RestorePadding", [(5, 4), (2, 3)], (2, 3, 4)),
    # all 6 tokens, 10 numbers about them
    ms("RemovePadding", [(2, 3, 4), (2,)], (5, 4), moved=(96 + 8, 96 + 40), more=[(2, 3), (3,), ONE]),
    ms("Tokenizer", [(3,)], (3, 2)),
    # 15 cells of 3; a path of at most 7 pairs
    ms("DynamicTimeWarping", [ROW], (2, 6), flop=45, moved=(60, 56)),
    # 12 tokens by 3 products and 2 xors, 48 remainders, 48 offsets
    ms("NGramHashMapping", [(2, 6), (3,), (4,)], (2, 6, 4), flop=108, max_ngram_size=3, n_head_per_ngram=2),
    ms("NGramHashMapping", [(2, 6), (3,), (4,), None, (4,)], (2, 6, 4), flop=156, max_ngram_size=3,
       n_head_per_ngram=2),
    ms("VarlenNGramHashMapping", [(12,), (3,), (4,), (3,)], (12, 4), flop=108, max_ngram_size=3, n_head_per_ngram=2),
    # the last 2 tokens of 2 rows against those at 4 places
    ms("NGramRepeatBlock", [(2, 6), (2, 9)], (2, 9), flop=16, ngram_size=3),
]  # fmt: skip

CONTRIB_CASES = [
    *ELEMENTWISE, *NORMALISATION, *PRODUCTS, *EXPERTS, *ATTENTION, *RECURRENT, *IMAGES, *MOVEMENT,
]  # fmt: skip
