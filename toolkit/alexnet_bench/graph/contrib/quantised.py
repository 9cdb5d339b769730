"""Reductions and joins of quantised tensors."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import INT32, Dims, Node, rule


@rule("QLinearReduceMean", "ReduceSumInteger")
def reduce(node: Node) -> None:
    """The attribute `axes` become 1, or go without `keepdims`; without `axes` all of them."""
    dims = node.dims(0)
    if dims is None:
        return
    reduced = {axis % len(dims) for axis in node.integers("axes") or range(len(dims))}
    kept = bool(node.integer("keepdims", 1))
    sizes: Dims = [1 if axis in reduced else size for axis, size in enumerate(dims) if kept or axis not in reduced]
    node.make(0, INT32 if node.op_type == "ReduceSumInteger" else node.dtype(0), sizes)


@rule("QLinearConcat")
def qlinear_concat(node: Node) -> None:
    """Inputs 2, 5, 8, ... side by side."""
    found = []
    index = 2
    while node.has(index):
        found.append(node.dims(index))
        index += 3
    first = found[0] if found else None
    if first is None or any(dims is None or len(dims) != len(first) for dims in found):
        return
    axis = node.integer("axis", 0) % len(first)
    sizes = [dims[axis] for dims in found if dims is not None]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    node.make(0, node.dtype(2), [*first[:axis], total, *first[axis + 1 :]])
