"""Split nodes whose number of parts is not that of their outputs (ONNX, operator Split, attribute `num_outputs`).

ONNX (1.23) makes a list of as many sizes as the attribute says, however many that are, and reads one for each output,
however few there are. ONNX Runtime goes by the outputs where they are fewer, and else refuses the node or ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.graph.contrib.node import RULED, Node, rule

if TYPE_CHECKING:
    from onnx import NodeProto


def is_at_odds(node: NodeProto) -> bool:
    """Whether a node is such a Split, or may be: in a function the attribute may be the caller's."""
    return node.op_type == "Split" and any(
        item.name == "num_outputs" and (item.ref_attr_name or item.i != len(node.output)) for item in node.attribute
    )


@rule("Split", domain=RULED[""], where=is_at_odds)
def split_at_odds(_: Node) -> None:
    """Left open."""
