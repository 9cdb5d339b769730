"""The opset raised where that changes nothing but the types that operators take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.walk import nested_nodes

if TYPE_CHECKING:
    from onnx.defs import OpSchema

FIRST_WITH_BFLOAT16 = 22
"""From this opset on convolutions and pools take bfloat16."""
_GAINS_ATTRIBUTES = frozenset(
    {"AveragePool", "MaxPool", "Cast", "Reshape", "Shape", "ScatterElements", "ScatterND", "LSTM", "GRU", "RNN"}
)
"""Operators that were given attributes whose absence means what it meant before; RoiAlign's and Split's does not."""
_FIRST_IR = 10
"""The IR version that came with opset 22's release; older readers refuse the pair."""


def raise_opset(draft: Draft) -> bool:
    """Raises the opset to `FIRST_WITH_BFLOAT16`, if every operator of the model only gained types; tells whether."""
    opset = draft.opset
    if opset >= FIRST_WITH_BFLOAT16 or draft.model.functions:
        return False
    operators = {node.op_type for node in nested_nodes(draft.nodes) if not node.domain}
    if not all(_only_gains_types(operator, opset) for operator in operators):
        return False
    for item in draft.model.opset_import:
        if not item.domain:
            item.version = FIRST_WITH_BFLOAT16
    draft.model.ir_version = max(draft.model.ir_version, _FIRST_IR)
    draft.changes.append(f"opset {opset} raised to {FIRST_WITH_BFLOAT16}, in which convolutions take bfloat16")
    return True


def _only_gains_types(operator: str, opset: int) -> bool:
    from onnx import defs

    try:
        old = defs.get_schema(operator, opset, "")
        new = defs.get_schema(operator, FIRST_WITH_BFLOAT16, "")
    except (defs.SchemaError, TypeError):  # no such operator, or a version beyond 32 bits
        return False
    before, after = _attributes(old), _attributes(new)
    if operator in _GAINS_ATTRIBUTES:
        after &= before
    return not new.deprecated and before == after and _tensors(old) == _tensors(new)


def _attributes(schema: OpSchema) -> set[tuple[object, ...]]:
    return {
        (name, item.type, item.required, item.default_value.SerializeToString())
        for name, item in schema.attributes.items()
    }


def _tensors(schema: OpSchema) -> tuple[object, ...]:
    """Inputs and outputs without their types."""
    inputs = tuple((item.name, item.option) for item in schema.inputs)
    return inputs, tuple((item.name, item.option) for item in schema.outputs)
