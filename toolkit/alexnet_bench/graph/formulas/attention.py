"""Attention in its fused forms: ONNX's own operator and those of ONNX Runtime.

All count densely: a causal or padding mask, or a local window, does not reduce the work.
"""

from __future__ import annotations

from alexnet_bench.graph.formulas.prices import SOFTMAX
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula

_SCALE = 1
"""FLOP per score, beside the softmax as the operator of that name counts it."""
FULL = "the cache is full"
"""What is assumed where how much of it is used is data."""
LONGEST = "every sequence is as long as the longest may be"
"""What is assumed where lengths are data."""


def attend(*, rows: int, keys: int, key_width: int, value_width: int, masks: int = 0, capped: bool = False) -> Work:
    """Scores Q·Kᵀ, their softmax, and its product with V (Vaswani et al. 2017, section 3.2.1).

    Args:
        rows: batch · heads · queries.
        keys: keys that each query looks at, cached ones included.
        key_width: elements of a key, per head.
        value_width: elements of a value, per head.
        masks: additions per score (a mask, a bias).
        capped: whether the scores go through softcap · tanh(score / softcap) (ONNX, operator Attention).
    """
    scores = rows * keys
    macs = scores * (key_width + value_width)
    per_score = _SCALE + SOFTMAX[0] + masks + 2 * capped
    return Work(macs=macs, flop=2 * macs + scores * per_score, transcendentals=scores * (SOFTMAX[1] + capped))


@formula("Attention")
def attention(op: Operation) -> Work:
    """Scaled dot-product attention with grouped heads and a cache (ONNX, operator Attention, opset 23).

    Q is [batch, heads, queries, width] or [batch, queries, heads·width] with `q_num_heads`; K and V likewise with
    `kv_num_heads`. past_key and past_value (inputs 4 and 5) are [batch, kv heads, past, width].
    """
    batch, heads, queries, key_width = heads_of(op, 0, op.integer("q_num_heads", 0))
    _, _, keys, _ = heads_of(op, 1, op.integer("kv_num_heads", 0))
    value_width = heads_of(op, 2, op.integer("kv_num_heads", 0))[3]
    past = op.input_shape(4)[2] if op.has_input(4) else 0
    return attend(
        rows=batch * heads * queries,
        keys=keys + past,
        key_width=key_width,
        value_width=value_width,
        masks=int(op.has_input(3)),
        capped=is_capped(op),
    )


def of_several(op: Operation, offsets: int) -> str:
    """What is assumed of the lengths of sequences, by the input with their places; of a single one they are known."""
    return LONGEST if op.input_shape(offsets)[0] > 1 else ""


def keys_with_cache(
    op: Operation, new: int, *, cache: int, axis: int = 2, shared: bool = False, past: int | None = None
) -> tuple[int, str]:
    """Keys that a query looks at, the new ones included, and what is assumed of them.

    Args:
        op: the operator.
        new: keys that come with the queries.
        cache: input index of the cache, which need not be given.
        axis: of the cache, along which keys lie.
        shared: the cache is a buffer with room for the new keys, which keeps its size; else it holds the past ones.
        past: input index of how many keys of that buffer were in use before; where that is data, it counts as full.
    """
    if not op.has_input(cache):
        return new, ""
    there = op.input_shape(cache)[axis]
    if not shared:
        return there + new, ""
    used = op.values(past) if past is not None else ()
    if len(used) != 1:
        return max(there, new), FULL
    return new + max(0, min(used[0], there - new)), ""


def is_capped(op: Operation) -> bool:
    """Whether the attribute softcap is set."""
    return op.attribute("softcap", 0.0) not in (0.0, None)


def heads_of(op: Operation, index: int, heads: int) -> tuple[int, int, int, int]:
    """(batch, heads, length, width per head) of a tensor in either layout."""
    shape = op.input_shape(index)
    if len(shape) == 4:
        batch, found, length, width = shape
        return batch, found, length, width
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise UnknownShape(f"input {index} has no heads that fit its shape")
    return shape[0], heads, shape[1], shape[2] // heads


@formula("MultiHeadAttention", domain=MICROSOFT, values=(8,))
def multi_head_attention(op: Operation) -> Work:
    """ONNX Runtime's MultiHeadAttention (ContribOperators.md): Q, K and V apart, or packed in five dimensions.

    query is [batch, queries, hidden], or [batch, queries, heads, 3, width] packed; key [batch, keys, hidden], or
    [batch, heads, keys, width], or [batch, keys, heads, 2, width] packed with the values. past_key is input 6,
    a buffer that is partly in use where past_sequence_length (input 8) is given. The bias of the projections (input 3)
    is one per element of Q, K and V; keys in four dimensions have it already.
    """
    heads = op.integer("num_heads", 0)
    query = op.input_shape(0)
    if len(query) == 5:
        batch, queries, heads, _, width = query
        keys, value_width, biased_keys = queries, width, queries
    else:
        batch, heads, queries, width = heads_of(op, 0, heads)
        keys, value_width = _keys_and_width(op, heads, width)
        biased_keys = 0 if len(op.input_shape(1)) == 4 else keys
    masks = int(op.has_input(4)) + int(op.has_input(5))
    keys, assumed = keys_with_cache(op, keys, cache=6, shared=op.has_input(8), past=8)
    work = attend(rows=batch * heads * queries, keys=keys, key_width=width, value_width=value_width, masks=masks)
    biased = batch * heads * (queries * width + biased_keys * (width + value_width)) if op.has_input(3) else 0
    return Work(work.macs, work.flop + biased, work.transcendentals, assumed=assumed)


def _keys_and_width(op: Operation, heads: int, width: int) -> tuple[int, int]:
    """Number of keys, and the width of a value per head."""
    key = op.input_shape(1)
    if len(key) == 5:
        return key[1], width
    keys = key[2] if len(key) == 4 else key[1]
    return keys, heads_of(op, 2, heads)[3] if op.has_input(2) else width
