"""Tensors under names of ONNX Runtime's own, told by what reads them.

It renames what it requantises, and gives what two reshapes between products become the name of a node. The nodes that
read such a tensor mostly are the user's still: by name, or by operator and what they make.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.names import UserNames
from alexnet_bench.core.graph import Node

if TYPE_CHECKING:
    from onnx import NodeProto

NCHWC = "com.microsoft.nchwc"
COPIES = frozenset({"MemcpyFromHost", "MemcpyToHost"})
"""Operators that ONNX Runtime puts between the host and a device."""
_CONVERSIONS = COPIES | frozenset(
    {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "ReorderInput", "ReorderOutput"}
)
"""Operators that change a tensor's type, shape, layout or place and not its values."""

_CHANNELS_LAST, _CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
"""How a Transpose orders the axes of images from channels first, and to those."""

_NCHWC_NAME = re.compile(r"(?P<tensor>.+)_nchwc(_token_\d+)?", re.DOTALL)
GEMM_NAME = re.compile(r"(?P<product>.+)/MatMulAddFusion(_token_\d+)?", re.DOTALL)
"""The name of a product that took in a sum (matmul_add_fusion.cc)."""
_CONVOLUTIONS = frozenset({"Conv", "FusedConv", "NhwcFusedConv"})
"""Operators that compute the user's Conv, and what was fused behind it."""


def may_convert(node: NodeProto, names: UserNames) -> bool:
    """Whether a node that ONNX Runtime made changes how a tensor lies in memory, and not its values."""
    return (
        node.op_type in _CONVERSIONS
        and node.domain in ("", NCHWC)
        and node.name not in names.nodes
        and bool(node.input and node.output)
        and not _is_cast_like(node, names)
    )


def _is_cast_like(node: NodeProto, names: UserNames) -> bool:
    """Whether it is the Cast without a name that ONNX Runtime expands the user's CastLike to."""
    original = names.producer.get(node.output[0])
    return node.op_type == "Cast" and original is not None and (original.domain, original.op_type) == ("", "CastLike")


def transposed(node: NodeProto, names: UserNames) -> Node | None:
    """The user's Transpose that a change to or from channels in blocks does as well (nchwc_transformer.cc)."""
    if node.domain != NCHWC or not any(item.name == "channels_last" and item.i for item in node.attribute):
        return None
    if node.op_type == "ReorderOutput":
        order, made = _CHANNELS_LAST, names.tensor(node.output[0])
        candidates = [names.producer[made]] if made in names.producer else []
    else:
        order, candidates = _CHANNELS_FIRST, [*names.readers(names.tensor(node.input[0]) or "")]
    return next(
        (item for item in candidates if item.op_type == "Transpose" and item.attributes.get("perm") == order), None
    )


def in_nchwc_name(node: NodeProto, names: UserNames) -> str | None:
    """The user's tensor that a node of the NCHWc transformer made before anything was fused with it."""
    found = _NCHWC_NAME.fullmatch(node.name)
    if node.domain != NCHWC or found is None:
        return None
    # A convolution of a float16 model makes what is cast afterwards, and is named after the cast tensor.
    made = names.tensor(found["tensor"]) or found["tensor"]
    candidates = (made, made.removesuffix("_bn").removesuffix("_mul"))
    return next((name for name in candidates if name in names.tensors), None)


def product_in_name(node: NodeProto, names: UserNames) -> tuple[Node, Node] | None:
    """The user's MatMul in the name of a Gemm, and the Add of what it makes; None where there are no such two."""
    found = GEMM_NAME.fullmatch(node.name) if node.op_type == "Gemm" else None
    product = names.nodes.get(found["product"]) if found is not None else None
    if product is None or (product.domain, product.op_type) != ("", "MatMul") or not product.writes:
        return None
    total = names.only_reader(product.writes[0])
    return (product, total) if total is not None and (total.domain, total.op_type) == ("", "Add") else None


def told_by_names(nodes: Sequence[NodeProto], names: UserNames) -> dict[str, str]:
    """The user's tensor behind each tensor that a node reads which kept its name, or that becomes a known one.

    Args:
        nodes: of the optimised model, in the order of execution.
        names: of the user's graph.
    """
    found: dict[str, str] = {}
    for node in nodes:
        _take_over(found, read_before(node, namesake(node, names)), names)
    for node in reversed(nodes):
        _take_over(found, _converted(node, found, names), names)
    return found


