"""Operators as they were written in opset 1 to 9: shapes and work as those of today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array

from alexnet_bench.core.errors import ModelError
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from tests.unit.graph.conftest import Read

IMAGES = (2, 3, 4, 5)
CONSTANTS: dict[str, np.ndarray] = {
    "w": np.ones((4, 3), np.float32),
    "b": np.ones(3, np.float32),
    "t": np.array([0, -1], np.int64),
    "k": np.ones((4, 3, 3, 3), np.float32),
    "f": np.array([1, 1, 2, 3], np.float32),
}
TALL = (2, 3, 8, 15)
Case = tuple[int, str, list[str], dict[str, Any], tuple[int, ...], int]
CASES: list[Case] = [
    (1, "Add", ["x", "b"], {"broadcast": 1, "axis": 1}, IMAGES, 120),
    (6, "Add", ["x", "b"], {"broadcast": 1, "axis": 1}, IMAGES, 120),
    (1, "Mul", ["x", "b"], {"broadcast": 1, "axis": 1, "consumed_inputs": [0, 0]}, IMAGES, 120),
    (
        1,
        "BatchNormalization",
        ["x", "b", "b", "b", "b"],
        {"consumed_inputs": [0, 0, 0, 1, 1], "is_test": 1},
        IMAGES,
        240,
    ),
    (6, "BatchNormalization", ["x", "b", "b", "b", "b"], {"is_test": 1}, IMAGES, 240),
    (1, "Dropout", ["x"], {"is_test": 1, "consumed_inputs": [0]}, IMAGES, 0),
    (6, "Dropout", ["x"], {"is_test": 1, "ratio": 0.5}, IMAGES, 0),
    (1, "Reshape", ["x"], {"shape": [0, -1]}, (2, 60), 0),
    (5, "Reshape", ["x", "t"], {}, (2, 60), 0),
    (1, "Upsample", ["x"], {"height_scale": 2.0, "width_scale": 3.0, "mode": "nearest"}, TALL, 0),
    (1, "Upsample", ["x"], {"height_scale": 2.0, "width_scale": 3.0, "mode": "bilinear"}, TALL, 720 * 9),
    (6, "Upsample", ["x"], {"height_scale": 2.0, "width_scale": 3.0, "mode": "nearest"}, TALL, 0),
    (7, "Upsample", ["x"], {"scales": [1.0, 1.0, 2.0, 3.0], "mode": "linear"}, TALL, 720 * 9),
    (9, "Upsample", ["x", "f"], {"mode": "linear"}, TALL, 720 * 9),
    (1, "Pad", ["x"], {"paddings": [0, 0, 1, 1, 0, 0, 1, 1]}, (2, 3, 6, 7), 0),
    (2, "Pad", ["x"], {"pads": [0, 0, 1, 1, 0, 0, 1, 1]}, (2, 3, 6, 7), 0),
    (1, "Conv", ["x", "k"], {}, (2, 4, 2, 3), 2 * 48 * 27),
    (1, "Clip", ["x"], {"min": 0.0, "max": 6.0, "consumed_inputs": [0]}, IMAGES, 240),
    (1, "Relu", ["x"], {"consumed_inputs": [0]}, IMAGES, 120),
    (1, "PRelu", ["x", "b"], {"consumed_inputs": [0, 0]}, IMAGES, 240),
    (1, "Concat", ["x", "x"], {}, (2, 6, 4, 5), 0),
    (1, "Concat", ["x", "x"], {"axis": 0}, (4, 3, 4, 5), 0),
    (1, "Sum", ["x", "x"], {"consumed_inputs": [0, 0]}, IMAGES, 120),
    (1, "Cast", ["x"], {"to": "FLOAT16"}, IMAGES, 0),
    (1, "Cast", ["x"], {"to": TensorProto.FLOAT16}, IMAGES, 0),
    (1, "LRN", ["x"], {"size": 5}, IMAGES, 120 * 13),
    (1, "Split", ["x"], {"split": [3], "axis": 1}, IMAGES, 0),
]


def written(case: Case, *, listed: bool, ir_version: int = 3) -> onnx.ModelProto:
    opset, op, inputs, attributes, _, _ = case
    value = helper.make_tensor_value_info
    constants = [from_array(CONSTANTS[name], name) for name in CONSTANTS if name in inputs]
    fed = [value("x", TensorProto.FLOAT, IMAGES)]
    if listed:
        fed += [value(item.name, item.data_type, item.dims) for item in constants]
    kind = TensorProto.FLOAT16 if op == "Cast" else TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(op, inputs, ["y"], **attributes)], "g", fed, [value("y", kind, None)], constants
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not listed"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}-{case[0]}-{len(case[3])}")
def test_old_forms_are_counted_as_they_are(case: Case, listed: bool, tmp_path: Path) -> None:
    """Whether or not constants are listed among the inputs, as a file of IR version 3 must."""
    content = written(case, listed=listed).SerializeToString()
    (tmp_path / "old.onnx").write_bytes(content)
    graph = build_graph(open_model(tmp_path / "old.onnx"), name="old")
    (row,) = count(graph).rows
    assert graph.inputs == ("x",)
    assert (row.output_shapes[0], row.flop) == (case[4], case[5])
    assert graph.nodes[0].op_type == case[1]
    assert graph.opset == case[0]
    assert set(graph.nodes[0].inputs) == set(case[2])


@pytest.mark.parametrize("opset", [1, 3, 6, 7])
@pytest.mark.parametrize("said", [None, 0, 1])
@pytest.mark.parametrize(("op", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_recurrent_layers_have_shapes_whether_or_not_they_give_the_sequence(
    op: str, gates: int, said: int | None, opset: int, tmp_path: Path
) -> None:
    """Up to version 6 an attribute says so, and 0 is its default; ONNX then infers nothing."""
    weights = {"w": np.ones((1, gates * 4, 3), np.float32), "r": np.ones((1, gates * 4, 4), np.float32)}
    told: dict[str, Any] = {} if said is None or opset > 6 else {"output_sequence": said}
    node = helper.make_node(op, ["x", *weights], ["", "y"], hidden_size=4, **told)
    info = helper.make_tensor_value_info
    ends = [info("x", TensorProto.FLOAT, [5, 2, 3])], [info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "g", *ends, [from_array(value, name) for name, value in weights.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)
    (tmp_path / "old.onnx").write_bytes(made.SerializeToString())
    (row,) = count(build_graph(open_model(tmp_path / "old.onnx"), name="old")).rows
    assert (row.macs, row.output_shapes) == (5 * 2 * gates * 4 * (3 + 4), ((1, 2, 4),))


@pytest.mark.parametrize(
    ("opset", "said", "price"),
    [
        *((opset, {}, 7) for opset in (1, 6, 7, 9, 13)),
        *((opset, {"is_test": test}, 2 if test else 7) for opset in (1, 6) for test in (0, 1)),
        *((14, {"training_mode": trains}, 7 if trains else 2) for trains in (0, 1)),
    ],
)
def test_a_batch_normalisation_that_gives_statistics_trains(
    opset: int, said: dict[str, int], price: int, tmp_path: Path
) -> None:
    """Before version 14 it gives four, of which ONNX infers nothing; of versions 1 and 6 an attribute may say else."""
    attributes = {"epsilon": 0.1, **said}
    case: Case = (opset, "BatchNormalization", ["x", "b", "b", "b", "b"], attributes, IMAGES, price * 120)
    model = written(case, listed=True)
    statistics = ["m", "v", "", "w"] if opset < 14 else ["m", "v"]
    model.graph.node[0].output.extend(statistics)
    (tmp_path / "old.onnx").write_bytes(model.SerializeToString())
    graph = build_graph(open_model(tmp_path / "old.onnx"), name="old")
    (row,) = count(graph).rows
    assert (row.flop, row.bytes_written) == (
        price * 120,
        4 * (120 + 3 * len(list(filter(None, statistics)))),
    )
    assert {graph.tensor(name).sizes for name in statistics if name} == {(3,)}


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not listed"])
def test_values_of_constants_are_followed_in_old_files(listed: bool, tmp_path: Path) -> None:
    """ONNX looks at constants that are no inputs only from IR version 4 on."""
    value = helper.make_tensor_value_info
    constants = [from_array(np.array([1, 1, 2, 3], np.int64), "r"), from_array(CONSTANTS["t"], "t")]
    nodes = [helper.make_node("Tile", ["x", "r"], ["a"]), helper.make_node("Reshape", ["a", "t"], ["y"])]
    fed = [value("x", TensorProto.FLOAT, IMAGES)]
    fed += [value(item.name, TensorProto.INT64, item.dims) for item in constants if listed]
    graph = helper.make_graph(nodes, "g", fed, [value("y", TensorProto.FLOAT, None)], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=3)
    (tmp_path / "old.onnx").write_bytes(made.SerializeToString())
    rows = count(build_graph(open_model(tmp_path / "old.onnx"), name="old")).rows
    assert [row.output_shapes[0] for row in rows] == [TALL, (2, 360)]


def test_before_ir_version_3_opset_1_is_meant(tmp_path: Path) -> None:
    made = written(CASES[0], listed=True, ir_version=2)
    del made.opset_import[:]
    (tmp_path / "old.onnx").write_bytes(made.SerializeToString())
    (row,) = count(build_graph(open_model(tmp_path / "old.onnx"), name="old")).rows
    assert row.flop == 120
    made.ir_version = 3
    (tmp_path / "old.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(ModelError, match="does not say which opset"):
        build_graph(open_model(tmp_path / "old.onnx"), name="old")


ODD_AXES = [
    (9, "Slice <starts = [-8], ends = [2147483647], axes = [3]>", (2, 3, 1, 5)),
    (9, "Slice <starts = [0, 1], ends = [2, 3], axes = [1, 0]>", (1, 2, 1, 5)),
    (9, "Slice <starts = [-3], ends = [-1], axes = [-1]>", (2, 3, 1, 2)),
    (7, "Slice <starts = [3], ends = [1], axes = [3]>", (2, 3, 1, 0)),
    (9, "Slice <starts = [5, -9], ends = [9, -8]>", (0, 0, 1, 5)),
    (9, "Slice <starts = [1], ends = [9223372036854775807], axes = [1]>", (2, 2, 1, 5)),
    (7, "Squeeze <axes = [-2]>", (2, 3, 5)),
    (10, "Unsqueeze <axes = [-1, 0]>", (1, 2, 3, 1, 5, 1)),
    (7, "Unsqueeze <axes = [-3]>", (2, 3, 1, 1, 5)),
    (9, "Unsqueeze <axes = [2, 1]>", (2, 1, 1, 3, 1, 5)),
]
WRAPPED = {
    "main graph": "{ y = OP (x) }",
    "body": "{ y = If (c) <then_branch = t () => (a) { a = OP (x) }, else_branch = e () => (b) { b = OP (x) }> }",
    "function": '{ y = f.op (x) } <domain: "f", opset_import: ["" : VERSION]> op (x) => (y) { y = OP (x) }',
}


def made_by_onnxruntime(model: onnx.ModelProto, **feeds: np.ndarray) -> list[tuple[int, ...]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [value.shape for value in session.run(None, feeds)]


@pytest.mark.parametrize("where", WRAPPED)
@pytest.mark.parametrize(("opset", "node", "expected"), ODD_AXES, ids=[case[1] for case in ODD_AXES])
def test_axes_may_be_counted_from_the_end_in_any_order(
    opset: int, node: str, expected: tuple[int, ...], where: str, read: Read
) -> None:
    """ONNX infers nothing of them up to some opset, or something else; runtimes take them."""
    header = f'<ir_version: 7, opset_import: ["" : {opset}, "f" : 1]>'
    models = {
        place: onnx.parser.parse_model(
            f"{header} g (float[2,3,1,5] x, bool c) => (float y) {text}".replace("OP", node).replace(
                "VERSION", str(opset)
            )
        )
        for place, text in WRAPPED.items()
    }
    assert read(models[where]).tensor("y").shape == expected
    # What an If makes ONNX Runtime puts where its own inference has made room.
    plain = models["main graph" if where == "body" else where]
    assert made_by_onnxruntime(plain, x=np.zeros((2, 3, 1, 5), np.float32), c=np.array(True)) == [expected]


@pytest.mark.parametrize("opset", [9, 11, 12])
@pytest.mark.parametrize("axes", [[], [2, 0], [-4, 2], [0, -2]])
def test_squeezed_axes_may_be_in_any_order_and_none_are_all(opset: int, axes: list[int], read: Read) -> None:
    node = helper.make_node("Squeeze", ["x"], ["y"])
    node.attribute.append(helper.make_attribute("axes", axes, attr_type=onnx.AttributeProto.INTS))
    info = helper.make_tensor_value_info
    ends = [info("x", TensorProto.FLOAT, [1, 3, 1, 5])], [info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "g", *ends)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    assert read(model).tensor("y").shape == (3, 5)
    assert made_by_onnxruntime(model, x=np.zeros((1, 3, 1, 5), np.float32)) == [(3, 5)]


@pytest.mark.parametrize(
    "node", ["Squeeze <axes = [-1]>", "Squeeze <axes = [-9]>", "Unsqueeze <axes = [-7]>", "Unsqueeze <axes = [-1, 4]>",
             "Slice <starts = [0], ends = [1], axes = [-9]>", "Slice <starts = [0], ends = [1, 2], axes = [-1]>"],
)  # fmt: skip
def test_axes_that_cannot_be_stay_open(node: str, read: Read) -> None:
    header = '<ir_version: 7, opset_import: ["" : 9]>'
    model = onnx.parser.parse_model(f"{header} g (float[2,3,5] x) => (y) {{ y = {node} (x) }}")
    assert read(model).tensor("y").sizes is None


@pytest.mark.parametrize("opset", [9, 12, 13])
def test_a_scalar_is_transposed_into_one(opset: int, read: Read) -> None:
    text = "g (float[4,6] x) => (float y) { s = Size (x)  f = Cast <to = 1> (s)  t = Transpose (f)  y = Add (t, x) }"
    model = onnx.parser.parse_model(f'<ir_version: 7, opset_import: ["" : {opset}]> {text}')
    graph = read(model)
    assert (graph.tensor("t").shape, graph.tensor("y").shape) == ((), (4, 6))
    assert made_by_onnxruntime(model, x=np.zeros((4, 6), np.float32)) == [(4, 6)]


@pytest.mark.parametrize(("opset", "dtype"), [(7, "float32"), (9, "float32"), (10, "bool")])
def test_the_mask_of_a_dropout_is_as_its_data(opset: int, dtype: str, read: Read) -> None:
    """Of the type of the data up to opset 9."""
    header = f'<ir_version: 7, opset_import: ["" : {opset}]>'
    model = onnx.parser.parse_model(f"{header} g (float[4,6] x) => (y, m) {{ y, m = Dropout (x) }}")
    graph = read(model)
    assert (graph.tensor("m").shape, graph.tensor("m").dtype) == ((4, 6), dtype)
    assert made_by_onnxruntime(model, x=np.zeros((4, 6), np.float32)) == [(4, 6), (4, 6)]
