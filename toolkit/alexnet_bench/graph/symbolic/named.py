"""Sizes that a model names: whole numbers among its small constants, where it may do something else than beside them.

A picture that has the size already is not resized; a branch is for one size alone. No such size is found by trying.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alexnet_bench.graph import small_values
from alexnet_bench.graph.walk import all_graphs_and_nodes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_MOST_ELEMENTS = 16
"""Larger constants are tables, no list of sizes."""
_LARGEST = 65_536
_MOST = 8
_MOST_COUNTS = 24
_COUNTS = 4
"""Numbers below are axes, indices and steps more often than sizes; sizes below are tried anyway."""
_COMPARING = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mod"})
_RESIZING = frozenset({"Resize", "Upsample"})
_OF_SHAPES = frozenset({"Shape", "Size"})


def named_sizes(model: ModelProto, variables: int) -> tuple[int, ...]:
    """Those to try for each of so many variables: what Resize and comparisons read, nearest first, before all others.

    They are 8 for up to three variables, and fewer for more, so that a model is counted 24 times at most for them.
    """
    graphs, nodes = all_graphs_and_nodes(model)
    found = {item.name: _numbers(small_values.from_initialiser(item)) for graph in graphs for item in graph.initializer}
    found |= {node.output[0]: tuple(_held(node)) for node in nodes if node.op_type == "Constant" and node.output}
    names = dict.fromkeys((*_read_by_comparisons(nodes), *found))
    sizes = dict.fromkeys(size for name in names for size in found.get(name, ()) if 1 <= size <= _LARGEST)
    return tuple(sorted(sizes, key=lambda size: size < _COUNTS))[: min(_MOST, _MOST_COUNTS // max(variables, 1))]


def _read_by_comparisons(nodes: list[NodeProto]) -> list[str]:
    """The tensors that decide, then what these are made of, up to the shapes of others."""
    makers = {name: node for node in nodes for name in node.output if name}
    waiting = [name for node in nodes if node.op_type in _COMPARING for name in node.input]
    waiting += [name for node in nodes if node.op_type in _RESIZING for name in node.input[1:]]
    found = dict.fromkeys(waiting)
    for name in waiting:  # it grows while it is walked
        maker = makers.get(name)
        if maker is not None and maker.op_type not in _OF_SHAPES:
            new = [source for source in maker.input if source not in found]
            found |= dict.fromkeys(new)
            waiting += new
    return waiting


def _held(node: NodeProto) -> Iterator[int]:
    for item in node.attribute:
        if item.name == "value":
            yield from _numbers(small_values.from_initialiser(item.t))
        elif item.name in ("value_int", "value_ints"):
            yield from (item.i, *item.ints)


def _numbers(value: small_values.Array | None) -> tuple[int, ...]:
    if value is None or value.dtype.kind not in "iu" or value.size > _MOST_ELEMENTS:
        return ()
    return tuple(map(int, value.reshape(-1)))
