"""Normalisations, and embeddings that are normalised."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import FLOAT, INT32, RULED, Node, rule


@rule("SimplifiedLayerNormalization")
@rule("LayerNormalization", "SimplifiedLayerNormalization", domain="")
def layer_normalization(node: Node) -> None:
    """As the input; outputs 1 and 2 are statistics of each group, with the axes from `axis` on reduced to 1.

    ONNX Runtime has both at every opset of ONNX, which has the first since 17 and not the second.
    """
    node.make_like(0, 0)
    dims = node.dims(0)
    if dims:
        axis = node.integer("axis", -1) % len(dims)
        for index in (1, 2):
            node.make(index, node.integer("stash_type", FLOAT), [*dims[:axis], *[1] * (len(dims) - axis)])


@rule("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
def skip_layer_normalization(node: Node) -> None:
    """As the input; outputs 1 and 2 are statistics per row, output 3 is the sum that was normalised."""
    dims = node.dims(0)
    for index in (0, 3):
        node.make(index, node.dtype(0), dims)
    for index in (1, 2):
        node.make(index, FLOAT, [*dims[:-1], 1] if dims else None)


@rule("EmbedLayerNormalization")
def embed_layer_normalization(node: Node) -> None:
    """[batch, length, hidden] from the ids and the table of words; output 2 is the sum of the embeddings."""
    ids, table = node.dims(0), node.dims(2)
    if ids is None or table is None:
        return
    for index in (0, 2):
        node.make(index, node.dtype(2), [*ids, table[-1]])
    node.make(1, INT32, ids[:1])  # mask_index


@rule("QEmbedLayerNormalization")
def qembed_layer_normalization(node: Node) -> None:
    """As EmbedLayerNormalization, in the type of the scales (input 8)."""
    ids, table = node.dims(0), node.dims(2)
    if ids is None or table is None:
        return
    node.make(0, node.dtype(8), [*ids, table[-1]])
    node.make(1, INT32, ids[:1])


@rule("SkipGroupNorm")
def skip_group_norm(node: Node) -> None:
    """As the input; output 1 is the sum that was normalised."""
    for index in (0, 1):
        node.make(index, node.dtype(0), node.dims(0))


@rule("EngramGate")
def engram_gate(node: Node) -> None:
    """As the keys, twice."""
    for index in (0, 1):
        node.make(index, node.dtype(0), node.dims(0))


@rule("HyperConnectionPreMix")
def hyper_connection_pre_mix(node: Node) -> None:
    """The streams without the axis of branches, which `num_branches` says is folded into the last axis."""
    dims, branches = node.dims(0), node.integer("num_branches", 0)
    if not dims:
        return
    last = dims[-1]
    folded = None if last is None or branches < 1 or last % branches else last // branches
    node.make(0, node.dtype(0), [*dims[:-1], folded] if branches else [*dims[:-2], last])


@rule("BatchNormalization", domain="")
def batch_normalization(node: Node) -> None:
    """As the input; and mean and variance, twice before version 14, of which ONNX infers nothing."""
    node.make(0, node.dtype(0), node.dims(0))
    for index, statistic in ((1, 3), (2, 4), (3, 3), (4, 4)):
        node.make(index, node.dtype(statistic), node.dims(statistic))


@rule("GroupNormalization", "MeanVarianceNormalization", domain="")
@rule("GroupNormalization", "MeanVarianceNormalization", domain=RULED[""])
def function_of_onnx(node: Node) -> None:
    """As the input: of ONNX's functions, the two that it infers nothing of, nor finds it out from their bodies."""
    node.make_like(0, 0)
