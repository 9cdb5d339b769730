"""The types of layers whose tensors do not tell them; kernels and tensors are named as by TensorRT-RTX 1.7.1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import parser

from alexnet_bench.backends.tensorrt.graph_types import GraphTypes, graph_types
from alexnet_bench.backends.tensorrt.layer_types import compute_dtype, multiplies
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_log import read_plan_layers
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.onnx_io import build_graph, open_model

_RECORDED = Path(__file__).parents[2] / "data" / "tensorrt" / "cosine-fp16.layers.txt"
_HEAD = '<ir_version: 9, opset_import: ["" : 20]>'
_HALF, _FULL = 10, 1
_COSINE = f"""{_HEAD} g (float[1,16] a, float[1,16] b) => (float[1,1] y)
<float16[16,16] W0 = {{{",".join("1" * 256)}}}, float16[16,16] W1 = {{{",".join("1" * 256)}}},
 float two = {{2}}, float half = {{0.5}}, int64[1] ax = {{1}}> {{
  ["a/to_float16"] ah = Cast <to=10> (a)
  [proj0] p0h = MatMul (ah, W0)
  ["p0/to_float32"] p0 = Cast <to=1> (p0h)
  [sq0] s0 = Pow (p0, two)
  [sum0] n0 = ReduceSum (s0, ax)
  [root0] r0 = Pow (n0, half)
  ["r0/to_float16"] r0h = Cast <to=10> (r0)
  [unit0] e0 = Div (p0h, r0h)
  ["b/to_float16"] bh = Cast <to=10> (b)
  [proj1] p1h = MatMul (bh, W1)
  ["p1/to_float32"] p1 = Cast <to=1> (p1h)
  [sq1] s1 = Pow (p1, two)
  [sum1] n1 = ReduceSum (s1, ax)
  [root1] r1 = Pow (n1, half)
  ["r1/to_float16"] r1h = Cast <to=10> (r1)
  [unit1] e1 = Div (p1h, r1h)
  [tr] e1t = Transpose <perm=[1,0]> (e1)
  [dot] yh = MatMul (e0, e1t)
  ["y/to_float32"] y = Cast <to=1> (yh)
}}"""
"""Two projections, x divided by its norm, which a pass keeps in float32, and a product of two rows."""


def _graph(folder: Path, text: str) -> Graph:
    path = folder / "model.onnx"
    onnx.save(parser.parse_model(text), path)
    return build_graph(open_model(path), name="g")


def _between_casts(folder: Path, outside: str, inside: int) -> GraphTypes:
    """A product of two activations and the root of one, between casts from one type to another and back."""
    text = f"""{_HEAD} g ({outside}[2,8] a, {outside}[8,2] b) => ({outside}[2,2] y) {{
      [cast_a] a1 = Cast <to={inside}> (a)
      [cast_b] b1 = Cast <to={inside}> (b)
      [exp] e1 = Exp (a1)
      [mm] y1 = MatMul (e1, b1)
      [cast_y] y = Cast <to={_HALF if inside == _FULL else _FULL}> (y1)
    }}"""
    return graph_types(_graph(folder, text))


def _layer(name: str, *reads: str, kind: str = "kgen", held: PlanTensor | None = None) -> PlanLayer:
    inputs = tuple(PlanTensor(f"x{at}", dtype, (2, 8)) for at, dtype in enumerate(reads))
    return PlanLayer(name, kind, inputs, (held,) if held else ())


def test_a_kernel_with_the_casts_of_the_graph_computes_in_its_types(tmp_path: Path) -> None:
    named = named_layers(read_plan_layers(_RECORDED.read_text()), tf32=False, graph=_graph(tmp_path, _COSINE))
    assert [(item.nodes[-1], item.layer.compute_dtype, item.multiplies) for item in named] == [
        ("proj1", "float16", True),
        ("root1", "float32", False),  # Pow, ReduceSum and Pow read half through a cast; `MulSum` is no product here
        ("proj0", "float16", True),
        ("root0", "float32", False),
        ("y/to_float32", "float16", True),  # the dot, which reads float32 and half
    ]


def test_without_the_graph_a_kernel_with_casts_and_no_weights_is_not_known() -> None:
    named = named_layers(read_plan_layers(_RECORDED.read_text()), tf32=False)
    assert [item.layer.compute_dtype for item in named] == ["float16", "", "float16", "", ""]


_ALL = ("mm", "cast_y", "cast_a", "cast_b")


@pytest.mark.parametrize(
    ("layer", "nodes", "expected"),
    [
        (_layer("__myl_CastCastReshMulSumCast_myl0_0", "float32", "float32"), _ALL, "float16"),
        (_layer("__myl_CastReshMulSum_myl0_0", "float32", "float16"), ("mm", "cast_a"), "float16"),
        (_layer("__myl_FcCast_myl0_2", "float16", "float16", kind="runtime_fusion"), ("mm", "cast_y"), "float16"),
        (_layer("mm_myl0_1", "float16", "float16", kind="gemm"), ("mm",), "float16"),
    ],
)
def test_a_product_of_half_between_casts(
    tmp_path: Path, layer: PlanLayer, nodes: tuple[str, ...], expected: str
) -> None:
    assert compute_dtype(layer, nodes, _between_casts(tmp_path, "float", _HALF)) == expected


@pytest.mark.parametrize(
    ("layer", "nodes"),
    [
        (_layer("__myl_ReshMulSum_myl0_0", "float32", "float32"), _ALL),
        (_layer("__myl_FcExp_myl0_0", "float32", "float32", kind="runtime_fusion"), _ALL),
        (_layer("__mye40_myl0_0", "float32", "float32", kind="gemm"), _ALL),
        (_layer("mm_myl0_1", "float32", "float32", kind="gemm"), ("mm",)),
        (_layer("mm", "float32", "float32", kind="MatrixMultiply"), ("mm",)),
        (PlanLayer("mm", "CaskGemmMatrixMultiply", (PlanTensor("x", "float32", None),)), ("mm",)),
    ],
)
def test_a_silently_wide_product_is_found(tmp_path: Path, layer: PlanLayer, nodes: tuple[str, ...]) -> None:
    """In a graph of half: its casts taken out, or float32 where the graph has none."""
    assert compute_dtype(layer, nodes, _between_casts(tmp_path, "float", _HALF)) == "float32"


def test_wide_weights_of_a_narrow_product_are_found(tmp_path: Path) -> None:
    wide = tuple(
        replace(layer, constants=tuple(replace(held, dtype="float32") for held in layer.constants))
        for layer in read_plan_layers(_RECORDED.read_text())
    )
    named = named_layers(wide, tf32=False, graph=_graph(tmp_path, _COSINE))
    assert [item.layer.compute_dtype for item in named if "proj0" in item.nodes] == ["float32"]


@pytest.mark.parametrize(
    ("layer", "nodes", "expected"),
    [
        (_layer("__myl_CastCastReshMulSumCast_myl0_0", "float16", "float16"), _ALL, "float32"),
        (_layer("__myl_CastCastExpReshMulSumCast_myl0_0", "float16", "float16"), (*_ALL, "exp"), "float32"),
        (_layer("__myl_ReshMulSum_myl0_0", "float16", "float16"), _ALL, "float16"),
        (_layer("__mye40_myl0_0", "float16", "float16", kind="gemm"), _ALL, "float16"),
        (_layer("__myl_FcExp_myl0_1", "float16", "float16", kind="runtime_fusion"), _ALL, "float16"),
    ],
)
def test_a_wide_product_is_narrowed_where_its_casts_are_gone(
    tmp_path: Path, layer: PlanLayer, nodes: tuple[str, ...], expected: str
) -> None:
    assert compute_dtype(layer, nodes, _between_casts(tmp_path, "float16", _FULL)) == expected


@pytest.mark.parametrize(
    ("layer", "nodes"),
    [
        (_layer("__myl_CastReshMulSum_myl0_0", "float16", "float16"), _ALL),  # which casts are gone is not told
        (_layer("__myl_CastCastCastCastReshMulSumCast_myl0_0", "float16", "float16"), _ALL),  # more than there were
        (_layer("__myl_CastCastMulSumCast_myl0_0", "bfloat16", "float16"), _ALL),  # a type not read there
        (_layer("__myl_CastMulSum_myl0_0", "float16", "float16"), ()),
    ],
)
def test_what_is_not_told_is_not_guessed(tmp_path: Path, layer: PlanLayer, nodes: tuple[str, ...]) -> None:
    assert compute_dtype(layer, nodes, _between_casts(tmp_path, "float16", _FULL)) == ""


_SCORES = f"""{_HEAD} g (float16[2,8] x) => (float[2,8] y) <float16[8,8] w = {{{",".join("1" * 64)}}}> {{
  [fc] s = MatMul (x, w)
  [half] h = Relu (s)
  ["s/to_float32"] f = Cast <to=1> (s)
  [softmax] y = Softmax (f)
}}"""


@pytest.mark.parametrize(
    ("kernel", "nodes", "expected"),
    [
        ("__myl_AddCastMaxrSubExpSumDiv_myl0_1", ("s/to_float32", "softmax", "fc"), "float32"),
        ("__myl_AddCast_myl0_1", ("s/to_float32", "fc"), "float16"),  # the rest of the product is all that is left
    ],
)
def test_a_product_that_another_layer_multiplies_does_not_count(
    tmp_path: Path, kernel: str, nodes: tuple[str, ...], expected: str
) -> None:
    product = replace(_layer("fc_myl0_0", "float16", kind="gemm"), nodes=("fc",))
    other = replace(_layer(kernel, "float16"), nodes=nodes)
    graph = _graph(tmp_path, _SCORES)
    types = [item.layer.compute_dtype for item in named_layers([product, other], tf32=False, graph=graph)]
    assert types == ["float16", expected]
    (alone,) = named_layers([other], tf32=False, graph=graph)
    assert alone.layer.compute_dtype == "float16"


def test_rounding_casts_to_bytes_which_is_no_cast_of_the_graph(tmp_path: Path) -> None:
    """Of a cast that was taken out nothing is left: the rounding is done in half."""
    text = f"""{_HEAD} g (float16[2,8] x, float s, int8 z) => (int8[2,8] y) {{
      [cast] f = Cast <to=1> (x)
      [quantise] y = QuantizeLinear (f, s, z)
    }}"""
    types = graph_types(_graph(tmp_path, text))
    for kernel, expected in (("MulMinMaxRounCast", "float16"), ("CastMulMinMaxRounCast", "float32")):
        assert compute_dtype(_layer(f"__myl_{kernel}_myl0_0", "float16"), ("cast", "quantise"), types) == expected


def test_a_cut_list_of_steps_counts_no_casts(tmp_path: Path) -> None:
    layer = _layer("__myl_CastExpReshMulSumEtc_myl0_0", "float16", "float16")
    assert compute_dtype(layer, (*_ALL, "exp"), _between_casts(tmp_path, "float16", _FULL)) == "float32"


def test_constants_beside_a_product_of_activations_are_no_weights(tmp_path: Path) -> None:
    """Such as a mask that is added to it."""
    mask = PlanTensor("mask", "float32", (8, 8))
    layer = _layer("__myl_FcAdd_myl0_0", "float16", "float16", kind="runtime_fusion", held=mask)
    assert compute_dtype(layer, ("mm",), _between_casts(tmp_path, "float", _HALF)) == "float16"
    assert compute_dtype(layer) == "float32"


def test_the_model_of_an_engine_of_other_types_does_not_tell_them(tmp_path: Path) -> None:
    """One that was narrowed by the builder: its graph is of float32 alone."""
    text = f"{_HEAD} g (float[2,8] a, float[8,2] b) => (float[2,2] y) {{ [mm] y = MatMul (a, b) }}"
    types = graph_types(_graph(tmp_path, text))
    assert compute_dtype(_layer("__myl_CastMulSum_myl0_0", "float16", "float32"), ("mm",), types) == ""
    assert compute_dtype(_layer("mm", "float16", "float16", kind="gemm"), ("mm",), types) == "float16"


def test_products_of_two_types_in_one_kernel_are_not_known(tmp_path: Path) -> None:
    text = f"""{_HEAD} g (float16[1,8] a, float16[8,1] b) => (float16[1,1] y) {{
      [cast_a] a1 = Cast <to=1> (a)
      [cast_b] b1 = Cast <to=1> (b)
      [wide] y1 = MatMul (a1, b1)
      [cast_y] y2 = Cast <to=10> (y1)
      [half] y3 = MatMul (a, b)
      [add] y = Add (y2, y3)
    }}"""
    layer = _layer("__myl_MoveReshMulSumCastCastReshMulSumCastAdd_myl0_0", "float16", "float16")
    nodes = ("cast_a", "cast_b", "wide", "cast_y", "half", "add")
    types = graph_types(_graph(tmp_path, text))
    assert compute_dtype(layer, nodes, types) == ""
    assert compute_dtype(layer, nodes[:4], types) == "float32"


def test_sums_of_products_that_stand_for_no_node_are_products(tmp_path: Path) -> None:
    types = _between_casts(tmp_path, "float16", _FULL)
    layer = _layer("__myl_MulSumPow_myl0_0", "float32")
    assert multiplies(layer, (), types)
    assert multiplies(layer, ("in a loop",), types)
    assert multiplies(layer, ("exp", "mm"), types)
    assert not multiplies(layer, ("exp",), types)
    assert multiplies(replace(layer, kind="gemm"), ("exp",), types)
    assert multiplies(replace(layer, name="_gemm_mha_v2_myl0_5"), ("exp",), types)
