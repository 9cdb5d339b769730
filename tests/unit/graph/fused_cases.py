"""Cases worked out by hand: recurrent, attention, quantised, fused and selecting operators, and Einstein sums."""

from __future__ import annotations

from tests.unit.graph.formula_case import MICROSOFT, Case

IMAGE, PIXELS = (2, 4, 6, 6), 288
ROW = (3, 5)  # 15 elements
ONE = ()
"""A scale, a zero point."""

SEQUENCE = (7, 2, 3)  # 7 steps of 2 sequences: 14 steps; with 4 hidden units 56 updates
P = (1, 12)

RECURRENT = [
    # 14 steps of 4·4 rows over 3 + 4 columns: 1568 MACs; each of the 56 updates costs 17 and 5 transcendentals
    Case("LSTM", [SEQUENCE, (1, 16, 3), (1, 16, 4)], (7, 1, 2, 4), 1568, 3136 + 952, 280),
    Case("LSTM", [SEQUENCE, (1, 16, 3), (1, 16, 4), (1, 32)], (7, 1, 2, 4), 1568, 4088 + 4 * 56, 280),
    Case("LSTM", [SEQUENCE, (1, 16, 3), (1, 16, 4), None, (2,)], (7, 1, 2, 4), 1568, 4088, 280),
    # peepholes: a product and a sum for three gates
    Case(
        "LSTM", [SEQUENCE, (1, 16, 3), (1, 16, 4), (1, 32), None, (1, 2, 4), (1, 2, 4), P], (7, 1, 2, 4), 1568,
        4088 + (4 + 6) * 56, 280,
    ),
    Case(
        "LSTM", [SEQUENCE, (2, 16, 3), (2, 16, 4)], (7, 2, 2, 4), 3136, 8176, 560,
        attributes={"direction": "bidirectional"},
    ),
    # batch first
    Case("LSTM", [(2, 7, 3), (1, 16, 3), (1, 16, 4)], (2, 7, 1, 4), 1568, 4088, 280, attributes={"layout": 1}),
    # 14 steps of 3·4 rows over 7 columns: 1176 MACs; 14 and 3 transcendentals for each update
    Case("GRU", [SEQUENCE, (1, 12, 3), (1, 12, 4)], (7, 1, 2, 4), 1176, 2352 + 784, 168),
    Case("GRU", [SEQUENCE, (1, 12, 3), (1, 12, 4), (1, 24)], (7, 1, 2, 4), 1176, 3136 + 3 * 56, 168),
    Case(
        "GRU", [SEQUENCE, (1, 12, 3), (1, 12, 4), (1, 24)], (7, 1, 2, 4), 1176, 3136 + 4 * 56, 168,
        attributes={"linear_before_reset": 1},
    ),
    Case(
        "GRU", [SEQUENCE, (2, 12, 3), (2, 12, 4)], (7, 2, 2, 4), 2352, 6272, 336,
        attributes={"direction": "bidirectional"},
    ),
    # 14 steps of 4 rows over 7 columns
    Case("RNN", [SEQUENCE, (1, 4, 3), (1, 4, 4)], (7, 1, 2, 4), 392, 784 + 56, 56),
    Case("RNN", [SEQUENCE, (1, 4, 3), (1, 4, 4), (1, 8)], (7, 1, 2, 4), 392, 784 + 112, 56),
]  # fmt: skip


def _einsum(equation: str, *shapes: tuple[int, ...], output: tuple[int, ...], macs: int = 0, sums: int = 0) -> Case:
    empty = [(0,) * len(shape) for shape in shapes]
    return Case(
        "Einsum", shapes, output, macs, 2 * macs + sums, attributes={"equation": equation}, empty=empty
    )  # fmt: skip


