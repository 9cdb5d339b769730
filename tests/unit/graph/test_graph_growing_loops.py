"""Loops in which a value grows from turn to turn: what they compute is counted, what they move is not known."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import parser

from alexnet_bench import Options, profile, symbolic_counts
from alexnet_bench.graph.counting import count
from alexnet_bench.report.render import to_markdown
from tests.unit.graph.conftest import Read

TURN = 5 * 16 * 16
JOINED = "[c] {more} = Concat <axis = 0> ({rows}, {carried})"
GROWS = f"{{next}} = MatMul ({{carried}}, w) {JOINED}"
NAMES = ("carried", "rows", "next", "more", "on", "go", "i")
WHY = "bytes unknown: l/body/c inside it (shape or type of input 0 is unknown)"


def loop(body: str, *, turns: str = "five", start: str = "x", made: str = "made, all", name: str = "l") -> str:
    """A Loop that carries one value as it is, and beside it one that becomes longer by that; names end with its own."""
    names = {key: f"{key}_{name}" for key in NAMES}
    inputs = "int64 {i}, bool {go}, float[5,16] {carried}, {rows}".format(**names)
    turn = (
        f"turn ({inputs}) => (bool {{on}}, float[5,16] {{next}}, {{more}}) {{{{ {{on}} = Identity ({{go}}) {body} }}}}"
    )
    return f"[{name}] {made} = Loop ({turns}, , {start}, {start}) <body = {turn.format(**names)}>"


def model(nodes: str, *, sizes: str = "5,16") -> onnx.ModelProto:
    """Behind the loop is one product more."""
    made = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]> g (float[{sizes}] x, bool c) => (y)
        <int64 five = {{5}}, int64 none = {{0}}> {{ {nodes} y = MatMul (made, w) }}"""
    )
    made.graph.initializer.add(name="w", data_type=onnx.TensorProto.FLOAT, dims=[16, 16], float_data=[1.0] * 256)
    return made


def test_a_loop_is_counted_without_what_the_joining_moves(read: Read) -> None:
    """What is made of the value beside it behind the loop is counted, too."""
    table = count(read(model(loop(GROWS))))
    row, behind = table.rows
    assert (row.macs, row.flop, behind.macs) == (5 * TURN, 2 * 5 * TURN, TURN)
    assert (row.counted, row.why_unknown, row.bytes_read, row.bytes_written) == (True, "", None, None)
    assert row.why_no_bytes == WHY
    assert (table.macs, table.bytes_read, table.bytes_written) == (6 * TURN, None, None)


def test_a_loop_around_it_has_no_bytes_either(read: Read) -> None:
    inner = loop(GROWS, start="carried_around", made="next_around, more_around")
    row = count(read(model(loop(inner.replace("{", "{{").replace("}", "}}"), name="around")))).rows[0]
    assert row.macs == 5 * 5 * TURN
    assert row.why_no_bytes == WHY.replace("l/body", "around/body/l/body")


@pytest.mark.parametrize("used", ["Relu", "Softmax"])
def test_nothing_is_counted_where_something_is_computed_of_what_grows(read: Read, used: str) -> None:
    behind = f"u = {used} ({{more}}) s = ReduceSum <keepdims = 0> (u) {{next}} = Add (p, s)"
    row = count(read(model(loop(f"p = MatMul ({{carried}}, w) {JOINED} {behind}")))).rows[0]
    assert (row.counted, row.why_no_bytes) == (False, "")
    assert row.why_unknown.startswith("l/body/c inside it")  # where it begins


def test_a_loop_that_only_moves_data_of_unknown_sizes_is_not_counted(read: Read) -> None:
    """As a node that does no more than that."""
    row = count(read(model(loop(f"{{next}} = Identity ({{carried}}) {JOINED}")))).rows[0]
    assert (row.counted, row.why_no_bytes) == (False, "")


def test_no_turn_moves_nothing(read: Read) -> None:
    row = count(read(model(loop(GROWS, turns="none")))).rows[0]
    assert (row.macs, row.bytes, row.why_no_bytes) == (0, 0, "")


def test_of_two_branches_alike_the_one_without_bytes_is_the_larger(read: Read) -> None:
    same = "[l] made, all = Loop (five, , x, x) <body = turn (int64 i, bool go, float[5,16] a, float[5,16] b) => "
    same += "(bool on, float[5,16] m, float[5,16] n) { on = Identity (go) m = MatMul (a, w) n = Identity (b) }>"
    branches = [f"{name} = {name} () => (made) {{ {nodes} }}" for name, nodes in (("t", same), ("e", loop(GROWS)))]
    text = f"made = If (c) <then_branch = {branches[0][4:]}, else_branch = {branches[1][4:]}>"
    row = count(read(model(text))).rows[0]
    assert (row.macs, row.assumed) == (5 * TURN, "the larger branch is taken")
    assert row.why_no_bytes


def test_totals_of_bytes_are_null_and_it_is_said_why(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model(loop(GROWS)), path)
    found = profile(path, options=Options(static=True))
    assert (found.totals.macs, found.totals.bytes_read, found.totals.bytes_written) == (6 * TURN, None, None)
    assert (found.coverage.nodes, found.coverage.nodes_counted, found.coverage.unknown_ops) == (2, 2, ())
    assert [(item.nodes, item.why) for item in found.coverage.assumptions] == [(("l",), WHY)]
    assert f"l: {WHY}, as only a run would tell" in [item.message for item in found.warnings]
    assert found.budget[0].forward_per_s_by_flop
    assert found.budget[0].forward_per_s_by_roofline is None
    assert "inputs/s by FLOP, none by roofline" in to_markdown(found)


def test_a_formula_of_bytes_leaves_the_loop_out_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model(loop(GROWS).replace("[5,16]", "[N,16]"), sizes="N,16"), path)
    found = symbolic_counts(path)
    assert (found.totals.nodes_with_work, found.totals.nodes_with_moved) == (2, 1)
    assert found.nodes[0].why_no_formula == WHY
    assert found.at({"N": 7}).macs == 6 * 7 * 16 * 16
