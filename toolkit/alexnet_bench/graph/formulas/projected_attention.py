"""ONNX Runtime's attention with the projection to Q, K and V inside."""

from __future__ import annotations

from msgspec.structs import replace

from alexnet_bench.graph.formulas.attention import attend, keys_with_cache, of_several
from alexnet_bench.graph.formulas.prices import QUANTISE
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula
from alexnet_bench.graph.formulas.rotary import ROTATE


@formula("Attention", "DecoderMaskedSelfAttention", domain=MICROSOFT, values=(6,))
@formula("QAttention", domain=MICROSOFT, weights=(1, 2))
def projected_attention(op: Operation) -> Work:
    """The projection to Q, K and V, then attention (ContribOperators.md).

    input is [batch, length, in], weights [in, 3·hidden], bias [3·hidden]. QAttention has the same with int8 tensors;
    rescaling the product costs one per element. With `do_rotary` Q and K turn, or `rotary_embedding_dim` of each head.
    A cache (past) is [2, batch, heads, past, width]; with `past_present_share_buffer` it is full unless
    past_sequence_length (input 6, none of QAttention) is known.
    """
    quantised = op.node.op_type == "QAttention"
    batch, length, inner = op.input_shape(0)
    heads, sizes = _merged(op, inner)
    shared = bool(op.integer("past_present_share_buffer", 0))
    past = None if quantised else 6
    keys, assumed = keys_with_cache(op, length, cache=8 if quantised else 4, axis=3, shared=shared, past=past)
    turned = min(op.integer("rotary_embedding_dim", 0) or sizes[0] // heads, sizes[0] // heads)
    work = _project_and_attend(
        batch * length,
        inner,
        sizes,
        heads=heads,
        keys=keys,
        masks=int(op.has_input(5)) + int(op.has_input(3) and not quantised),
        per_element=op.has_input(2) + quantised,
        rest=ROTATE * batch * length * 2 * heads * turned if op.integer("do_rotary", 0) else 0,
    )
    return replace(work, assumed=assumed)


@formula("PackedAttention", domain=MICROSOFT)
def packed_attention(op: Operation) -> Work:
    """As Attention: input [tokens, in], weights [in, columns], bias; token_offset (3) is [batch, longest sequence]."""
    tokens, inner = op.input_shape(0)
    heads, sizes = _merged(op, inner)
    work = _project_and_attend(
        tokens,
        inner,
        sizes,
        heads=heads,
        keys=op.input_shape(3)[1],
        masks=int(op.has_input(5)),
        per_element=int(op.has_input(2)),
    )
    return replace(work, assumed=of_several(op, 3))


@formula("QOrderedAttention", domain=MICROSOFT, weights=(5, 6, 7, 11, 12, 13))
def qordered_attention(op: Operation) -> Work:
    """As Attention in int8: Q, K and V rescaled by 1 per element, outputs quantised by 3 (ContribOperators.md).

    input is [batch, length, in], the three weights (inputs 5, 6, 7) [in, hidden] with a bias each (11, 12, 13).
    """
    batch, length, inner = op.input_shape(0)
    sizes = tuple(op.input_shape(index)[1] for index in (5, 6, 7))
    return _project_and_attend(
        batch * length,
        inner,
        sizes,
        heads=_heads(op, sizes),
        keys=length,
        masks=int(op.has_input(17)) + int(op.has_input(19)),
        per_element=2,
        rest=QUANTISE * batch * length * sizes[2],
    )


def _project_and_attend(
    tokens: int,
    inner: int,
    sizes: tuple[int, ...],
    *,
    heads: int,
    keys: int,
    masks: int,
    per_element: int,
    rest: int = 0,
) -> Work:
    """Rows of `inner` elements times the weights of Q, K and V, then attention.

    Args:
        tokens: of the whole batch.
        inner: elements of a token.
        sizes: columns of Q, K and V.
        heads: that share these columns.
        keys: that each query looks at.
        masks: additions per score.
        per_element: FLOP per element of Q, K and V beside the product: a bias, rescaling.
        rest: FLOP elsewhere.
    """
    inside = attend(
        rows=tokens * heads, keys=keys, key_width=sizes[0] // heads, value_width=sizes[2] // heads, masks=masks
    )
    columns = sum(sizes)
    macs = tokens * inner * columns
    flop = 2 * macs + per_element * tokens * columns + rest
    return Work(macs + inside.macs, flop + inside.flop, inside.transcendentals)


def _merged(op: Operation, inner: int) -> tuple[int, tuple[int, ...]]:
    """Number of heads, and the columns of Q, K and V in one weight (input 1)."""
    rows, columns = op.input_shape(1)
    sizes = op.integers("qkv_hidden_sizes", (columns // 3,) * 3)
    if rows != inner or len(sizes) != 3 or sum(sizes) != columns:
        raise ValueError(f"weights of {rows}x{columns} do not fit {inner} columns")
    return _heads(op, sizes), sizes


def _heads(op: Operation, sizes: tuple[int, ...]) -> int:
    heads = op.integer("num_heads", 0)
    if heads < 1:
        raise UnknownShape("num_heads is missing")
    if any(size % heads for size in sizes):
        raise ValueError(f"{sizes} columns do not fit {heads} heads")
    return heads