EINSUM = [
    _einsum("ij,jk->ik", (3, 5), (5, 7), output=(3, 7), macs=105),
    _einsum(" ij , jk -> ik ", (3, 5), (5, 7), output=(3, 7), macs=105),
    _einsum("ij,jk", (3, 5), (5, 7), output=(3, 7), macs=105),
    _einsum("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5), output=(2, 3, 4, 6), macs=2 * 3 * 4 * 6 * 5),
    _einsum("i,j->ij", (3,), (5,), output=(3, 5), macs=15),
    _einsum("ij,ij->ij", ROW, ROW, output=ROW, macs=15),
    # an ellipsis is counted from the right, and broadcast: 2 x 4 products of 3x5 and 5x7
    _einsum("...ij,...jk->...ik", (2, 3, 5), (2, 5, 7), output=(2, 3, 7), macs=210),
    _einsum("...ij,...jk->...ik", (2, 1, 3, 5), (4, 5, 7), output=(2, 4, 3, 7), macs=840),
    _einsum("...ij,jk", (2, 3, 5), (5, 7), output=(2, 3, 7), macs=210),
    _einsum("ij,jk->ik", (3, 1), (5, 7), output=(3, 7), macs=105),
    # one operand: a transpose, a diagonal, a trace of 4, sums over 15 elements
    _einsum("ba", ROW, output=(5, 3)),
    _einsum("ii->i", (4, 4), output=(4,)),
    _einsum("ii", (4, 4), output=(), sums=3),
    _einsum("ij->", ROW, output=(), sums=14),
    _einsum("ij->i", ROW, output=(3,), sums=12),
    _einsum("...i->...", ROW, output=(3,), sums=12),
    # i and j are summed first: 14 additions, and 7 products are left
    _einsum("ij,k->k", ROW, (7,), output=(7,), macs=7, sums=14),
    # only the one row that there is gets summed, before it is spread over 4
    _einsum("...i,...->...", (1, 5), (4,), output=(4,), macs=4, sums=4),
    # 2x3 by 3x4, then 2x4 by 4x5
    _einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 5), output=(2, 5), macs=24 + 40),
    # nothing needs j beyond the second operand: 2·3 products, then 2·4
    _einsum("ij,ij,ik->k", (2, 3), (2, 3), (2, 4), output=(4,), macs=6 + 8),
]

Q, K, V = (2, 4, 3, 8), (2, 2, 5, 8), (2, 2, 5, 6)
GROUPED = {"q_num_heads": 4, "kv_num_heads": 2}
TWO_HEADS = {"num_heads": 2}
FOUR_HEADS = {"num_heads": 4, "kv_num_heads": 2}
QUERY, KEY, VALUE = (2, 3, 8), (2, 5, 8), (2, 5, 12)
NEW = [(2, 3, 32), (2, 3, 16), (2, 3, 16)]  # 4 heads of 8 over 2 of keys and values
LENGTHS = [(2,), ()]

