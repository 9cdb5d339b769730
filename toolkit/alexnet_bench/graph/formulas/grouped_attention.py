"""Attention of heads that share keys: Q and the new K are normalised and rotated where the operator does that."""

from __future__ import annotations

from math import prod

from msgspec.structs import replace

from alexnet_bench.core.graph import Tensor
from alexnet_bench.graph.formulas.attention import FULL, attend, is_capped
from alexnet_bench.graph.formulas.movement import bytes_with_rows
from alexnet_bench.graph.formulas.prices import RMS_NORM
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula, tensor_bytes
from alexnet_bench.graph.formulas.rotary import ROTATE


def attend_in_groups(
    op: Operation,
    *,
    keys: int,
    rotary: int,
    norms: int | None = None,
    scores: int | None = None,
    masks: int = 0,
) -> Work:
    """The work of an operator whose query (input 0) is [tokens, columns] or [batch, queries, columns].

    K and V (inputs 1 and 2) lie beside Q when input 1 is left out. Each query head does its own products.

    Args:
        op: the operator, with `num_heads`, `kv_num_heads`, and `do_rotary`.
        keys: that each query looks at.
        rotary: input index of the cosines, [positions, half of what turns], before that of the sines; of both a row
            for each token is read.
        norms: input index of the weights of the norms, if the operator has any.
        scores: per head and sequence, in place of queries · keys.
        masks: additions per score.
    """
    heads, kv_heads = op.integer("num_heads", 0), op.integer("kv_num_heads", 0)
    if min(heads, kv_heads) < 1:
        raise UnknownShape("num_heads or kv_num_heads is missing")
    *tokens, columns = op.input_shape(0)
    parts = heads if op.has_input(1) else heads + 2 * kv_heads
    if columns % parts:
        raise ValueError(f"{columns} columns are not {parts} heads")
    width, rows = columns // parts, prod(tokens)
    work = attend(
        rows=rows * heads if scores is None else tokens[0] * heads * scores,
        keys=keys if scores is None else 1,
        key_width=width,
        value_width=op.integer("v_head_size", 0) or width,
        masks=masks,
        capped=is_capped(op),
    )
    has_tables, rotates = op.has_input(rotary), bool(op.integer("do_rotary", 0))
    turned = min(width, 2 * op.input_shape(rotary)[-1]) if has_tables else width
    per_head = RMS_NORM * width if norms is not None and op.has_input(norms) else 0
    per_head += ROTATE * turned if rotates else 0
    before = rows * (heads + kv_heads) * per_head
    read = bytes_with_rows(op, tables=(rotary, rotary + 1), rows=rows if rotates else 0) if has_tables else None
    return Work(work.macs, work.flop + before, work.transcendentals, bytes_read=read)


@formula("GroupQueryAttention", domain=MICROSOFT, values=(6,), settings=(7, 8, 12, 13))
def group_query_attention(op: Operation) -> Work:
    """ONNX Runtime's GroupQueryAttention: heads share keys; each query head still does its own products.

    query is [batch, queries, heads·width], packed with K and V when input 1 is left out. total_sequence_length (input
    6) says how many keys there are; where its value is data, they are those of present_key [batch, kv heads, keys,
    width], as if that cache was full; where its size is not known either, the past one is assumed to be full and to
    grow by the new keys. Bytes are those of whole caches of keys and values; of the rotations (inputs 7 and 8),
    [positions, half of what turns], a row for each token is read. q_norm_weight and k_norm_weight are inputs 14 and 15.

    With `sliding_window_cache` the cache is a window, whose size stays: a query looks at as many keys as it holds, and
    of several queries the first ones also at those that the last ones push out.
    """
    queries = op.input_shape(0)[1]
    total = _total_keys(op, queries)
    keys = op.input_shape(3)[2] + queries if total is None else total
    work = attend_in_groups(op, keys=keys, rotary=7, norms=14, masks=int(op.has_input(10)))
    assumed = FULL if op.has_input(3) and len(op.values(6)) != 1 else ""
    if total is not None:
        return replace(work, assumed=assumed)
    grown = sum(
        tensor_bytes(_grown(op.input(index), keys)) for index in (3, 4) if any(op.node.outputs[index - 2 : index - 1])
    )
    rest = sum(tensor_bytes(op.output(index)) for index in (0, 3) if any(op.node.outputs[index : index + 1]))
    return replace(work, bytes_written=rest + grown, assumed=f"{FULL}, and grows by the new keys")


def _total_keys(op: Operation, queries: int) -> int | None:
    """How many keys there are, None where that is data."""
    if not op.has_input(3):
        return queries
    total = op.values(6)
    known = max(total[0], 0) if len(total) == 1 else None
    if op.integer("sliding_window_cache", 0):
        held = op.input_shape(3)[2] + queries - 1
        return held if known is None else min(known, held)
    if known is not None:
        return known
    present = op.output(1).sizes if len(op.node.outputs) > 1 else None
    return present[2] if present else None


def _grown(cache: Tensor, keys: int) -> Tensor:
    """A cache [batch, kv heads, past, width] with so many keys."""
    batch, heads, _, width = cache.sizes or (0, 0, 0, 0)
    return replace(cache, shape=(batch, heads, keys, width))
