"""Operators without arithmetic: data that moves, and data that only gets another shape."""

from __future__ import annotations

from alexnet_bench.graph.formulas.registry import Operation, Work, formula

VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"})
"""The output is the same bytes as the first input (Dropout: at inference); runtimes share the memory."""


@formula(*VIEWS)
def view(_: Operation) -> Work:
    """The same bytes under another shape: nothing is read or written."""
    return Work(bytes_read=0, bytes_written=0)


@formula("Shape", "Size", "Constant")
def metadata(op: Operation) -> Work:
    """Known without looking at the data; the result is a few integers."""
    return Work(bytes_read=0, bytes_written=op.outputs_bytes())


@formula(
    "Concat",
    "Transpose",
    "Split",
    "DepthToSpace",
    "SpaceToDepth",
    "Cast",
    "CastLike",
    "Pad",
    "Trilu",
    "ReverseSequence",
)
def move_all(op: Operation) -> Work:
    """Each input is read once, each output written once."""
    return Work(bytes_read=op.inputs_bytes(), bytes_written=op.outputs_bytes())


@formula(
    "Slice", "Expand", "Tile", "ConstantOfShape", "EyeLike", "Range", "Gather", "GatherElements", "GatherND", "OneHot"
)
def move_selected(op: Operation) -> Work:
    """Only what arrives in the output is read, beside the indices."""
    indices = sum(op.graph.tensor(name).size_bytes or 0 for name in op.node.reads[1:])
    written = op.outputs_bytes()
    generated = op.node.op_type in ("ConstantOfShape", "EyeLike", "Range", "OneHot")
    return Work(bytes_read=indices + (0 if generated else min(written, op.inputs_bytes())), bytes_written=written)