ATTENTION = [
    # 2·4·3 queries look at 5 keys: 120 scores of 8, spread over 6; 5 FLOP each for scale and softmax
    Case("Attention", [Q, K, V], (2, 4, 3, 6), 1680, 3360 + 600, 120),
    Case("Attention", [Q, K, V, (3, 5)], (2, 4, 3, 6), 1680, 3360 + 720, 120),
    Case("Attention", [Q, K, V], (2, 4, 3, 6), 1680, 3360 + 840, 240, attributes={"softcap": 30.0}),
    Case("Attention", [(2, 3, 32), (2, 5, 16), (2, 5, 12)], (2, 3, 24), 1680, 3960, 120, attributes=GROUPED),
    # 7 keys more: 288 scores
    Case(
        "Attention", [Q, K, V, None, (2, 2, 7, 8), (2, 2, 7, 6)], (2, 4, 3, 6), 4032, 8064 + 1440, 288,
        more_outputs=[(2, 2, 12, 8), (2, 2, 12, 6)],
    ),
    # 2·2·3 queries, 5 keys: 60 scores of 4, spread over 6
    Case("MultiHeadAttention", [QUERY, KEY, VALUE], (2, 3, 12), 600, 1200 + 300, 60, TWO_HEADS, None, MICROSOFT),
    # a bias on 48 elements of Q, 80 of K and 120 of V
    Case(
        "MultiHeadAttention", [QUERY, KEY, VALUE, (28,)], (2, 3, 12), 600, 1500 + 248, 60, TWO_HEADS, None, MICROSOFT
    ),
    Case(
        "MultiHeadAttention", [QUERY, KEY, VALUE, None, (2, 5), (1, 1, 3, 5)], (2, 3, 12), 600, 1500 + 120, 60,
        TWO_HEADS, None, MICROSOFT,
    ),
    # cached keys are there by head, with their bias: only that of Q is added
    Case(
        "MultiHeadAttention", [QUERY, (2, 2, 5, 4), (2, 2, 5, 6), (28,)], (2, 3, 12), 600, 1500 + 48, 60,
        TWO_HEADS, None, MICROSOFT,
    ),
    # 7 keys more: 144 scores
    Case(
        "MultiHeadAttention", [QUERY, KEY, VALUE, None, None, None, (2, 2, 7, 4), (2, 2, 7, 6)], (2, 3, 12), 1440,
        2880 + 720, 144, TWO_HEADS, None, MICROSOFT, more_outputs=[(2, 2, 12, 4), (2, 2, 12, 6)],
    ),
    # a buffer of 16 in which 7 are in use: the same; or 16 keys and 192 scores where that is data
    *(
        Case(
            "MultiHeadAttention",
            [QUERY, KEY, VALUE, None, None, None, (2, 2, 16, 4), (2, 2, 16, 6), (1,)], (2, 3, 12), 10 * scores,
            25 * scores, scores, TWO_HEADS, None, MICROSOFT, more_outputs=[(2, 2, 16, 4), (2, 2, 16, 6)],
            constants=past,
        )
        for scores, past in ((144, {8: 7}), (192, {}))
    ),
    # packed: 3 keys and 36 scores of 4; keys and values packed: 60 scores
    Case("MultiHeadAttention", [(2, 3, 2, 3, 4)], (2, 3, 8), 288, 576 + 180, 36, TWO_HEADS, None, MICROSOFT),
    Case("MultiHeadAttention", [QUERY, (2, 5, 2, 2, 4)], (2, 3, 8), 480, 960 + 300, 60, TWO_HEADS, None, MICROSOFT),
    # 2·4·3 queries, the 3 new keys: 72 scores of 8
    Case(
        "GroupQueryAttention", [*NEW, None, None, *LENGTHS], (2, 3, 32), 1152, 2304 + 360, 72, FOUR_HEADS, None,
        MICROSOFT,
    ),
    Case(
        "GroupQueryAttention", [(2, 3, 64), None, None, None, None, *LENGTHS], (2, 3, 32), 1152, 2664, 72,
        FOUR_HEADS, None, MICROSOFT,
    ),
    # 3 FLOP for 2·3 tokens of 4 + 2 heads, all 8 elements or 4 of them; of each table of 16 rows only 6 are read
    Case(
        "GroupQueryAttention", [*NEW, None, None, *LENGTHS, (16, 4), (16, 4)], (2, 3, 32), 1152, 2664 + 864, 72,
        {**FOUR_HEADS, "do_rotary": 1}, (4 * (192 + 96 + 96 + 2 + 1) + 4 * 2 * 6 * 4, 768), MICROSOFT,
    ),
    Case(
        "GroupQueryAttention", [*NEW, None, None, *LENGTHS, (16, 2), (16, 2)], (2, 3, 32), 1152, 2664 + 432, 72,
        {**FOUR_HEADS, "do_rotary": 1}, (4 * 387 + 4 * 2 * 6 * 2, 768), MICROSOFT,
    ),
    # 4 FLOP for each of 8 elements of 2·3 tokens of 4 + 2 heads, which are normalised before they turn
    Case(
        "GroupQueryAttention",
        [*NEW, None, None, *LENGTHS, (16, 4), (16, 4), None, None, None, None, None, (8,), (8,)], (2, 3, 32), 1152,
        2664 + 864 + 1152, 72, {**FOUR_HEADS, "do_rotary": 1}, (4 * (387 + 16) + 4 * 2 * 6 * 4, 768), MICROSOFT,
    ),
    # nothing turns, and no table is looked into; a table of fewer rows than tokens is read once
    Case(
        "GroupQueryAttention", [*NEW, None, None, *LENGTHS, (16, 4), (16, 4)], (2, 3, 32), 1152, 2664, 72,
        FOUR_HEADS, (4 * 387, 768), MICROSOFT,
    ),
    Case(
        "GroupQueryAttention", [*NEW, None, None, *LENGTHS, (5, 4), (5, 4)], (2, 3, 32), 1152, 2664 + 864, 72,
        {**FOUR_HEADS, "do_rotary": 1}, (4 * 387 + 4 * 2 * 5 * 4, 768), MICROSOFT,
    ),
    # 10 keys in all, in a cache that grows and in one that holds 16; unless their number is known all 16 count
    Case(
        "GroupQueryAttention", [*NEW, (2, 2, 7, 8), (2, 2, 7, 8), *LENGTHS], (2, 3, 32), 3840, 7680 + 1200, 240,
        FOUR_HEADS, None, MICROSOFT, more_outputs=[(2, 2, 10, 8)] * 2, constants={6: 10},
    ),
    Case(
        "GroupQueryAttention", [*NEW, (2, 2, 16, 8), (2, 2, 16, 8), *LENGTHS], (2, 3, 32), 3840, 8880, 240,
        FOUR_HEADS, None, MICROSOFT, more_outputs=[(2, 2, 16, 8)] * 2, constants={6: 10},
    ),
    Case(
        "GroupQueryAttention", [*NEW, (2, 2, 16, 8), (2, 2, 16, 8), *LENGTHS], (2, 3, 32), 6144, 12288 + 1920, 384,
        FOUR_HEADS, None, MICROSOFT, more_outputs=[(2, 2, 16, 8)] * 2,
    ),
    # a window of 16, of which 40 tokens went by: 24 queries over 16 keys, or over 18 with the 2 that are pushed out
    Case(
        "GroupQueryAttention", [(24, 1, 32), *[(24, 1, 16)] * 2, *[(24, 2, 16, 8)] * 2, (24,), ()], (24, 1, 32),
        24 * 4 * 16 * 16, 24 * 4 * (512 + 80), 24 * 4 * 16, {**FOUR_HEADS, "sliding_window_cache": 1}, None, MICROSOFT,
        more_outputs=[(24, 2, 16, 8)] * 2, constants={6: 40},
    ),
    *(
        Case(
            "GroupQueryAttention", [*NEW, (2, 2, 16, 8), (2, 2, 16, 8), *LENGTHS], (2, 3, 32), 24 * 18 * 16,
            24 * (576 + 90), 24 * 18, {**FOUR_HEADS, "sliding_window_cache": 1}, None, MICROSOFT,
            more_outputs=[(2, 2, 16, 8)] * 2, constants=total,
        )
        for total in ({6: 40}, {})
    ),
    # 6 tokens of 8 by 24 columns, 12 queries over 10 or all 16 places of a buffer
    *(
        Case(
            "Attention", [QUERY, (8, 24), None, None, (2, 2, 2, 16, 4), None, (1,)], (2, 3, 8), 1152 + 8 * scores,
            2304 + 21 * scores, scores, {**TWO_HEADS, "past_present_share_buffer": 1}, None, MICROSOFT,
            more_outputs=[(2, 2, 2, 16, 4)], constants=past,
        )
        for scores, past in ((120, {6: 7}), (192, {}))
    ),
    # 6 tokens of 8 by 24 columns: 1152 MACs and 144 sums with the bias; 36 scores of 4, spread over 4
    Case(
        "Attention", [QUERY, (8, 24), (24,)], (2, 3, 8), 1152 + 288, 2304 + 144 + 576 + 180, 36, TWO_HEADS, None,
        MICROSOFT,
    ),
    Case("Attention", [QUERY, (8, 24)], (2, 3, 8), 1440, 2304 + 756, 36, TWO_HEADS, None, MICROSOFT),
    Case(
        "Attention", [QUERY, (8, 24), (24,), (2, 3), None, (1, 2, 3, 3)], (2, 3, 8), 1440, 3204 + 72, 36, TWO_HEADS,
        None, MICROSOFT,
    ),
    # 3 FLOP for 2·3 tokens and each of the 8 elements of Q and of K, or half of each head of them
    *(
        Case(
            "Attention", [QUERY, (8, 24)], (2, 3, 8), 1440, 3060 + turned, 36, {**TWO_HEADS, **rotary}, None, MICROSOFT
        )
        for turned, rotary in ((288, {"do_rotary": 1}), (144, {"do_rotary": 1, "rotary_embedding_dim": 2}))
    ),
    # values of 6: 28 columns, 36 scores spread over 6
    Case(
        "Attention", [QUERY, (8, 28), (28,)], (2, 3, 12), 1344 + 360, 3408 + 168 + 180, 36,
        {**TWO_HEADS, "qkv_hidden_sizes": (8, 8, 12)}, None, MICROSOFT,
    ),
    # 7 keys more: 120 scores; in a cache that keeps its size, which has 10: as many
    Case(
        "Attention", [QUERY, (8, 24), (24,), None, (2, 2, 2, 7, 4)], (2, 3, 8), 1152 + 960, 2304 + 144 + 1920 + 600,
        120, TWO_HEADS, None, MICROSOFT, more_outputs=[(2, 2, 2, 10, 4)],
    ),
    Case(
        "Attention", [QUERY, (8, 24), (24,), None, (2, 2, 2, 10, 4)], (2, 3, 8), 1152 + 960, 4968, 120,
        {**TWO_HEADS, "past_present_share_buffer": 1}, None, MICROSOFT, more_outputs=[(2, 2, 2, 10, 4)],
    ),
    # as Attention, and the 144 elements of Q, K and V rescaled
    Case(
        "QAttention", [QUERY, (8, 24), (24,), ONE, ONE], (2, 3, 8), 1440, 3204 + 144, 36, TWO_HEADS, None, MICROSOFT
    ),
    Case(
        "QAttention", [QUERY, (8, 24), (24,), ONE, ONE, None, ONE, ONE, (2, 2, 2, 7, 4)], (2, 3, 8), 2112, 4968 + 144,
        120, TWO_HEADS, None, MICROSOFT, more_outputs=[(2, 2, 2, 10, 4)],
    ),
    # 192 elements; of the tables 6 rows of 16 bytes each, and 24 bytes of positions
    Case(
        "RotaryEmbedding", [(2, 4, 3, 8), (16, 4), (16, 4), (2, 3)], (2, 4, 3, 8), flop=576, moved=(768 + 192 + 24, 768)
    ),
    Case("RotaryEmbedding", [(2, 4, 3, 8), (2, 3, 4), (2, 3, 4)], (2, 4, 3, 8), flop=576),
    Case(
        "RotaryEmbedding", [(2, 3, 32), (2, 3), (16, 4), (16, 4)], (2, 3, 32), flop=576, moved=(768 + 192 + 24, 768),
        domain=MICROSOFT,
    ),
    # half of each head turns
    Case(
        "RotaryEmbedding", [(2, 3, 32), (2, 3), (16, 2), (16, 2)], (2, 3, 32), flop=288, moved=(768 + 96 + 24, 768),
        attributes={"num_heads": 4, "rotary_embedding_dim": 4}, domain=MICROSOFT,
    ),
]  # fmt: skip

