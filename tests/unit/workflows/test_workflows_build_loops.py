"""Loops in engines of the real TensorRT-RTX: what their layers move in all turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from alexnet_bench import BuildOptions, build_engine
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_log import parse_layer_log
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.onnx_io import build_graph, open_model
from tests.unit.backends.tensorrt_here import needs_rtx

_ROW, _WEIGHTS = 4 * 64, 4 * 64 * 64
_INNER = """Loop <body = c (int64 at2, bool e, float[1,64] p2) => (bool f, float[1,64] n2)
    { [inner_product] m2 = MatMul (p2, v) [inner_tanh] n2 = Tanh (m2) [inner_on] f = Identity (e) }>"""
_LOOPS = {
    "Loop": f"""[loop] y = {_INNER} (turns, yes, x)""",
    "nested": f"""[loop] y = Loop <body = b (int64 at, bool c, float[1,64] p) => (bool d, float[1,64] n)
        {{ [product] m = MatMul (p, v) [inside] n = {_INNER} (two, yes, m) [on] d = Identity (c) }}> (turns, yes, x)""",
    "unrolled": """[loop] y, h = Scan <num_scan_inputs = 1, body = b (float[1,64] p, float[1,64] i) => (float[1,64] n,
        float[1,64] o) { [product] m = MatMul (p, v) [sum] n = Add (m, i) [out] o = Identity (n) }> (x, steps)""",
}


def _model(path: Path, loop: str) -> Path:
    model = parser.parse_model(f"""<ir_version: 9, opset_import: ["" : 17]> g (float[1,64] x) => (float[1,64] y)
        <int64 turns = {{6}}, int64 two = {{2}}, bool yes = {{1}}> {{ {loop} }}""")
    draw = np.random.default_rng(0)
    for name, size in {"v": (64, 64), "steps": (6, 1, 64)}.items():
        model.graph.initializer.append(numpy_helper.from_array(draw.normal(0, 0.1, size).astype("f"), name))
    onnx.save(model, path)
    return path


@needs_rtx
@pytest.mark.parametrize(("loop", "products"), [("Loop", [6]), ("nested", [6, 12]), ("unrolled", [1] * 6)])
def test_a_layer_of_a_loop_moves_its_tensors_in_each_turn(tmp_path: Path, loop: str, products: list[int]) -> None:
    """As its MACs are those of all turns; an unrolled one has a layer for each."""
    path = _model(tmp_path / "loop.onnx", _LOOPS[loop])
    layers = build_engine(path, options=BuildOptions(backend="tensorrt-rtx")).layers
    moved = [(layer.moved_bytes or 0) / (_WEIGHTS + 2 * _ROW) for layer in layers if layer.macs]
    assert moved == pytest.approx(products, rel=0.02)  # scales, and a row that is written twice


def _graph(folder: Path) -> Graph:
    return build_graph(open_model(_model(folder / "loop.onnx", _LOOPS["nested"])), name="g")


def _layer(name: str, node: str, jumps: tuple[str, ...] | None = (), *, tells_constants: bool = True) -> PlanLayer:
    row = PlanTensor("p", "float32", (1, 64))
    nodes = (node,) if node else ()
    return PlanLayer(name, "kgen", (row,), (), (row,), "", nodes, jumps, tells_constants=tells_constants)


def test_a_layer_is_in_the_loops_whose_jumps_go_back_over_it(tmp_path: Path) -> None:
    """What runs before the first turn, or between the turns of the inner loop, bears the names of the body, too."""
    layers = [
        _layer("k", "inner_tanh"),
        _layer("product", "product"),
        _layer("branch", "product", ("inner", "<EXIT>")),  # forward
        _layer("inner", "inner_product"),
        _layer("jump", "", ("inner", "after")),
        _layer("after", "inner_tanh"),
        _layer("jump2", "", ("product", "<EXIT>")),
        _layer("head", "inner_tanh"),
    ]
    found = named_layers(layers, tf32=False, graph=_graph(tmp_path))
    assert [(item.layer.moved_bytes or 0) // (2 * _ROW) for item in found] == [1, 6, 6, 12, 6, 6, 6, 1]


def test_without_jumps_or_constants_it_is_not_told_what_a_loop_moves(tmp_path: Path) -> None:
    graph = _graph(tmp_path)
    (untold,) = named_layers([_layer("k", "product", None)], tf32=False, graph=graph)
    assert untold.layer.moved_bytes is None
    inside = _layer("k", "product", ("k",), tells_constants=False)
    assert named_layers([inside], tf32=False, graph=graph)[0].layer.moved_bytes is None


def test_the_log_tells_where_a_layer_jumps_to() -> None:
    line = "Name: {}, LayerType: cjmp, Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 0{}, Metadata: "
    jump = ", JumpTargetThen: (Unnamed Loop* 0)^add_myl0_5, JumpTargetElse: <EXIT>"
    text = "\n".join(["Layers:", line.format("a", jump), line.format("b", ", JumpTarget: x"), line.format("c", "")])
    layers = parse_layer_log(text + "\n\nI/O Tensors:\n").layers
    assert [layer.jumps_to for layer in layers] == [("(Unnamed Loop* 0)^add_myl0_5", "<EXIT>"), ("x",), ()]
