"""Sizes that factors make: the product of ONNX Runtime, in float32, where ONNX's own inference takes another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, parser
from onnx.numpy_helper import from_array

from alexnet_bench.graph import contrib
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.graph.symbolic.polynomials import SymbolicTable, count_symbolically
from alexnet_bench.graph.symbolic.rounding import is_even
from alexnet_bench.graph.symbolic.sizes import open_inputs
from tests.unit.graph.conftest import Read

Attributes = dict[str, Any]
ROUNDED = [(10, 2.3, 23), (20, 1.15, 23), (30, 1.1, 33), (90, 1.3, 116), (100, 1.3, 130)]
SHRUNK = [(100, 0.01, 1), (100, 0.29, 29), (137, 0.5, 68)]


def _resize(opset: int, factors: list[float], **attributes: Any) -> ModelProto:
    """A node that makes `y` of `x`, and the constants that it reads, as each opset writes them."""
    values = np.array(factors, np.float32)
    constants = [from_array(values, "s")] if opset >= 9 else []
    if opset < 9:
        attributes["scales"] = values.tolist()
    inputs = {7: ["x"], 8: ["x"], 9: ["x", "s"], 10: ["x", "s"]}.get(opset, ["x", "", "s"])
    if opset in (11, 12):
        inputs[1] = "roi"
        constants.append(from_array(np.zeros(0, np.float32), "roi"))
    node = helper.make_node("Resize" if opset > 9 else "Upsample", inputs, ["y"], **attributes)
    return _model([node], opset, constants)


def _model(nodes: list[Any], opset: int, constants: list[TensorProto], fed: Any = ("N", "C", "H", "W")) -> ModelProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", fed), ("y", None))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _made(model: ModelProto, shape: tuple[int, ...]) -> tuple[int, ...]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: tuple[int, ...] = session.run(["y"], {"x": np.zeros(shape, np.float32)})[0].shape
    return found


def _drawn(opset: int) -> Iterator[tuple[int, float]]:
    """Sizes and factors, anew but always the same; half the products are next to a whole number."""
    drawn = np.random.default_rng(opset)
    for position in range(60):
        size = int(drawn.integers(1, 120))
        near = np.float32(drawn.integers(1, 300) / size)
        factor = np.nextafter(near, np.float32(0)) if position % 2 else near
        yield size, float(max(factor, np.float32(1)) if opset < 10 else factor)


@pytest.mark.parametrize("opset", [7, 9, 10, 11, 13, 18, 23])
def test_each_size_is_that_of_onnx_runtime(read: Read, opset: int) -> None:
    known = [*ROUNDED, *(SHRUNK if opset > 9 else [])]
    for size, factor, expected in [*known, *((*pair, None) for pair in _drawn(opset))]:
        model = _resize(opset, [1, 1, factor, 1], mode="nearest")
        found = read(model, shapes={"x": (1, 2, size, 3)}).tensor("y").shape
        assert found == _made(model, (1, 2, size, 3)), (size, factor)
        assert expected in (None, found[2])


@pytest.mark.parametrize(
    "attributes",
    [
        {"axes": [2, 3]},
        {"axes": [3, 2]},
        {"axes": [-1, 2]},
        {"axes": [-1, -2], "antialias": 1, "mode": "linear"},
        {"axes": [2, 3], "mode": "cubic", "coordinate_transformation_mode": "align_corners"},
    ],
    ids=str,
)
def test_factors_may_be_of_some_axes(read: Read, attributes: Attributes) -> None:
    model = _resize(18, [2.3, 0.29], **attributes)
    assert read(model, shapes={"x": (1, 2, 10, 100)}).tensor("y").shape == _made(model, (1, 2, 10, 100))


def test_a_region_changes_no_size(read: Read) -> None:
    cut = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"}
    node = helper.make_node("Resize", ["x", "r", "s"], ["y"], **cut)
    values = {"r": [0, 0, 0.1, 0.1, 1, 1, 0.7, 0.7], "s": [1, 1, 2.3, 2.3]}
    model = _model([node], 13, [from_array(np.array(value, np.float32), name) for name, value in values.items()])
    assert read(model, shapes={"x": (1, 2, 10, 20)}).tensor("y").shape == (1, 2, 23, 46) == _made(model, (1, 2, 10, 20))


def test_what_a_factor_makes_fits_beside_what_skips_it(read: Read) -> None:
    """As torch exports a U-Net with Upsample(scale_factor=2.3)."""
    model = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,2,10,10] x, float[1,2,23,23] skip, float[4,4,3,3] w) => (y) <float[4] s = {1.0, 1.0, 2.3, 2.3}> {
            u = Resize <mode = "linear"> (x, , s)
            c = Concat <axis = 1> (u, skip)
            y = Conv <pads = [1, 1, 1, 1]> (c, w)
        }"""
    )
    assert [row.macs for row in count(read(model)).rows] == [0, 0, 23 * 23 * 4 * 4 * 9]


