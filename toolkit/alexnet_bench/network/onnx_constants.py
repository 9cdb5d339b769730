"""Values in an ONNX graph that no input reaches: initialisers, and what nodes make of constants alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

Array = NDArray[np.generic]


class UnreadableTensorError(Exception):
    """A tensor that should be constant and cannot be computed; the message names it."""


class Constants:
    """Constants of a graph by name, computed when asked for."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._stored = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in graph.node if node.op_type in _EVALUATORS for name in node.output}

    def has(self, name: str) -> bool:
        """Whether the value depends on no input of the graph."""
        if name in self._stored:
            return True
        node = self._makers.get(name)
        return node is not None and all(self.has(source) for source in node.input if source)

    def get(self, name: str) -> Array:
        """The value; read-only, and in the model's own type (bfloat16 as float32).

        Raises:
            UnreadableTensorError: it depends on an input, or on an operator that is not computed here.
        """
        if name in self._stored:
            return _read(self._stored[name])
        if not self.has(name):
            raise UnreadableTensorError(f"the weight {name!r} is not a constant of the graph")
        node = self._makers[name]
        return _EVALUATORS[node.op_type](node, [self.get(source) for source in node.input if source])


def _read(tensor: onnx.TensorProto) -> Array:
    try:
        array: Array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise UnreadableTensorError(f"the tensor {tensor.name!r} cannot be read: {error}") from error
    # bfloat16 comes as a type of ml_dtypes, whose kind is not numpy's "f".
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _constant(node: onnx.NodeProto, _: list[Array]) -> Array:
    for attribute in node.attribute:
        if attribute.name == "value":
            return _read(attribute.t)
        if attribute.name in ("value_float", "value_floats", "value_int", "value_ints"):
            kind = np.float32 if "float" in attribute.name else np.int64
            return np.array(helper.get_attribute_value(attribute), kind)
    raise UnreadableTensorError(f"the constant {node.output[0]!r} has a form that holds no numbers")


def _constant_of_shape(node: onnx.NodeProto, inputs: list[Array]) -> Array:
    """A view of one value: a shape that no network has costs no memory before it is refused."""
    value = next((_read(attribute.t) for attribute in node.attribute), np.zeros(1, np.float32))
    return np.broadcast_to(value.reshape(()), tuple(int(size) for size in inputs[0].tolist()))


def _cast(node: onnx.NodeProto, inputs: list[Array]) -> Array:
    wanted = helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
    return inputs[0].astype(np.float32 if wanted.name == "bfloat16" else wanted)


def _transpose(node: onnx.NodeProto, inputs: list[Array]) -> Array:
    axes = next((list(attribute.ints) for attribute in node.attribute), None)
    return inputs[0].transpose(axes)


def _identity(_: onnx.NodeProto, inputs: list[Array]) -> Array:
    return inputs[0]


def _reshape(_: onnx.NodeProto, inputs: list[Array]) -> Array:
    # In ONNX a 0 keeps the dimension of the input.
    sizes = [int(size) for size in inputs[1].tolist()]
    return inputs[0].reshape([size or inputs[0].shape[axis] for axis, size in enumerate(sizes)])


_EVALUATORS: dict[str, Callable[[onnx.NodeProto, list[Array]], Array]] = {
    "Cast": _cast,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Identity": _identity,
    "Reshape": _reshape,
    "Transpose": _transpose,
}
