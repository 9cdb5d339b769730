"""Outputs and inputs that are left out have no name, and nothing is known of one for what is known of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser

from alexnet_bench.core.errors import ModelError
from alexnet_bench.graph.convert import initialisers_of, integer_values, tensors_of
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.graph.symbolic.lattices import stride
from alexnet_bench.graph.symbolic.named import named_sizes
from tests.unit.graph.conftest import Read
from tests.unit.graph.every_tensor import run

HIDDEN = 5
X = np.ones((6, 2, 3), np.float32)


def behind_arithmetic(nodes: str, constants: dict[str, object]) -> onnx.ModelProto:
    """x[6,2,3] by way of a shape that ONNX's inference does not follow, so that the tool goes on node by node."""
    model = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 18]> g (float[6,2,3] x) => () {{
            s = Shape(x)  f = Cast<to = 1>(s)  m = Mul(f, one)  i = Cast<to = 7>(m)  xr = Reshape(x, i)  {nodes}
        }}"""
    )
    read = {name for node in model.graph.node for name in node.input}
    made = [name for node in model.graph.node for name in node.output if name and name not in read]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    values = {"one": np.float32(1), **constants}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in values.items())
    return model


def floats(*sizes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.full(sizes, 0.1, np.float32)


def with_gaps(model: onnx.ModelProto, gap: str) -> onnx.ModelProto:
    """The model without that output of a node, and without the inputs `none`."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = ["" if name in ("none", gap) else name for name in names]
    outputs = [info for info in model.graph.output if info.name != gap]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return model


@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_an_output_that_is_left_out_is_no_input_that_is(read: Read, op: str, gates: int) -> None:
    """The bias is left out, and the states of all steps, which are larger."""
    states = "h0, h0" if op == "LSTM" else "h0"
    model = behind_arithmetic(
        f"y, last = {op}<hidden_size = {HIDDEN}> (xr, w, r, none, none, {states})",
        {"w": floats(1, gates * HIDDEN, 3), "r": floats(1, gates * HIDDEN, HIDDEN), "h0": floats(1, 2, HIDDEN)},
    )
    gone = with_gaps(model, "y")
    graph = read(gone)
    assert graph.tensor("last").sizes == run(gone, {"x": X})["last"].shape == (1, 2, HIDDEN)
    assert "" not in graph.tensors
    assert count(graph).macs == 6 * 2 * gates * HIDDEN * (3 + HIDDEN)


def test_nor_is_it_one_of_the_nodes_behind(read: Read) -> None:
    model = behind_arithmetic(
        f"""y, last = LSTM<hidden_size = {HIDDEN}> (xr, w, r, b)  big = Resize(last, none, none, sizes)
        cv = Conv(big, kernel, none)  sum = ReduceSum<keepdims = 0>(cv, none)  cl = Clip(sum, none, most)
        again = LSTM<hidden_size = {HIDDEN}> (last, w5, r, none, none, h0, h0)""",
        {
            "w": floats(1, 4 * HIDDEN, 3), "w5": floats(1, 4 * HIDDEN, 5), "r": floats(1, 4 * HIDDEN, HIDDEN),
            "b": floats(1, 8 * HIDDEN), "sizes": np.array([1, 2, 10]), "kernel": floats(3, 2, 1),
            "h0": floats(1, 2, HIDDEN), "most": np.float32(6),
        },
    )  # fmt: skip
    gone = with_gaps(model, "y")
    graph, made = read(gone), run(gone, {"x": X})
    assert {name: graph.tensor(name).sizes for name in made} == {name: value.shape for name, value in made.items()}
    assert all(row.counted for row in count(graph).rows)


def test_what_the_file_calls_so_is_no_tensor() -> None:
    """ONNX Runtime takes a declaration without a name, and fails on a constant without one."""
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", ""], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", 1, [1, 2, 4, 4])],
        [helper.make_tensor_value_info("y", 1, None)],
        [helper.make_tensor("w", 1, [3, 2, 1, 1], [0.0] * 6), helper.make_tensor("", 7, [2], [1, 2])],
        value_info=[helper.make_tensor_value_info("", 1, [7, 9])],
    )
    assert tensors_of(graph).keys() == {"x", "y", "w"}
    assert initialisers_of(graph) == {"w"}
    assert integer_values(graph) == {}


def test_an_input_of_the_graph_without_a_name_is_refused(tmp_path: Path) -> None:
    model = parser.parse_model("<ir_version: 8> g (float[1] x, float[1] z) => (y) { y = Relu(x) }")
    model.graph.input[1].name = ""
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="an input of the graph has no name"):
        open_model(path)


def test_sizes_to_try_do_not_come_by_way_of_what_is_left_out() -> None:
    """Of a pool the positions alone are read, of TopK too; behind them a Clip and a Resize leave inputs out."""
    model = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18]> g (float[1,1,N,N] x, float[1,1,N,N] z) => (p, d, t, r)
        <float most = {6.0}, int64[1] other = {700}, int64[1] best = {300}, int64[4] sizes = {1, 1, 224, 224}> {
            t = Expand(x, other)  gap, p = MaxPool<kernel_shape = [3, 3], strides = [3, 3]>(x)
            c = Clip(z, none, most)  d = MaxPool<kernel_shape = [3, 3], strides = [3, 3]>(c)
        }"""
    )
    assert stride(with_gaps(model, "gap").graph) == 3
    model.graph.node[1].CopyFrom(helper.make_node("TopK", ["x", "best"], ["", "p"]))
    model.graph.node.append(helper.make_node("Resize", ["z", "", "", "sizes"], ["r"]))
    assert named_sizes(model, 2) == (224, 700, 300, 1)
