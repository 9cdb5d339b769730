"""The sizes that formulas are made of: multiples of what a model's strides round to."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING

from alexnet_bench.graph.symbolic.fit import Lattice

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

SMALLEST = Lattice(2, 1)
"""Where a table of positions ends before the other sizes. Often 1 is a case of its own, and is left out."""

_USUAL = 64
_UNUSUAL = 20_160
_LONGEST = 16_384
"""No steps beyond this, for tensors of more than 2^63 elements have no shape; strides of several thousand are those of
nets that go down and up again."""


def lattices(graph: GraphProto) -> tuple[Lattice, ...]:
    """What to try, in this order.

    Multiples of 64 and of the model's own strides; where 64 will do they stay up to 512, where tables of positions
    often end. 20,160 is 64 · 9 · 5 · 7, for windows that Reshape cuts and the like. Small sizes are for what ends at 77
    positions or so.
    """
    step = lcm(_USUAL, stride(graph))
    start = 2 * step if step == _USUAL else 4 * step  # windows are longer than their strides
    return Lattice(start, step), Lattice(_UNUSUAL, _UNUSUAL), Lattice(8, 1)


def stride(graph: GraphProto) -> int:
    """What sizes have to be multiples of for no stride to round: products along every path from the inputs."""
    found: dict[str, int] = {}
    common = 1
    for node in graph.node:
        before = _short(lcm(*(found.get(name, 1) for name in node.input)), 1)
        after = _short(before * _own_stride(node), before)
        found |= dict.fromkeys(filter(None, node.output), after)
        common = _short(lcm(common, after), common)
    return common


def _short(wanted: int, otherwise: int) -> int:
    return wanted if lcm(_USUAL, wanted) <= _LONGEST else otherwise


def _own_stride(node: NodeProto) -> int:
    """Of convolutions, pools and SpaceToDepth; ConvTranspose makes more of a size, which rounds nothing."""
    if node.op_type == "ConvTranspose":
        return 1
    found = [1]
    for item in node.attribute:
        if item.name == "strides":
            found += [size for size in item.ints if size > 0]
        if item.name == "blocksize" and node.op_type == "SpaceToDepth" and item.i > 0:
            found.append(item.i)
    return lcm(*found)
