"""Shapes for one case: the inputs' sizes bound, then ONNX's own shape inference on the model without its weights."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.graph import Tensor
from alexnet_bench.core.text import printable
from alexnet_bench.graph.binding import bind_inputs
from alexnet_bench.graph.convert import tensor_from_info, tensors_of
from alexnet_bench.graph.walk import nested_nodes, subgraphs

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

_HIDDEN = "hidden from shape inference"
"""The domain of nodes that shape inference stumbles over; it leaves the outputs of unknown domains alone."""

_LONG_NAME = "ai.onnx"

_MAX_EXPANDED_NODES = 200_000
_MAX_CALL_DEPTH = 50
"""Shape inference expands each call of a function. Few levels of functions that call each other can mean billions."""


def infer(model: ModelProto, *, batch: int | None, given: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Every tensor of the main graph of which a type or a shape is known, with the sizes of one case.

    What ONNX infers goes before what the file declares: a declared shape may still hold the batch that the model was
    exported with. Declared shapes fill the gaps that custom operators leave.

    Args:
        model: without the data of large tensors; not changed.
        batch: size of a lone symbolic first dimension; None takes 1, and also leaves fixed batches alone.
        given: sizes by input name.

    Raises:
        ShapeError: a size is needed and not known, or one given does not fit the model.
        ModelError: shape inference cannot be done at all.
    """
    import onnx

    bound = onnx.ModelProto()
    bound.CopyFrom(model)
    sizes = bind_inputs(bound.graph, batch=batch, given=given)
    made = {name for node in bound.graph.node for name in node.output}
    _forget_declared(bound.graph, made)
    _import_every_domain(bound)
    if _calls_explode(bound):
        del bound.functions[:]
    tensors = tensors_of(_infer(bound).graph)
    gaps = [
        _substituted(info, sizes)
        for info in (*model.graph.value_info, *model.graph.output)
        if info.name in made and _unknown(info.name, tensors)
    ]
    if gaps:
        bound.graph.value_info.extend(gaps)
        tensors = tensors_of(_infer(bound).graph)
        tensors |= {info.name: tensor_from_info(info) for info in gaps if _unknown(info.name, tensors)}
    return tensors


def _forget_declared(graph: GraphProto, made: Container[str]) -> None:
    """Leaves nothing of the declared shapes but those of the inputs; outputs that a node makes keep their type."""
    inputs = {info.name: info.type for info in graph.input}
    del graph.value_info[:]
    for info in graph.output:
        if info.name in inputs:
            info.type.CopyFrom(inputs[info.name])
        elif info.name in made and info.type.HasField("tensor_type"):
            info.type.tensor_type.ClearField("shape")


def _substituted(info: ValueInfoProto, sizes: Mapping[str, int]) -> ValueInfoProto:
    from onnx import ValueInfoProto

    copy = ValueInfoProto()
    copy.CopyFrom(info)
    for dim in copy.type.tensor_type.shape.dim if copy.type.HasField("tensor_type") else ():
        if dim.dim_param in sizes:
            dim.dim_value = sizes[dim.dim_param]
    return copy


def _unknown(name: str, tensors: Mapping[str, Tensor]) -> bool:
    tensor = tensors.get(name)
    return tensor is None or tensor.sizes is None


def _import_every_domain(model: ModelProto) -> None:
    """Shape inference refuses a whole model for one node of a domain that the file does not import.

    It also takes "ai.onnx" and "", two names of one domain, for two domains.
    """
    for version in model.opset_import:
        if version.domain == _LONG_NAME:
            version.domain = ""
    used = set()
    for node in nested_nodes(model.graph.node):
        if node.domain == _LONG_NAME:
            node.domain = ""
        used.add(node.domain)
    for domain in used - {item.domain for item in model.opset_import} - {""}:
        model.opset_import.add(domain=domain, version=1)


def _infer(model: ModelProto) -> ModelProto:
    """Shape inference; when it fails as a whole, once more without the parts that can make it fail."""
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError, infer_shapes

    failures = (InferenceError, ValidationError, ValueError, RuntimeError, LookupError, MemoryError)
    try:
        return infer_shapes(model, check_type=False, strict_mode=False, data_prop=True)
    except failures:
        _hide_stumbling_blocks(model)
    try:
        return infer_shapes(model, check_type=False, strict_mode=False, data_prop=True)
    except failures as error:
        raise ModelError(
            f"shape inference fails: {printable(str(error), 400)}", "check the model with onnx.checker"
        ) from None


def _hide_stumbling_blocks(model: ModelProto) -> None:
    """Functions, nodes with graphs inside, and nodes without the inputs or outputs that their operator must have."""
    versions = {item.domain: item.version for item in model.opset_import}
    del model.functions[:]
    model.opset_import.add(domain=_HIDDEN, version=1)
    for node in model.graph.node:
        if subgraphs(node) or _breaks_schema(node, versions):
            node.domain = _HIDDEN


def _breaks_schema(node: NodeProto, versions: Mapping[str, int]) -> bool:
    from onnx import defs

    try:
        schema = defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
    except (defs.SchemaError, TypeError):  # no such operator, or a version beyond 32 bits
        return False
    return not (
        schema.min_input <= len(node.input) <= schema.max_input
        and schema.min_output <= len(node.output) <= schema.max_output
    )


def _calls_explode(model: ModelProto) -> bool:
    """Whether the functions of a model mean more nodes than anyone can wait for, or call each other too deeply."""
    bodies = {(function.domain, function.name): list(nested_nodes(function.node)) for function in model.functions}
    expanded: dict[tuple[str, str], int] = {}

    def size(key: tuple[str, str], depth: int) -> int:
        if key not in bodies:
            return 1
        if depth > _MAX_CALL_DEPTH:
            return _MAX_EXPANDED_NODES + 1
        if key not in expanded:
            expanded[key] = _MAX_EXPANDED_NODES + 1  # what a function that calls itself finds
            expanded[key] = sum(size((node.domain, node.op_type), depth + 1) for node in bodies[key])
        return expanded[key]

    if not bodies:
        return False
    return sum(size((node.domain, node.op_type), 0) for node in nested_nodes(model.graph.node)) > _MAX_EXPANDED_NODES
