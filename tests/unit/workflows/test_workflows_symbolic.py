from __future__ import annotations

import io
import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

import alexnet_bench
from alexnet_bench import symbolic_counts
from alexnet_bench.core.document import decode, encode
from alexnet_bench.core.errors import ShapeError, UsageError
from alexnet_bench.core.symbolic import Condition
from alexnet_bench.report.symbolic import print_symbolic, to_markdown


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
    assert counts.totals.work.macs.text == "724,406,816*N"
    assert counts.totals.work.where == counts.totals.moved.where == ()
    assert (counts.totals.params, counts.totals.nodes) == (60_965_224, 25)
    macs = {node.name: node.work.macs.text for node in counts.nodes if node.work and node.work.macs.terms}
    assert macs["conv1"] == "105,415,200*N"
    assert macs["conv2"] == "223,948,800*N"
    assert macs["fc8"] == "4,096,000*N"
    static = alexnet_bench.profile("alexnet-2012", batch=8, options=alexnet_bench.Options(static=True))
    assert counts.totals.work.flop.at({"N": 8}) == static.totals.flop
    assert counts.totals.moved.bytes_read.at({"N": 8}) == static.totals.bytes_read
    assert counts.totals.moved.bytes_written.at({"N": 8}) == static.totals.bytes_written
    assert counts.totals.activation_peak_bytes is not None
    assert counts.totals.activation_peak_bytes.at({"N": 8}) == static.totals.activation_peak_bytes


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
        {"name": name, "multiple_of": 2, "at_least": 2, "at_most": None} for name in ("H", "W")
    ]


def test_sizes_that_are_given_stay_numbers(tmp_path: Path) -> None:
    path = _model(tmp_path)
    assert symbolic_counts(path, batch=2).dimensions == ("H", "W")
    counts = symbolic_counts(path, shapes={"H": (8,), "W": (7,)})
    assert counts.model.inputs[0].shape == ("N", 3, 8, 7)
    assert counts.totals.work.flop.text == "144*N"
    with pytest.raises(ShapeError, match="net: no dimension of the inputs is open"):
        symbolic_counts(path, shapes={"x": (1, 3, 8, 8)})
    with pytest.raises(UsageError, match="a batch is a whole number"):
        symbolic_counts(path, batch=0)


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


def test_the_table_and_the_markdown(tmp_path: Path) -> None:
    counts = symbolic_counts(_model(tmp_path, batch="batch-size"))
    assert counts.totals.work.where == (Condition("H", 2, 2), Condition("W", 2, 2))
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
