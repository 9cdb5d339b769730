"""Types, constants and Gathers as ONNX Runtime really runs them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from alexnet_bench.backends.onnxruntime.session import OPTIMISED_MODEL
from alexnet_bench.graph.convert import integer_values
from alexnet_bench.graph.counting import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.backends.conftest import Profile

N = 64


def model(nodes: list[NodeProto], dtype: int, shape: list[int], made: list[str], **stored: Any) -> ModelProto:
    given = [helper.make_tensor_value_info("x", dtype, shape)]
    outputs = [helper.make_tensor_value_info(name, dtype, None) for name in made]
    constants = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "g", given, outputs, constants)
    return onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    )


def products(dtype: int) -> ModelProto:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], "first"),
        helper.make_node("MatMul", ["a", "v"], ["y"], "second"),
    ]
    weights = {name: np.ones((N, N), helper.tensor_dtype_to_np_dtype(dtype)) for name in "wv"}
    return model(nodes, dtype, [2, N], ["y"], **weights)


def test_a_half_model_moves_what_the_float_model_moves(profile_model: Profile) -> None:
    """The CPU's provider multiplies float16 as float32; the trace lacks the weights that it packed."""
    half, single = (
        {layer.name: layer for layer in profile_model(products(dtype)).layers}
        for dtype in (TensorProto.FLOAT16, TensorProto.FLOAT)
    )
    for name in ("first", "second"):
        assert half[name].input_dtypes == ("float32",)
        assert half[name].bytes == single[name].bytes == 4 * (2 * N + N * N + 2 * N)
        assert half[name].weight_bytes == 4 * N * N
    casts = [layer for layer in half.values() if layer.op == "Cast"]
    assert [cast.bytes for cast in casts] == [2 * N * (2 + 4)] * 2


def test_a_weight_that_is_dequantised_in_each_run_is_the_users_node(profile_model: Profile) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"], "dequantise"),
        helper.make_node("Add", ["x", "d"], ["y"], "add"),
    ]
    stored = {"q": np.arange(N, dtype=np.int8), "s": np.float32(0.5)}
    found = profile_model(model(nodes, TensorProto.FLOAT, [2, N], ["y"], **stored))
    dequantise, add = found.layers
    assert (dequantise.op, dequantise.name, dequantise.constant_nodes) == (
        "DequantizeLinear",
        "dequantise",
        ("dequantise",),
    )
    assert (dequantise.onnx_nodes, dequantise.bytes) == ((), N + 4 + 4 * N)
    assert (add.onnx_nodes, add.weight_bytes, add.bytes) == (("add",), 4 * N, 4 * (2 * N + N + 2 * N))
    assert (found.coverage.overhead_fraction, found.coverage.time_attributed_fraction) == (0.0, 1.0)
    found.check()


@pytest.mark.parametrize("zeros", ["", "z"])
def test_weights_in_a_kernel_of_bytes_are_read_as_stored(profile_model: Profile, zeros: str) -> None:
    """ONNX Runtime makes one MatMulNBits of both nodes, and packs what the trace then lacks."""
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", *zeros], ["d"], "dequantise", axis=1),
        helper.make_node("MatMul", ["x", "d"], ["y"], "product"),
    ]
    stored = {"q": np.ones((N, N), np.int8), "s": np.ones(N, np.float32), "z": np.zeros(N, np.int8)}
    found = profile_model(model(nodes, TensorProto.FLOAT, [2, N], ["y"], **stored))
    (layer,) = found.layers
    assert layer.weight_bytes == N * N + 4 * N + (N if zeros else 0)


def test_a_split_and_its_squeezes_belong_to_the_gathers(profile_model: Profile) -> None:
    """All indices along an axis, each picked by a node."""
    nodes = [
        helper.make_node("Gather", ["e", f"i{index}"], [f"g{index}"], f"pick{index}", axis=1) for index in range(3)
    ]
    nodes.insert(0, helper.make_node("Exp", ["x"], ["e"], "exp"))
    nodes.append(helper.make_node("Sum", ["g0", "g1", "g2"], ["y"], "sum"))
    indices = {f"i{index}": np.array(index, np.int64) for index in range(3)}
    found = profile_model(model(nodes, TensorProto.FLOAT, [2, 3, N], ["y"], **indices))
    (split,) = (layer for layer in found.layers if layer.op == "Split")
    squeezes = [layer for layer in found.layers if layer.op == "Squeeze"]
    assert {(part.name, part.share) for part in split.shared_nodes} == {(f"pick{index}", 1.0) for index in range(3)}
    assert {part.name for layer in squeezes for part in layer.shared_nodes} == {"pick0", "pick1", "pick2"}
    assert all(part.share == 0 for layer in squeezes for part in layer.shared_nodes)
    assert found.coverage.overhead_fraction == 0.0
    assert split.bytes == 4 * 2 * 3 * N * 2 + 3 * 8
    found.check()


