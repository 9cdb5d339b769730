"""Operators that move data: selections, padding, ranges, and sequences packed without padding."""

from __future__ import annotations

from functools import reduce
from math import ceil
from typing import TYPE_CHECKING

from alexnet_bench.graph.contrib.node import INT32, INT64, RULED, STRING, UINT8, Dims, Node, rule
from alexnet_bench.graph.contrib.sizes import plus, times

if TYPE_CHECKING:
    from onnx import NodeProto


@rule("Concat", domain=RULED[""], where=lambda _: False, left_open=lambda _: True)
def concat(node: Node) -> None:
    """As ONNX Runtime joins: what has no elements need not fit beside the axis, and its size along the axis counts.

    ONNX's own inference leaves the output open where it does not fit.
    """
    shapes = [dims for dims in map(node.dims, range(node.inputs)) if dims is not None]
    ranks = {len(dims) for dims in shapes}
    rank = min(ranks, default=0)
    axis = node.integer("axis", rank)  # it cannot be left out
    if len(shapes) != node.inputs or len(ranks) > 1 or not -rank <= axis < rank:
        return
    axis %= rank
    filled = [dims for dims in shapes if 0 not in dims] or shapes[:1]
    beside = [[*dims[:axis], *dims[axis + 1 :]] for dims in filled]
    if all(dims == beside[0] for dims in beside):
        joined = reduce(plus, (dims[axis] for dims in shapes))
        node.make(0, node.dtype(0), [*beside[0][:axis], joined, *beside[0][axis:]])


@rule("Compress", domain=RULED[""], where=lambda _: False, left_open=lambda _: True)
def compress(node: Node) -> None:
    """As many slices, or elements where no axis is named, as the condition has truths; it may end before they do."""
    dims, condition, axis = node.dims(0), node.array(1), node.given_integer("axis")
    if dims and axis is None:
        dims, axis = [reduce(times, dims)], 0
    if not dims or axis is None or not -len(dims) <= axis < len(dims):
        return
    axis %= len(dims)
    size = dims[axis]
    kept = None if condition is None or size is None else int(condition[:size].sum())
    node.make(0, node.dtype(0), [*dims[:axis], kept, *dims[axis + 1 :]])


@rule("EyeLike", domain=RULED[""])
def eye_like(node: Node) -> None:
    """A matrix as large as the input, in the type that an attribute names; see `tabular` for why ONNX is not asked."""
    dims = node.dims(0)
    if dims is not None and len(dims) == 2:
        node.make_like(0, 0, node.integer("dtype", node.dtype(0)))


@rule("MaxUnpool", domain=RULED[""], where=lambda _: False, left_open=lambda node: len(node.input) > 2)
def max_unpool(node: Node) -> None:
    """As large as is asked for (ONNX, operator MaxUnpool), which ONNX's own inference leaves open."""
    sizes = node.values(2)
    if sizes is not None:
        node.make(0, node.dtype(0), [*sizes])


def counts_back(node: NodeProto) -> bool:
    """Whether a node is a GatherND of fewer than no batches, or may be: ONNX (1.23) reads sizes that are not there."""
    return node.op_type == "GatherND" and any(
        item.name == "batch_dims" and (item.ref_attr_name or item.i < 0) for item in node.attribute
    )


@rule("GatherND", domain=RULED[""], where=counts_back)
def gather_nd_of_no_batches(node: Node) -> None:
    """Nothing is known: batches of a function's attribute, or none that there can be."""


@rule("GatherND")
def gather_nd(node: Node) -> None:
    """One slice for each row of the indices (ONNX, operator GatherND)."""
    data, indices = node.dims(0), node.dims(1)
    if data is not None and indices and indices[-1] is not None:
        node.make(0, node.dtype(0), [*indices[:-1], *data[indices[-1] :]])


@rule("GatherBlockQuantized")
def gather_block_quantized(node: Node) -> None:
    """As Gather, in the type of the scales; values of fewer than 8 bits lie in bytes along the last axis."""
    data, indices = node.dims(0), node.dims(1)
    if not data or indices is None:
        return
    axis = node.integer("gather_axis", 0) % len(data)
    packed = 8 // node.integer("bits", 4) if node.dtype(0) == UINT8 else 1
    rows = [*data[:-1], times(data[-1], packed)]
    node.make(0, node.dtype(2), [*rows[:axis], *indices, *rows[axis + 1 :]])


@rule("TorchEmbedding")
def torch_embedding(node: Node) -> None:
    """A row of the table for each index."""
    table, indices = node.dims(0), node.dims(1)
    node.make(0, node.dtype(0), [*indices, table[1]] if table is not None and indices is not None else None)


