"""Everything inside a model: graphs nested in attributes, functions, their nodes and their tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

MAX_INLINE_BYTES = 1_900_000_000
"""Protobuf refuses messages of 2 GiB; a model with more data has its weights in a file beside it."""


def subgraphs(node: NodeProto) -> list[GraphProto]:
    """The graphs that stand in a node's attributes: bodies and branches."""
    found = []
    for attribute in node.attribute:
        if attribute.HasField("g"):
            found.append(attribute.g)
        found += attribute.graphs
    return found


def nested_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes, and those of the graphs inside them; protobuf limits how deep that can go."""
    for node in nodes:
        yield node
        for graph in subgraphs(node):
            yield from nested_nodes(graph.node)


def all_graphs_and_nodes(model: ModelProto) -> tuple[list[GraphProto], list[NodeProto]]:
    """The main graph, those for training, every graph nested in one of them or in a function, and all their nodes."""
    graphs = [model.graph]
    for training in model.training_info:
        graphs += [training.initialization, training.algorithm]
    nodes = [node for function in model.functions for node in function.node]
    for graph in graphs:
        nodes += graph.node
    for node in nodes:  # both lists grow while they are walked
        for graph in subgraphs(node):
            graphs.append(graph)
            nodes += graph.node
    return graphs, nodes


def data_bytes(model: ModelProto) -> int:
    """Bytes of tensor data; protobuf cannot say how large a message is that it cannot write."""
    return sum(
        len(item.raw_data) + 4 * len(item.float_data) + 8 * (len(item.int64_data) + len(item.double_data))
        for item in all_tensors(model)
    )


def all_tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor that the file holds, or names another file for."""
    graphs, nodes = all_graphs_and_nodes(model)
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("sparse_tensor"):
                yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
            for sparse in attribute.sparse_tensors:
                yield from (sparse.values, sparse.indices)


def all_names(model: ModelProto) -> list[str]:
    """Every name that nodes and tensors go by."""
    graphs, nodes = all_graphs_and_nodes(model)
    return [*_tensor_names(graphs), *_node_names(nodes)]


def names_are_text(model: ModelProto) -> bool:
    """Whether every one of them is UTF-8; protobuf hands over any other as bytes."""
    graphs, nodes = all_graphs_and_nodes(model)
    # Most nodes are ASCII as a whole, and asking for each of their names takes ten times as long.
    doubtful = (node for node in nodes if not node.SerializeToString().isascii())
    return set(map(type, [*_tensor_names(graphs), *_node_names(doubtful)])) <= {str}


def _tensor_names(graphs: Iterable[GraphProto]) -> list[str]:
    names = []
    for graph in graphs:
        for named in (graph.input, graph.output, graph.value_info, graph.initializer):
            names += [item.name for item in named]
        names += [sparse.values.name for sparse in graph.sparse_initializer]
    return names


def _node_names(nodes: Iterable[NodeProto]) -> list[str]:
    names: list[str] = []
    for node in nodes:
        names += (node.name, node.op_type, node.domain)
        names += node.input
        names += node.output
    return names
