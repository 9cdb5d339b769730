"""Operators without arithmetic: data that moves, and data that only gets another shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from alexnet_bench.core.graph import Node, Tensor
from alexnet_bench.graph.formulas.inputs import elements_in_bytes
from alexnet_bench.graph.formulas.registry import MICROSOFT, NCHWC, Operation, Work, formula, moving, tensor_bytes

VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"})
"""The output is the same bytes as the first input; runtimes share the memory. So it is with Dropout at inference."""


def is_view(node: Node, integers: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the node's first output is the memory of its first input.

    Args:
        node: of a graph.
        integers: the values that are known there.
    """
    if not (node.inputs and node.inputs[0]):
        return False
    if node.domain:
        return (node.domain, node.op_type) == (MICROSOFT, "ExpandDims")
    return node.op_type in VIEWS or (node.op_type == "Dropout" and not _trains(node, integers))


def _trains(dropout: Node, integers: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether training_mode (input 2) is given, and not known to be false."""
    given = dropout.inputs[2] if len(dropout.inputs) > 2 else ""
    return bool(given) and any(integers.get(given, (1,)))


@formula("Dropout", settings=(1, 2))
def dropout(op: Operation) -> Work:
    """Nothing at inference; in training a product with the scale and one with the mask, which is written, too."""
    return Work(flop=2 * op.input_elements(0)) if _trains(op.node, op.graph.integers) else view(op)


@formula(*VIEWS)
@formula("ExpandDims", domain=MICROSOFT)
@moving
def view(op: Operation) -> Work:
    """The same bytes under another shape: nothing is read or written."""
    _check_elements(op)
    return Work(bytes_read=0, bytes_written=0)


@formula("Shape", "Size", "Constant")
@moving
def metadata(op: Operation) -> Work:
    """Known without looking at the data; the result is a few integers."""
    return Work(bytes_read=0, bytes_written=op.outputs_bytes())


@formula("Concat", "Split")
@formula("Pad", settings=(2,))
@formula("ReorderInput", "ReorderOutput", domain=NCHWC)
@formula("UnfoldTensor", "RestorePadding", domain=MICROSOFT)
@formula("Pad", domain=MICROSOFT, settings=(2,))
@formula("BitmaskDropout", domain=MICROSOFT, settings=(1,))
@moving
def move_all(op: Operation) -> Work:
    """Each input is read once, each output written once."""
    return Work(bytes_read=op.inputs_bytes(), bytes_written=op.outputs_bytes())


@formula("Transpose", "DepthToSpace", "SpaceToDepth", "Cast", "Trilu", "ReverseSequence")
@formula("CastLike", settings=(1,), types=(1,))
@formula("MemcpyFromHost", "MemcpyToHost")  # ONNX Runtime's, between the host and a device
@formula("Trilu", "SampleOp", domain=MICROSOFT)
@moving
def rearrange(op: Operation) -> Work:
    """As many elements as before, each read and written once."""
    _check_elements(op)
    return Work(bytes_read=op.inputs_bytes(), bytes_written=op.outputs_bytes())


@formula("GatherND", "TorchEmbedding", domain=MICROSOFT)
@formula("ArrayFeatureExtractor", domain="ai.onnx.ml")
@formula("Slice", "Expand", "GatherElements", "GatherND", "Compress", "CenterCropPad")
@formula("Tile", settings=(1, 2))
@formula("Gather", tables=(0,))
@moving
def move_selected(op: Operation) -> Work:
    """Only what arrives in the output is read, beside the indices."""
    indices = sum(tensor_bytes(op.graph.tensor(name)) for name in op.node.inputs[1:] if name)
    written = op.outputs_bytes()
    return Work(bytes_read=indices + min(written, tensor_bytes(op.input(0))), bytes_written=written)


@formula("RelativePositionBias", domain=MICROSOFT)
@formula("Range", domain=MICROSOFT, settings=(0, 1, 2))
@formula("ConstantOfShape", "EyeLike")
@formula("Range", settings=(0, 1, 2))
@formula("OneHot", settings=(1, 2))
@moving
def generate(op: Operation) -> Work:
    """Made from a few numbers, which are read; EyeLike looks at its input's shape alone."""
    read = 0 if op.node.op_type == "EyeLike" else op.inputs_bytes()
    return Work(bytes_read=read, bytes_written=op.outputs_bytes())


def _of_table(op: Operation) -> dict[int, int]:
    """Elements of a table, which in uint8 holds several in each byte."""
    return {0: elements_in_bytes(op.input(0), op.integer("bits", 4))}


@formula("GatherBlockQuantized", domain=MICROSOFT, weights=(0,), unpacked=_of_table)
def gather_quantised(op: Operation) -> Work:
    """As Gather, each element dequantised by 2 operations.

    Of the packed data, scales and zero points only what is looked up is read.
    """
    made = op.output_elements()
    packed = 8 // op.integer("bits", 4) if op.input(0).dtype == "uint8" else 1
    there = op.input_elements(0) * packed
    tables = sum(tensor_bytes(op.input(index)) for index in (0, 2, 3) if op.has_input(index))
    read = tensor_bytes(op.input(1)) + (tables * min(made, there) // there if there else 0)
    return Work(flop=2 * made, bytes_read=read, bytes_written=op.outputs_bytes())


@formula("RemovePadding", domain=MICROSOFT)
def remove_padding(op: Operation) -> Work:
    """How many tokens are left is data: at most all are written, with an offset for each and the ends of sequences."""
    batch, length, _ = op.input_shape(0)
    return Work(
        bytes_read=op.inputs_bytes(),
        bytes_written=tensor_bytes(op.input(0)) + 4 * (batch * length + batch + 1 + 1),
    )


@formula("ScatterElements", "ScatterND", "Scatter", "TensorScatter")
def scatter(op: Operation) -> Work:
    """A copy of the data into which the updates are written: all of it is read, and each output written once.

    With a `reduction` (ONNX, operator ScatterND) each update is one operation more.
    """
    reduces = op.attribute("reduction", "none") != "none"
    return Work(flop=op.input_elements(2) if reduces else 0)


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


def _check_elements(op: Operation) -> None:
    """Shape inference believes a Reshape without looking at what goes in."""
    before, after = op.input(0).elements, op.output().elements
    if before is not None and after is not None and before != after:
        raise ValueError(f"{before:,} elements go in, {after:,} come out")
