"""Sizes that no runtime takes together are refused, and nothing else is: ONNX Runtime is asked for its opinion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from numpy.typing import DTypeLike
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.graph.counting import count
from tests.unit.graph.conftest import Read
from tests.unit.graph.formula_case import MICROSOFT

Shape = Sequence[int]
CASES: list[tuple[str, list[Shape], dict[str, Any], str]] = [
    ("Add", [(2, 3), (4, 5)], {}, "2x3 and 4x5 cannot be broadcast"),
    ("Add", [(2, 1, 3), (4, 1)], {}, ""),
    ("Add", [(0, 3), (1, 3)], {}, ""),
    ("Add", [(0, 3), (2, 3)], {}, "0x3 and 2x3 cannot be broadcast"),
    ("Mul", [(), (4, 5)], {}, ""),
    ("Max", [(2, 3), (1, 3), (3, 3)], {}, "2x3 and 1x3 and 3x3 cannot be broadcast"),
    ("MatMul", [(2, 3), (4, 5)], {}, "rows of 3 meet columns of 4"),
    ("MatMul", [(7, 2, 3), (3, 5)], {}, ""),
    ("MatMul", [(3,), (3,)], {}, ""),
    ("MatMul", [(7, 2, 3), (6, 3, 5)], {}, "7 and 6 cannot be broadcast"),
    ("MatMul", [(), (3, 5)], {}, "a scalar has no product of matrices"),
    ("Gemm", [(2, 3), (4, 5)], {}, "A has 3 columns, B has 4 rows"),
    ("Gemm", [(3, 2), (5, 3)], {"transA": 1, "transB": 1}, ""),
    ("Gemm", [(0, 3), (3, 5), (0, 1)], {}, ""),
    ("Gemm", [(0, 3), (3, 5), (2, 5)], {}, "C of 2x5 cannot be broadcast to 0x5"),
    ("Gemm", [(3, 2), (5, 3), (2, 5)], {"transA": 1, "transB": 1}, ""),
    ("Gemm", [(3, 2), (5, 3), (3, 5)], {"transA": 1, "transB": 1}, "C of 3x5 cannot be broadcast to 2x5"),
    ("Conv", [(1, 4, 8, 8), (5, 3, 3, 3)], {}, "4 channels go in, its weights are for 3"),
    ("Conv", [(1, 4, 8, 8), (6, 2, 3, 3)], {"group": 2}, ""),
    ("Conv", [(1, 1, 1), (1, 1, 2)], {"strides": [2]}, "a window of 2 does not fit on 1, padding included"),
    ("Conv", [(1, 1, 4, 2), (1, 1, 3, 2)], {"dilations": [1, 2]}, "a window of 3 does not fit on 2, padding included"),
    ("Conv", [(1, 1, 1), (1, 1, 3)], {"pads": [0, 1]}, "a window of 3 does not fit on 2, padding included"),
    ("Conv", [(1, 1, 1), (1, 1, 3)], {"pads": [1, 1]}, ""),
    ("Conv", [(1, 1, 1), (1, 1, 3)], {"auto_pad": "SAME_LOWER", "strides": [2]}, ""),
    ("Conv", [(1, 1, 1), (1, 1, 3)], {"auto_pad": "VALID"}, "a window of 3 does not fit on 1, padding included"),
    ("Conv", [(0, 1, 4), (1, 1, 3)], {}, ""),
    (
        "Conv",
        [(1, 3, 8, 8), (4, 3, 3, 3)],
        {"kernel_shape": [5, 5]},
        "a kernel of 5x5 is announced, its weights are of",
    ),
    ("Conv", [(0, 3, 8, 8), (4, 3, 3, 3)], {"kernel_shape": [3]}, "a kernel of 3 is announced, its weights are of 3x3"),
    ("Conv", [(1, 3, 8, 8), (4, 3, 3, 3)], {"kernel_shape": [3, 3]}, ""),
    ("Conv", [(1, 4, 8, 8), (3, 2, 3, 3)], {"group": 2}, "3 channels are not in 2 groups"),
    ("Conv", [(1, 4, 8, 8), (0, 2, 3, 3)], {"group": 2}, ""),
    ("Conv", [(1, 0, 8, 8), (3, 0, 3, 3)], {}, ""),
    ("Conv", [(1, 3, 8, 8), (4, 3, 3, 3)], {"strides": [1, 0]}, "strides of 1x0 lead nowhere"),
    ("Conv", [(0, 3, 8, 8), (4, 3, 3, 3)], {"strides": [-1, -1]}, "strides of -1x-1 lead nowhere"),
    ("Conv", [(1, 3, 8, 8), (4, 3, 1, 1)], {"dilations": [0, 1]}, "dilations of 0x1 lead nowhere"),
    ("Conv", [(1, 1, 4), (1, 1, 3)], {"auto_pad": "SAME_UPPER", "strides": [0]}, "strides of 0 lead nowhere"),
    ("MaxPool", [(1, 1, 1)], {"kernel_shape": [2], "strides": [2]}, ""),
    ("MaxPool", [(1, 1, 1)], {"kernel_shape": [2]}, ""),
    ("AveragePool", [(1, 1, 1)], {"kernel_shape": [3]}, "a window of 3 does not fit on 1, padding included"),
    ("AveragePool", [(1, 1, 2)], {"kernel_shape": [5], "strides": [2]}, ""),
    ("MaxPool", [(1, 1, 9, 2)], {"kernel_shape": [2, 7], "strides": [1, 3]}, ""),
    ("MaxPool", [(1, 1, 9, 2)], {"kernel_shape": [2, 8], "strides": [1, 3]}, "a window of 8 does not fit on 2"),
    ("AveragePool", [(1, 1, 4)], {"kernel_shape": [2], "strides": [0]}, "strides of 0 lead nowhere"),
    ("MaxPool", [(1, 1, 4)], {"kernel_shape": [1], "dilations": [-1]}, "dilations of -1 lead nowhere"),
    ("LpPool", [(1, 1, 4)], {"kernel_shape": [2], "auto_pad": "SAME_LOWER", "strides": [0]}, "lead nowhere"),
    ("ConvTranspose", [(1, 1, 1), (1, 1, 3)], {}, ""),
    ("ConvTranspose", [(1, 4, 8, 8), (4, 2, 3, 3)], {"kernel_shape": [5, 5]}, "a kernel of 5x5 is announced"),
    ("ConvTranspose", [(1, 3, 8, 8), (3, 2, 3, 3)], {"group": 2}, "3 channels are not in 2 groups"),
    ("ConvTranspose", [(1, 4, 8, 8), (4, 2, 3, 3)], {"group": 0}, "4 channels are not in 0 groups"),
    ("ConvTranspose", [(1, 4, 8, 8), (4, 0, 3, 3)], {}, ""),
    ("ConvTranspose", [(1, 4, 8, 8), (4, 2, 3, 3)], {"strides": [0, 0]}, "strides of 0x0 lead nowhere"),
    ("ConvTranspose", [(1, 4, 8, 8), (4, 2, 1, 1)], {"dilations": [0, 0]}, "dilations of 0x0 lead nowhere"),
    ("ConvTranspose", [(1, 4, 8, 8), (3, 2, 3, 3)], {}, "4 channels go in, its weights are for 3"),
    ("ConvTranspose", [(1, 4, 8, 8), (4, 2, 3, 3)], {"group": 2}, ""),
    ("BatchNormalization", [(1, 4, 3), (4,), (4,), (4,), (4,)], {}, ""),
    ("BatchNormalization", [(1, 4, 3), (4,), (4,), (5,), (4,)], {}, "4 channels go in, its weights are of 5"),
    ("InstanceNormalization", [(1, 4, 3), (1,), (4,)], {}, "4 channels go in, its weights are of 1"),
    ("Concat", [(2, 3), (2, 4)], {"axis": 1}, ""),
    ("Concat", [(2, 3), (2, 4)], {"axis": -2}, "2x3 and 2x4 differ beside axis -2"),
    ("Concat", [(0, 5), (2, 3), (2, 4)], {"axis": 0}, "2x3 and 2x4 differ beside axis 0"),
]

FITTING: list[Shape] = [(), (1,), (5,), (1, 5), (2, 1), (2, 5), (1, 1)]
UNFIT: list[Shape] = [(2,), (3,), (0,), (4, 5), (5, 2), (1, 2, 5), (1, 1, 1)]
CASES += [("Gemm", [(2, 3), (3, 5), bias], {}, "") for bias in FITTING]
CASES += [("Gemm", [(2, 3), (3, 5), bias], {}, "cannot be broadcast to 2x5") for bias in UNFIT]


def _model(op_type: str, shapes: Sequence[Shape], attributes: dict[str, Any]) -> onnx.ModelProto:
    names = [f"x{index}" for index in range(len(shapes))]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip(names, shapes, strict=True)
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node(op_type, names, ["y"], name="it", **attributes)
    graph = helper.make_graph([node], "g", inputs, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _runs(model: onnx.ModelProto, shapes: Sequence[Shape], dtype: DTypeLike = np.float32) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        session.run(None, {f"x{index}": np.ones(shape, dtype) for index, shape in enumerate(shapes)})
    except Exception:  # noqa: BLE001 - it has no common base of its errors
        return False
    return True


@pytest.mark.parametrize(("op_type", "shapes", "attributes", "why"), CASES)
def test_what_onnx_runtime_refuses(
    op_type: str, shapes: list[Shape], attributes: dict[str, Any], why: str, read: Read
) -> None:
    model = _model(op_type, shapes, attributes)
    assert _runs(model, shapes) is not bool(why)
    if not why:
        assert read(model).live == {"it"}
        return
    with pytest.raises(ShapeError, match=f"contradict each other at node it \\({op_type}\\): ") as caught:
        read(model)
    assert why in caught.value.message
    assert "--shape" in caught.value.hint


EMPTY: list[tuple[str, list[Shape], dict[str, Any], Shape | None]] = [
    ("Concat", [(0, 5), (2, 3)], {"axis": 0}, (2, 3)),
    ("Concat", [(2, 3), (0, 5)], {"axis": -2}, (2, 3)),
    ("Concat", [(5, 0), (2, 3)], {"axis": 0}, (7, 3)),
    ("Concat", [(2, 3), (5, 0), (2, 4)], {"axis": 1}, (2, 7)),
    ("Concat", [(1, 0, 0, 4), (1, 8, 5, 4)], {"axis": 1}, (1, 8, 5, 4)),
    ("Concat", [(1, 0, 0, 4), (1, 8, 5, 4)], {"axis": 2}, (1, 8, 5, 4)),
    ("Concat", [(0, 5), (3, 0)], {"axis": 0}, (3, 5)),
    ("MatMul", [(0, 0, 0), (3, 0, 2)], {}, None),
    ("MatMul", [(2, 5, 3, 0), (3, 7, 0, 4)], {}, None),
]


@pytest.mark.parametrize(("op_type", "shapes", "attributes", "made"), EMPTY)
def test_what_has_no_elements_need_not_fit(
    op_type: str, shapes: list[Shape], attributes: dict[str, Any], made: Shape | None, read: Read
) -> None:
    """ONNX Runtime runs these where it learns of the sizes in the run alone, as in most models."""
    model = _model(op_type, shapes, attributes)
    for info in model.graph.input:
        for axis, dim in enumerate(info.type.tensor_type.shape.dim):
            dim.dim_param = f"{info.name}_{axis}"
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {f"x{index}": np.ones(shape, np.float32) for index, shape in enumerate(shapes)}
    (array,) = session.run(None, feeds)
    assert made is None or array.shape == made
    graph = read(model, shapes={name: value.shape for name, value in feeds.items()})
    assert graph.tensor("y").sizes == made


@pytest.mark.parametrize(("shapes", "axis"), [([(0, 5), (2, 3)], 2), ([(0, 5), (2, 3)], -3), ([(0,), (2, 3)], 0)])
def test_what_has_no_elements_is_joined_along_an_axis_that_all_have(shapes: list[Shape], axis: int, read: Read) -> None:
    model = _model("Concat", shapes, {"axis": axis})
    assert not _runs(model, shapes)
    assert read(model).tensor("y").sizes is None


Image = tuple[Shape, Shape, dict[str, Any], str]
IMAGES: list[Image] = [
    ((1, 3, 8, 8), (4, 3, 3, 3), {}, ""),
    ((1, 4, 8, 8), (4, 3, 3, 3), {}, "4 channels go in, its weights are for 3"),
    ((1, 4, 8, 8), (6, 2, 3, 3), {"group": 2}, ""),
    ((1, 4, 8, 8), (3, 2, 3, 3), {"group": 2}, "3 channels are not in 2 groups"),
    ((1, 3, 8, 8), (4, 3, 3, 3), {"kernel_shape": [2, 2]}, "a kernel of 2x2 is announced"),
    ((1, 3, 2, 8), (4, 3, 3, 3), {}, "a window of 3 does not fit on 2"),
]


@pytest.mark.parametrize(("data", "weights", "attributes", "why"), IMAGES)
@pytest.mark.parametrize(
    ("op_type", "domain"),
    [
        ("ConvInteger", ""),
        ("QLinearConv", ""),
        ("QLinearConv", MICROSOFT),
        ("QLinearConv channels last", MICROSOFT),
        ("FusedConv", MICROSOFT),
        ("NhwcFusedConv", MICROSOFT),
        ("NhwcConv", MICROSOFT),
    ],
)
def test_convolutions_of_other_kinds(
    op_type: str, domain: str, data: Shape, weights: Shape, attributes: dict[str, Any], why: str, read: Read
) -> None:
    """ONNX Runtime has NhwcFusedConv on other processors than this may be."""
    op_type, _, last = op_type.partition(" ")
    shapes = [data, weights]
    if last or op_type.startswith("Nhwc"):
        shapes[0] = (data[0], *data[2:], data[1])
    if last:
        attributes = {**attributes, "channels_last": 1}
    dtype = TensorProto.FLOAT if op_type in ("FusedConv", "NhwcFusedConv", "NhwcConv") else TensorProto.UINT8
    names = ["x0", "s", "z", "x1", "s", "z", "s", "z"] if op_type == "QLinearConv" else ["x0", "x1"]
    inputs = [helper.make_tensor_value_info(f"x{index}", dtype, shape) for index, shape in enumerate(shapes)]
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node(op_type, names, ["y"], name="it", domain=domain, **attributes)],
            "g",
            inputs,
            [onnx.ValueInfoProto(name="y")],
            [
                numpy_helper.from_array(np.array(1, np.float32), "s"),
                numpy_helper.from_array(np.array(0, np.uint8), "z"),
            ],
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)],
        ir_version=9,
    )
    if not op_type.startswith("Nhwc"):
        assert _runs(model, shapes, helper.tensor_dtype_to_np_dtype(dtype)) is not bool(why)
    if not why:
        assert read(model).live == {"it"}
        return
    with pytest.raises(ShapeError, match=why):
        read(model)


@pytest.mark.parametrize(
    ("op_type", "shapes"), [("Gemm", [(2, 3), (4, 5)]), ("Conv", [(1, 4, 8, 8), (5, 3, 3, 3)]), ("Add", [(2,), (3,)])]
)
def test_an_input_that_is_left_out_at_the_end(op_type: str, shapes: list[Shape], read: Read) -> None:
    model = _model(op_type, shapes, {})
    model.graph.node[0].input.append("")
    with pytest.raises(ShapeError, match="contradict each other"):
        read(model)


def test_a_bias_of_unknown_size_hides_nothing(read: Read) -> None:
    model = _model("Conv", [(1, 4, 8, 8), (5, 3, 3, 3)], {})
    model.graph.node.insert(0, helper.make_node("Odd", ["x1"], ["odd"], domain="com.example", name="odd"))
    model.graph.node[1].input.append("odd")
    model.opset_import.add(domain="com.example", version=1)
    with pytest.raises(ShapeError, match="4 channels go in, its weights are for 3"):
        read(model)


def test_the_old_broadcast_by_an_axis_is_another_rule(read: Read) -> None:
    model = _model("Add", [(2, 3, 4), (3,)], {"axis": 1, "broadcast": 1})
    model.opset_import[0].version = 6
    assert read(model).live == {"it"}


def test_what_the_file_only_declares_contradicts_nothing(read: Read) -> None:
    """The declared size of what a custom operator makes may hold the batch of the export."""
    model = _model("Add", [(4, 3), (1, 1)], {})
    model.graph.node.insert(0, helper.make_node("Odd", ["x1"], ["odd"], domain="com.example", name="odd"))
    model.graph.node[1].input[1] = "odd"
    model.opset_import.add(domain="com.example", version=1)
    model.graph.value_info.append(helper.make_tensor_value_info("odd", TensorProto.FLOAT, (2, 3)))
    assert read(model).tensor("odd").sizes == (2, 3)


def test_a_size_that_the_exporter_fixed_is_refused_for_others(read: Read) -> None:
    model = _model("Reshape", [("N", "T", 8), (3,)], {})  # type: ignore[list-item]
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 12, 8]), "x1"))
    del model.graph.input[1]
    assert read(model, shapes={"x0": (2, 6, 8)}).tensor("y").sizes == (1, 12, 8)
    with pytest.raises(ShapeError, match="112 elements go in, 96 come out"):
        read(model, shapes={"x0": (2, 7, 8)})


@pytest.mark.parametrize(
    ("shape", "target", "why"),
    [
        ((3, 1), [2, 1, 6], ""),
        ((2, 3), [1, 1], ""),
        ((), [2, 2], ""),
        ((2, 3), [], ""),
        ((1, 3), [0, 3], ""),
        ((2, 3), [4, 3], "2x3 cannot be expanded to 4x3"),
        ((2, 3), [2], "2x3 cannot be expanded to 2"),
        ((2, 3), [0, 3], "2x3 cannot be expanded to 0x3"),
        ((2, 3), [2, -1], "2x3 cannot be expanded to 2x-1"),
    ],
)
def test_a_target_that_an_input_cannot_be_expanded_to(shape: Shape, target: list[int], why: str, read: Read) -> None:
    model = _model("Expand", [shape, (len(target),)], {})
    model.graph.initializer.append(numpy_helper.from_array(np.array(target, np.int64), "x1"))
    del model.graph.input[1]
    assert _runs(model, [shape]) is not bool(why)
    if not why:
        assert read(model).tensor("y").sizes == np.broadcast_shapes(shape, tuple(target))
        return
    with pytest.raises(ShapeError, match="contradict each other at node it \\(Expand\\): ") as caught:
        read(model)
    assert caught.value.message.endswith(why)


@pytest.mark.parametrize(
    ("shape", "axis", "indices", "why"),
    [
        ((2, 4, 3), 1, [3, -4], ""),
        ((2, 4, 3), -1, [2], ""),
        ((0, 4), 0, [], ""),
        ((2, 4, 3), 1, [0, 4], "there is no index 4 on an axis of 4"),
        ((2, 4, 3), 1, [-5], "there is no index -5 on an axis of 4"),
        ((2, 4, 3), -1, [3], "there is no index 3 on an axis of 3"),
        ((0, 4), 0, [0], "there is no index 0 on an axis of 0"),
    ],
)
def test_an_index_beyond_its_axis(shape: Shape, axis: int, indices: list[int], why: str, read: Read) -> None:
    model = _model("Gather", [shape, (len(indices),)], {"axis": axis})
    model.graph.initializer.append(numpy_helper.from_array(np.array(indices, np.int64), "x1"))
    del model.graph.input[1]
    assert _runs(model, [shape]) is not bool(why)
    if not why:
        assert read(model).live == {"it"}
        return
    with pytest.raises(ShapeError, match="contradict each other at node it \\(Gather\\): ") as caught:
        read(model)
    assert caught.value.message.endswith(why)


POSITIONS = """
    shape = Shape(x0)  zero = Constant<value_int = 0>()  one = Constant<value_int = 1>()
    length = Gather(shape, zero)  r = Range(zero, length, one)  whole = Constant<value_ints = [-1]>()
    row = Constant<value_ints = [0]>()  col = Constant<value_ints = [1]>()
    two = Constant<value_int = 2>()  five = Constant<value_int = 5>()
    lengths = Unsqueeze(length, row)  three = Constant<value_ints = [3]>()
