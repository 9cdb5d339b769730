"""Split nodes that go by the number of their outputs, which ONNX's own inference does not.

ONNX (1.23) makes a list of as many sizes as the attribute `num_outputs` says, however many that are, and reads one for
each output, however few there are; where neither that nor sizes are given, it leaves them open from opset 18 on. ONNX
Runtime goes by the outputs. Where the attribute says fewer it ends while loading, if it knows the axis by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.graph.contrib.node import RULED, Node, rule

if TYPE_CHECKING:
    from onnx import NodeProto


def is_at_odds(node: NodeProto) -> bool:
    """Whether a node is a Split whose `num_outputs` is not the number of its outputs, or may be.

    In a function the attribute may be the caller's.
    """
    return node.op_type == "Split" and any(
        item.name == "num_outputs" and (item.ref_attr_name or item.i != len(node.output)) for item in node.attribute
    )


def says_nothing(node: NodeProto) -> bool:
    """Whether a Split is given neither sizes nor a number of parts."""
    named = {item.name for item in node.attribute}
    return not any(node.input[1:]) and named.isdisjoint(("split", "num_outputs"))


@rule("Split", domain=RULED[""], where=is_at_odds, left_open=says_nothing)
def split_by_outputs(node: Node) -> None:
    """As many parts as outputs, alike but for the last one, which may be smaller where `num_outputs` is given."""
    dims, axis = node.dims(0), node.integer("axis", 0)
    if dims is None or node.has(1) or not -len(dims) <= axis < len(dims):
        return
    axis %= len(dims)
    size = dims[axis]
    parts = [] if size is None else _parts(size, node.outputs, node.integer("num_outputs", 0))
    for index, part in enumerate(parts):
        node.make(index, node.dtype(0), [*dims[:axis], part, *dims[axis + 1 :]])


def _parts(size: int, outputs: int, announced: int) -> list[int]:
    """The sizes of the parts of an axis; none of one that ONNX Runtime does not cut.

    Args:
        size: of the axis.
        outputs: how many there are.
        announced: `num_outputs`, 0 where it is not given.
    """
    if not announced:
        return [size // outputs] * outputs if size % outputs == 0 else []
    part = -(-size // outputs)
    last = size - part * (outputs - 1)
    return [part] * (outputs - 1) + [last] if outputs <= announced <= size and last > 0 else []