QUANTISED = [
    *(
        case
        for domain in ("", MICROSOFT)
        for case in (
            # divide, round, add; subtract, multiply
            Case("QuantizeLinear", [ROW, ONE, ONE], ROW, flop=45, domain=domain),
            Case("DequantizeLinear", [ROW, ONE, ONE], ROW, flop=30, domain=domain),
            # 256 outputs over 4 channels and 3x3, each rescaled by 3 operations
            Case("QLinearConv", [IMAGE, ONE, ONE, (8, 4, 3, 3), ONE, ONE, ONE, ONE], (2, 8, 4, 4), 9216,
                 18432 + 768, domain=domain),
            Case("QLinearConv", [IMAGE, ONE, ONE, (8, 4, 3, 3), ONE, ONE, ONE, ONE, (8,)], (2, 8, 4, 4), 9216,
                 18432 + 1024, domain=domain),
        )
    ),
    Case("QLinearConv", [(2, 6, 6, 4), ONE, ONE, (8, 4, 3, 3), ONE, ONE, ONE, ONE], (2, 4, 4, 8), 9216, 18432 + 768,
         attributes={"channels_last": 1}, domain=MICROSOFT),
    Case("ConvInteger", [IMAGE, (8, 4, 3, 3), ONE], (2, 8, 4, 4), 9216, 18432),
    # minimum and maximum, then as QuantizeLinear
    Case("DynamicQuantizeLinear", [ROW], ROW, flop=75, more_outputs=[ONE, ONE]),
    Case("MatMulInteger", [ROW, (5, 7), ONE, ONE], (3, 7), 105, 210),
    Case("QLinearMatMul", [ROW, ONE, ONE, (5, 7), ONE, ONE, ONE, ONE], (3, 7), 105, 210 + 63),
    Case("QLinearMatMul", [(5,), ONE, ONE, (5, 7), ONE, ONE, ONE, ONE], (7,), 35, 70 + 21,
         empty=[(0,), ONE, ONE, (0, 7), ONE, ONE, ONE, ONE]),
    Case("QGemm", [ROW, ONE, ONE, (5, 7), ONE, ONE, None, ONE, ONE], (3, 7), 105, 273, domain=MICROSOFT),
    Case("QGemm", [ROW, ONE, ONE, (5, 7), ONE, ONE, (7,), ONE, ONE], (3, 7), 105, 294, domain=MICROSOFT),
    # float outputs: one product with the scale
    Case("QGemm", [ROW, ONE, ONE, (5, 7), ONE, ONE], (3, 7), 105, 231, domain=MICROSOFT),
    Case("QGemm", [(5, 3), ONE, ONE, (7, 5), ONE, ONE], (3, 7), 105, 231, domain=MICROSOFT,
         attributes={"transA": 1, "transB": 1}, empty=[(5, 0), ONE, ONE, (7, 5), ONE, ONE]),
    Case("MatMulIntegerToFloat", [ROW, (5, 7), ONE, ONE], (3, 7), 105, 231, domain=MICROSOFT),
    Case("MatMulIntegerToFloat", [ROW, (5, 7), ONE, ONE, None, None, (7,)], (3, 7), 105, 252, domain=MICROSOFT),
    # 15 elements of A quantised by 5 operations
    Case("DynamicQuantizeMatMul", [ROW, (5, 7), ONE], (3, 7), 105, 231 + 75, domain=MICROSOFT),
    Case("DynamicQuantizeMatMul", [ROW, (5, 7), ONE, None, (7,)], (3, 7), 105, 252 + 75, domain=MICROSOFT),
    # 6 rows of 32 by 7 columns; 32·7 weights dequantised by 2 operations
    Case("MatMulNBits", [(2, 3, 32), (7, 2, 8), (7, 2)], (2, 3, 7), 1344, 2688 + 448, domain=MICROSOFT,
         attributes={"K": 32, "N": 7, "bits": 4, "block_size": 16}),
    Case("MatMulNBits", [(2, 3, 32), (7, 2, 8), (7, 2), None, None, (7,)], (2, 3, 7), 1344, 3136 + 42,
         domain=MICROSOFT, attributes={"K": 32, "N": 7, "bits": 4, "block_size": 16}),
    # 15 + 5 elements dequantised, 15 operations, 15 elements quantised
    *(
        Case(op, [ROW, ONE, ONE, (5,), ONE, ONE, ONE, ONE], ROW, flop=40 + 15 + 45, domain=MICROSOFT,
             empty=[(0, 5), ONE, ONE, (0, 5), ONE, ONE, ONE, ONE])
        for op in ("QLinearAdd", "QLinearMul")
    ),
    # 5 operations around the plain operator's 3, 2 and 4
    Case("QLinearSigmoid", [ROW, ONE, ONE, ONE, ONE], ROW, 0, 120, 15, domain=MICROSOFT),
    Case("QLinearLeakyRelu", [ROW, ONE, ONE, ONE, ONE], ROW, flop=105, domain=MICROSOFT),
    Case("QLinearSoftmax", [ROW, ONE, ONE, ONE, ONE], ROW, 0, 135, 15, domain=MICROSOFT),
    # a sum over 288 inputs, 8 outputs rescaled; 48 windows of 6
    Case("QLinearGlobalAveragePool", [IMAGE, *[ONE] * 4], (2, 4, 1, 1), flop=PIXELS + 24, domain=MICROSOFT),
    Case("QLinearAveragePool", [IMAGE, *[ONE] * 4], (2, 4, 3, 2), flop=288 + 144, domain=MICROSOFT,
         attributes={"kernel_shape": (2, 3)}),
    Case("NhwcMaxPool", [(2, 6, 6, 4)], (2, 3, 2, 4), flop=5 * 48, domain=MICROSOFT,
         attributes={"kernel_shape": (2, 3)}),
    Case("QLinearConcat", [ONE, ONE, ROW, ONE, ONE, ROW, ONE, ONE], (6, 5), flop=150, domain=MICROSOFT),
]  # fmt: skip

