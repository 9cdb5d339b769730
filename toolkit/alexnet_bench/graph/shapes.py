"""Shapes for one case: the inputs' sizes bound, then ONNX's own shape inference on the model without its weights."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.graph import Tensor
from alexnet_bench.core.text import printable
from alexnet_bench.graph import blocked, contrib, folding, old_opsets, oversize
from alexnet_bench.graph.binding import bind_inputs
from alexnet_bench.graph.bodies import Values
from alexnet_bench.graph.contradictions import Known
from alexnet_bench.graph.convert import tensor_from_info, tensors_of
from alexnet_bench.graph.einsums import broadcasting, hide
from alexnet_bench.graph.formulas.inputs import inputs_of
from alexnet_bench.graph.functions import calls_explode
from alexnet_bench.graph.inner_walks import may_end_early
from alexnet_bench.graph.walk import nested_nodes, subgraphs

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

_HIDDEN = "hidden from shape inference"
"""The domain of nodes that shape inference stumbles over; it leaves the outputs of unknown domains alone."""

_LONG_NAME = "ai.onnx"
_MOST_EINSUMS = 20
"""Rounds of inference: each mends all Einsum nodes whose operands are right."""
_WITH_BODIES = frozenset({("", "If"), ("", "Loop"), ("", "Scan"), ("", "SequenceMap")})


@dataclass(frozen=True)
class Inferred:
    """What shape inference found.

    Attributes:
        tensors: of the main graph, by name.
        followed: what follows from its inputs and weights, and is not only declared.
        values: of small tensors of integers, where these were followed.
        nodes: of the main graph in topological order, the graphs inside them with their own shapes.
        assumed: tensors of the main graph that have these sizes, or values, only if loops make their most turns.
    """

    tensors: dict[str, Tensor]
    followed: Known
    values: Values
    nodes: tuple[NodeProto, ...]
    assumed: frozenset[str]


def infer(
    model: ModelProto, *, batch: int | None, given: Mapping[str, Sequence[int]], order: Sequence[int] | None = None
) -> Inferred:
    """Every tensor of the main graph of which a type or a shape is known, with the sizes of one case.

    What follows from the inputs goes before what the file declares: a declared shape may still hold the batch that the
    model was exported with. Declared shapes fill the gaps that custom operators leave.

    Args:
        model: without the data of large tensors; not changed.
        batch: size of a lone symbolic first dimension; None takes 1, and also leaves fixed batches alone.
        given: sizes by input name.
        order: positions of the nodes in topological order, which ONNX asks for and some converters do not keep; None
            when the file's is one.

    Raises:
        ShapeError: a size is needed and not known, or one given does not fit the model.
        ModelError: shape inference cannot be done at all.
    """
    import onnx

    bound = onnx.ModelProto()
    bound.CopyFrom(model)
    if order is not None and list(order) != sorted(order):
        del bound.graph.node[:]
        bound.graph.node.extend(model.graph.node[position] for position in order)
    sizes = bind_inputs(bound.graph, batch=batch, given=given)
    made = {name for node in bound.graph.node for name in node.output if name}
    _forget_declared(bound.graph, made)
    operators = _operators(bound.graph.node)
    _import_domains(bound, {domain for domain, _ in operators})
    old_opsets.modernise(bound)
    _make_dense(bound.graph)
    if any(domain == contrib.NCHWC for domain, _ in operators):
        blocked.note_filled(bound.graph)
    if calls_explode(bound):
        del bound.functions[:]
    operators = operators.union(*(_operators(function.node) for function in bound.functions))
    inferred = _infer(bound, operators)
    tensors, values = _completed(inferred, tensors_of(inferred.graph), made, sizes)
    followed = Known(tensors, values.integers, values.ends)
    gaps = [
        _substituted(info, sizes)
        for info in (*model.graph.value_info, *model.graph.output)
        if info.name in made and _unknown(info.name, tensors)
    ]
    if gaps:
        bound.graph.value_info.extend(gaps)
        inferred = _infer(bound, operators)
        known = {name: tensor for name, tensor in tensors.items() if not _unknown(name, tensors)}
        tensors = tensors_of(inferred.graph) | known
        tensors |= {info.name: tensor_from_info(info) for info in gaps if _unknown(info.name, tensors)}
        tensors, more = _completed(inferred, tensors, made, sizes)
        values = values.joined(more)
    sized, assumed = {name for name in made if not _unknown(name, tensors)}, set[str]()
    if sized < made and may_end_early(inferred.graph):
        tensors, more = folding.complete(inferred, tensors, sizes, assume=True)
        assumed = {name for name in made - sized if not _unknown(name, tensors)}
        assumed |= more.integers.keys() - values.integers.keys()
        values = values.joined(more)
    return Inferred(tensors, followed, values, tuple(inferred.graph.node), frozenset(assumed))


def _completed(
    model: ModelProto, tensors: dict[str, Tensor], made: Iterable[str], sizes: Mapping[str, int]
) -> tuple[dict[str, Tensor], Values]:
    """The tensors and values after a walk over the nodes, where it could fill a gap, or a formula asks for values."""
    has_gaps = any(_unknown(name, tensors) for name in made)
    if has_gaps or any(inputs_of(node.domain, node.op_type).values or subgraphs(node) for node in model.graph.node):
        return folding.complete(model, tensors, sizes)
    return tensors, Values()


def _forget_declared(graph: GraphProto, made: Container[str]) -> None:
    """Leaves nothing of the declared shapes but those of the inputs; outputs that a node makes keep their type."""
    inputs = {info.name: info.type for info in graph.input}
    del graph.value_info[:]
    for info in graph.output:
        if info.name in inputs:
            info.type.CopyFrom(inputs[info.name])
        elif info.name in made and info.type.HasField("tensor_type"):
            info.type.tensor_type.ClearField("shape")


def _make_dense(graph: GraphProto) -> None:
    """Sparse initialisers as dense ones without data: ONNX takes a Transpose of a sparse one for a scalar."""
    for item in graph.sparse_initializer:
        graph.initializer.add(name=item.values.name, data_type=item.values.data_type, dims=item.dims)
    del graph.sparse_initializer[:]


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


def _operators(nodes: Iterable[NodeProto]) -> set[tuple[str, str]]:
    """Domain and type of all nodes, nested ones too; shape inference takes "ai.onnx" and "", one domain, for two."""
    found = set()
    for node in nested_nodes(nodes):
        if node.domain == _LONG_NAME:
            node.domain = ""
        found.add((node.domain, node.op_type))
    return found


def _import_domains(model: ModelProto, used: Set[str]) -> None:
    """Shape inference refuses a whole model for one node of a domain that the file does not import."""
    for version in model.opset_import:
        if version.domain == _LONG_NAME:
            version.domain = ""
    for domain in used - {item.domain for item in model.opset_import} - {""}:
        model.opset_import.add(domain=domain, version=1)


def _infer(model: ModelProto, operators: Set[tuple[str, str]]) -> ModelProto:
    """Shape inference, again where it was wrong on an Einsum: what reads that was wrong, too."""
    # The values of small tensors are followed afterwards; in bodies, where ONNX alone does that, it has to.
    follow_values = not _WITH_BODIES.isdisjoint(operators) and not oversize.has_huge_numbers(model)
    inferred = _infer_or_hide(model, follow_values)
    for _ in range(_MOST_EINSUMS if ("", "Einsum") in operators else 0):
        wrong = broadcasting(inferred.graph)
        if not wrong:
            break
        hide(model, wrong, _HIDDEN)
        inferred = _infer_or_hide(model, follow_values)
    return inferred


def _infer_or_hide(model: ModelProto, follow_values: bool) -> ModelProto:
    """Shape inference; when it fails as a whole, once more without the parts that can make it fail."""
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError

    failures = (InferenceError, ValidationError, ValueError, RuntimeError, LookupError, MemoryError)
    try:
        return contrib.infer_shapes(model, follow_values=follow_values)
    except failures:
        _hide_stumbling_blocks(model)
    try:
        return contrib.infer_shapes(model, follow_values=follow_values)
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