"""


@pytest.mark.parametrize("length", [7, 700, 1025, 5000])
@pytest.mark.parametrize(
    ("nodes", "largest"),
    [
        ("i = Cast<to = 6>(r)", lambda n: n - 1),
        ("c = Unsqueeze(r, row)  i = Identity(c)", lambda n: n - 1),
        ("i = Add(r, five)", lambda n: n + 4),
        ("i = Sub(r, one)", lambda n: n - 2),
        ("i = Sub(length, r)", lambda n: n),
        ("d = Mul(two, r)  i = Add(d, one)", lambda n: 2 * n - 1),
        ("to = Concat<axis = 0>(three, lengths)  i = Expand(r, to)", lambda n: n - 1),
        ("c = Unsqueeze(r, col)  to = Concat<axis = 0>(lengths, three)  i = Expand(c, to)", lambda n: n - 1),
        ("c = Unsqueeze(r, row)  t = Transpose(c)  i = Squeeze(t, col)", lambda n: n - 1),
        ("to = Concat<axis = 0>(lengths, col)  c = Reshape(r, to)  i = Flatten(c)", lambda n: n - 1),
        ("from = Constant<value_ints = [3]>()  i = Slice(r, from, whole)", lambda n: n - 2),
        ("i = Slice(r, row, whole, row, three)", lambda n: (n - 2) // 3 * 3),
        ("i = Slice(r, whole, row, row, whole)", lambda n: n - 1),
        ("k = Slice(r, whole, lengths)  i = Expand(k, three)", lambda n: n - 1),
    ],
)
def test_positions_beyond_a_table_at_any_length(
    nodes: str, largest: Callable[[int], int], length: int, read: Read
) -> None:
    """As ONNX Runtime has it: a table of as many rows as there are positions does, one with a row less does not."""
    rows = largest(length) + 1
    for table in (rows, rows - 1):
        text = f"g (float[T] x0, float[{table}, 2] x1) => (y) {{ {POSITIONS} {nodes}  y = Gather(x1, i) }}"
        model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {text}')
        assert _runs(model, [(length,), (table, 2)]) is (table == rows)
        if table == rows:
            assert len(read(model, shapes={"x0": (length,)}).live) > 1
            continue
        with pytest.raises(ShapeError, match="there is no index"):
            read(model, shapes={"x0": (length,)})


@pytest.mark.parametrize(
    "nodes",
    [
        "f = Cast<to = 1>(r)  f2 = Sqrt(f)  i = Cast<to = 7>(f2)",
        "s = ReduceSum(xi)  i = Add(r, s)",
        "z = ConstantOfShape(row)  to = Concat<axis = 0>(row, lengths)  c = Unsqueeze(r, row)  i = Expand(c, to)",
        "cut = Min(r, five)  i = Identity(cut)",
        "b = Constant<value_ints = [0, 5]>()  e = Constant<value_ints = [4000, 9]>()  i = Reshape(xi, whole)",
    ],
)
def test_indices_that_are_no_positions_or_none_at_all_contradict_nothing(nodes: str, read: Read) -> None:
    text = f"""g (float[T] x0) => (y) <float[72, 2] w> {{
        {POSITIONS}  xi = Cast<to = 7>(x0)  {nodes}  y = Gather(w, i)
    }}"""
    assert read(text, shapes={"x0": (5000,)}).live


def test_an_index_that_a_caller_may_replace_is_no_contradiction(read: Read) -> None:
    """An input with a default."""
    model = _model("Gather", [(2, 4), (1,)], {"axis": 1})
    model.graph.initializer.append(numpy_helper.from_array(np.array([7], np.int64), "x1"))
    model.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    assert read(model).live == {"it"}


def test_an_index_beyond_an_axis_that_no_node_reads_is_refused_too(read: Read) -> None:
    """ONNX Runtime runs such a node all the same."""
    dead = "i = Constant<value_int = 5> ()  d = Gather<axis = 1> (x, i)"
    text = f"g (float[2,T] x) => (float[2,T] y) {{ {dead}  y = Relu (x) }}"
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {text}')
    assert read(model, shapes={"x": (2, 6)}).live == {"Relu:y"}
    with pytest.raises(ShapeError, match="there is no index 5 on an axis of 4"):
        read(model, shapes={"x": (2, 4)})


def test_a_branch_with_an_index_beyond_its_axis_is_not_taken(read: Read) -> None:
    text = """g (bool c, float[2,T] x) => (float[K,T] y) { y = If (c) <
        then_branch = a () => (float[L,T] p) { i = Constant<value_ints = [2]> ()  p = Gather<axis = 0> (x, i) },
        else_branch = b () => (float[M,T] q) { j = Constant<value_ints = [1, 0]> ()  q = Gather<axis = 0> (x, j) }
    > }"""
    graph = read(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {text}'), shapes={"x": (2, 6)})
    assert graph.tensor("y").sizes == (2, 6)
    assert [name for name, _ in graph.nodes[0].bodies] == ["else_branch"]


def test_a_target_that_follows_from_another_input_is_known(read: Read) -> None:
    """What is expanded at batch 2 of a model that was exported for 5."""
    model = _model("Expand", [(5, 3), ("N", 3)], {})  # type: ignore[list-item]
    model.graph.node.insert(0, helper.make_node("Shape", ["x1"], ["target"], name="shape"))
    model.graph.node[1].input[1] = "target"
    assert read(model, shapes={"x1": (5, 3)}).tensor("y").sizes == (5, 3)
    with pytest.raises(ShapeError, match="5x3 cannot be expanded to 2x3"):
        read(model, shapes={"x1": (2, 3)})


def test_a_target_that_is_data_or_only_declared_contradicts_nothing(read: Read) -> None:
    model = _model("Expand", [(5, 3), (2,)], {})
    model.graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
    assert read(model).live == {"it"}
    model.graph.node.insert(0, helper.make_node("Odd", ["x1"], ["odd"], domain="com.example", name="odd"))
    model.graph.node.insert(1, helper.make_node("Shape", ["odd"], ["target"], name="shape"))
    model.graph.node[2].input[1] = "target"
    model.opset_import.add(domain="com.example", version=1)
    model.graph.value_info.append(helper.make_tensor_value_info("odd", TensorProto.FLOAT, (2, 3)))
    assert "it" in read(model).live


GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, BATCH, INPUTS, HIDDEN = 7, 2, 5, 4


def _recurrent(op_type: str, states: Sequence[Shape | None], **attributes: int) -> tuple[onnx.ModelProto, list[Shape]]:
    gates = GATES[op_type] * HIDDEN
    shapes = [(STEPS, BATCH, INPUTS), (1, gates, INPUTS), (1, gates, HIDDEN), None, None, *states]
    given = [shape for shape in shapes if shape is not None]
    model = _model(op_type, given, {"hidden_size": HIDDEN, **attributes})
    names = iter([info.name for info in model.graph.input])
    del model.graph.node[0].input[:]
    model.graph.node[0].input.extend("" if shape is None else next(names) for shape in shapes)
    return model, given


@pytest.mark.parametrize(
    ("op_type", "states", "wrong"),
    [
        *((op_type, [(1, BATCH, HIDDEN)], None) for op_type in GATES),
        *((op_type, [(1, 3, HIDDEN)], 3) for op_type in GATES),
        *((op_type, [], None) for op_type in GATES),
        ("LSTM", [None, (1, 1, HIDDEN)], 1),
        ("LSTM", [(1, BATCH, HIDDEN), (1, 3, HIDDEN)], 3),
        ("LSTM", [(1, BATCH, HIDDEN), (1, BATCH, HIDDEN)], None),
    ],
)
def test_an_initial_state_for_another_batch(
    op_type: str, states: list[Shape | None], wrong: int | None, read: Read
) -> None:
    model, given = _recurrent(op_type, states)
    assert _runs(model, given) is (wrong is None)
    if wrong is None:
        assert read(model).tensor("y").sizes == (STEPS, 1, BATCH, HIDDEN)
        return
    why = f"a batch of 2 goes in, its initial state is for {wrong}"
    with pytest.raises(ShapeError, match=f"contradict each other at node it \\({op_type}\\): {why}"):
        read(model)


ROWS = {op_type: gates * HIDDEN for op_type, gates in GATES.items()}


@pytest.mark.parametrize("steps", [STEPS, 0])
@pytest.mark.parametrize("op_type", ["RNN", "LSTM"])
@pytest.mark.parametrize(
    ("weights", "attributes", "why"),
    [
        ((0, 0, 0), {}, ""),
        ((0, 0, 0), {"direction": "reverse"}, ""),
        ((0, 0, 0), {"direction": "bidirectional", "directions": 2}, ""),
        ((0, 0, 0), {"directions": 2}, "W is 2x"),
        ((0, 0, 0), {"direction": "bidirectional"}, "W is 1x"),
        ((1, 0, 0), {}, "where 1x[0-9]+x5 fits"),
        ((0, 1, 0), {}, "R is 1x"),
        ((0, 0, 1), {}, "B is 1x"),
        ((0, 0, 0), {"hidden_size": HIDDEN + 1}, "W is 1x"),
    ],
)
def test_weights_of_other_sizes(
    op_type: str, weights: Shape, attributes: dict[str, Any], why: str, steps: int, read: Read
) -> None:
    attributes = dict(attributes)
    directions, rows = attributes.pop("directions", 1), ROWS[op_type]
    more_inputs, more_hidden, more_biases = weights
    shapes: list[Shape] = [
        (steps, BATCH, INPUTS),
        (directions, rows, INPUTS + more_inputs),
        (directions, rows, HIDDEN + more_hidden),
        (directions, 2 * rows + more_biases),
    ]
    model = _model(op_type, shapes, {"hidden_size": HIDDEN, **attributes})
    assert _runs(model, shapes) is not bool(why)
    if not why:
        assert read(model).tensor("y").sizes == (steps, directions, BATCH, HIDDEN)
        return
    with pytest.raises(ShapeError, match=f"contradict each other at node it \\({op_type}\\): .*{why}"):
        read(model)


def test_weights_of_other_sizes_say_how_many_units_there_are(read: Read) -> None:
    """Where the attribute does not, which ONNX Runtime asks for."""
    model = _model("GRU", [(STEPS, BATCH, INPUTS), (1, 12, INPUTS), (1, 12, HIDDEN)], {})
    assert read(model).live == {"it"}
    model = _model("GRU", [(STEPS, BATCH, INPUTS), (1, 15, INPUTS), (1, 12, HIDDEN)], {})
    with pytest.raises(ShapeError, match="W is 1x15x5 where 1x12x5 fits"):
        read(model)


@pytest.mark.parametrize(
    ("rows", "hidden", "directions", "counted"),
    [(16, 4, 1, True), (20, 4, 1, False), (16, 5, 1, False), (16, 4, 2, False)],
)
@pytest.mark.parametrize("declared", [False, True])
def test_weights_of_other_sizes_in_a_loop_are_not_counted(
    rows: int, hidden: int, directions: int, counted: bool, declared: bool, read: Read
) -> None:
    """Also where an operator that nobody knows makes them, and the file declares their sizes."""
    weights = {"w": [1, 16, 5], "r": [directions, rows, hidden]}
    odd = "".join(f"{name} = com.example.Odd (n) " for name in weights)
    shapes = ", ".join(f"float{shape} {name}".replace(" ", "", 2) for name, shape in weights.items())
    text = f"""g (int64 n, bool c, float[7,2,5] x{"" if declared else f", {shapes}"}) => (float[A,B,C,D,E] y)
    <{shapes if declared else "float z"}> {{
        {odd if declared else ""}
        y = Loop (n, c) <body = b (int64 i, bool k) => (bool k2, float[B,C,D,E] s) {{
            k2 = Identity (k)  s = LSTM <hidden_size = 4> (x, w, r)
        }}>
    }}"""
    row = next(row for row in count(read(text)).rows if row.op == "Loop")
    assert row.counted is counted


@pytest.mark.parametrize(("rows", "hidden", "directions"), [(20, 4, 1), (16, 5, 1), (16, 4, 2)])
def test_weights_that_are_only_declared_are_not_counted_where_they_do_not_fit(
    rows: int, hidden: int, directions: int, read: Read
) -> None:
    text = f"""g (float[7,2,5] x, float[1,16,5] w) => (float y) <float[{directions},{rows},{hidden}] r> {{
        r = com.example.Odd (x)  y = LSTM <hidden_size = 4> (x, w, r)
    }}"""
    assert "do not fit" in next(row for row in count(read(text)).rows if row.op == "LSTM").why_unknown


def test_directions_that_are_only_declared_are_those_of_the_attribute(read: Read) -> None:
    text = """g (float[7,2,5] x) => (float y) <float[2,16,5] w, float[2,16,4] r> {
        r = com.example.Odd (x)  w = com.example.Odd (x)  y = LSTM <hidden_size = 4> (x, w, r)
    }"""
    assert "directions" in next(row for row in count(read(text)).rows if row.op == "LSTM").why_unknown


SPLITS: list[tuple[int, Shape, dict[str, Any], list[int] | None, int, str]] = [
    (13, (6, 4), {}, [2, 4], 2, ""),
    (13, (6, 4), {}, [0, 6], 2, ""),
    (13, (0, 4), {}, [0, 0], 2, ""),
    (13, (6, 4), {"axis": -1}, [1, 3], 2, ""),
    (13, (6, 4), {}, [2, 3], 2, "parts of 2, 3 are not an axis of 6"),
    (13, (0, 4), {}, [0, 1], 2, "parts of 0, 1 are not an axis of 0"),
    (13, (6, 4), {}, [7, -1], 2, "parts of 7, -1 are not an axis of 6"),
    (13, (6, 4), {"axis": -1}, [2, 4], 2, "parts of 2, 4 are not an axis of 4"),
    (18, (6, 4), {}, [1, 2, 3], 2, "there are 3 sizes for 2 outputs"),
    (13, (6, 4), {}, None, 2, ""),
    (13, (0, 4), {}, None, 2, ""),
    (13, (5, 4), {}, None, 2, "an axis of 5 has not 2 parts alike"),
    (11, (6, 4), {"split": [2, 4]}, None, 2, ""),
    (2, (6, 4), {"split": [2, 4], "axis": -2}, None, 2, ""),
    (2, (6, 4), {"split": [2, 3]}, None, 2, "parts of 2, 3 are not an axis of 6"),
    (11, (6, 4), {"split": [2, 2, 2]}, None, 2, "there are 3 sizes for 2 outputs"),
    (11, (5, 4), {}, None, 2, "an axis of 5 has not 2 parts alike"),
    (18, (5, 4), {"num_outputs": 2}, None, 2, ""),
    (18, (7, 4), {"num_outputs": 3}, None, 3, ""),
    (18, (6, 4), {"num_outputs": 3}, None, 2, ""),  # which goes by the outputs
    (18, (5, 4), {"num_outputs": 4}, None, 4, "an axis of 5 has not 4 parts alike"),
    (18, (3, 4), {"num_outputs": 5}, None, 5, "an axis of 3 has not 5 parts alike"),
]


@pytest.mark.parametrize(("opset", "shape", "attributes", "sizes", "outputs", "why"), SPLITS)
def test_parts_of_an_axis(
    opset: int,
    shape: Shape,
    attributes: dict[str, Any],
    sizes: list[int] | None,
    outputs: int,
    why: str,
    read: Read,
) -> None:
    model = _model("Split", [shape], attributes)
    model.opset_import[0].version = opset
    model.graph.node[0].output.extend(f"y{index}" for index in range(1, outputs))
    if sizes is not None:
        model.graph.node[0].input.append("sizes")
        model.graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), "sizes"))
    assert _runs(model, [shape]) is not bool(why)
    if not why:
        assert read(model).live == {"it"}
        return
    with pytest.raises(ShapeError, match=f"contradict each other at node it \\(Split\\): {why}"):
        read(model)


@pytest.mark.parametrize(
    ("size", "announced", "outputs", "is_cut"),
    [
        (6, None, 2, True),
        (7, None, 1, True),
        (0, None, 2, True),
        (6, 3, 2, True),
        (7, 3, 2, True),
        (5, 5, 3, True),
        (10, 8, 4, True),
        (9, 8, 4, False),
        (2, 3, 2, False),
        (6, 2, 3, None),  # which it ends with where it knows the axis while loading
    ],
)
def test_parts_go_by_the_outputs(
    size: int, announced: int | None, outputs: int, is_cut: bool | None, read: Read
) -> None:
    model = _model("Split", [(4, size)], {"axis": -1} if announced is None else {"axis": -1, "num_outputs": announced})
    model.opset_import[0].version = 18
    names = ["y", *(f"y{index}" for index in range(1, outputs))]
    model.graph.node[0].output[:] = names
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names[1:])
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "n"
    graph = read(model, shapes={"x0": (4, size)})
    sizes = [graph.tensor(name).sizes for name in names]
    if is_cut is None:
        assert sizes == [None] * outputs
        return
    assert _runs(model, [(4, size)]) is is_cut
    if is_cut:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        assert sizes == [array.shape for array in session.run(None, {"x0": np.ones((4, size), np.float32)})]
    else:
        assert sizes == [None] * outputs


@pytest.mark.parametrize("opset", [9, 10, 17])
@pytest.mark.parametrize(
    ("shape", "axis", "wanted", "size"),
    [
        ((4, 6), -1, 6, None),
        ((4, 6), -1, 7, 6),
        ((4, 6), -2, 4, None),
        ((4, 6), 0, 5, 4),
        ((4, 6), 1, -1, 6),
        ((0, 6), 1, 6, None),
        ((4, 0), 1, 1, 0),
    ],
)
def test_more_of_the_largest_than_there_are(
    opset: int, shape: Shape, axis: int, wanted: int, size: int | None, read: Read
) -> None:
    model = _model("TopK", [shape], {"axis": axis, "k": wanted} if opset < 10 else {"axis": axis})
    model.opset_import[0].version = opset
    model.graph.node[0].output.append("places")
    if opset >= 10:
        model.graph.node[0].input.append("k")
        model.graph.initializer.append(numpy_helper.from_array(np.array([wanted], np.int64), "k"))
    assert _runs(model, [shape]) is (size is None)
    if size is None:
        assert read(model).live == {"it"}
        return
    with pytest.raises(ShapeError, match=f"at node it \\(TopK\\): there are not {wanted} on an axis of {size}"):
        read(model)


@pytest.mark.parametrize(("op_type", "outputs"), [("Split", 2), ("TopK", 2), ("LSTM", 1)])
def test_numbers_that_nobody_knows_contradict_nothing(op_type: str, outputs: int, read: Read) -> None:
    model = _model(op_type, [(6, 4)], {})
    model.graph.node[0].output.extend(f"y{index}" for index in range(1, outputs))
    model.graph.node[0].input.append("n")
    model.graph.input.append(helper.make_tensor_value_info("n", TensorProto.INT64, [2]))
    assert read(model).live == {"it"}


def test_with_the_batch_in_front_the_state_has_it_in_front_too(read: Read) -> None:
    """ONNX, operator GRU, attribute `layout`; ONNX Runtime runs none of it."""
    model, _ = _recurrent("GRU", [(STEPS, 1, HIDDEN)], layout=1)
    assert read(model).live == {"it"}
    model, _ = _recurrent("GRU", [(BATCH, 1, HIDDEN)], layout=1)
    with pytest.raises(ShapeError, match="a batch of 7 goes in, its initial state is for 2"):
        read(model)


def test_a_node_without_inputs_contradicts_nothing(read: Read) -> None:
    model = _model("Reshape", [(2, 3)], {})
    del model.graph.node[0].input[:]
    assert read(model).tensor("y").sizes is None
