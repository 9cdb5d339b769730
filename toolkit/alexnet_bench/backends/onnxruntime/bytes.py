"""What the kernels of ONNX Runtime move: by the rule of the operator that runs, on the tensors that it has there.

The trace tells the type and the sizes of every tensor that a kernel reads and makes, with the padding of channels and
whatever was quantised, but not of weights that were packed while loading: those have their sizes in the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.readers import NCHWC
from alexnet_bench.backends.onnxruntime.trace import Args
from alexnet_bench.core.graph import Graph, Node, Tensor
from alexnet_bench.graph.convert import integer_values, node_from_proto, tensor_from_initialiser
from alexnet_bench.graph.counting import count

if TYPE_CHECKING:
    from onnx import ModelProto


def moved_bytes(executed: ModelProto, shown: Mapping[str, Args]) -> dict[str, int]:
    """Bytes that each kernel reads and writes, by the name of its node.

    Args:
        executed: the nodes that ran.
        shown: what the trace says of each; kernels of which it says too little, and those with graphs inside, have no
            entry in the result.
    """
    weights = {item.name: tensor_from_initialiser(item) for item in executed.graph.initializer}
    integers = integer_values(executed.graph)
    opset = next((item.version for item in executed.opset_import if item.domain in ("", "ai.onnx")), 0)
    found = {}
    for proto in executed.graph.node:
        if proto.name not in shown:
            continue
        node = node_from_proto(proto, proto.name)
        tensors = _tensors(node, shown[proto.name], weights)
        if node.has_subgraph or tensors is None:
            continue
        moved = _by_rule(node, tensors, weights, integers, opset)
        if moved is not None:
            found[node.name] = moved
    return found


def _by_rule(
    node: Node,
    tensors: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    integers: Mapping[str, tuple[int, ...]],
    opset: int,
) -> int | None:
    sizes = [tensor.size_bytes or 0 for tensor in tensors.values()]
    if node.domain == NCHWC:  # its rules count the channels of the model
        return sum(sizes)
    alone = Graph(
        name="",
        nodes=(node,),
        inputs=tuple(name for name in node.reads if name not in weights),
        outputs=node.writes,
        tensors=tensors,
        constants=frozenset(weights).intersection(node.reads),
        integers={name: integers[name] for name in node.reads if name in integers},
        live=frozenset({node.name}),
        opset=opset,
        ir_version=0,
        sha256="",
    )
    return count(alone).rows[0].bytes


def _tensors(node: Node, shown: Args, weights: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The tensors of a kernel as the trace shows them, packed weights as in the model; None where they do not fit."""
    reads, makes = list(shown.inputs), shown.outputs
    found: dict[str, Tensor] = {}
    for name in filter(None, node.inputs):
        weight = weights.get(name)
        if weight is not None and (not reads or reads[0] != (weight.dtype, weight.shape)):
            found[name] = weight
        elif reads:
            found[name] = Tensor(name, *reads.pop(0))
        else:
            return None
    if reads or len(makes) != len(node.writes):
        return None
    return found | {name: Tensor(name, *made) for name, made in zip(node.writes, makes, strict=True)}
