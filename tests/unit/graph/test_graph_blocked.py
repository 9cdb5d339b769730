"""Models in blocks of channels, as ONNX Runtime itself saves them here, against what they were made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench.core.graph import Graph
from alexnet_bench.graph import contrib
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.graph.walk import all_graphs_and_nodes
from tests.unit.graph.conftest import Read

NCHWC = contrib.NCHWC
Saved = Callable[[str], "tuple[Graph, Graph, Path]"]
IMAGE = (2, 3, 16, 16)


def conv(made: str, read: str, weights: tuple[int, ...], **attributes: Any) -> str:
    """A Conv with a bias, in the parser's syntax; `w_made` of these sizes stands behind it."""
    given = {"pads": [weights[2] // 2] * 4, **attributes}
    written = ", ".join(f"{name} = {value}" for name, value in given.items())
    return f"{made} = Conv<{written}>({read}, w_{made}_{'x'.join(map(str, weights))}, b_{made}_{weights[0]})"


def with_weights(text: str) -> onnx.ModelProto:
    """The model, with values for the weights that are called by their sizes."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {text}')
    random = np.random.default_rng(0)
    for graph in all_graphs_and_nodes(model)[0]:
        for name in [name for node in graph.node for name in node.input if name[:2] in ("w_", "b_")]:
            sizes = tuple(map(int, name.rsplit("_", 1)[1].split("x")))
            values = random.normal(0, 0.1, sizes).astype(np.float32)
            graph.initializer.append(numpy_helper.from_array(values, name))
    return model


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """A text: as it is, and as ONNX Runtime saves it at its highest level, with that file."""

    def through_onnx_runtime(text: str) -> tuple[Graph, Graph, Path]:
        plain, optimised = tmp_path / "plain.onnx", tmp_path / "optimised.onnx"
        onnx.save(with_weights(text), plain)
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath, options.log_severity_level = str(optimised), 4
        onnxruntime.InferenceSession(plain, options, providers=["CPUExecutionProvider"])
        found = build_graph(open_model(optimised), name="optimised")
        if not any(node.domain == NCHWC for node in found.nodes):
            pytest.skip("ONNX Runtime has no blocks of channels on this processor")
        return build_graph(open_model(plain), name="plain"), found, optimised

    return through_onnx_runtime


def as_run(path: Path) -> dict[str, tuple[int, ...]]:
    """What the nodes of a file make when ONNX Runtime runs them as they stand there, by node."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling, options.log_severity_level = True, 4
    options.profile_file_prefix = str(path.with_suffix(".trace"))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    session.run(None, {"x": np.ones(IMAGE, np.float32)})
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    made = {
        event["name"].removesuffix("_kernel_time"): event["args"].get("output_type_shape")
        for event in events
        if event.get("cat") == "Node"
    }
    return {name: tuple(next(iter(shapes[0].values()))) for name, shapes in made.items() if shapes}


# Channels that fill no block, with both ends of each convolution in sight; and such that fill blocks of any size.
NETWORKS = {
    "ends": f"""g (float[2,3,16,16] x) => (float[2,12,8,8] y) {{
        {conv("a", "x", (20, 3, 3, 3))}  p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(a)
        {conv("c", "p", (20, 1, 3, 3), group=20)}  s = Sigmoid(c)  r = Relu(s)
        {conv("y", "r", (12, 20, 1, 1))}
    }}""",
    "residual": f"""g (float[2,3,16,16] x) => (float[2,20,16,16] y) {{
        {conv("a", "x", (20, 3, 3, 3))}  {conv("c", "a", (20, 1, 3, 3), group=20)}  r = LeakyRelu(c)
        t = Add(r, a)  y = Relu(t)
    }}""",
    "whole": f"""g (float[2,3,16,16] x) => (float[2,128,4,4] y, float[2,64,1,1] g, float[2,64,1,1] m) {{
        {conv("a", "x", (64, 3, 3, 3))}  {conv("c", "a", (64, 32, 3, 3), group=2, strides=[2, 2])}  r = Relu(c)
        {conv("d", "r", (64, 64, 1, 1))}  s = Add(d, r)  h = HardSigmoid(s)
        p = MaxPool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1>(h)
        q = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(p)  both = Concat<axis = 1>(q, q)
        {conv("e", "both", (128, 128, 1, 1))}  y = Tanh(e)
        g = GlobalAveragePool(q)  m = GlobalMaxPool(q)
    }}""",
    "upsampled": f"""g (float[2,3,16,16] x) => (float[2,40,32,48] y) {{
        {conv("a", "x", (64, 3, 3, 3))}  scales = Constant<value_floats = [1.0, 1.0, 2.0, 3.0]>()
        u = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">(a, , scales)
        {conv("y", "u", (40, 64, 1, 1))}
    }}""",
    "channels last": f"""g (float[2,3,16,16] x) => (float[2,16,16,20] y) {{
        {conv("a", "x", (20, 3, 3, 3))}  t = Transpose<perm = [0, 2, 3, 1]>(a)  n = Softmax(t)
        v = Transpose<perm = [0, 3, 1, 2]>(n)  {conv("c", "v", (20, 20, 1, 1))}
        y = Transpose<perm = [0, 2, 3, 1]>(c)
    }}""",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_work_is_that_of_the_network_before(saved: Saved, name: str) -> None:
    plain, optimised, _ = saved(NETWORKS[name])
    before, after = count(plain), count(optimised)
    assert [row.why_unknown for row in after.rows if row.why_unknown] == []
    assert after.macs == before.macs
    in_blocks = name in ("ends", "residual")  # elementwise operators of their own, on filled blocks
    assert after.flop > before.flop if in_blocks else after.flop == before.flop
    assert [optimised.tensor(output).sizes for output in optimised.outputs] == [
        plain.tensor(output).sizes for output in plain.outputs
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes_are_those_of_a_run(saved: Saved, name: str) -> None:
    _, optimised, path = saved(NETWORKS[name])
    run = as_run(path)
    found = {node.name: optimised.tensor(node.outputs[0]).sizes for node in optimised.nodes if node.name in run}
    assert len([node for node in optimised.nodes if node.domain == NCHWC and node.name in found]) > 1
    assert found == {node: run[node] for node in found}


def test_bytes_and_parameters_are_those_of_the_file(saved: Saved) -> None:
    _, optimised, path = saved(NETWORKS["ends"])
    held = onnx.load(path).graph.initializer
    table = count(optimised)
    assert table.params == sum(int(np.prod(item.dims)) for item in held if item.data_type == TensorProto.FLOAT)
    first = table.rows[0]
    assert first.op == f"{NCHWC}.Conv"
    weights = sum(numpy_helper.to_array(item).nbytes for item in held if item.name in optimised.live_nodes[0].inputs)
    made = optimised.tensor(optimised.live_nodes[0].outputs[0]).size_bytes
    assert (first.bytes_read, first.bytes_written) == (4 * 2 * 3 * 16 * 16 + weights, made)


def test_between_two_convolutions_what_fills_a_block_counts(saved: Saved) -> None:
    """How many of these channels there were stands nowhere in the file."""
    plain, optimised, _ = saved(
        f"""g (float[2,3,16,16] x) => (float[2,12,16,16] y) {{
            {conv("a", "x", (20, 3, 3, 3))}  {conv("y", "a", (12, 20, 1, 1))}
        }}"""
    )
    first, second = [node for node in optimised.nodes if node.op_type == "Conv"]
    filled = (optimised.tensor(first.outputs[0]).sizes or ())[1]
    assert filled > 20
    rows = count(optimised).by_name
    assert rows[first.name].macs == 2 * 16 * 16 * filled * 27
    assert rows[second.name].macs == 2 * 16 * 16 * 12 * filled
    assert count(plain).macs == 2 * 16 * 16 * (20 * 27 + 12 * 20)


def test_branches_are_followed_too(saved: Saved) -> None:
    plain, optimised, _ = saved(
        f"""g (float[2,3,16,16] x) => (float[2,12,8,8] y) {{
            {conv("a", "x", (20, 3, 3, 3))}  p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(a)
            total = ReduceSum<keepdims = 0>(a)  zero = Constant<value_float = 0.0>()  c = Greater(total, zero)
            y = If(c) <then_branch = t () => (float[2,12,8,8] q) {{ {conv("q", "p", (12, 20, 1, 1))} }},
                       else_branch = e () => (float[2,12,8,8] r) {{ {conv("r", "p", (12, 20, 3, 3))} }}>
        }}"""
    )
    pairs = [(body, node) for _, body in optimised.nodes[-1].bodies for node in body.nodes if node.op_type == "Conv"]
    wide = [[(body.tensor(name).sizes or ())[1] for name in node.inputs[:2]] for body, node in pairs]
    assert [node.domain for _, node in pairs] == [NCHWC, NCHWC]
    assert all(given == wanted > 20 for given, wanted in wide)
    assert count(optimised).macs == count(plain).macs == 2 * (16 * 16 * 20 * 27 + 8 * 8 * 12 * 20 * 9)


def _blocks(*nodes: onnx.NodeProto, **weights: tuple[int, ...]) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 10, 4, 4))]
    held = [TensorProto(name=name, data_type=TensorProto.FLOAT, dims=sizes) for name, sizes in weights.items()]
    outputs = [onnx.ValueInfoProto(name=nodes[-1].output[0])]
    graph = helper.make_graph(list(nodes), "g", inputs, outputs, held)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(NCHWC, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("block", [8, 16])
def test_blocks_of_either_size(read: Read, block: int) -> None:
    filled = -(-10 // block) * block
    up = helper.make_node("ReorderInput", ["x"], ["b"], domain=NCHWC)
    product = helper.make_node("Conv", ["b", "w"], ["c"], domain=NCHWC, kernel_shape=[1, 1])
    down = helper.make_node("ReorderOutput", ["c"], ["y"], domain=NCHWC, channels=20)
    graph = read(_blocks(up, product, down, w=(32, filled, 1, 1)))
    assert [graph.tensor(name).sizes for name in "bcy"] == [(1, filled, 4, 4), (1, 32, 4, 4), (1, 20, 4, 4)]
    assert [row.macs for row in count(graph).rows] == [0, 20 * 10 * 16, 0]


@pytest.mark.parametrize("op", contrib.operators(NCHWC))
def test_nodes_without_inputs_or_shapes_are_left_open(read: Read, op: str) -> None:
    nodes = [helper.make_node(op, [], ["z"], domain=NCHWC), helper.make_node(op, ["x"] * 4, [], domain=NCHWC)]
    graph = read(_blocks(*nodes, helper.make_node(op, ["nothing"], ["y"], domain=NCHWC), nothing=()))
    assert graph.tensor("y").sizes is None
    assert not any(row.macs for row in count(graph).rows)


@pytest.mark.parametrize("weights", [(32, 16, 1, 1), (2**62, 2**62, 1, 1), (-1, -1, 1, 1), (32,), ()])
def test_malformed_nodes_are_left_open(read: Read, weights: tuple[int, ...]) -> None:
    line = helper.make_node("ReorderInput", ["flat"], ["l"], domain=NCHWC)
    up = helper.make_node("ReorderInput", ["x"], ["b"], domain=NCHWC)
    product = helper.make_node("Conv", ["b", "w"], ["c"], domain=NCHWC, kernel_shape=[1, 1], group=2**62)
    other = helper.make_node("Conv", ["l", "w"], ["d"], domain=NCHWC, group=-1)
    down = helper.make_node("ReorderOutput", ["c"], ["y"], domain=NCHWC, channels=-3)
    model = _blocks(line, up, product, other, down, w=weights)
    model.graph.input.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, (7,)))
    graph = read(model)
    assert graph.tensor("y").sizes is None
    assert count(graph).by_name["ReorderOutput:y"].macs is None


def test_channels_that_the_file_makes_up_change_nothing(read: Read) -> None:
    marks: dict[str, Any] = {"channels filled up": 3, "channels before filling": [1, 1]}
    up = helper.make_node("ReorderInput", ["x"], ["b"], domain=NCHWC, **marks)
    product = helper.make_node("Conv", ["b", "w"], ["y"], domain=NCHWC, kernel_shape=[1, 1], **marks)
    graph = read(_blocks(up, product, w=(32, 16, 1, 1)))
    assert graph.tensor("b").sizes == (1, 16, 4, 4)
    assert count(graph).macs == 32 * 10 * 16
