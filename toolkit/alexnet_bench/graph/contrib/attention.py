"""Attention over tokens in batches of one length."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import RULED, Dims, Node, rule
from alexnet_bench.graph.contrib.sizes import over, plus, times


@rule("Attention", domain=RULED[""])
def attention(node: Node) -> None:
    """As the queries with the width of the values; keys and values by head, with what the cache holds; the scores.

    Each of queries, keys and values is [batch, heads, length, width], or [batch, length, heads·width]. ONNX's own
    inference takes a width that is not known for 0, and says nothing of keys and values (outputs 1 and 2) without a
    cache (inputs 4 and 5), to which they are then as they go in.
    """
    query = _by_head(node, 0, "q_num_heads")
    key, value = _by_head(node, 1, "kv_num_heads"), _by_head(node, 2, "kv_num_heads")
    if query is None or key is None or value is None:
        return
    batch, heads, queries, _ = query
    width = value[3]
    in_three = len(node.dims(0) or ()) == 3
    node.make(0, node.dtype(0), [batch, queries, times(width, heads)] if in_three else [batch, heads, queries, width])
    for index, new in ((1, key), (2, value)):
        new[2] = _with_past(node, index + 3, new[2])
        node.make(index, node.dtype(index), new)
    node.make(3, node.dtype(0), [batch, heads, queries, key[2]])


def _by_head(node: Node, index: int, heads: str) -> Dims | None:
    """[batch, heads, length, width] of an input in either layout; with three axes the attribute tells the heads."""
    dims, count = node.dims(index), node.integer(heads, 0)
    if dims is None or len(dims) == 4:
        return dims
    return [dims[0], count, dims[1], over(dims[2], count)] if len(dims) == 3 and count > 0 else None


def _with_past(node: Node, cache: int, length: int | None) -> int | None:
    """The length of keys or values with that of a cache, [batch, heads, length, width], where one is given."""
    if not node.has(cache):
        return length
    past = node.dims(cache)
    return plus(past[2], length) if past is not None and len(past) == 4 else None


@rule("MultiHeadAttention")
def multi_head_attention(node: Node) -> None:
    """[batch, queries, hidden of the values], the caches [batch, heads, keys, width], and the scores (output 3).

    With input 8, past_sequence_length, the caches are buffers that keep their size, and its value tells how much of
    them is in use.
    """
    query, past = node.dims(0), node.dims(6)
    if query is None or len(query) not in (3, 5):
        return
    heads = node.integer("num_heads", 0)
    width = query[4] if len(query) == 5 else over(query[2], heads)
    keys, value_width = _keys_and_values(node, query, heads, width)
    node.make(0, node.dtype(0), [query[0], query[1], times(value_width, heads)])
    total = keys if not node.has(6) else None if past is None else plus(past[2], keys)
    cached = total
    if node.has(8) and past is not None:
        cached, total = past[2], plus(node.value(8), keys)
    node.make(1, node.dtype(0), [query[0], heads, cached, width])
    node.make(2, node.dtype(0), [query[0], heads, cached, value_width])
    node.make(3, node.dtype(0), [query[0], heads, query[1], total])


def _keys_and_values(node: Node, query: Dims, heads: int, width: int | None) -> tuple[int | None, int | None]:
    """Number of new keys, and the width of a value per head."""
    key, value = node.dims(1), node.dims(2)
    if len(query) == 5:
        return query[1], width
    keys = None if key is None else key[2] if len(key) == 4 else key[1]
    if value is None:
        return keys, None if node.has(2) else width
    return keys, value[3] if len(value) == 4 else over(value[-1], heads)


@rule("GroupQueryAttention")
def group_query_attention(node: Node) -> None:
    """[batch, queries, heads·width], the caches, and the scores (output 3).

    The caches grow by the new keys, or are buffers that keep their size: total_sequence_length (input 6) tells which,
    where its value is known; with `sliding_window_cache` they keep it. Without a cache to start from, the new keys are
    all there are.
    """
    query, past = node.dims(0), node.dims(3)
    heads, kv_heads = node.integer("num_heads", 0), node.integer("kv_num_heads", 0)
    if query is None or len(query) != 3 or heads < 1 or kv_heads < 1:
        return
    width = over(query[2], heads if node.has(1) else heads + 2 * kv_heads)
    node.make(0, node.dtype(0), [query[0], query[1], times(width, heads)])
    total = node.value(6) if node.has(3) else query[1]
    cached = total
    if node.has(3):
        old = None if past is None else past[2]
        slides = bool(node.integer("sliding_window_cache", 0))
        cached = old if slides else None if total is None or old is None else max(total, old)
    stored = width if past is None else past[3]  # two 4-bit values lie in one byte
    for index in (1, 2):
        node.make(index, node.dtype(3) if node.has(3) else node.dtype(0), [query[0], kv_heads, cached, stored])
    node.make(3, node.dtype(0), [query[0], heads, query[1], total])


@rule("Attention", "QAttention", "DecoderMaskedSelfAttention")
def projected_attention(node: Node) -> None:
    """[batch, length, hidden of the values], and the cache [2, batch, heads, keys, width].

    QAttention answers in the type of its scales. With `past_present_share_buffer` the cache keeps its size.
    """
    dims, weights = node.dims(0), node.dims(1)
    if dims is None or weights is None or len(dims) != 3:
        return
    quantised = node.op_type == "QAttention"
    sizes, heads = node.integers("qkv_hidden_sizes"), node.integer("num_heads", 0)
    hidden = sizes[2] if len(sizes) == 3 else over(weights[1], 3)
    dtype = node.dtype(3 if quantised else 0)
    node.make(0, dtype, [dims[0], dims[1], hidden])
    index = 8 if quantised else 4
    past = node.dims(index)
    keys = dims[1] if not node.has(index) else None if past is None else plus(past[3], dims[1])
    if past is not None and node.integer("past_present_share_buffer", 0):
        keys = past[3]
    node.make(1, dtype, [2, dims[0], heads, keys, over(hidden, heads)])


@rule("DecoderMaskedMultiHeadAttention")
def decoder_masked_multi_head_attention(node: Node) -> None:
    """[batch, 1, hidden of the values], the caches [batch, heads, keys, width], and the scores (output 3).

    Keys in four dimensions are those of another sequence, with no cache to go on. With `past_present_share_buffer`
    the caches keep their size, and past_sequence_length (input 7) says how much of them is in use.
    """
    query, value, past = node.dims(0), node.dims(2), node.dims(5)
    heads = node.integer("num_heads", 0)
    if query is None or len(query) != 3:
        return
    hidden = over(query[2], 3) if not node.has(2) else None
    if value is not None:
        hidden = times(value[3], heads) if len(value) == 4 else value[2]
    node.make(0, node.dtype(0), [query[0], query[1], hidden])
    if past is not None and len(past) == 4:
        shared = bool(node.integer("past_present_share_buffer", 0))
        for index in (1, 2):
            node.make(index, node.dtype(0), [*past[:2], past[2] if shared else plus(past[2], 1), past[3]])
        node.make(3, node.dtype(0), [query[0], heads, 1, plus(node.value(7) if shared else past[2], 1)])
    elif value is not None and len(value) == 4:
        node.make(3, node.dtype(0), [query[0], heads, 1, value[2]])


@rule("QOrderedAttention")
def qordered_attention(node: Node) -> None:
    """[batch, length, hidden], hidden being the columns of the weights of the values (input 7)."""
    dims, weights = node.dims(0), node.dims(7)
    node.make(0, node.dtype(0), [*dims[:2], weights[1]] if dims and weights else None)


@rule("GemmaRotaryEmbedding")
def gemma_rotary_embedding(node: Node) -> None:
    """As the queries, input 1, and as the keys, input 3."""
    node.make(0, node.dtype(1), node.dims(1))
    node.make(1, node.dtype(1), node.dims(3))


@rule("GatedRelativePositionBias")
def gated_relative_position_bias(node: Node) -> None:
    """[batch, heads, length, length]; queries are [batch, length, hidden], or tokens whose offsets (input 6) say so."""
    query = node.dims(6) if node.has(6) else node.dims(0)
    node.make(0, node.dtype(0), [query[0], node.integer("num_heads", 0), query[1], query[1]] if query else None)