@rule("Pad")
def pad(node: Node) -> None:
    """Every axis grows by the values of pads (input 1), starts before ends."""
    dims, pads = node.dims(0), node.values(1)
    if dims is None:
        return
    if pads is None or len(pads) != 2 * len(dims):
        node.make(0, node.dtype(0), [None] * len(dims))
        return
    grown = [None if size is None else size + before + after for size, before, after in _around(dims, pads)]
    node.make(0, node.dtype(0), grown)


def _around(dims: Dims, pads: list[int]) -> zip[tuple[int | None, int, int]]:
    return zip(dims, pads[: len(dims)], pads[len(dims) :], strict=True)


@rule("Range")
def arange(node: Node) -> None:
    """(limit - start) / delta, rounded up, where the three are constants; delta is 1 if left out."""
    bounds = [node.array(index) for index in (0, 1, 2) if index < 2 or node.has(index)]
    numbers = [float(values[0]) for values in bounds if values is not None and len(values) == 1]
    count = None
    if len(numbers) == len(bounds):
        start, limit, *delta = numbers
        count = max(ceil((limit - start) / (delta or [1.0])[0]), 0)
    node.make(0, node.dtype(0), [count])


@rule("ExpandDims")
def expand_dims(node: Node) -> None:
    """One axis more where the value of axis (input 1) says; without it only the rank is known."""
    dims, axis = node.dims(0), node.value(1)
    if dims is None:
        return
    if axis is None:
        node.make(0, node.dtype(0), [None] * (len(dims) + 1))
        return
    place = axis % (len(dims) + 1)
    node.make(0, node.dtype(0), [*dims[:place], 1, *dims[place:]])


@rule("UnfoldTensor")
def unfold(node: Node) -> None:
    """Slices of `size` elements, `step` apart, along `dim`: that axis counts them, and a last axis holds each."""
    dims, size, step = node.dims(0), node.integer("size", 0), node.integer("step", 1)
    if not dims:
        return
    axis = node.integer("dim", -1) % len(dims)
    length = dims[axis]
    slices = None if length is None else (length - size) // step + 1
    node.make(0, node.dtype(0), [*dims[:axis], slices, *dims[axis + 1 :], size])


@rule("Unique")
def unique(node: Node) -> None:
    """How many are different is data; output 1 has a place for each input."""
    node.make(0, node.dtype(0), [None])
    node.make(1, INT64, node.dims(0))
    node.make(2, INT64, [None])


@rule("NGramRepeatBlock")
def ngram_repeat_block(node: Node) -> None:
    """As the scores, input 1."""
    node.make(0, node.dtype(1), node.dims(1))


@rule("NGramHashMapping", "VarlenNGramHashMapping")
def ngram_hash_mapping(node: Node) -> None:
    """A number for each token, length of n-gram and head; the last tokens of each sequence; and their segments."""
    ids = node.dims(0)
    if ids is None:
        return
    history = node.integer("max_ngram_size", 0) - 1
    node.make(0, node.dtype(0), [*ids, history * node.integer("n_head_per_ngram", 0)])
    if node.op_type == "NGramHashMapping":
        node.make(1, node.dtype(0), [ids[0], history])
        return
    ends = node.dims(3)
    sequences = None if not ends or ends[0] is None else ends[0] - 1
    node.make(1, node.dtype(0), [sequences, history])
    node.make(2, INT32, [sequences, history])
    node.make(3, node.dtype(0), [sequences, node.integer("state_update_capacity", 0), history])


@rule("RemovePadding")
def remove_padding(node: Node) -> None:
    """How many tokens are left is data; the offsets have a place for each token that goes in."""
    dims = node.dims(0)
    if dims is None or len(dims) != 3:
        return
    node.make(0, node.dtype(0), [None, dims[2]])
    node.make(1, INT32, dims[:2])
    node.make(2, INT32, [None if dims[0] is None else dims[0] + 1])
    node.make(3, INT32, [1])


@rule("RestorePadding")
def restore_padding(node: Node) -> None:
    """[sequences, length] of the offsets, and the width of the tokens."""
    tokens, offsets = node.dims(0), node.dims(1)
    node.make(0, node.dtype(0), [*offsets, tokens[1]] if tokens and offsets else None)


@rule("RelativePositionBias")
def relative_position_bias(node: Node) -> None:
    """[1, heads, queries, keys], the last two from the values of inputs 1 and 2."""
    table = node.dims(0)
    node.make(0, node.dtype(0), [1, table[1], node.value(1), node.value(2)] if table else None)


@rule("DynamicTimeWarping")
def dynamic_time_warping(node: Node) -> None:
    """A path of pairs; its length is data."""
    node.make(0, INT32, [2, None])


@rule("Tokenizer")
def tokenizer(node: Node) -> None:
    """One axis more; how many tokens the longest text has is data."""
    dims = node.dims(0)
    node.make(0, STRING, None if dims is None else [*dims, None])
