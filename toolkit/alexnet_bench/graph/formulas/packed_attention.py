"""Attention over tokens packed without padding, over caches in pages, and over selected keys.

Lengths are data: a query looks at as many keys as there can be. That is an upper bound.
"""

from __future__ import annotations

from msgspec.structs import replace

from alexnet_bench.graph.formulas.attention import FULL, ROTATE, attend, bytes_with_rows, is_capped
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula

_RMS_NORM = 4
_LONGEST = "every sequence is as long as the longest may be"


@formula("PackedAttention", domain=MICROSOFT)
def packed_attention(op: Operation) -> Work:
    """As Attention: input [tokens, in], weights [in, columns], bias; token_offset (3) is [batch, longest sequence]."""
    heads = op.integer("num_heads", 0)
    tokens, inner = op.input_shape(0)
    rows, columns = op.input_shape(1)
    sizes = op.integers("qkv_hidden_sizes", (columns // 3,) * 3)
    if heads < 1 or rows != inner or len(sizes) != 3 or sum(sizes) != columns:
        raise UnknownShape("num_heads is missing, or the weights do not fit")
    inside = attend(
        rows=tokens * heads,
        keys=op.input_shape(3)[1],
        key_width=sizes[0] // heads,
        value_width=sizes[2] // heads,
        masks=int(op.has_input(5)),
    )
    projection = tokens * inner * columns
    biased = tokens * columns if op.has_input(2) else 0
    flop = 2 * projection + biased + inside.flop
    return Work(projection + inside.macs, flop, inside.transcendentals, assumed=_of_several(op, 3))


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
    return Work(work.macs, work.flop + biased, work.transcendentals, assumed=_of_several(op, 4))


def _of_several(op: Operation, offsets: int) -> str:
    """What is assumed of the lengths of sequences, by the input with their places; of a single one they are known."""
    return _LONGEST if op.input_shape(offsets)[0] > 1 else ""


@formula("PagedAttention", domain=MICROSOFT, values=(16,), settings=(8, 9, 14, 15))
def paged_attention(op: Operation) -> Work:
    """Query [tokens, heads·width]; the cache (input 3) is in pages [pages, page size, kv heads, width].

    A sequence has as many keys as its row of block_table (input 7) has pages for, or as attention_metadata (input 16)
    bounds them. With `kv_cache_layout` LATENT a value has `v_head_size` elements. Bytes are those of all pages.
    """
    bound = op.values(16)
    keys = bound[1] if len(bound) > 1 else op.input_shape(7)[1] * op.input_shape(3)[1]
    return replace(_grouped(op, keys=keys, rotary=8, norms=12), assumed="" if len(bound) > 1 else FULL)


@formula("SparsePagedAttention", domain=MICROSOFT, settings=(14, 15, 19, 20))
def sparse_paged_attention(op: Operation) -> Work:
    """As PagedAttention over the selected keys, [tokens, most] (input 9), and those of a local window if asked for."""
    whole = op.input_shape(7)[1] * op.input_shape(3)[1]
    work = _grouped(op, keys=_selected(op, op.input_shape(9)[1], whole), rotary=14, norms=17)
    return replace(work, assumed=FULL if _takes_whole(op, whole) else "")


@formula("DynamicSparseAttention", domain=MICROSOFT, values=(10,), settings=(11, 12))
def dynamic_sparse_attention(op: Operation) -> Work:
    """As GroupQueryAttention over the selected keys, [tokens, most] (input 7), and those of a local window if asked."""
    total = op.values(10)
    whole = total[0] if len(total) == 1 else op.output_shape(1)[2]
    work = _grouped(op, keys=_selected(op, op.input_shape(7)[1], whole), rotary=11, norms=14)
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
    work = _grouped(op, keys=keys, rotary=9, norms=None, scores=min(queries * keys, in_blocks))
    return replace(work, assumed="" if len(total) == 1 else FULL)


def _grouped(op: Operation, *, keys: int, rotary: int, norms: int | None, scores: int | None = None) -> Work:
    """Heads that share keys; Q and the new K normalised and rotated where the operator does that.

    Args:
        op: query is [tokens, columns] or [batch, queries, columns], with K and V beside Q when input 1 is left out.
        keys: that each query looks at.
        rotary: input index of the cosines, [positions, half of what turns], before that of the sines; of both a row
            for each token is read.
        norms: input index of the weights of the norms, if the operator has any.
        scores: per head and sequence, in place of queries · keys.
    """
    heads, kv_heads = op.integer("num_heads", 0), op.integer("kv_num_heads", 0)
    *tokens, columns = op.input_shape(0)
    parts = heads if op.has_input(1) else heads + 2 * kv_heads
    if min(heads, kv_heads) < 1 or columns % parts:
        raise UnknownShape("num_heads or kv_num_heads is missing, or does not fit")
    width, rows = columns // parts, tokens[0] * (tokens[1] if len(tokens) > 1 else 1)
    work = attend(
        rows=rows * heads if scores is None else tokens[0] * heads * scores,
        keys=keys if scores is None else 1,
        key_width=width,
        value_width=op.integer("v_head_size", 0) or width,
        capped=is_capped(op),
    )
    has_tables = op.has_input(rotary)
    rotates = bool(op.integer("do_rotary", 0)) and has_tables
    turned = min(width, 2 * op.input_shape(rotary)[-1]) if rotates else 0
    normed = _RMS_NORM * width if norms is not None and op.has_input(norms) else 0
    before = rows * (heads + kv_heads) * (ROTATE * turned + normed)
    read = bytes_with_rows(op, tables=(rotary, rotary + 1), rows=rows if rotates else 0) if has_tables else None
    return Work(work.macs, work.flop + before, work.transcendentals, bytes_read=read)
