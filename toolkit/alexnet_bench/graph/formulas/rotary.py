"""Rotations of queries and keys by angles that their positions tell."""

from __future__ import annotations

from alexnet_bench.graph.formulas.attention import heads_of
from alexnet_bench.graph.formulas.movement import bytes_with_rows
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula

ROTATE = 3
"""FLOP per element that turns: two products and a sum."""


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


@formula("GemmaRotaryEmbedding", domain=MICROSOFT)
def gemma_rotary_embedding(op: Operation) -> Work:
    """A sine and a cosine of each angle (input 0), then x·cos + rotated(x)·sin for queries and keys."""
    return Work(flop=ROTATE * (op.input_elements(1) + op.input_elements(3)), transcendentals=2 * op.input_elements(0))
