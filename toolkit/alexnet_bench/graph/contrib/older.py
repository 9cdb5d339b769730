"""Operators in the forms of older opsets, of which ONNX's own inference says less than of the newer ones, or else.

ONNX (1.23) leaves out axes below 0 in Squeeze and Unsqueeze of opset 1 to 10, and squeezes one too few where axes are
not in order. Of a Slice by attributes it leaves all sizes open where axes are below 0 or not in order, where one starts
before its axis, and where nothing is left. ONNX Runtime and OpenVINO take them all, as in the newer opsets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.graph.contrib.node import RULED, Dims, Node, rule

if TYPE_CHECKING:
    from onnx import NodeProto


def has_odd_axes(node: NodeProto) -> bool:
    """Whether the attribute `axes` is more than ONNX infers by: below 0, not in order, empty, or the caller's."""
    given = [item for item in node.attribute if item.name == "axes"]
    return any(item.ref_attr_name or not item.ints or [0, *item.ints] != sorted([0, *item.ints]) for item in given)


def goes_by_attributes(node: NodeProto) -> bool:
    """Whether a node is a Slice as opset 1 to 9 write it."""
    return any(item.name == "starts" for item in node.attribute)


@rule("Slice", domain=RULED[""], where=has_odd_axes, until=9, left_open=goes_by_attributes)
def slice_by_attributes(node: Node) -> None:
    """Ends may lie outside of an axis; what ends before it starts is empty."""
    dims, starts, ends = node.dims(0), node.integers("starts"), node.integers("ends")
    if dims is None:
        return
    made: Dims = list(dims)
    for axis, start, end in zip(node.integers("axes") or range(len(starts)), starts, ends, strict=True):
        size = dims[axis]
        made[axis] = None if size is None else len(range(size)[start:end])
    node.make(0, node.dtype(0), made)


@rule("Squeeze", domain=RULED[""], where=has_odd_axes, until=12)
def squeeze_by_attribute(node: Node) -> None:
    """Without axes, or with an empty list of them, every axis of 1 goes."""
    dims, axes = node.dims(0), node.integers("axes")
    if dims is None or (not axes and None in dims):
        return
    gone = _places(axes, len(dims)) if axes else {axis for axis, size in enumerate(dims) if size == 1}
    if all(dims[axis] in (1, None) for axis in gone):
        node.make(0, node.dtype(0), [size for axis, size in enumerate(dims) if axis not in gone])


@rule("Unsqueeze", domain=RULED[""], where=has_odd_axes, until=10)
def unsqueeze_by_attribute(node: Node) -> None:
    """The axes are those of what is made."""
    dims, axes = node.dims(0), node.integers("axes")
    if dims is None:
        return
    rank, left = len(dims) + len(axes), iter(dims)
    new = _places(axes, rank)
    if len(new) == len(axes):
        node.make(0, node.dtype(0), [1 if axis in new else next(left) for axis in range(rank)])


def _places(axes: list[int], rank: int) -> set[int]:
    """The axes, counted from the front.

    Raises:
        LookupError: there is no such axis.
    """
    return {range(rank)[axis] for axis in axes}


@rule("Transpose", domain=RULED[""], where=lambda _: False, left_open=lambda _: True)
def transpose_of_a_scalar(node: Node) -> None:
    """A scalar stays one; of everything else ONNX says what becomes of it."""
    if node.dims(0) == []:
        node.make_like(0, 0)


@rule("Dropout", domain=RULED[""], where=lambda _: False, left_open=lambda _: True)
def mask_of_dropout(node: Node) -> None:
    """The mask is as the data, of its type up to opset 9, and is left open there alone."""
    node.make_like(1, 0)
