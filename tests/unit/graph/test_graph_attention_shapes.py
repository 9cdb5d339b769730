"""ONNX's own Attention: the sizes of what it makes, where its inference takes a width that is not known for 0."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import defs, parser

from alexnet_bench.graph.counting import count
from alexnet_bench.graph.passes.inferred import inferred_types
from tests.unit.graph.conftest import Read

HEADS = "q_num_heads = 4, kv_num_heads = 2"
IN_THREE = "float[2,5,32] q, float[2,7,16] k, float[2,7,12] v"
IN_FOUR = "float[2,4,5,8] q, float[2,2,7,8] k, float[2,2,7,6] v"
PAST = "float[2,2,3,8] pk, float[2,2,3,6] pv"
MADE_IN_THREE, MADE_IN_FOUR = (2, 5, 24), (2, 4, 5, 6)


def _model(fed: str, attributes: str, inputs: str, outputs: str, opset: int = 23) -> onnx.ModelProto:
    """The values cut out of what is fed by ends that are worked out, which the first pass of inference leaves open."""
    return parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : {opset}]> g ({fed}) => ({outputs})
        <int64[1] zero = {{0}}, int64[1] last = {{-1}}> {{
            sizes = Shape (v) width = Gather <axis = 0> (sizes, last) ends = Concat <axis = 0> (width)
            w = Slice (v, zero, ends, last)
            {outputs} = Attention <{attributes}> ({inputs})
        }}"""
    )


@pytest.mark.parametrize(
    ("past", "outputs"),
    [(False, "y"), (False, "y, a, b"), (False, "y, a, b, s"), (True, "y, a, b"), (True, "y, a, b, s")],
)
@pytest.mark.parametrize(
    ("fed", "attributes", "made"),
    [(IN_THREE, HEADS, MADE_IN_THREE), (IN_FOUR, "is_causal = 1", MADE_IN_FOUR)],
    ids=["in three axes", "in four"],
)
def test_attention_makes_what_onnx_runtime_makes(
    read: Read, fed: str, attributes: str, made: tuple[int, ...], past: bool, outputs: str
) -> None:
    """Keys and values are outputs by head, whether or not there is a cache that they lengthen."""
    model = _model(f"{fed}, {PAST}" if past else fed, attributes, "q, k, w, , pk, pv" if past else "q, k, w", outputs)
    graph = read(model)
    keys = 10 if past else 7
    expected = dict(zip("yabs", (made, (2, 2, keys, 8), (2, 2, keys, 6), (2, 4, 5, keys)), strict=True))
    names = outputs.split(", ")
    assert {name: graph.tensor(name).shape for name in names} == {name: expected[name] for name in names}
    assert {graph.tensor(name).dtype for name in names} == {"float32"}
    row = count(graph).rows[-1]
    assert (row.op, row.macs) == ("Attention", 2 * 4 * 5 * keys * (8 + 6))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {item.name: np.full(item.shape, 0.5, np.float32) for item in session.get_inputs()}
    assert [value.shape for value in session.run(names, feeds)] == [expected[name] for name in names]


def test_a_width_that_onnx_does_not_know_at_first_is_not_0(read: Read) -> None:
    """Else the product behind is refused: rows of 0 would meet 24 columns."""
    model = _model(f"{IN_THREE}, float[24,3] m", HEADS, "q, k, w", "y")
    model.graph.node.add(op_type="MatMul", input=["y", "m"], output=["z"])
    model.graph.output[0].name = "z"
    graph = read(model)
    assert graph.tensor("z").sizes == (2, 5, 3)
    assert all(row.counted for row in count(graph).rows)


def test_a_width_that_is_open_stays_so_for_passes() -> None:
    model = parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 24]>
        g (float[N,5,32] q, float[N,7,16] k, float[N,7,W] v) => (y) {{ y = Attention <{HEADS}> (q, k, v) }}"""
    )
    shape = inferred_types(model).shape("y") or ()
    assert [dim if isinstance(dim, int) else None for dim in shape] == [None, 5, None]


@pytest.mark.parametrize(
    ("fed", "attributes"),
    [
        (IN_THREE, "q_num_heads = 4"),
        (IN_THREE, "q_num_heads = 0, kv_num_heads = 2"),
        (IN_THREE, "q_num_heads = 4, kv_num_heads = 5"),
        ("float[5,32] q, float[7,16] k, float[7,12] v", HEADS),
    ],
)
def test_heads_that_do_not_fit_are_left_open(read: Read, fed: str, attributes: str) -> None:
    graph = read(_model(fed, attributes, "q, k, w", "y, a, b, s"))
    assert graph.tensor("y").sizes is None
    assert not count(graph).rows[-1].counted


def test_before_its_opset_there_is_no_attention(read: Read) -> None:
    graph = read(_model(IN_THREE, HEADS, "q, k, w", "y", opset=22))
    assert graph.tensor("y").sizes is None
    assert "does not have this operator" in count(graph).rows[-1].why_unknown


def test_attention_keeps_its_name_inside_a_branch(read: Read) -> None:
    """Where its rule is asked under another one."""
    call = f"Attention <{HEADS}> (q, k, v)"
    graph = read(
        f"""<ir_version: 10, opset_import: ["" : 23]> g (bool c, {IN_THREE}) => (y) {{
        y = If (c) <then_branch = a () => (t) {{ t = {call} }}, else_branch = b () => (e) {{ e = {call} }}>
        }}"""
    )
    (row,) = count(graph).rows
    assert row.macs == 2 * 4 * 5 * 7 * (8 + 6)
    assert graph.tensor("y").sizes == MADE_IN_THREE
    assert {node.op_type: node.domain for _, body in graph.nodes[0].bodies for node in body.nodes} == {"Attention": ""}
    assert not any("rule" in schema.domain for schema in defs.get_all_schemas())
