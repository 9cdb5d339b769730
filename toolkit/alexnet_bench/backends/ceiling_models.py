"""Small ONNX models that drive a runtime's own kernels to the limits of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

IR_VERSION, OPSET = 8, 17
"""Old enough for every supported runtime."""


def write_matrix_product(path: Path, rows: int, inner: int, columns: int) -> None:
    """Y = one element of (x · W), x [rows, inner] and W [inner, columns] float32, W constant.

    With one row, every weight is read once: a stream of reads. Only one element is returned, because the Python binding
    of a runtime copies outputs, which would be timed too.
    """
    from onnx import TensorProto, helper

    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.5])
    shape = helper.make_tensor("w_shape", TensorProto.INT64, [2], [inner, columns])
    # The weights are made by a node, so that the file stays small.
    weights = helper.make_node("ConstantOfShape", ["w_shape"], ["w"], value=value)
    product = helper.make_node("MatMul", ["x", "w"], ["full"])
    _write(path, [weights, product], {"x": [rows, inner]}, [shape], rank=2)


def write_integer_product(path: Path, size: int) -> None:
    """Y = one element of (x · W), x uint8 and W int8, both [size, size], W constant; the sums are int32."""
    from onnx import TensorProto, helper

    value = helper.make_tensor("value", TensorProto.INT8, [1], [3])
    shape = helper.make_tensor("w_shape", TensorProto.INT64, [2], [size, size])
    weights = helper.make_node("ConstantOfShape", ["w_shape"], ["w"], value=value)
    product = helper.make_node("MatMulInteger", ["x", "w"], ["full"])
    types = (TensorProto.UINT8, TensorProto.INT32)
    _write(path, [weights, product], {"x": [size, size]}, [shape], rank=2, types=types)


def write_triad(path: Path, elements: int) -> None:
    """Y = one element of (a + b), both [elements] float32: two reads and a write for each, as STREAM's "add"."""
    from onnx import helper

    _write(path, [helper.make_node("Add", ["a", "b"], ["full"])], {"a": [elements], "b": [elements]}, [], rank=1)


def _write(
    path: Path,
    nodes: list[NodeProto],
    inputs: dict[str, list[int]],
    constants: list[TensorProto],
    *,
    rank: int,
    types: tuple[int, int] | None = None,
) -> None:
    """Writes the model; its output `y` is the first element of the tensor `full` of that rank.

    Inputs and output are float32 unless `types` has the numbers of two others.
    """
    from onnx import TensorProto, helper

    read, made = types or (TensorProto.FLOAT, TensorProto.FLOAT)
    starts = helper.make_tensor("starts", TensorProto.INT64, [rank], [0] * rank)
    ends = helper.make_tensor("ends", TensorProto.INT64, [rank], [1] * rank)
    graph = helper.make_graph(
        [*nodes, helper.make_node("Slice", ["full", "starts", "ends"], ["y"])],
        "ceiling",
        [helper.make_tensor_value_info(name, read, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", made, [1] * rank)],
        [*constants, starts, ends],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    path.write_bytes(model.SerializeToString())
