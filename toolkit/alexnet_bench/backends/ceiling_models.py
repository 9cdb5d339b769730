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
"""The tensor that a product or a sum makes; of it, only one number is returned."""


@dataclass(frozen=True, slots=True)
class ProductTypes:
    """How a matrix product of one type is written; types as ONNX names them.

    Attributes:
        read: of x, and of W where that is fed too.
        weight: of W where it is a constant.
        made: of the product.
        op: operator.
        cast: of both factors inside the model, "" for none: numpy has no such type, and ConstantOfShape makes it from
            opset 20 only. The cast of what is fed is timed too.
        quantised: x is quantised to that type, "" for none; that is timed too.
        is_dequantised: the factors are bytes that are multiplied behind DequantizeLinear.
    """

    read: str
    weight: str
    made: str
    op: str = "MatMul"
    cast: str = ""
    quantised: str = ""
    is_dequantised: bool = False

    @property
    def feed(self) -> str:
        """The type that is fed, by numpy's name."""
        return {"FLOAT": "float32", "DOUBLE": "float64"}.get(self.read, self.read.lower())


PRODUCT_TYPES: Mapping[str, ProductTypes] = {
    "float32": ProductTypes("FLOAT", "FLOAT", "FLOAT"),
    "float64": ProductTypes("DOUBLE", "DOUBLE", "DOUBLE"),
    "float16": ProductTypes("FLOAT16", "FLOAT16", "FLOAT16"),
    "bfloat16": ProductTypes("FLOAT", "FLOAT", "BFLOAT16", cast="BFLOAT16"),
    "int8": ProductTypes("UINT8", "INT8", "INT32", op="MatMulInteger"),
    "int8 behind Q/DQ": ProductTypes("FLOAT", "INT8", "FLOAT", quantised="UINT8", is_dequantised=True),
    "int8 by int8": ProductTypes("INT8", "INT8", "INT32", op="MatMulInteger"),
}
"""By type of the arithmetic: what a backend may name in `Backend.products`."""
FED_TYPES: Mapping[str, ProductTypes] = {
    "float32": PRODUCT_TYPES["float32"],
    "float64": PRODUCT_TYPES["float64"],
    "float16": PRODUCT_TYPES["float16"],
    "bfloat16": ProductTypes("FLOAT16", "", "BFLOAT16", cast="BFLOAT16"),
    "int8": ProductTypes("INT8", "", "FLOAT", is_dequantised=True),
}
"""The same where both factors are fed."""
OTHER_FORMS: Mapping[str, tuple[str, ...]] = {"int8": ("int8 behind Q/DQ", "int8 by int8")}
"""Further ways to write the product of a type: some runtimes compute one of them in that type, others another one. ONNX
Runtime's CUDA provider multiplies no unsigned bytes."""
_SCALE = 0.1


def write_matrix_product(path: Path, rows: int, inner: int, columns: int, form: str = "float32") -> None:
    """Y = one element of (x · W), x [rows, inner] and W [inner, columns] of ones, W constant.

    With one row, every weight is read once: a stream of reads. Only one element is returned, because the Python binding
    of a runtime copies outputs, which would be timed too.
    """
    from onnx import TensorProto, helper

    types = PRODUCT_TYPES[form]
    value = helper.make_tensor("value", TensorProto.DataType.Value(types.weight), [1], [1])
    # The weights are made by a node, so that the file stays small.
    weights = helper.make_node("ConstantOfShape", ["w_shape"], ["w"], value=value, name="weights")
    nodes, constants = _product(types)
    constants.append(helper.make_tensor("w_shape", TensorProto.INT64, [2], [inner, columns]))
    _write(path, [weights, *nodes], {"x": [rows, inner]}, rank=2, types=(types.read, types.made), constants=constants)