@pytest.mark.parametrize("order", list(itertools.permutations(itertools.product((0, 1), repeat=2))))
def test_blocks_of_a_focus_belong_to_what_moves_them_in_any_order(
    order: Sequence[tuple[int, int]], profile_model: Profile
) -> None:
    """A detector's first step: every second pixel of every second row, four times. (A Gather puts them in order.)"""
    inputs = [["x", f"start{row}{column}", "end", "axes", "steps"] for row, column in order]
    nodes = [helper.make_node("Slice", read, [f"s{at}"], f"slice{at}") for at, read in enumerate(inputs)]
    nodes.append(helper.make_node("Concat", [f"s{at}" for at in range(4)], ["c"], "concat", axis=1))
    nodes.append(helper.make_node("Identity", ["c"], ["i"], "vanishes"))
    nodes.append(helper.make_node("Conv", ["i", "w"], ["y"], "conv"))
    starts = {f"start{row}{column}": np.array([row, column]) for row, column in order}
    others = {"end": np.array([2**62] * 2), "axes": np.array([2, 3]), "steps": np.array([2, 2])}
    weights = np.ones((4, 12, 1, 1), np.float32)
    found = profile_model(model(nodes, TensorProto.FLOAT, [1, 3, 8, 12], ["y"], **starts, **others, w=weights))
    found.check()
    (moves,) = (layer for layer in found.times.layers if layer.op == "SpaceToDepth")
    (moved,) = found.nodes_of("SpaceToDepth")
    assert moved == {"slice0", "slice1", "slice2", "slice3", "concat"}
    ordering = [layer for layer in found.layers if layer.op == "Gather"]
    assert len(ordering) == (list(order) != sorted(order))
    assert all(part.share == 0 for layer in ordering for part in layer.shared_nodes)
    assert found.nodes_of("Conv") == [{"conv", "vanishes"}]
    assert moves.reads == ("x",)


@pytest.mark.parametrize("source", ["float", "cast", "dequantised"])
def test_a_loop_reads_the_floats_that_its_body_multiplies(profile_model: Profile, source: str) -> None:
    """Whatever the file holds of a weight from outside: the body's product reads it in float32, each turn."""
    weights: dict[str, Any] = {"float": {"w": np.ones((N, N), np.float32)}}
    weights |= {"cast": {"h": np.ones((N, N), np.float16)}}
    weights |= {"dequantised": {"q": np.ones((N, N), np.int8), "s": np.float32(0.5)}}
    makers = {
        "float": [],
        "cast": [helper.make_node("Cast", ["h"], ["w"], "maker", to=TensorProto.FLOAT)],
        "dequantised": [helper.make_node("DequantizeLinear", ["q", "s"], ["w"], "maker")],
    }
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("MatMul", ["v", "w"], ["u"], "mm"), helper.make_node("Identity", ["c"], ["d"], "go_on")],
        "body",
        [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v", TensorProto.FLOAT, [1, N])],
        [value("d", TensorProto.BOOL, []), value("u", TensorProto.FLOAT, [1, N])],
    )
    loop = helper.make_node("Loop", ["turns", "", "x"], ["y"], "loop", body=body)
    found = profile_model(
        model([*makers[source], loop], TensorProto.FLOAT, [1, N], ["y"], turns=np.int64(5), **weights[source])
    )
    (layer,) = (layer for layer in found.layers if layer.name == "loop")
    assert layer.bytes == 5 * 4 * (N * N + 2 * N)


