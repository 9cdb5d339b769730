"""Attention in its fused forms: ONNX's own operator and those of ONNX Runtime.

All count densely: a causal or padding mask, or a local window, does not reduce the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from msgspec.structs import replace

from alexnet_bench.core.graph import Tensor
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula, tensor_bytes

_SCALE, _SOFTMAX = 1, 4
"""FLOP per score: the scale, and the softmax as the operator of that name counts it (1 transcendental apart)."""
ROTATE = 3
FULL = "the cache is full"
"""What is assumed where how much of it is used is data."""


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
    per_score = _SCALE + _SOFTMAX + masks + 2 * capped
    return Work(macs=macs, flop=2 * macs + scores * per_score, transcendentals=scores * (1 + capped))


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


@formula("MultiHeadAttention", domain=MICROSOFT)
def multi_head_attention(op: Operation) -> Work:
    """ONNX Runtime's MultiHeadAttention (ContribOperators.md): Q, K and V apart, or packed in five dimensions.

    query is [batch, queries, hidden], or [batch, queries, heads, 3, width] packed; key [batch, keys, hidden], or
    [batch, heads, keys, width], or [batch, keys, heads, 2, width] packed with the values. past_key is input 6. The
    bias of the projections (input 3) is one per element of Q, K and V; keys in four dimensions have it already.
    """
    heads = op.integer("num_heads", 0)
    query = op.input_shape(0)
    past = op.input_shape(6)[2] if op.has_input(6) else 0
    if len(query) == 5:
        batch, queries, heads, _, width = query
        keys, value_width, biased_keys = queries, width, queries
    else:
        batch, heads, queries, width = heads_of(op, 0, heads)
        keys, value_width = _keys_and_width(op, heads, width)
        biased_keys = 0 if len(op.input_shape(1)) == 4 else keys
    masks = int(op.has_input(4)) + int(op.has_input(5))
    work = attend(rows=batch * heads * queries, keys=keys + past, key_width=width, value_width=value_width, masks=masks)
    biased = batch * heads * (queries * width + biased_keys * (width + value_width)) if op.has_input(3) else 0
    return Work(work.macs, work.flop + biased, work.transcendentals)


def _keys_and_width(op: Operation, heads: int, width: int) -> tuple[int, int]:
    """Number of keys, and the width of a value per head."""
    key = op.input_shape(1)
    if len(key) == 5:
        return key[1], width
    keys = key[2] if len(key) == 4 else key[1]
    return keys, heads_of(op, 2, heads)[3] if op.has_input(2) else width


@formula("GroupQueryAttention", domain=MICROSOFT, values=(6,), settings=(7, 8, 12, 13))
def group_query_attention(op: Operation) -> Work:
    """ONNX Runtime's GroupQueryAttention: heads share keys; each query head still does its own products.

    query is [batch, queries, heads·width], packed with K and V when input 1 is left out. total_sequence_length (input
    6) says how many keys there are; where its value is data, they are those of present_key [batch, kv heads, keys,
    width], as if that cache was full; where its size is not known either, the past one is assumed to be full and to
    grow by the new keys. Bytes are those of whole caches of keys and values; of the rotations (inputs 7 and 8),
    [positions, half of what turns], a row for each token is read.
    """
    heads, kv_heads = op.integer("num_heads", 0), op.integer("kv_num_heads", 0)
    if heads < 1 or kv_heads < 1:
        raise UnknownShape("num_heads or kv_num_heads is missing")
    batch, queries, hidden = op.input_shape(0)
    shared = heads if op.has_input(1) else heads + 2 * kv_heads
    if hidden % shared:
        raise ValueError(f"{hidden} columns are not {shared} heads")
    width = hidden // shared
    total = _total_keys(op, queries)
    keys = op.input_shape(3)[2] + queries if total is None else total
    work = attend(
        rows=batch * heads * queries,
        keys=keys,
        key_width=width,
        value_width=width,
        masks=int(op.has_input(10)),
        capped=is_capped(op),
    )
    rotary_width = min(width, 2 * op.input_shape(7)[-1]) if op.has_input(7) else width
    rotates = bool(op.integer("do_rotary", 0))
    rotated = ROTATE * batch * queries * rotary_width * (heads + kv_heads) if rotates else 0
    read = bytes_with_rows(op, tables=(7, 8), rows=batch * queries if rotates else 0) if op.has_input(7) else None
    assumed = FULL if op.has_input(3) and len(op.values(6)) != 1 else ""
    counted = Work(work.macs, work.flop + rotated, work.transcendentals, bytes_read=read, assumed=assumed)
    if total is not None:
        return counted
    grown = sum(
        tensor_bytes(_grown(op.input(index), keys)) for index in (3, 4) if any(op.node.outputs[index - 2 : index - 1])
    )
    rest = sum(tensor_bytes(op.output(index)) for index in (0, 3) if any(op.node.outputs[index : index + 1]))
    return replace(counted, bytes_written=rest + grown, assumed=f"{FULL}, and grows by the new keys")


def _total_keys(op: Operation, queries: int) -> int | None:
    """How many keys there are, None where that is data."""
    if not op.has_input(3):
        return queries
    total = op.values(6)
    if len(total) == 1:
        return max(total[0], 0)
    present = op.output(1).sizes if len(op.node.outputs) > 1 else None
    return present[2] if present else None


def _grown(cache: Tensor, keys: int) -> Tensor:
    """A cache [batch, kv heads, past, width] with so many keys."""
    batch, heads, _, width = cache.sizes or (0, 0, 0, 0)
    return replace(cache, shape=(batch, heads, keys, width))


@formula("Attention", "DecoderMaskedSelfAttention", domain=MICROSOFT)
@formula("QAttention", domain=MICROSOFT, weights=(1, 2))
def projected_attention(op: Operation) -> Work:
    """ONNX Runtime's Attention: the projection to Q, K and V, then attention.

    input is [batch, length, in], weights [in, 3·hidden], bias [3·hidden]. QAttention has the same with int8 tensors;
    rescaling the product costs one per element. A cache (past) is [2, batch, heads, past, width].
    """
    heads, quantised = op.integer("num_heads", 0), op.node.op_type == "QAttention"
    if heads < 1:
        raise UnknownShape("num_heads is missing")
    batch, length, inner = op.input_shape(0)
    rows, columns = op.input_shape(1)
    sizes = op.integers("qkv_hidden_sizes", (columns // 3,) * 3)
    if rows != inner or len(sizes) != 3 or sum(sizes) != columns or any(size % heads for size in sizes):
        raise ValueError(f"weights of {rows}x{columns} do not fit {inner} columns and {heads} heads")
    inside = attend(
        rows=batch * heads * length,
        keys=_keys_with_past(op, length, 8 if quantised else 4),
        key_width=sizes[0] // heads,
        value_width=sizes[2] // heads,
        masks=int(op.has_input(5)) + int(op.has_input(3) and not quantised),
    )
    projection = batch * length * inner * columns
    extra = batch * length * columns * (op.has_input(2) + quantised)
    extra += ROTATE * batch * length * (sizes[0] + sizes[1]) if op.integer("do_rotary", 0) else 0
    return Work(projection + inside.macs, 2 * projection + extra + inside.flop, inside.transcendentals)


def _keys_with_past(op: Operation, length: int, past: int) -> int:
    """The keys that a query looks at; a cache that keeps its size counts as full."""
    if not op.has_input(past):
        return length
    cached = op.input_shape(past)[3]
    return cached if op.integer("past_present_share_buffer", 0) else cached + length


@formula("RotaryEmbedding", settings=(1, 2))
@formula("RotaryEmbedding", "MRotaryEmbedding", domain=MICROSOFT, settings=(2, 3))
def rotary_embedding(op: Operation) -> Work:
    """x·cos + rotated(x)·sin: two products and a sum per element (Su et al. 2021, equation 34).

    With `rotary_embedding_dim` only so much of each head turns. Of the tables, [positions, width / 2] or a row for each
    token, only the rows that are looked up are read.
    """
    elements, shape = op.input_elements(0), op.input_shape(0)
    rotary = op.integer("rotary_embedding_dim", 0)
    width = shape[-1] if len(shape) == 4 else heads_of(op, 0, op.integer("num_heads", 0))[3] if rotary else 0
    turned = elements * min(rotary, width) // width if rotary > 0 and width else elements
    first_table = 2 if op.node.domain else 1
    tokens = shape[0] * (shape[2] if len(shape) == 4 else shape[1])
    read = bytes_with_rows(op, tables=(first_table, first_table + 1), rows=tokens)
    return Work(flop=ROTATE * turned, bytes_read=read)


def bytes_with_rows(op: Operation, *, tables: Sequence[int], rows: int) -> int:
    """Bytes of all distinct inputs, of the tables (by input index) at most so many rows. Raises UnknownShape."""
    looked_up = {op.node.inputs[index] for index in tables if op.has_input(index)}
    whole = (tensor_bytes(op.graph.tensor(name)) for name in set(op.node.reads) - looked_up)
    return sum(whole) + sum(_rows_bytes(op.graph.tensor(name), rows) for name in looked_up)


def _rows_bytes(table: Tensor, rows: int) -> int:
    """Bytes of so many rows of a table, which are no more than it has."""
    whole = tensor_bytes(table)
    here = prod((table.sizes or ())[:-1])
    return whole if rows >= here else whole * rows // here