def told_by_what_is_made(nodes: Sequence[NodeProto], names: UserNames, known: Mapping[str, str]) -> dict[str, str]:
    """What is known already, and likewise where a node that lost its name makes what the user's nodes make.

    Args:
        nodes: of the optimised model, in the order of execution.
        names: of the user's graph.
        known: the user's tensor behind each tensor where all other means tell it; these go first, for what is fused in
            front of a node is not seen from behind.
    """
    outputs = [name for node in nodes for name in node.output]
    kept = {tensor for name in outputs if (tensor := names.tensor(name) or known.get(name)) is not None}
    found = dict(known)
    for node in reversed(nodes):
        if may_convert(node, names):
            _take_over(found, _converted(node, found, names), names)
        elif (made := in_nchwc_name(node, names) or _made(node, found, names)) is not None:
            pairs = read_before(node, names.producer.get(made))
            pairs += _convolved(node, _convolution(node, made, kept, names))
            _take_over(found, [(_unpadded(before, kept, names), now) for before, now in pairs], names)
    return found


def _made(node: NodeProto, found: Mapping[str, str], names: UserNames) -> str | None:
    return next((names.tensor(name) or found.get(name) for name in node.output), None)


def _converted(node: NodeProto, found: Mapping[str, str], names: UserNames) -> list[tuple[str, str]]:
    """What a conversion makes, and reads as the same; what the user's Transpose reads where it does that as well."""
    made = _made(node, found, names) if may_convert(node, names) else None
    turned = transposed(node, names)
    return [] if made is None else [(made if turned is None else turned.reads[0], node.input[0])]


def _unpadded(tensor: str, kept: Container[str], names: UserNames) -> str:
    """A tensor, or what it was before a padding that no node makes (pad_fusion.cc)."""
    producer = names.producer.get(tensor)
    is_fused = producer is not None and producer.op_type == "Pad" and tensor not in kept
    return producer.reads[0] if producer is not None and is_fused else tensor


def _take_over(found: dict[str, str], more: Iterable[tuple[str, str]], names: UserNames) -> None:
    """Of pairs of what was read before and is read now, those of a user's tensor and a name of ONNX Runtime's own."""
    for before, now in more:
        if now and names.tensor(now) is None and before in names.tensors and before not in names.constants:
            found.setdefault(now, before)


def namesake(node: NodeProto, names: UserNames) -> Node | None:
    """The user's node of a node's name, where that is not known to be another one's.

    What ONNX Runtime adds to change a layout it names after the operator, as a user may have named a node that it moved
    there or removed (graph.cc, GenerateNodeName): it then makes what the user's does not.
    """
    original = names.nodes.get(node.name)
    if original is None or not original.writes or not names.changes_nothing(original):
        return original
    made = names.tensor(node.output[0]) if node.output else None
    return original if made is None or names.is_view(made, original.writes[0]) else None


def read_before(node: NodeProto, original: Node | None) -> list[tuple[str, str]]:
    """What the user's node and the optimised one read in the same place.

    Nothing unless both have the same operator and number of inputs, and none changed places.
    """
    if original is None or original.op_type != node.op_type or len(original.inputs) != len(node.input):
        return []
    pairs = list(zip(original.inputs, node.input, strict=True))
    return [] if changed_places(pairs) else pairs


def changed_places(pairs: Iterable[tuple[str, str | None]]) -> bool:
    """Whether inputs, given as what was read before and is read now, changed places (not_where_fusion.cc)."""
    changed = {before: now for before, now in pairs if before != now}
    return any(now in changed for now in changed.values())


def _convolved(node: NodeProto, original: Node | None) -> list[tuple[str, str]]:
    """What a convolution reads beside its weights; what was fused with it may have given it further inputs."""
    return [] if original is None else [(original.inputs[0], node.input[0])]


def _convolution(node: NodeProto, made: str, kept: Container[str], names: UserNames) -> Node | None:
    """The user's convolution in an optimised one, behind what was fused with it; None where it is not certain.

    Args:
        node: the optimised one.
        made: the user's tensor that it makes.
        kept: the user's tensors that nodes of the optimised model are known to make.
        names: of the user's graph.
    """
    producer = names.producer.get(made) if node.op_type in _CONVOLUTIONS else None
    while producer is not None and producer.op_type != "Conv":
        variables = [name for name in producer.reads if name not in names.constants]
        one = len(variables) == 1 and variables[0] not in kept
        producer = names.producer.get(variables[0]) if one else None
    return producer
