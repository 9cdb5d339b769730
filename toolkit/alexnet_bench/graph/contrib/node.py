"""A node during shape inference, and the registry of rules for such nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnx import NodeProto
    from onnx.shape_inference import InferenceContext

DOMAIN = "com.microsoft"
ML = "ai.onnx.ml"
NCHWC = "com.microsoft.nchwc"
RULED = {"": "ai.onnx by rule", ML: "ai.onnx.ml by rule"}
"""Where operators of ONNX go while the rule is asked in place of its own inference (`schemas.infer_shapes`)."""

Dims = list[int | None]

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, FLOAT16, UINT32 = 1, 2, 3, 6, 7, 8, 9, 10, 12
"""ONNX's numbers of element types (onnx.proto, TensorProto.DataType)."""


class Node:
    """A node during shape inference: shapes as numbers, None for a size that is not known."""

    def __init__(self, op_type: str, context: InferenceContext) -> None:
        self.op_type = op_type
        self._context = context

    @property
    def inputs(self) -> int:
        """How many it reads, those included that are left out."""
        return int(self._context.get_num_inputs())

    @property
    def outputs(self) -> int:
        """How many it has, those included that nobody reads."""
        return int(self._context.get_num_outputs())

    def has(self, index: int) -> bool:
        """Whether the optional input is given and has a type."""
        return index < self._context.get_num_inputs() and self._context.get_input_type(index) is not None

    def dims(self, index: int) -> Dims | None:
        """Sizes of an input, None when its rank is unknown."""
        if not self.has(index):
            return None
        tensor = self._context.get_input_type(index).tensor_type
        if not tensor.HasField("shape"):
            return None
        return [dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else None for dim in tensor.shape.dim]

    def array(self, index: int) -> NDArray[np.generic] | None:
        """The values of an input that is a constant, flattened, else None."""
        from onnx import numpy_helper

        proto = self._context.get_input_data(index) if self.has(index) else None
        return None if proto is None else numpy_helper.to_array(proto).reshape(-1)

    def values(self, index: int) -> list[int] | None:
        """The values of an input that is a constant of integers, else None."""
        found = self.array(index)
        return None if found is None or found.dtype.kind not in "iu" else [int(value) for value in found.tolist()]

    def value(self, index: int) -> int | None:
        """The value of an input that is one integer and a constant, else None."""
        found = self.values(index)
        return found[0] if found is not None and len(found) == 1 else None

    def dtype(self, index: int) -> int:
        """ONNX's number of an input's element type."""
        return int(self._context.get_input_type(index).tensor_type.elem_type) if self.has(index) else FLOAT

    def dtype_of_values(self, index: int) -> int:
        """ONNX's number of the type of a map's values, 0 where the input is no map or its type is not known."""
        found = self._context.get_input_type(index) if self.has(index) else None
        return 0 if found is None else int(found.map_type.value_type.tensor_type.elem_type)

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        found = self.given_integer(name)
        return default if found is None else found

    def given_integer(self, name: str) -> int | None:
        """An integer attribute, None when it is left out."""
        attribute = self._context.get_attribute(name)
        return None if attribute is None else int(attribute.i)

    def integers(self, name: str) -> list[int]:
        """An attribute that is a list of integers, empty when it is left out."""
        attribute = self._context.get_attribute(name)
        return [] if attribute is None else list(attribute.ints)

    def floats(self, name: str) -> list[float]:
        """An attribute that is a number or a list of numbers, empty when it is left out."""
        attribute = self._context.get_attribute(name)
        is_one = attribute is not None and attribute.type == attribute.FLOAT
        return [] if attribute is None else [attribute.f] if is_one else list(attribute.floats)

    def length(self, name: str) -> int:
        """How many elements an attribute that is a list, or a tensor of one axis, has; 0 when it is left out."""
        found = self._context.get_attribute(name)
        return 0 if found is None else len(found.ints) + len(found.floats) + len(found.strings) + int(sum(found.t.dims))

    def type_of(self, name: str) -> int | None:
        """ONNX's number of the element type of an attribute that is a tensor, None when it is left out."""
        attribute = self._context.get_attribute(name)
        return None if attribute is None else int(attribute.t.data_type)

    def text(self, name: str, default: str) -> str:
        """A text attribute."""
        attribute = self._context.get_attribute(name)
        return default if attribute is None else str(attribute.s.decode())

    def make_like(self, index: int, source: int, dtype: int | None = None) -> None:
        """Says that an output is as an input is, names of its sizes included, or its like in another type."""
        if not self.has(source) or index >= self._context.get_num_outputs():
            return
        made = self._context.get_input_type(source)
        if dtype is not None:
            made.tensor_type.elem_type = dtype
        self._context.set_output_type(index, made)

    def make(self, index: int, dtype: int, dims: Dims | None) -> None:
        """Says what an output is, when the node has that output and its rank is known."""
        from onnx import TypeProto

        if dims is None or index >= self._context.get_num_outputs():
            return
        made = TypeProto()
        made.tensor_type.elem_type = dtype
        made.tensor_type.shape.SetInParent()
        for size in dims:
            dim = made.tensor_type.shape.dim.add()
            if size is not None and size >= 0:
                dim.dim_value = size
        self._context.set_output_type(index, made)


Rule = Callable[[Node], None]

RULES: dict[tuple[str, str], Rule] = {}
"""By domain and operator."""
CONDITIONS: dict[tuple[str, str], Callable[[NodeProto], bool]] = {}
"""Of the rules that hold for some nodes alone, likewise."""
UNTIL: dict[tuple[str, str], int] = {}
"""The last version of their domain that rules hold for, of those that do not for all, likewise."""
LEFT_OPEN: dict[tuple[str, str], Callable[[NodeProto], bool]] = {}
"""Of the rules that also hold for nodes that ONNX's own inference has left open, likewise."""


def rule(
    *op_types: str,
    domain: str = DOMAIN,
    where: Callable[[NodeProto], bool] | None = None,
    until: int | None = None,
    left_open: Callable[[NodeProto], bool] | None = None,
) -> Callable[[Rule], Rule]:
    """Registers a rule for operators; a second one for the same operator is refused.

    Args:
        op_types: the operators.
        domain: theirs, or a place of `RULED`.
        where: of a place of `RULED`, for which of their nodes the rule is asked; None is all.
        until: likewise, the last version of their domain whose nodes these are; None is for all.
        left_open: likewise, for which others it is asked where ONNX's own inference, which says more of most of them,
            has left them open though all that they read is known; None is for no others.
    """

    def register(function: Rule) -> Rule:
        for op_type in op_types:
            if (domain, op_type) in RULES:
                raise ValueError(f"{op_type} has a rule already")
            RULES[domain, op_type] = function
            if where is not None:
                CONDITIONS[domain, op_type] = where
            if until is not None:
                UNTIL[domain, op_type] = until
            if left_open is not None:
                LEFT_OPEN[domain, op_type] = left_open
        return function

    return register