FUSED = [
    # 256 outputs: bias, sum and Relu; sigmoid is 3 and a transcendental
    Case("FusedConv", [IMAGE, (8, 4, 3, 3), (8,), (2, 8, 4, 4)], (2, 8, 4, 4), 9216, 18432 + 768, domain=MICROSOFT,
         attributes={"activation": "Relu"}),
    Case("FusedConv", [IMAGE, (8, 4, 3, 3)], (2, 8, 4, 4), 9216, 18432 + 768, 256, domain=MICROSOFT,
         attributes={"activation": "Sigmoid"}),
    Case("NhwcFusedConv", [(2, 6, 6, 4), (8, 4, 3, 3), (8,)], (2, 4, 4, 8), 9216, 18432 + 256, domain=MICROSOFT),
    Case("FusedGemm", [ROW, (5, 7), (7,)], (3, 7), 105, 231 + 42, domain=MICROSOFT,
         attributes={"activation": "LeakyRelu"}),
    Case("FusedGemm", [ROW, (5, 7)], (3, 7), 105, 210, 21, domain=MICROSOFT, attributes={"activation": "Tanh"}),
    Case("FusedMatMul", [ROW, (5, 7)], (3, 7), 105, 210, domain=MICROSOFT, attributes={"alpha": 1.0}),
    Case("FusedMatMul", [ROW, (7, 5)], (3, 7), 105, 231, domain=MICROSOFT, attributes={"alpha": 0.5, "transB": 1}),
    Case("FusedMatMul", [(2, 5, 3), (2, 5, 7)], (2, 3, 7), 210, 420, domain=MICROSOFT, attributes={"transA": 1}),
    # 3 products of 2x5 and 5x7
    Case("FusedMatMul", [(2, 3, 5), (3, 5, 7)], (3, 2, 7), 210, 420, domain=MICROSOFT,
         attributes={"transBatchA": 1}),
    Case("FusedMatMul", [(3, 2, 5), (5, 3, 7)], (3, 2, 7), 210, 420, domain=MICROSOFT,
         attributes={"transBatchB": 1}),
    # 7 per element to normalise, or 4 without mean and shift, and 1 for each sum
    Case("SkipLayerNormalization", [ROW, ROW, (5,), (5,)], ROW, flop=120, domain=MICROSOFT),
    Case("SkipLayerNormalization", [ROW, ROW, (5,), (5,), (5,)], ROW, flop=135, domain=MICROSOFT),
    Case("SkipSimplifiedLayerNormalization", [ROW, ROW, (5,)], ROW, flop=75, domain=MICROSOFT),
    Case("SkipSimplifiedLayerNormalization", [ROW, ROW, (5,), (5,)], ROW, flop=90, domain=MICROSOFT),
    *(Case("SimplifiedLayerNormalization", [ROW, (5,)], ROW, flop=60, domain=domain) for domain in ("", MICROSOFT)),
    *(Case(copy, [ROW], ROW) for copy in ("MemcpyFromHost", "MemcpyToHost")),
    # 24 elements from three tables: two sums and 7; 96 bytes of two tables, the 32 that
    # the third has, 24 of ids twice, 16 of scale and of shift
    Case("EmbedLayerNormalization", [(2, 3), (2, 3), (100, 4), (50, 4), (2, 4), (4,), (4,)], (2, 3, 4), flop=216,
         moved=(96 + 96 + 32 + 48 + 32, 96 + 8), domain=MICROSOFT, more_outputs=[(2,)]),
    Case("EmbedLayerNormalization", [(2, 3), None, (100, 4), (50, 4), None, (4,), (4,)], (2, 3, 4), flop=192,
         moved=(192 + 24 + 32, 96), domain=MICROSOFT),
    Case("Gelu", [ROW], ROW, 0, 60, 15, domain=MICROSOFT),
    Case("Gelu", [ROW], ROW, 0, 120, 15, attributes={"approximate": "tanh"}),
    Case("BiasGelu", [ROW, (5,)], ROW, 0, 75, 15, domain=MICROSOFT),
    Case("FastGelu", [ROW], ROW, 0, 120, 15, domain=MICROSOFT),
    Case("FastGelu", [ROW, (5,)], ROW, 0, 135, 15, domain=MICROSOFT),
    Case("QuickGelu", [ROW], ROW, 0, 75, 15, domain=MICROSOFT),
    Case("BiasSoftmax", [ROW, ROW], ROW, 0, 75, 15, domain=MICROSOFT),
]  # fmt: skip

