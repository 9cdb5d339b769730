"""Small ONNX models that drive a runtime's own kernels to the limits of the machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

IR_VERSION, OPSET = 8, 17
"""Old enough for every supported runtime."""
PRODUCT = "full"
"""The tensor that a product or a triad makes; only one element of it is returned."""


@dataclass(frozen=True, slots=True)
class ProductTypes:
    """How a matrix product of one type is written.

    Attributes:
        feed: numpy's name of the type that is fed.
        read: the same as ONNX names it.
        weight: of W, likewise.
        made: of the product, likewise.
        op: operator.
        cast: of both factors inside the model, "" for none: numpy has no such type to feed, and ConstantOfShape makes
            it from opset 20 only. The cast of x is timed too.
        is_quantised: x is quantised to uint8, and x and W are multiplied behind DequantizeLinear; that is timed too.
    """

    feed: str
    read: str
    weight: str
    made: str
    op: str = "MatMul"
    cast: str = ""
    is_quantised: bool = False


PRODUCT_TYPES: Mapping[str, ProductTypes] = {
    "float32": ProductTypes("float32", "FLOAT", "FLOAT", "FLOAT"),
    "float64": ProductTypes("float64", "DOUBLE", "DOUBLE", "DOUBLE"),
    "float16": ProductTypes("float16", "FLOAT16", "FLOAT16", "FLOAT16"),
    "bfloat16": ProductTypes("float32", "FLOAT", "FLOAT", "BFLOAT16", cast="BFLOAT16"),
    "int8": ProductTypes("uint8", "UINT8", "INT8", "INT32", op="MatMulInteger"),
    "int8 behind Q/DQ": ProductTypes("float32", "FLOAT", "INT8", "FLOAT", is_quantised=True),
}
"""By type of the arithmetic: what a backend may name in `Backend.products`."""
OTHER_FORMS: Mapping[str, tuple[str, ...]] = {"int8": ("int8 behind Q/DQ",)}
"""Further ways to write the product of a type: some runtimes compute one of them in that type, others another."""


def write_matrix_product(path: Path, rows: int, inner: int, columns: int, dtype: str = "float32") -> None:
    """Y = one element of (x · W), x [rows, inner] and W [inner, columns], W constant; of int8, x is uint8.

    With one row, every weight is read once: a stream of reads. Only one element is returned, because the Python binding
    of a runtime copies outputs, which would be timed too.
    """
    from onnx import TensorProto, helper

    types = PRODUCT_TYPES[dtype]
    value = helper.make_tensor("value", TensorProto.DataType.Value(types.weight), [1], [1])
    # The weights are made by a node, so that the file stays small.
    nodes = [helper.make_node("ConstantOfShape", ["w_shape"], ["w"], value=value, name="weights")]
    factors = ["x", "w"]
    if types.cast:
        to = TensorProto.DataType.Value(types.cast)
        nodes += [helper.make_node("Cast", [name], [f"cast_{name}"], to=to, name=f"cast_{name}") for name in factors]
        factors = [f"cast_{name}" for name in factors]
    constants = {"w_shape": helper.make_tensor("w_shape", TensorProto.INT64, [2], [inner, columns])}
    if types.is_quantised:
        nodes.append(helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="quantise"))
        dequantised = {"q": ["q", "scale", "zero"], "w": ["w", "scale"]}
        nodes += [helper.make_node("DequantizeLinear", read, [f"{name} dq"]) for name, read in dequantised.items()]
        factors = ["q dq", "w dq"]
        constants |= {
            "scale": helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1]),
            "zero": helper.make_tensor("zero", TensorProto.UINT8, [], [0]),
        }
    nodes.append(helper.make_node(types.op, factors, [PRODUCT], name="product"))
    _write(
        path,
        nodes,
        {"x": [rows, inner]},
        rank=2,
        types=(types.read, types.made),
        constants=constants.values(),
    )


def write_triad(path: Path, elements: int) -> None:
    """Y = one element of (a + b), both [elements] float32: two reads and a write for each, as STREAM's "add"."""
    from onnx import helper

    _write(
        path, [helper.make_node("Add", ["a", "b"], [PRODUCT], name="add")], {"a": [elements], "b": [elements]}, rank=1
    )


def _write(
    path: Path,
    nodes: list[NodeProto],
    inputs: dict[str, list[int]],
    *,
    rank: int,
    types: tuple[str, str] = ("FLOAT", "FLOAT"),
    constants: Iterable[TensorProto] = (),
) -> None:
    """Writes the model; its output `y` is the first element of the tensor `full` of that rank.

    `types` are those of the inputs and of the output, as ONNX names them.
    """
    from onnx import TensorProto, helper

    read, made = (TensorProto.DataType.Value(name) for name in types)
    corner = {"starts": [0] * rank, "ends": [1] * rank}
    graph = helper.make_graph(
        [*nodes, helper.make_node("Slice", [PRODUCT, "starts", "ends"], ["y"], name="one")],
        "ceiling",
        [helper.make_tensor_value_info(name, read, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", made, [1] * rank)],
        [*constants, *(helper.make_tensor(name, TensorProto.INT64, [rank], values) for name, values in corner.items())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    path.write_bytes(model.SerializeToString())
