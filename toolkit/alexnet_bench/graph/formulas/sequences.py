"""Sequences, optional values and texts: nothing is computed, and only what is put in or taken out moves.

A sequence holds its tensors by reference (ONNX, operators Sequence... and Optional...). Texts have no size before
they are there: they count 0 bytes.
"""

from __future__ import annotations

from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula, tensor_bytes


@formula("SequenceConstruct")
def construct(op: Operation) -> Work:
    """All that is put in."""
    moved = op.inputs_bytes()
    return Work(bytes_read=moved, bytes_written=moved)


@formula("SequenceInsert", "SplitToSequence")
def put_in(op: Operation) -> Work:
    """The tensor that is put in (input 1 of SequenceInsert), or that is cut into pieces."""
    moved = tensor_bytes(op.input(1 if op.node.op_type == "SequenceInsert" else 0))
    return Work(bytes_read=moved, bytes_written=moved)


@formula("SequenceAt", "ConcatFromSequence")
def take_out(op: Operation) -> Work:
    """The tensor that comes out."""
    moved = op.outputs_bytes()
    return Work(bytes_read=moved, bytes_written=moved)


@formula("SequenceEmpty", "SequenceErase", "Optional", "OptionalGetElement")
def keep(op: Operation) -> Work:  # noqa: ARG001 - the same for every shape
    """The same tensors by reference."""
    return Work(bytes_read=0, bytes_written=0)


@formula("SequenceLength", "OptionalHasElement")
def ask(op: Operation) -> Work:
    """A number, or a truth value, about what is there."""
    return Work(bytes_read=0, bytes_written=op.outputs_bytes())


@formula("StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch")
@formula("Tokenizer", domain=MICROSOFT)
def text(op: Operation) -> Work:
    """Work on characters is not arithmetic: no FLOP, and bytes only of tensors that hold no text."""
    return Work(bytes_read=op.inputs_bytes(), bytes_written=op.outputs_bytes())
