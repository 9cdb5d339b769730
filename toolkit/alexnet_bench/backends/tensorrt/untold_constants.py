"""Constants that layers read and do not tell, by the nodes that they stand for.

TensorRT 11 and TensorRT-RTX list the constants of a layer, and TensorRT 10.5 has them among its inputs. TensorRT 10.16
leaves them out where its compiler made the layer (`gemm`, `kgen`): its matrices are most of what such a layer reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alexnet_bench.backends.tensorrt.graph_types import GraphTypes
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer
from alexnet_bench.core.engine_layers import NamedLayer
from alexnet_bench.core.graph import Tensor, is_float


def with_untold_constants(
    layers: Sequence[PlanLayer], named: Sequence[NamedLayer], types: GraphTypes
) -> list[NamedLayer]:
    """The layers, with the bytes of the constants of their nodes where no layer of the node tells any.

    Each of several layers that read the constants of one node reads its share of them: those that multiply, of a
    product, else all that the node has.

    Args:
        layers: as TensorRT describes them.
        named: the same with their nodes.
        types: of the graph that the engine was built from.
    """
    told = {node for layer, item in zip(layers, named, strict=True) if layer.tells_constants for node in item.nodes}
    shares = _shares(named, types)
    return [
        item
        if layer.tells_constants
        else _with_bytes(item, {name: shares[name] for name in item.nodes if name not in told}, types)
        for layer, item in zip(layers, named, strict=True)
    ]


def _shares(named: Sequence[NamedLayer], types: GraphTypes) -> dict[str, tuple[float, float]]:
    """Of each node, the share of its constants that a layer of it reads which multiplies, and one that does not."""
    owners: dict[str, list[bool]] = {}
    for item in named:
        for node in item.nodes:
            owners.setdefault(node, []).append(item.multiplies)
    return {
        node: (1 / sum(found), 0.0) if any(found) and node in types.products else (1 / len(found), 1 / len(found))
        for node, found in owners.items()
    }


def _with_bytes(item: NamedLayer, shares: Mapping[str, tuple[float, float]], types: GraphTypes) -> NamedLayer:
    if item.layer.moved_bytes is None:
        return item
    read: dict[Tensor, float] = {}
    for node, (multiplying, other) in shares.items():
        for tensor in types.constants.get(node, ()):
            read[tensor] = max(read.get(tensor, 0.0), multiplying if item.multiplies else other)
    untold = sum(share * _size(tensor, item.layer.compute_dtype) for tensor, share in read.items())
    return replace(item, layer=replace(item.layer, moved_bytes=item.layer.moved_bytes + round(untold)))


def _size(tensor: Tensor, computed: str) -> int:
    """Bytes of a constant at the narrower of the types of the file and of the layer; 0 where they are not known."""
    held = tensor.size_bytes or 0
    if not (is_float(tensor.dtype) and is_float(computed)):
        return held
    return min(held, Tensor(tensor.name, computed, tensor.shape).size_bytes or held)
