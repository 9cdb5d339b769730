from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper, numpy_helper

import alexnet_bench
from alexnet_bench import symbolic_counts
from alexnet_bench.core.document import decode, encode
from alexnet_bench.core.errors import ShapeError, UsageError
from alexnet_bench.core.symbolic import Condition, SymbolicBytes, SymbolicCounts, SymbolicWork
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.report.symbolic import print_symbolic, to_markdown


def _totals(counts: SymbolicCounts) -> tuple[SymbolicWork, SymbolicBytes]:
    assert counts.totals.work is not None
    assert counts.totals.moved is not None
    return counts.totals.work, counts.totals.moved


def _model(tmp_path: Path, *, batch: str = "N", op: str = "Relu") -> Path:
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("MaxPool", ["x"], ["a"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node(op, ["a"], ["y"], name="act\x1b[31m|", domain="" if op == "Relu" else "com.example"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, [batch, 3, "H", "W"])],
        [value("y", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_the_network_of_2012_for_any_batch() -> None:
    counts = symbolic_counts("alexnet-2012")
    assert counts.dimensions == ("N",)
    work, moved = _totals(counts)
    assert work.macs.text == "724,406,816*N"
    assert work.where == moved.where == ()
    assert (counts.totals.params, counts.totals.nodes) == (60_965_224, 25)
    macs = {node.name: node.work.macs.text for node in counts.nodes if node.work and node.work.macs.terms}
    assert macs["conv1"] == "105,415,200*N"
    assert macs["conv2"] == "223,948,800*N"
    assert macs["fc8"] == "4,096,000*N"
    static = alexnet_bench.profile("alexnet-2012", batch=8, options=alexnet_bench.Options(static=True))
    found, totals = counts.at({"N": 8}), static.totals
    assert (found.macs, found.flop, found.transcendentals) == (totals.macs, totals.flop, totals.transcendentals)
    assert (found.bytes_read, found.bytes_written) == (totals.bytes_read, totals.bytes_written)
    assert found.activation_peak_bytes == totals.activation_peak_bytes


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"H": 7}, "not right for H = 7"),
        ({"H": 8, "Z": 3}, "no dimension Z"),
        ({}, "no size is given for H"),
        ({"H": 0}, "0 is no size of H"),
        ({"H": 8.0}, "8.0 is no size of H"),
    ],
)
def test_sizes_that_the_formulas_are_not_right_for(tmp_path: Path, sizes: dict[str, int], message: str) -> None:
    """Halved twice, 7 is rounded: another polynomial than that of multiples of 4."""
    weights = numpy_helper.from_array(np.ones((2, 2, 2, 2), np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x" if at == 0 else "h", "w"], ["h" if at == 0 else "y"], strides=[2, 2])
        for at in (0, 1)
    ]
    graph = helper.make_graph(
        nodes,
        "halved",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, "H", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weights],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    counts = symbolic_counts(tmp_path / "m.onnx")
    assert counts.at({"H": 8}).macs == 4 * 4 * 2 * 8 + 2 * 2 * 2 * 8
    byte: Any = np.uint8(200)
    assert counts.at({"H": byte}) == counts.at({"H": 200})
    with pytest.raises(UsageError, match=message):
        counts.at(sizes)


@pytest.mark.parametrize(("name", "said"), [("T/2", "the size of T/2 is not worked out"), ("S", "give sizes")])
def test_sizes_that_cannot_meet_name_what_was_not_read(tmp_path: Path, name: str, said: str) -> None:
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("MaxPool", ["x"], ["a"], name="pool", kernel_shape=[2], strides=[2]),
        helper.make_node("Add", ["a", "z"], ["y"], name="add"),
    ]
    inputs = [value("x", TensorProto.FLOAT, ["N", 3, "T"]), value("z", TensorProto.FLOAT, ["N", 3, name])]
    graph = helper.make_graph(nodes, "g", inputs, [value("y", TensorProto.FLOAT, None)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(ShapeError, match="cannot be broadcast") as error:
        symbolic_counts(tmp_path / "m.onnx")
    assert error.value.hint.startswith(said)
    assert "give sizes by --shape" in error.value.hint


def test_the_document(tmp_path: Path) -> None:
    counts = symbolic_counts(_model(tmp_path))
    fields = json.loads(encode(counts))
    assert decode(encode(counts)) == counts
    assert list(fields)[:2] == ["schema", "schema_version"]
    assert (fields["schema"], fields["schema_version"]) == ("alexnet-bench.symbolic-counts", 1)
    assert fields["model"]["inputs"] == [{"name": "x", "shape": ["N", 3, "H", "W"], "dtype": "float32"}]
    assert fields["totals"]["work"]["flop"] == {
        "terms": [{"coefficient": 3, "powers": {"N": 1, "H": 1, "W": 1}, "divisor": 1}],
        "text": "3*N*H*W",
    }
    relu = fields["nodes"][1]
    assert relu["work"]["flop"]["terms"] == [{"coefficient": 3, "powers": {"N": 1, "H": 1, "W": 1}, "divisor": 4}]
    assert relu["work"]["where"] == [
        {"name": name, "multiple_of": 2, "at_least": 2, "at_most": None, "excluding": []} for name in ("H", "W")
    ]


def test_sizes_that_are_given_stay_numbers(tmp_path: Path) -> None:
    path = _model(tmp_path)
    assert symbolic_counts(path, batch=2).dimensions == ("H", "W")
    counts = symbolic_counts(path, shapes={"H": (8,), "W": (7,)})
    assert counts.model.inputs[0].shape == ("N", 3, 8, 7)
    assert _totals(counts)[0].flop.text == "144*N"
    with pytest.raises(UsageError, match="a batch is a whole number"):
        symbolic_counts(path, batch=0)


@pytest.mark.parametrize("op", ["Relu", "Mystery"])
def test_formulas_of_a_model_without_open_dimensions_are_numbers(tmp_path: Path, op: str) -> None:
    """Those that --static counts, in a document of the same form."""
    path = _model(tmp_path, op=op)
    counts = symbolic_counts(path, shapes={"x": (2, 3, 8, 8)})
    table = count(build_graph(open_model(path), name="net", given_shapes={"x": (2, 3, 8, 8)}))
    at = counts.at({})
    assert (at.macs, at.flop) == (table.macs, table.flop)
    assert at.transcendentals == sum(row.transcendentals or 0 for row in table.rows)
    assert (at.bytes_read, at.bytes_written) == (
        sum(row.bytes_read or 0 for row in table.rows if row.counted),
        sum(row.bytes_written or 0 for row in table.rows if row.counted),
    )
    assert counts.totals.weight_bytes == table.weight_bytes
    assert (counts.dimensions, *(total.where for total in _totals(counts))) == ((), (), ())
    assert [node.work is None for node in counts.nodes] == [not row.counted for row in table.rows]
    assert [warning.code for warning in counts.warnings] == ["no-dimensions", *(["no-formula"] * (op == "Mystery"))]
    assert {warning.hint for warning in counts.warnings} == {""}
    assert decode(encode(counts)) == counts
    with pytest.raises(UsageError, match="the model has no dimension H") as error:
        counts.at({"H": 8})
    assert error.value.hint == "the dimensions are none: give {}"
    stream = io.StringIO()
    print_symbolic(counts, stream, width=200)
    assert f"flop      {table.flop}\n" in stream.getvalue()
    assert "no dimension of the inputs is open: every formula is a number" in stream.getvalue()


def test_what_has_no_formula_is_said(tmp_path: Path) -> None:
    counts = symbolic_counts(_model(tmp_path, op="Mystery"))
    assert (counts.totals.nodes, counts.totals.nodes_with_work) == (2, 1)
    mystery = counts.nodes[1]
    assert (mystery.work, mystery.why_no_formula) == (None, "no formula")
    (warning,) = counts.warnings
    assert warning.code == "no-formula"
    assert warning.message.startswith("not in the totals is the arithmetic of act\\x1b[31m| (com.example.Mystery)")
    stream = io.StringIO()
    print_symbolic(counts, stream, width=120)
    assert "arithmetic of 1, bytes of 1 of 2 nodes" in stream.getvalue()
    assert "no formula" in stream.getvalue().split("layer")[1]


def _adding(tmp_path: Path, *batches: str) -> Path:
    """The sum of as many inputs, each of them with a name for its batch."""
    value = helper.make_tensor_value_info
    inputs = [value(f"x{at}", TensorProto.FLOAT, [batch, "T"]) for at, batch in enumerate(batches)]
    before = ["x0", *(f"y{at}" for at in range(1, len(batches)))]
    nodes = [
        helper.make_node("Add", [before[at - 1], f"x{at}"], [f"y{at}"], name=f"add{at}")
        for at in range(1, len(batches))
    ]
    graph = helper.make_graph(nodes, "g", inputs, [value(f"y{len(batches) - 1}", TensorProto.FLOAT, None)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


@pytest.mark.parametrize(
    ("given", "flop", "dimensions", "said"),
    [
        ({}, "3*A*T", ("A", "T"), "B = A, C = A, D = A"),
        ({"B": (5,)}, "15*T", ("T",), "A = B, C = B, D = B"),
        ({"x1": (5, 6)}, "90", (), "A = B, C = B, D = B"),
        ({"A": (5,), "B": (1,), "C": (1,), "D": (5,)}, "15*T", ("T",), ""),
        ({"B": (1,), "C": (1,), "D": (1,)}, "3*A*T", ("A", "T"), ""),  # these are broadcast
    ],
)
def test_names_of_one_dimension(
    tmp_path: Path, given: dict[str, tuple[int, ...]], flop: str, dimensions: tuple[str, ...], said: str
) -> None:
    """Exporters name the batch of each input apart: counted as no more than the sizes that the model takes."""
    counts = symbolic_counts(_adding(tmp_path, "A", "B", "C", "D"), shapes=given)
    assert (_totals(counts)[0].flop.text, counts.dimensions) == (flop, dimensions)
    assert counts.totals.nodes_with_moved == counts.totals.nodes == 3
    warnings = [warning.message for warning in counts.warnings if warning.code == "equal-dimensions"]
    assert [message.split(": ")[1] for message in warnings] == [said] * bool(said)
    assert {dim for item in counts.model.inputs for dim in item.shape if isinstance(dim, str)} == set(dimensions)
    assert decode(encode(counts)) == counts


def test_two_groups_of_names(tmp_path: Path) -> None:
    """No two of one group fit alone, nor do two of different ones."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Sub", ["x", "z"], ["a"]),
        helper.make_node("Div", ["a", "w"], ["y"]),
    ]
    inputs = [value(name, TensorProto.FLOAT, dims) for name, dims in (("x", ["A", "T"]), ("z", ["B", "U"]))]
    inputs.append(value("w", TensorProto.FLOAT, ["C", 1]))
    graph = helper.make_graph(nodes, "g", inputs, [value("y", TensorProto.FLOAT, None)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    counts = symbolic_counts(tmp_path / "m.onnx")
    assert counts.dimensions == ("A", "T")
    assert counts.warnings[0].message.endswith(": U = T, B = A, C = A")
    assert counts.at({"A": 3, "T": 7}).flop == 2 * 3 * 7


def test_no_peak_where_an_activation_is_of_unknown_size(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="relu"),
        helper.make_node("NonZero", ["a"], ["b"], name="found"),
        helper.make_node("Neg", ["b"], ["y"], name="neg"),
    ]
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, ["N", 4])], [value("y", TensorProto.INT64, [2, None])]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    counts = symbolic_counts(tmp_path / "m.onnx")
    assert counts.totals.activation_peak_bytes is None
    (warning,) = [warning for warning in counts.warnings if warning.code == "no-formula"]
    assert warning.message == "not in the totals is the arithmetic of neg (Neg): shape of output 0 is unknown"
    assert warning.hint == ""  # no size of a dimension would help
    assert symbolic_counts(_adding(tmp_path, "N", "N")).totals.activation_peak_bytes is not None


def test_sizes_that_an_if_chooses_of_stay_two(tmp_path: Path) -> None:
    """What it makes is known where both are equal alone, but the model takes any."""
    text = """<ir_version: 8, opset_import: ["" : 17]> g (bool c, float[N, 8] a, float[M, 8] b) => (float[?, 8] y) {
        u = If (c) <then_branch = t () => (p) { p = Exp(a) }, else_branch = e () => (q) { q = Exp(b) }>
        y = Neg(u) }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    counts = symbolic_counts(tmp_path / "m.onnx")
    assert counts.dimensions == ("N", "M")
    assert "equal-dimensions" not in {warning.code for warning in counts.warnings}


def test_totals_of_nothing_are_unknown(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    node = helper.make_node("Mystery", ["x"], ["y"], name="n", domain="com.example")
    graph = helper.make_graph(
        [node], "g", [value("x", TensorProto.FLOAT, ["N"])], [value("y", TensorProto.FLOAT, None)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("com.example", 1)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    counts = symbolic_counts(tmp_path / "m.onnx")
    assert (counts.totals.work, counts.totals.moved, counts.totals.nodes) == (None, None, 1)
    assert decode(encode(counts)) == counts
    assert (counts.at({"N": 8}).macs, counts.at({"N": 8}).bytes_read) == (None, None)
    stream = io.StringIO()
    print_symbolic(counts, stream, width=120)
    assert "macs      -\nflop      -\nbytes     -\n" in stream.getvalue()
    assert "| flop | - |" in to_markdown(counts)


def test_the_table_and_the_markdown(tmp_path: Path) -> None:
    counts = symbolic_counts(_model(tmp_path, batch="batch-size"))
    assert _totals(counts)[0].where == (Condition("H", 2, 2), Condition("W", 2, 2))
    stream = io.StringIO()
    print_symbolic(counts, stream, width=120)
    text = stream.getvalue()
    assert text.splitlines()[0] == "net · counted as formulas · x [batch-size]x3xHxW"
    assert "flop      3*[batch-size]*H*W" in text
    assert "where     H and W: multiples of 2\n" in text
    assert "\x1b" not in text
    assert text.index("pool ") < text.index("act\\x1b[31m|")
    narrow = io.StringIO()
    print_symbolic(counts, narrow, width=80, top=1)
    assert "bytes" not in narrow.getvalue().split("layer")[1]
    assert "1 more node, smaller at 128 each (--top 0 shows all)" in narrow.getvalue()
    markdown = to_markdown(counts, top=0)
    assert markdown.startswith("### net · counted as formulas")
    assert "| flop | 3\\*\\[batch-size\\]\\*H\\*W |" in markdown
    assert "| act\\\\x1b\\[31m\\| | 0 | 3\\*" in markdown
    assert "more node" not in markdown