def test_what_follows_from_sizes_alone_was_computed_while_loading(profile_model: Profile) -> None:
    """Positions, a mask and the root of a size, as exporters write them: ONNX Runtime only reads what they make."""
    columns = 64
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], "shape"),
        helper.make_node("Gather", ["s", "one"], ["n"], "size"),
        helper.make_node("Range", ["zero", "n", "one"], ["r"], "range"),
        helper.make_node("Unsqueeze", ["r", "last"], ["down"], "down"),
        helper.make_node("Less", ["down", "r"], ["later"], "later"),
        helper.make_node("Where", ["later", "low", "null"], ["mask"], "mask"),
        helper.make_node("Cast", ["n"], ["f"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Sqrt", ["f"], ["root"], "root"),
        helper.make_node("Div", ["x", "root"], ["d"], "scale"),
        helper.make_node("Add", ["d", "mask"], ["a"], "add"),
        helper.make_node("Div", ["a", "root"], ["e"], "scale again"),
        helper.make_node("Softmax", ["e"], ["y"], "softmax"),
    ]
    numbers = {"one": np.array(1), "zero": np.array(0), "last": np.array([1])}
    numbers |= {"low": np.array(-1e9, np.float32), "null": np.array(0, np.float32)}
    found = profile_model(model(nodes, TensorProto.FLOAT, [columns, columns], ["y"], **numbers))
    found.check()
    assert {layer.op: layer.flop for layer in found.layers if layer.op in ("Add", "Div")} == {
        "Add": columns * columns,
        "Div": columns * columns,
    }
    before = {"shape", "size", "range", "down", "later", "mask", "cast", "root"}
    assert set().union(*(layer.merged_nodes for layer in found.layers)) == before
    costs = count(found.graph)
    idle = sum(row.flop or 0 for row in costs.rows if row.name in before)
    assert idle > columns * columns
    assert sum(layer.flop or 0 for layer in found.layers) + idle == sum(row.flop or 0 for row in costs.rows)


def test_what_was_folded_while_loading_is_no_part_of_a_run(profile_model: Profile) -> None:
    """A weight as it is trained for quantisation: ONNX Runtime quantises it once, and dequantises it in each run."""
    nodes = [
        helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q"], "quantise"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], "dequantise"),
        helper.make_node("Add", ["x", "d"], ["y"], "add"),
    ]
    stored = {"w": np.linspace(-1, 1, N, dtype=np.float32), "s": np.float32(0.01), "z": np.int8(0)}
    found = profile_model(model(nodes, TensorProto.FLOAT, [2, N], ["y"], **stored))
    layer = found.layers[0]
    assert (layer.constant_nodes, layer.flop) == (("dequantise",), 2 * N)
    assert (layer.bytes, layer.weight_bytes, layer.activation_bytes) == (N + 4 + 1 + 4 * N, N + 4 + 1, 4 * N)


@pytest.mark.parametrize("is_trained", [False, True])
def test_weights_that_are_dequantised_for_each_reader_are_the_users_node_each_time(
    profile_model: Profile, is_trained: bool
) -> None:
    """ONNX Runtime dequantises once for each reader, and once more, transposed before, for a Transpose."""
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], "dequantise", axis=0),
        helper.make_node("MatMul", ["x", "d"], ["a"], "first"),
        helper.make_node("Relu", ["d"], ["r"], "relu"),
        helper.make_node("MatMul", ["a", "r"], ["b"], "second"),
        helper.make_node("Transpose", ["d"], ["t"], "turn", perm=[1, 0]),
        helper.make_node("MatMul", ["b", "t"], ["y"], "third"),
    ]
    stored = {"s": np.full(N, 0.01, np.float32), "z": np.zeros(N, np.int8)}
    if is_trained:
        nodes.insert(0, helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q"], "quantise", axis=0))
        stored["w"] = np.linspace(-1, 1, N * N, dtype=np.float32).reshape(N, N)
    else:
        stored["q"] = np.ones((N, N), np.int8)
    found = profile_model(model(nodes, TensorProto.FLOAT, [2, N], ["y"], **stored))
    again = [layer for layer in found.layers if layer.op == "DequantizeLinear"]
    assert sorted(layer.constant_nodes for layer in again) == [
        ("dequantise",),
        ("dequantise",),
        ("dequantise", "turn"),
    ]
    for layer in again:
        assert (layer.flop, layer.bytes) == (2 * N * N, N * N + 4 * N + N + 4 * N * N)
    assert len({layer.name for layer in found.layers}) == len(found.layers)
    assert found.coverage.overhead_fraction == 0.0
    found.check()


def test_reshapes_around_a_product_move_nothing(profile_model: Profile) -> None:
    """ONNX Runtime makes a Gemm of a product and a sum on three axes, between two Reshapes of its own."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "relu"),
        helper.make_node("MatMul", ["r", "w"], ["m"], "product"),
        helper.make_node("Add", ["m", "b"], ["s"], "sum"),
        helper.make_node("Exp", ["s"], ["y"], "exp"),
    ]
    stored = {"w": np.ones((N, 32), np.float32), "b": np.ones(32, np.float32)}
    found = profile_model(model(nodes, TensorProto.FLOAT, [2, 8, N], ["y"], **stored))
    reshapes = [layer for layer in found.layers if layer.op == "Reshape"]
    assert [(layer.bytes, layer.bound) for layer in reshapes] == [(0, "overhead")] * 2
    (gemm,) = (layer for layer in found.layers if layer.op == "Gemm")
    assert gemm.bytes == 4 * (16 * N + N * 32 + 32 + 16 * 32)


def test_each_kernel_of_a_node_makes_its_own_pass(profile_model: Profile) -> None:
    """HardSwish is HardSigmoid and a product: the work of the node is shared, what each reads and makes is not."""
    nodes = [helper.make_node("Exp", ["x"], ["e"], "exp"), helper.make_node("HardSwish", ["e"], ["y"], "swish")]
    found = profile_model(model(nodes, TensorProto.FLOAT, [2, N], ["y"]))
    sigmoid, product = (layer for layer in found.layers if layer.name.startswith("swish"))
    assert (sigmoid.op, product.op) == ("HardSigmoid", "Mul")
    assert (sigmoid.bytes, product.bytes) == (4 * 2 * 2 * N, 4 * 3 * 2 * N)
    found.check()


def test_what_stays_quantised_moves_bytes(profile_model: Profile) -> None:
    """A Transpose between quantised convolutions is done on bytes."""
    quantised = {"s": np.float32(0.5), "z": np.uint8(3), "w": np.ones((16, 16, 1, 1), np.int8), "t": np.int8(0)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q0"], "q0"),
        helper.make_node("DequantizeLinear", ["q0", "s", "z"], ["d0"], "d0"),
        helper.make_node("DequantizeLinear", ["w", "s", "t"], ["dw"], "dw"),
        helper.make_node("Conv", ["d0", "dw"], ["c"], "conv"),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["q1"], "q1"),
        helper.make_node("DequantizeLinear", ["q1", "s", "z"], ["d1"], "d1"),
        helper.make_node("Transpose", ["d1"], ["p"], "turn", perm=[0, 3, 2, 1]),
        helper.make_node("QuantizeLinear", ["p", "s", "z"], ["q2"], "q2"),
        helper.make_node("DequantizeLinear", ["q2", "s", "z"], ["y"], "d2"),
    ]
    found = profile_model(model(nodes, TensorProto.FLOAT, [1, 16, 8, 8], ["y"], **quantised))
    (conv,) = (layer for layer in found.layers if layer.op == "QLinearConv")
    assert conv.bytes == 16 * 64 + 16 * 16 + 16 * 64 + 4 + 1 + 1  # one scale, and the zero points of both types
    turns = [layer for layer in found.layers if layer.op == "Transpose"]
    assert turns
    assert {layer.bytes for layer in turns} == {2 * 16 * 64}


def test_channels_that_are_filled_up_are_moved(profile_model: Profile) -> None:
    """Convolutions keep channels in blocks of 8 or 16: of 3 the kernels write as many, and the way back reads them."""
    stored = {"w": np.ones((3, 3, 3, 3), np.float32), "v": np.ones((3, 3, 3, 3), np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "first", pads=[1] * 4),
        helper.make_node("Conv", ["c", "v"], ["y"], "second", pads=[1] * 4),
    ]
    found = profile_model(model(nodes, TensorProto.FLOAT, [1, 3, 32, 32], ["y"], **stored))
    back = [layer for layer in found.layers if layer.op == "ReorderOutput"]
    assert back
    assert {layer.bytes for layer in back} < {4 * (block + 3) * 32 * 32 for block in (4, 8, 16)}


def test_a_detector_writes_what_it_kept_and_small_constants_are_known(profile_model: Profile) -> None:
    boxes, scores = np.tile(np.array([99, 99, 108, 108], np.float32), (1, N, 1)), np.ones((1, 2, N), np.float32)
    limits = {"most": np.array([8]), "iou": np.array([0.5], np.float32), "least": np.array([0.1], np.float32)}
    nodes = [
        helper.make_node("Max", ["x", "boxes"], ["b"], "same"),
        helper.make_node("NonMaxSuppression", ["b", "scores", *limits], ["kept"], "nms"),
        helper.make_node("Cast", ["kept"], ["y"], "cast", to=TensorProto.FLOAT),
    ]
    given = model(nodes, TensorProto.FLOAT, [1, N, 4], ["y"], boxes=boxes, scores=scores, **limits)
    found = profile_model(given)
    (nms,) = (layer for layer in found.layers if layer.op == "NonMaxSuppression")
    kept = 2  # one of each class, as all boxes are one; the bound is 8 of each
    assert nms.bytes == 4 * 4 * N + 4 * 2 * N + 8 + 4 + 4 + 3 * 8 * kept
    optimised = onnx.load(found.folder / OPTIMISED_MODEL, load_external_data=False)
    assert integer_values(optimised.graph)["most"] == (8,)
