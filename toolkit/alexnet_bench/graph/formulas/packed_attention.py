"""Attention over tokens packed without padding, over caches in pages, and over selected keys.

Lengths are data: a query looks at as many keys as there can be. That is an upper bound.
"""

from __future__ import annotations

from msgspec.structs import replace

from alexnet_bench.graph.formulas.attention import FULL, attend, of_several
from alexnet_bench.graph.formulas.grouped_attention import attend_in_groups
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula


@formula("PackedMultiHeadAttention", domain=MICROSOFT)
def packed_multi_head_attention(op: Operation) -> Work:
    """As MultiHeadAttention: query [tokens, hidden], or Q, K, V in [tokens, heads, 3, width]; token_offset is (4)."""
    heads = op.integer("num_heads", 0)
    query, values = op.input_shape(0), op.output_shape()[1]
    hidden = query[1] * query[3] if len(query) == 4 else query[1]
    if heads < 1 or hidden % heads or values % heads:
        raise UnknownShape("num_heads is missing, or does not fit")
    work = attend(
        rows=query[0] * heads,
        keys=op.input_shape(4)[1],
        key_width=hidden // heads,
        value_width=values // heads,
        masks=int(op.has_input(6)),
    )
    biased = query[0] * (2 * hidden + values) if op.has_input(3) else 0
    return Work(work.macs, work.flop + biased, work.transcendentals, assumed=of_several(op, 4))


@formula("PagedAttention", domain=MICROSOFT, values=(16,), settings=(8, 9, 14, 15))
def paged_attention(op: Operation) -> Work:
    """Query [tokens, heads·width]; the cache (input 3) is in pages [pages, page size, kv heads, width].

    A sequence has as many keys as its row of block_table (input 7) has pages for, or as attention_metadata (input 16)
    bounds them. With `kv_cache_layout` LATENT a value has `v_head_size` elements. Bytes are those of all pages.
    """
    bound = op.values(16)
    keys = bound[1] if len(bound) > 1 else op.input_shape(7)[1] * op.input_shape(3)[1]
    return replace(attend_in_groups(op, keys=keys, rotary=8, norms=12), assumed="" if len(bound) > 1 else FULL)


@formula("SparsePagedAttention", domain=MICROSOFT, settings=(14, 15, 19, 20))
def sparse_paged_attention(op: Operation) -> Work:
    """As PagedAttention over the selected keys, [tokens, most] (input 9), and those of a local window if asked for."""
    whole = op.input_shape(7)[1] * op.input_shape(3)[1]
    work = attend_in_groups(op, keys=_selected(op, op.input_shape(9)[1], whole), rotary=14, norms=17)
    return replace(work, assumed=FULL if _takes_whole(op, whole) else "")


@formula("DynamicSparseAttention", domain=MICROSOFT, values=(10,), settings=(11, 12))
def dynamic_sparse_attention(op: Operation) -> Work:
    """As GroupQueryAttention over the selected keys, [tokens, most] (input 7), and those of a local window if asked."""
    total = op.values(10)
    whole = total[0] if len(total) == 1 else op.output_shape(1)[2]
    work = attend_in_groups(op, keys=_selected(op, op.input_shape(7)[1], whole), rotary=11, norms=14)
    return replace(work, assumed=FULL if len(total) != 1 and _takes_whole(op, whole) else "")


def _selected(op: Operation, most: int, whole: int) -> int:
    if op.attribute("attention_mode", "selected_only") != "local_plus_selected":
        return most
    window = op.integer("local_window_size", -1)
    return most + (min(window, whole) if window >= 0 else whole)


def _takes_whole(op: Operation, whole: int) -> bool:
    """Whether the keys that are counted depend on how long the cache is."""
    return _selected(op, 0, whole) != _selected(op, 0, 0)


@formula("SparseAttention", domain=MICROSOFT, values=(7,), settings=(9, 10))
def sparse_attention(op: Operation) -> Work:
    """As GroupQueryAttention, but only in blocks of `sparse_block_size` that the mask has (ContribOperators.md).

    Keys are total_sequence_length (input 7), or all that the cache (input 3) holds. A layout has at most as many blocks
    as a row of block_col_indices (input 6) has entries, each of size² scores.
    """
    queries, total = op.input_shape(0)[1], op.values(7)
    keys = total[0] if len(total) == 1 else op.input_shape(3)[2]
    in_blocks = op.input_shape(6)[1] * op.integer("sparse_block_size", 0) ** 2
    work = attend_in_groups(op, keys=keys, rotary=9, scores=min(queries * keys, in_blocks))
    return replace(work, assumed="" if len(total) == 1 else FULL)
