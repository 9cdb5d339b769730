"""Nodes that compute the same because even their weights are equal: a runtime computes one of them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.liveness import RANDOM_OPS

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto


def twins_of(lost: Collection[str], graph: Graph, file: Path) -> dict[str, str]:
    """For each of some nodes, another node that is certain to compute the same, where there is one.

    Equal are nodes of one operator with the same attributes on equal inputs; constants are compared by their data.

    Args:
        lost: names of nodes.
        graph: of the engine.
        file: its ONNX file, every node named; read as a whole.
    """
    import onnx

    proto: ModelProto = onnx.load(file)
    values = _values(proto)
    first: dict[object, str] = {}
    found: dict[str, str] = {}
    for node in sorted(proto.graph.node, key=lambda node: node.name in lost):
        if node.name not in graph.live or node.op_type in RANDOM_OPS:
            continue
        key = (_what(node), tuple(values.get(name, name) for name in node.input))
        if node.name not in lost:
            first.setdefault(key, node.name)
        elif key in first:
            found[node.name] = first[key]
    return found


def _values(proto: ModelProto) -> dict[str, str]:
    """For each tensor whose value is known to equal another's, one name for all of them.

    Nodes come in an order in which each reads what was made before.
    """
    values = {item.name: _hash(item.dims, item.data_type, _data(item)) for item in proto.graph.initializer}
    first: dict[object, NodeProto] = {}
    for node in proto.graph.node:
        if node.op_type in RANDOM_OPS:
            continue
        original = first.setdefault((_what(node), tuple(values.get(name, name) for name in node.input)), node)
        if original is not node:
            values |= {
                name: values.get(other, other) for name, other in zip(node.output, original.output, strict=False)
            }
    return values


def _what(node: NodeProto) -> tuple[object, ...]:
    attributes = sorted(item.SerializeToString(deterministic=True) for item in node.attribute)
    return (node.domain, node.op_type, tuple(attributes), len(node.output))


def _data(item: TensorProto) -> bytes:
    from onnx import numpy_helper

    data: bytes = numpy_helper.to_array(item).tobytes()
    return data


def _hash(dims: Iterable[int], dtype: int, data: bytes) -> str:
    return f"{list(dims)}:{dtype}:{hashlib.sha256(data).hexdigest()}"