def test_factors_that_the_graph_computes_are_followed_into_bodies_and_functions(read: Read) -> None:
    """The size of a skip over that of the picture, as torch writes interpolate(size=) at opset 10."""
    model = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 10, "f" : 1]>
        g (float[1,1,A] x, bool c) => (y) <float[3] t = {1.0, 1.0, 128.0}> {
            y = If (c) <
                then_branch = g () => (a) { n = Shape (x)  m = Cast <to = 1> (n)  s = Div (t, m)  a = Resize (x, s) },
                else_branch = g () => (b) { b = f.up (x) }>
        }
        <domain: "f", opset_import: ["" : 10]> up (x) => (y) {
            n = Shape (x)  m = Cast <to = 1> (n)  t = Constant <value = float[3] {1.0, 1.0, 128.0}> ()
            s = Div (t, m)  y = Resize (x, s)
        }"""
    )
    options = {length: _made_if(model, length) for length in (41, 47, 64, 100)}
    assert {made[2] for made in options.values()} == {127, 128}
    for length, made in options.items():
        assert read(model, shapes={"x": (1, 1, length)}).tensor("y").shape == made


def _made_if(model: ModelProto, length: int) -> tuple[int, ...]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: tuple[int, ...] = session.run(None, {"x": np.zeros((1, 1, length), np.float32), "c": np.array(True)})[
        0
    ].shape
    return found


def test_factors_that_are_data_leave_their_axes_open(read: Read) -> None:
    text = "g (float[1,2,8,8] x, float[2] s) => (y) { y = Resize <axes = [2, 3]> (x, , s) }"
    model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : 18]> {text}')
    assert read(model).tensor("y").shape == (1, 2, None, None)


@pytest.mark.parametrize("factors", [[2.0], [1.0, 1.0, float("inf"), 1.0], [1.0, 1.0, float("nan"), 1.0]])
def test_a_factor_that_makes_no_size_is_no_error(read: Read, factors: list[float]) -> None:
    assert read(_resize(18, factors), shapes={"x": (1, 2, 8, 8)}).tensor("y").sizes is None


def _symbolic(model: ModelProto, path: Path, **shapes: tuple[int, ...]) -> SymbolicTable:
    (path / "model.onnx").write_bytes(model.SerializeToString())
    file = open_model(path / "model.onnx")
    return count_symbolically(file, open_inputs(file.proto.graph, batch=None, given=shapes))


@pytest.mark.parametrize("factor", [2.0, 0.75, 2.3, 0.3, 1.3, 2.1, 3.1])
def test_a_formula_is_given_where_products_are_no_matter_of_rounding(factor: float, tmp_path: Path, read: Read) -> None:
    """The float32 of 1.3, 2.1 and 3.1 is so far below them that some products are cut off to one less."""
    model = _resize(18, [factor], axes=[2], mode="linear")
    table = _symbolic(model, tmp_path, C=(1,), N=(1,), W=(1,))
    (row,) = table.rows
    assert (row.work is not None) is is_even(factor) is (factor not in (1.3, 2.1, 3.1))
    if row.work is not None:
        (sizes,) = row.work.domain
        for turn in (1, 3, 9, 17, 33, 66, 129, 1291):
            size = turn * sizes.multiple_of
            (counted,) = count(read(model, shapes={"x": (1, 1, size, 1)})).rows
            assert row.work.formulas[1].fits((size,), counted.flop or 0)


def test_a_fixed_size_has_a_formula_by_any_factor(tmp_path: Path) -> None:
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="linear")
    model = _model([node], 18, [from_array(np.array([1, 1, 1.3], np.float32), "s")], ("N", 2, 90))
    (row,) = _symbolic(model, tmp_path).rows
    assert row.work is not None
    assert row.work.formulas[1].fits((5,), 5 * 2 * 116 * 3)


def test_a_factor_that_depends_on_the_size_has_no_formula(tmp_path: Path) -> None:
    model = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 10]> g (float[1,1,A] x) => (y) <float[3] t = {1.0, 1.0, 128.0}> {
            n = Shape (x)  m = Cast <to = 1> (n)  s = Div (t, m)  y = Resize <mode = "linear"> (x, s)
        }"""
    )
    assert _symbolic(model, tmp_path).rows[-1].work is None


def test_the_rule_is_for_nodes_that_are_told_no_sizes() -> None:
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"])
    assert not contrib.resizing.goes_by_factors(node)
