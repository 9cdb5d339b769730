"""Attention of one new token, and biases of scores."""

from __future__ import annotations

from alexnet_bench.graph.formulas.attention import attend, keys_with_cache
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula


@formula("DecoderMaskedMultiHeadAttention", domain=MICROSOFT, values=(7,))
def decoder_masked_multi_head_attention(op: Operation) -> Work:
    """One query per sequence against the cached keys and its own (ContribOperators.md).

    query is [batch, 1, hidden], or Q, K and V side by side when key is left out; the cache (input 5) is [batch, heads,
    keys, width]. With `past_present_share_buffer` it is full unless past_sequence_length (input 7) is known. Keys
    in four dimensions are those of another sequence, and all that there are. The bias is input 10.
    """
    heads = op.integer("num_heads", 0)
    batch, queries, columns = op.input_shape(0)
    values = op.output_shape()[2]
    if heads < 1 or values % heads:
        raise UnknownShape("num_heads is missing, or does not fit the output")
    crossed = op.has_input(1) and len(op.input_shape(1)) == 4
    hidden = columns if op.has_input(1) else (columns - values) // 2
    shared = bool(op.integer("past_present_share_buffer", 0))
    keys, assumed = (
        (op.input_shape(1)[2], "") if crossed else keys_with_cache(op, queries, cache=5, shared=shared, past=7)
    )
    masks = int(op.has_input(3)) + int(op.has_input(4))
    rows = batch * heads * queries
    work = attend(rows=rows, keys=keys, key_width=hidden // heads, value_width=values // heads, masks=masks)
    biased = batch * queries * (hidden if crossed else 2 * hidden + values) if op.has_input(10) else 0
    return Work(work.macs, work.flop + biased, work.transcendentals, assumed=assumed)


@formula("GatedRelativePositionBias", domain=MICROSOFT)
def gated_relative_position_bias(op: Operation) -> Work:
    """Two gates per query and head, which scale a table of relative positions (ContribOperators.md).

    query_layer is [..., heads·width] (bias: 1 each), the weights [width, D] (bias: 1 each). Each half of D is summed
    and goes through a sigmoid (3 and 1 transcendental); combining them takes 4, and each output is a product.
    """
    width, columns = op.input_shape(3)
    elements = op.input_elements(0)
    rows = elements // width
    macs = rows * width * columns
    flop = 2 * macs + elements + rows * (columns + columns - 2 + 2 * 3 + 4) + op.output_elements()
    return Work(macs=macs, flop=flop, transcendentals=2 * rows)
