"""Shapes that ONNX's inference leaves open: worked out node by node, with the values of small tensors carried along.

Exporters compute shapes inside the graph (Shape, Slice, Mod, Concat, Reshape). ONNX propagates such values through a
few operators only; where it stops, this goes on with ONNX's own inference for one node at a time, and its reference
implementation for the small arithmetic in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from alexnet_bench.core.graph import Tensor
from alexnet_bench.graph import contrib
from alexnet_bench.graph.convert import tensor_from_info

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto

    Array = NDArray[np.generic]

MAX_ELEMENTS = 1024
"""Larger tensors are data, not shapes; their values are not followed."""

_EVALUATED = frozenset({
    "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "CumSum", "Div", "Equal",
    "Expand", "Flatten", "Floor", "Gather", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual",
    "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "Or", "Pow", "Range", "ReduceMax", "ReduceMin", "ReduceProd",
    "ReduceSum", "Reshape", "Round", "ScatterND", "Shape", "Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub",
    "Tile", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Deterministic operators of shape arithmetic."""

_GROWING = frozenset({"ConstantOfShape", "Expand", "Max", "Min", "Range", "Tile", "Where"})
"""A few numbers can ask these for terabytes; the shapes that a file declares for them are no proof of the contrary."""


def complete(model: ModelProto, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with shapes filled in wherever they follow from known shapes and small constants.

    Args:
        model: its input sizes bound, without the data of large tensors, nodes in topological order.
        tensors: what is known already; it stays as it is.
    """
    walk = _Walk(model, dict(tensors))
    for node in model.graph.node:
        walk.visit(node)
    return walk.tensors


_CONTRADICTIONS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What ONNX raises, beside its own errors, on one node of a contradictory model: that node's shapes stay open."""


class _Walk:
    """One walk over the nodes."""

    def __init__(self, model: ModelProto, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors
        self._opsets = {item.domain: item.version for item in model.opset_import}
        self._values: dict[str, Array] = {}
        for initialiser in model.graph.initializer:
            self._keep_value(initialiser.name, _small_array(initialiser))

    def visit(self, node: NodeProto) -> None:
        """Works out the shapes, then the values, of what a node makes."""
        if any(self._sizes(name) is None for name in node.output if name):
            self._infer(node)
        if self._can_evaluate(node):
            self._evaluate(node)

    def _infer(self, node: NodeProto) -> None:
        for name, found in self._inferred(node).items():
            before = self.tensors.get(name)
            if self._sizes(name) is None and (found.sizes is not None or before is None or before.shape is None):
                self.tensors[name] = found

    def _inferred(self, node: NodeProto) -> dict[str, Tensor]:
        """What ONNX says of the outputs of one node, given the shapes and values known by now; empty when it fails."""
        from onnx import ValueInfoProto, defs
        from onnx.checker import ValidationError
        from onnx.shape_inference import InferenceError, infer_node_outputs

        known = {name: self._type(name) for name in node.input if name and self._sizes(name) is not None}
        if len(known) < len({name for name in node.input if name}):
            return {}
        data = {name: _to_proto(name, self._values[name]) for name in known if name in self._values}
        try:
            schema = contrib.find_schema(node) or defs.get_schema(
                node.op_type, self._opsets.get(node.domain, 1), node.domain
            )
            made = infer_node_outputs(schema, node, known, data, opset_imports=_imports(self._opsets))
        except (*_CONTRADICTIONS, defs.SchemaError, InferenceError, ValidationError):
            return {}
        return {name: tensor_from_info(ValueInfoProto(name=name, type=type_)) for name, type_ in made.items()}

    def _can_evaluate(self, node: NodeProto) -> bool:
        if node.domain or node.op_type not in _EVALUATED or any(name in self._values for name in node.output):
            return False
        if node.op_type in ("Shape", "Size"):
            return bool(node.input) and self._sizes(node.input[0]) is not None
        if not all(name in self._values for name in node.input if name):
            return False
        if node.op_type == "NonZero":  # how many it finds shows when it has been evaluated
            return True
        made = self._inferred(node) if node.op_type in _GROWING else self.tensors
        return all((made.get(name) or Tensor(name)).elements in range(MAX_ELEMENTS + 1) for name in node.output)

    def _evaluate(self, node: NodeProto) -> None:
        from onnx.reference import ReferenceEvaluator

        feeds = {name: self._values[name] for name in node.input if name in self._values}
        if node.op_type in ("Shape", "Size"):
            # Only the sizes are looked at: an array that takes no memory, however large it claims to be.
            feeds = {node.input[0]: np.broadcast_to(np.int8(0), self._sizes(node.input[0]) or ())}
        try:
            with np.errstate(divide="raise", invalid="raise", over="raise"):
                made = ReferenceEvaluator(node, opsets=self._opsets).run(None, feeds)
        except Exception:  # noqa: BLE001 - the reference raises whatever numpy raises on contradictory models
            return
        for name, value in zip(node.output, made, strict=False):
            self._keep_value(name, np.asarray(value))
            if name in self._values and self._sizes(name) is None:
                self.tensors[name] = Tensor(name, self._values[name].dtype.name, self._values[name].shape)

    def _keep_value(self, name: str, value: Array | None) -> None:
        if name and value is not None and value.size <= MAX_ELEMENTS and value.dtype.kind in "iufb":
            self._values[name] = value

    def _sizes(self, name: str) -> tuple[int, ...] | None:
        tensor = self.tensors.get(name)
        return tensor.sizes if tensor is not None and tensor.dtype else None

    def _type(self, name: str) -> TypeProto:
        from onnx import helper

        tensor = self.tensors[name]
        return helper.make_tensor_type_proto(_code(tensor.dtype), tensor.sizes)


def _code(dtype: str) -> int:
    from onnx import TensorProto

    return int(TensorProto.DataType.Value({"float32": "FLOAT", "float64": "DOUBLE"}.get(dtype, dtype.upper())))


def _imports(opsets: Mapping[str, int]) -> list[OperatorSetIdProto]:
    from onnx import helper

    return [helper.make_opsetid(domain, version) for domain, version in opsets.items()]


def _to_proto(name: str, value: Array) -> TensorProto:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array(value, order="C"), name)


def _small_array(proto: TensorProto) -> Array | None:
    """The value of a small tensor whose data is here."""
    from onnx import numpy_helper

    elements = 1
    for dim in proto.dims:
        elements *= dim
    if not 0 <= elements <= MAX_ELEMENTS or proto.data_location == proto.EXTERNAL or proto.data_type == proto.STRING:
        return None
    try:
        return np.asarray(numpy_helper.to_array(proto))
    except (LookupError, TypeError, ValueError):  # no such type, or its data does not fit its dimensions
        return None