def write_fed_product(path: Path, rows: int, inner: int, columns: int, dtype: str = "float32") -> None:
    """Y = the largest element of (x · Wᵀ), x [rows, inner] and W [columns, inner], both fed.

    For runtimes that compile the whole model. They may leave out what no result depends on, and make constants of one
    value while they run, which would be timed too. W is turned because they then multiply it without copying it.
    """
    from onnx import helper

    types = FED_TYPES[dtype]
    nodes, constants = _product(types)
    nodes[-1].input[1] = "turned"
    nodes.insert(-1, helper.make_node("Transpose", [_factor(types, "w")], ["turned"], name="turn"))
    inputs = {"x": [rows, inner], "w": [columns, inner]}
    _write(path, nodes, inputs, rank=2, types=(types.read, types.made), constants=constants, is_whole=True)


def write_triad(path: Path, elements: int, *, is_whole: bool = False) -> None:
    """Y = one element of (a + b), both [elements] float32: two reads and a write for each, as STREAM's "add".

    Args:
        path: of the file.
        elements: of each vector.
        is_whole: the largest element in place of the first, for runtimes that compile the whole model: they compute all
            of them then, but need not write them.
    """
    from onnx import helper

    nodes = [helper.make_node("Add", ["a", "b"], [PRODUCT], name="add")]
    _write(path, nodes, {"a": [elements], "b": [elements]}, rank=1, is_whole=is_whole)


def _factor(types: ProductTypes, name: str) -> str:
    """The tensor that is multiplied, of a factor of that name."""
    return f"{name} dq" if types.is_dequantised else f"cast_{name}" if types.cast else name


def _product(types: ProductTypes) -> tuple[list[NodeProto], list[TensorProto]]:
    """The nodes from x and w to the product, the last one, and their constants."""
    from onnx import TensorProto, helper

    nodes, constants = [], []
    if types.cast:
        to = TensorProto.DataType.Value(types.cast)
        nodes += [helper.make_node("Cast", [name], [f"cast_{name}"], to=to, name=f"cast_{name}") for name in ("x", "w")]
    if types.quantised:
        nodes.append(helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="quantise"))
        kind = TensorProto.DataType.Value(types.quantised)
        constants.append(helper.make_tensor("zero", kind, [], [0]))
    if types.is_dequantised:
        x = ["q", "scale", "zero"] if types.quantised else ["x", "scale"]
        nodes += [
            helper.make_node("DequantizeLinear", read, [f"{name} dq"], name=f"dequantise_{name}")
            for name, read in {"x": x, "w": ["w", "scale"]}.items()
        ]
        constants.append(helper.make_tensor("scale", TensorProto.FLOAT, [], [_SCALE]))
    factors = [_factor(types, name) for name in ("x", "w")]
    return [*nodes, helper.make_node(types.op, factors, [PRODUCT], name="product")], constants


def _write(
    path: Path,
    nodes: list[NodeProto],
    inputs: dict[str, list[int]],
    *,
    rank: int,
    types: tuple[str, str] = ("FLOAT", "FLOAT"),
    constants: Iterable[TensorProto] = (),
    is_whole: bool = False,
) -> None:
    """Writes the model; its output `y` is one element of the tensor `full` of that rank.

    Args:
        path: of the file.
        nodes: that make `full`.
        inputs: their sizes by name.
        rank: of `full`.
        types: of the inputs and of `full`; `y` is float32 where numpy lacks the latter.
        constants: that the nodes read.
        is_whole: `y` is the largest element, which takes all of them, and not the first.
    """
    from onnx import TensorProto, helper

    read, made = (TensorProto.DataType.Value(name) for name in types)
    is_cast = made == TensorProto.BFLOAT16
    element = "element" if is_cast else "y"
    corner = {} if is_whole else {"starts": [0] * rank, "ends": [1] * rank}
    taken = helper.make_node("ReduceMax" if is_whole else "Slice", [PRODUCT, *corner], [element], name="one")
    cast = [helper.make_node("Cast", [element], ["y"], to=TensorProto.FLOAT, name="cast_y")] if is_cast else []
    graph = helper.make_graph(
        [*nodes, taken, *cast],
        "ceiling",
        [helper.make_tensor_value_info(name, read, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT if is_cast else made, [1] * rank)],
        [*constants, *(helper.make_tensor(name, TensorProto.INT64, [rank], values) for name, values in corner.items())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    path.write_bytes(model.SerializeToString())
