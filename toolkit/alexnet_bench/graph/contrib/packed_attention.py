"""Attention over tokens packed without padding, over caches in pages, and over selected keys."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import Node, rule
from alexnet_bench.graph.contrib.sizes import over, times


@rule("PackedAttention")
def packed_attention(node: Node) -> None:
    """[tokens, hidden of the values]."""
    tokens, weights, sizes = node.dims(0), node.dims(1), node.integers("qkv_hidden_sizes")
    if tokens and weights:
        node.make(0, node.dtype(0), [tokens[0], sizes[2] if len(sizes) == 3 else over(weights[1], 3)])


@rule("PackedMultiHeadAttention")
def packed_multi_head_attention(node: Node) -> None:
    """[tokens, hidden of the values], from [tokens, heads, 3, width] where Q, K and V are packed into one."""
    query, value = node.dims(0), node.dims(2)
    if query is None:
        return
    packed = times(query[1], query[3]) if len(query) == 4 else None
    node.make(0, node.dtype(0), [query[0], value[1] if value is not None else packed])


@rule("PagedAttention", "SparsePagedAttention")
def paged_attention(node: Node) -> None:
    """[tokens, heads·width of a value], and the pages as they came."""
    query, heads = node.dims(0), node.integer("num_heads", 0)
    if not query:
        return
    width = _width(node, query[-1])
    node.make(0, node.dtype(0), [query[0], times(node.integer("v_head_size", 0) or width, heads)])
    for index in (1, 2):
        node.make(index, node.dtype(2 + index), node.dims(2 + index))


@rule("SparseAttention", "DynamicSparseAttention")
def sparse_attention(node: Node) -> None:
    """[batch, queries, heads·width], and the caches (inputs 3 and 4), which are buffers that keep their size."""
    query, heads = node.dims(0), node.integer("num_heads", 0)
    if query is None or len(query) != 3:
        return
    node.make(0, node.dtype(0), [query[0], query[1], times(_width(node, query[2]), heads)])
    for index in (1, 2):
        node.make(index, node.dtype(0), node.dims(2 + index))


def _width(node: Node, columns: int | None) -> int | None:
    """Elements per head of the queries, which hold K and V too where input 1 is left out."""
    heads, kv_heads = node.integer("num_heads", 0), node.integer("kv_num_heads", 0)
    return over(columns, heads if node.has(1) else heads + 2 * kv_heads)
