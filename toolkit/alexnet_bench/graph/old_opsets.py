"""Old models as the newer ones that mean the same, so that their shapes can be inferred.

Many operators of opset 1 to 5 have no shape inference in ONNX. What changed up to version 6 is how some of them are
written (Changelog.md of ONNX). Before IR version 4, values of constants that are not listed among the inputs are not
looked at. Only a copy that shapes are inferred on is changed, never what is counted or run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto, OperatorSetIdProto

_VERSION = 6
_FIRST_IR_WITH_OPSETS = 3
"""Before, a file names no opset, and version 1 is meant (docs/IR.md of ONNX)."""
_FIRST_IR_WITH_CONSTANTS = 4
"""Before, every initialiser is listed among the inputs too."""


def modernise(model: ModelProto) -> None:
    """Rewrites a model of opset 1 to 6 as one of opset 6, and one of IR version 1 to 3 as 4, where that is possible.

    Args:
        model: changed in place.

    Raises:
        ModelError: the file does not say which opset it means.
    """
    imported = _own_import(model)
    model.ir_version = max(model.ir_version, _FIRST_IR_WITH_CONSTANTS)
    if imported is None or not 0 < imported.version <= _VERSION:
        return
    version, imported.version = imported.version, _VERSION
    for index, node in enumerate(model.graph.node):
        last, rewrite = _REWRITES.get(node.op_type, (0, None))
        is_old = rewrite is not None and not node.domain and version <= last
        integers = rewrite(node, {item.name: item for item in node.attribute}) if rewrite and is_old else None
        if integers is not None:
            _add_input(model, node, f"alexnet-bench:{index}:{node.output[0]}", integers)


def _own_import(model: ModelProto) -> OperatorSetIdProto | None:
    """The opset of ONNX's own operators; None where the model has none of them."""
    imported = next((item for item in model.opset_import if item.domain == ""), None)
    if imported is None and not all(node.domain for node in model.graph.node):
        if model.ir_version >= _FIRST_IR_WITH_OPSETS:
            raise ModelError("the file does not say which opset its nodes are of", "export the model again")
        imported = model.opset_import.add(version=1)
    return imported


def _add_input(model: ModelProto, node: NodeProto, name: str, integers: list[int]) -> None:
    from onnx import TensorProto, helper

    model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [len(integers)], integers))
    node.input.append(name)


Attributes = dict[str, "AttributeProto"]


def _reshape(node: NodeProto, given: Attributes) -> list[int] | None:
    """Version 1 has the shape as an attribute."""
    return list(given["shape"].ints) if "shape" in given and len(node.input) == 1 and node.output else None


def _concat(node: NodeProto, given: Attributes) -> None:
    """Version 1 may leave out the axis, which is 1 then."""
    if "axis" not in given:
        node.attribute.add(name="axis", type=2, i=1)


def _pad(_: NodeProto, given: Attributes) -> None:
    """Version 1 calls the pads by another name."""
    if "paddings" in given:
        given["paddings"].name = "pads"


def _cast(_: NodeProto, given: Attributes) -> None:
    """Version 1 names the type."""
    from onnx import TensorProto

    to = given.get("to")
    code = dict(TensorProto.DataType.items()).get(to.s.decode(errors="replace")) if to is not None else None
    if to is not None and code is not None:
        to.i, to.type = code, to.INT


def _recurrent(node: NodeProto, given: Attributes) -> None:
    """Up to version 6 an attribute says whether the sequence is an output; without it no shape at all is inferred."""
    if "output_sequence" in given:
        given["output_sequence"].i = 1
    else:
        node.attribute.add(name="output_sequence", type=2, i=1)


_REWRITES: dict[str, tuple[int, Callable[[NodeProto, Attributes], list[int] | None]]] = {
    "Reshape": (4, _reshape),
    "Concat": (3, _concat),
    "Pad": (1, _pad),
    "Cast": (5, _cast),
    "RNN": (6, _recurrent),
    "GRU": (6, _recurrent),
    "LSTM": (6, _recurrent),
}
"""By operator the last opset that has its old form, and what turns that into the new one."""