BOXES, SCORES = (2, 6, 4), (2, 3, 6)

SELECTION = [
    Case("TopK", [ROW, (1,)], (3, 2), flop=15, more_outputs=[(3, 2)]),
    # at most 15 positions, each two 64-bit numbers
    Case("NonZero", [ROW], (2, 15), flop=15, moved=(60, 240)),
    # 15 elements, log2 rounded up is 4
    Case("Unique", [ROW], (15,), flop=60, moved=(60, 60)),
    Case("Unique", [ROW], (15,), flop=60, moved=(60, 180), more_outputs=[(15,)]),
    # 2·3 lists of 6 boxes against 2, or all 6, that are kept; 24 bytes for each of them
    Case("NonMaxSuppression", [BOXES, SCORES, ONE], (12, 3), flop=12 * 72, moved=(340, 288), constants={2: 2},
         empty=[(0, 6, 4), (0, 3, 6), ONE]),
    Case("NonMaxSuppression", [BOXES, SCORES, ONE], (36, 3), flop=12 * 216, moved=(340, 864),
         empty=[(0, 6, 4), (0, 3, 6), ONE]),
    Case("NonMaxSuppression", [BOXES, SCORES], (0, 3), moved=(336, 0)),
    # 200 outputs from 4, 1 or 16 neighbours; 400 bytes of grid, and no more of the image than there is
    Case("GridSample", [IMAGE, (2, 5, 5, 2)], (2, 4, 5, 5), flop=7 * 200, moved=(400 + 1152, 800)),
    Case("GridSample", [IMAGE, (2, 5, 5, 2)], (2, 4, 5, 5), moved=(400 + 800, 800), attributes={"mode": "nearest"}),
    Case("GridSample", [IMAGE, (2, 5, 5, 2)], (2, 4, 5, 5), flop=31 * 200, attributes={"mode": "cubic"}),
    Case("GridSample", [(1, 2, 3, 3, 3), (1, 2, 2, 2, 3)], (1, 2, 2, 2, 2), flop=15 * 16),
    # 48 outputs of 2x2 samples
    Case("RoiAlign", [IMAGE, (3, 4), (3,)], (3, 4, 2, 2), flop=8 * 4 * 48, attributes={"sampling_ratio": 2}),
    # as Conv; 2·4·4·4 places of 9 values are interpolated by 7 operations, and masked
    Case("DeformConv", [IMAGE, (8, 4, 3, 3), (2, 18, 4, 4)], (2, 8, 4, 4), 9216, 18432 + 8064),
    Case("DeformConv", [IMAGE, (8, 4, 3, 3), (2, 18, 4, 4), (8,), (2, 9, 4, 4)], (2, 8, 4, 4), 9216,
         18432 + 8064 + 1152 + 256),
    Case("MaxUnpool", [(2, 4, 3, 3), (2, 4, 3, 3)], IMAGE),
    Case("Col2Im", [(1, 20, 9), (2,), (2,)], (1, 5, 4, 4), flop=180),
    # d coordinates, each d products and d sums
    Case("AffineGrid", [(2, 2, 3), (4,)], (2, 5, 6, 2), flop=4 * 120),
    Case("AffineGrid", [(2, 3, 4), (5,)], (2, 4, 5, 6, 3), flop=6 * 720),
    Case("Det", [(2, 3, 3)], (2,), flop=2 * 18),
    *(Case(op, [], ROW, moved=(0, 60)) for op in ("RandomNormal", "RandomUniform")),
    *(Case(op, [ROW], ROW, moved=(0, 60)) for op in ("RandomNormalLike", "RandomUniformLike")),
    Case("Bernoulli", [ROW], ROW),
    Case("Multinomial", [ROW], (3, 2)),
    Case("BitCast", [ROW], ROW),
]  # fmt: skip

FUSED_CASES = [*RECURRENT, *EINSUM, *ATTENTION, *QUANTISED, *FUSED, *SELECTION]
