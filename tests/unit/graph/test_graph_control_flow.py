"""If, Loop and Scan: counted by the graphs inside them, with what had to be assumed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.errors import ShapeError
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model

WEIGHT = numpy_helper.from_array(np.ones((8, 8), np.float32), "w")


def tensor(name: str, shape: Sequence[int] | None, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def body(name: str, nodes: list[NodeProto], output: str, weights: list[TensorProto] | None = None) -> GraphProto:
    return helper.make_graph(nodes, name, [], [tensor(output, None)], weights or [])


def costs(
    tmp_path: Path,
    nodes: list[NodeProto],
    inputs: list[onnx.ValueInfoProto],
    *constants: TensorProto,
    opset: int = 17,
) -> CostTable:
    graph = helper.make_graph(nodes, "g", inputs, [tensor("y", None)], [WEIGHT, *constants])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    return count(build_graph(open_model(tmp_path / "m.onnx"), name="m"))


def branch(tmp_path: Path, then: GraphProto, otherwise: GraphProto) -> CostTable:
    node = helper.make_node("If", ["c"], ["y"], "the_if", then_branch=then, else_branch=otherwise)
    return costs(tmp_path, [node], [tensor("c", [], TensorProto.BOOL), tensor("x", [4, 8])])


def product(source: str, made: str, weight: str = "w") -> NodeProto:
    return helper.make_node("MatMul", [source, weight], [made])


def test_the_larger_branch_counts_and_is_said(tmp_path: Path) -> None:
    own = numpy_helper.from_array(np.ones((8, 8), np.float32), "own")
    twice = body("t", [product("x", "t1"), product("t1", "t2", "own")], "t2", [own])
    table = branch(tmp_path, twice, body("e", [product("x", "e1")], "e1"))
    (row,) = table.rows
    assert (row.name, row.macs, row.flop) == ("the_if", 2 * 4 * 8 * 8, 2 * 2 * 4 * 8 * 8)
    assert row.assumed == "the larger branch is taken"
    assert table.params == 128  # the captured weight, and the branch's own
    assert table.weight_bytes == 512


def test_equal_branches_assume_nothing(tmp_path: Path) -> None:
    table = branch(tmp_path, body("t", [product("x", "t1")], "t1"), body("e", [product("x", "e1")], "e1"))
    assert (table.macs, table.rows[0].assumed) == (256, "")
    assert table.params == 64


def test_what_cannot_be_counted_inside_is_not_zero(tmp_path: Path) -> None:
    strange = helper.make_node("Strange", ["x"], ["t1"], "odd", domain="com.example")
    table = branch(tmp_path, body("t", [strange], "t1"), body("e", [product("x", "e1")], "e1"))
    assert table.rows[0].macs is None
    assert "the_if/then_branch/odd inside it cannot be counted (no formula)" in table.rows[0].why_unknown


def test_the_branch_that_a_constant_leads_to_counts(tmp_path: Path) -> None:
    """Also where the constant follows from sizes, as torch writes a squeeze: the branches differ in rank."""
    then = body("t", [product("x", "t1")], "t1")
    flat = helper.make_node("Flatten", ["x"], ["e0"], "flat", axis=0)
    wide = numpy_helper.from_array(np.ones((32, 100), np.float32), "wide")
    otherwise = body("e", [flat, product("e0", "e1", "wide")], "e1", [wide])
    nodes = [
        helper.make_node("Shape", ["x"], ["sizes"]),
        helper.make_node("Gather", ["sizes", "axis"], ["size"]),
        helper.make_node("Equal", ["size", "wanted"], ["c"]),
        helper.make_node("If", ["c"], ["y"], "the_if", then_branch=then, else_branch=otherwise),
    ]
    axis = numpy_helper.from_array(np.array(0, np.int64), "axis")
    for wanted, macs, params in ((4, 256, 64), (5, 3200, 3200)):
        number = numpy_helper.from_array(np.array(wanted, np.int64), "wanted")
        table = costs(tmp_path, nodes, [tensor("x", [4, 8])], axis, number)
        (row,) = [row for row in table.rows if row.name == "the_if"]
        assert (row.macs, row.params, row.assumed) == (macs, params, "")
        assert row.output_shapes == (((4, 8),) if wanted == 4 else ((1, 100),))


def test_a_file_cannot_say_which_branch_is_taken(tmp_path: Path) -> None:
    node = helper.make_node(
        "If",
        ["c"],
        ["y"],
        "the_if",
        then_branch=body("t", [product("x", "t1"), product("t1", "t2")], "t2"),
        else_branch=body("e", [product("x", "e1")], "e1"),
    )
    node.attribute.append(helper.make_attribute("branch taken", b"else_branch\xff"))
    table = costs(tmp_path, [node], [tensor("c", [], TensorProto.BOOL), tensor("x", [4, 8])])
    assert (table.macs, table.rows[0].assumed) == (512, "the larger branch is taken")


TALL = numpy_helper.from_array(np.ones((9, 8), np.float32), "tall")


def test_a_branch_for_other_sizes_is_not_the_one_taken(tmp_path: Path) -> None:
    """The larger one would be that which no runtime can run."""
    unfit = body("t", [product("x", "t1", "tall"), product("t1", "t2")], "t2", [TALL])
    fits = body("e", [product("x", "e1")], "e1")
    for branches in ((unfit, fits), (fits, unfit)):
        table = branch(tmp_path, *branches)
        (row,) = table.rows
        assert (row.macs, row.assumed) == (256, "the branch whose shapes fit is taken")
        assert row.output_shapes == ((4, 8),)
        assert (table.params, table.weight_bytes) == (64, 256)


def test_branches_that_differ_in_anything_are_said_to(tmp_path: Path) -> None:
    """Neither multiplies; one takes exponentials, the other only moves."""
    moves = body("t", [helper.make_node("Transpose", ["x"], ["t1"], perm=[0, 1])], "t1")
    works = body("e", [helper.make_node("Exp", ["x"], ["e1"])], "e1")
    (row,) = branch(tmp_path, moves, works).rows
    assert (row.transcendentals, row.assumed) == (32, "the larger branch is taken")


def test_branches_that_all_contradict_themselves_are_not_counted(tmp_path: Path) -> None:
    unfit = body("t", [product("x", "t1", "tall")], "t1", [TALL])
    (row,) = branch(tmp_path, unfit, unfit).rows
    assert row.macs is None
    assert "shapes inside it contradict each other at the_if/" in row.why_unknown
    assert row.why_unknown.endswith("(MatMul): rows of 8 meet columns of 9")


def test_a_scan_whose_body_contradicts_itself_is_not_counted(tmp_path: Path) -> None:
    turn = [product("row", "made", "tall")]
    inner = helper.make_graph(turn, "turn", [tensor("row", [4, 8])], [tensor("made", None)])
    node = helper.make_node("Scan", ["x"], ["y"], "the_scan", body=inner, num_scan_inputs=1)
    (row,) = costs(tmp_path, [node], [tensor("x", [5, 4, 8])], TALL).rows
    assert row.macs is None
    assert row.why_unknown.endswith("(MatMul): rows of 8 meet columns of 9")


def loop(tmp_path: Path, *trips: TensorProto) -> CostTable:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), product("carried", "next")],
        "turn",
        [tensor("i", [], TensorProto.INT64), tensor("go", [], TensorProto.BOOL), tensor("carried", [4, 8])],
        [tensor("on", [], TensorProto.BOOL), tensor("next", [4, 8])],
    )
    node = helper.make_node("Loop", ["n", "", "x"], ["y"], "the_loop", body=inner)
    inputs = [tensor("x", [4, 8])] if trips else [tensor("n", [], TensorProto.INT64), tensor("x", [4, 8])]
    return costs(tmp_path, [node], inputs, *trips)


def test_a_loop_of_known_length_counts_every_turn(tmp_path: Path) -> None:
    table = loop(tmp_path, numpy_helper.from_array(np.array(7, np.int64), "n"))
    assert (table.macs, table.rows[0].assumed) == (7 * 256, "")


def test_a_loop_of_unknown_length_counts_one_turn_and_says_so(tmp_path: Path) -> None:
    table = loop(tmp_path)
    assert (table.macs, table.rows[0].assumed) == (256, "one turn of the loop")


def test_a_scan_counts_the_length_of_what_it_scans(tmp_path: Path) -> None:
    inner = helper.make_graph([product("row", "made")], "turn", [tensor("row", [4, 8])], [tensor("made", [4, 8])])
    node = helper.make_node("Scan", ["x"], ["y"], "the_scan", body=inner, num_scan_inputs=1)
    assert costs(tmp_path, [node], [tensor("x", [5, 4, 8])]).macs == 5 * 256


@pytest.mark.parametrize(
    ("lengths", "assumed"), [("", ""), ("n", "at most 10 turns of the loop")], ids=["whole", "with lengths"]
)
def test_a_scan_of_opset_8_has_a_batch(tmp_path: Path, lengths: str, assumed: str) -> None:
    """Two items of five turns each, of which an input may say that they are shorter."""
    inner = helper.make_graph([product("row", "made")], "turn", [tensor("row", [4, 8])], [tensor("made", [4, 8])])
    node = helper.make_node("Scan", [lengths, "x"], ["y"], "the_scan", body=inner, num_scan_inputs=1)
    inputs = [tensor("x", [2, 5, 4, 8]), *([tensor("n", [2], TensorProto.INT64)] if lengths else [])]
    (row,) = costs(tmp_path, [node], inputs, opset=8).rows
    assert (row.macs, row.assumed) == (2 * 5 * 256, assumed)


Scanned = tuple[int, list[tuple[int, ...]], list[int], int | None, str]
SCANS: list[Scanned] = [
    (17, [(5, 3), (5, 3)], [], 5, ""),
    (17, [(5, 3), (3, 5)], [0, -1], 5, ""),
    (17, [(5, 3), (3, 5)], [-2, 1], 5, ""),
    (17, [(5, 3), (4, 3)], [], None, "lengths of 4 and 5 are scanned together"),
    (17, [(5, 3), (3, 4)], [0, 1], None, "lengths of 4 and 5 are scanned together"),
    (17, [(5, 3)], [2], None, "a scanned input of 5x3 has no axis 2"),
    (17, [(5, 3)], [-3], None, "a scanned input of 5x3 has no axis -3"),
    (17, [()], [], None, "a scanned input of a scalar has no axis 0"),
    (17, [(5, 3), (5, 3)], [0], None, "it has 1 axes for 2 scanned inputs"),
    (8, [(2, 5, 3), (2, 5, 3)], [], 10, ""),
    (8, [(2, 5, 3), (2, 4, 3)], [], None, "lengths of 2x4 and 2x5 are scanned together"),
    (8, [(2, 5, 3), (3, 5, 3)], [], None, "lengths of 2x5 and 3x5 are scanned together"),
    (8, [(5,)], [], None, "a scanned input of 5 has no axis 1"),
]


@pytest.mark.parametrize(("opset", "shapes", "axes", "turns", "why"), SCANS)
def test_a_scan_counts_what_its_inputs_agree_on(
    opset: int, shapes: list[tuple[int, ...]], axes: list[int], turns: int | None, why: str, tmp_path: Path
) -> None:
    """ONNX Runtime refuses what is not counted."""
    each = [tensor(f"e{index}", None) for index in range(len(shapes))]
    adding = helper.make_node("Sum", [item.name for item in each], ["s"])
    inner = helper.make_graph([adding], "b", each, [tensor("s", None)])
    names = [f"x{index}" for index in range(len(shapes))]
    first = [""] if opset == 8 else []
    node = helper.make_node("Scan", [*first, *names], ["y"], "it", body=inner, num_scan_inputs=len(names))
    if axes:
        node.attribute.append(helper.make_attribute("scan_input_axes", axes))
    inputs = [tensor(name, shape) for name, shape in zip(names, shapes, strict=True)]
    model = helper.make_model(
        helper.make_graph([node], "g", inputs, [tensor("y", None)]),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    with pytest.raises(Exception, match=r"Scan|differ|dimensions") if why else nullcontext():
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        session.run(None, {name: np.ones(shape, np.float32) for name, shape in zip(names, shapes, strict=True)})
    (row,) = costs(tmp_path, [node], inputs, opset=opset).rows
    assert (row.why_unknown, row.assumed) == (why, "")
    assert row.flop == (None if turns is None else turns * 3 * (len(shapes) - 1))


@pytest.mark.parametrize("depth", [1, 5, 30])
def test_graphs_inside_graphs(tmp_path: Path, depth: int) -> None:
    """Deep nesting is counted, or said not to be; it neither raises nor takes for ever."""
    inside = body("b0", [product("x", "b0y")], "b0y")
    for level in range(1, depth):
        nested = helper.make_node("If", ["c"], [f"b{level}y"], f"if{level}", then_branch=inside, else_branch=inside)
        inside = body(f"b{level}", [nested], f"b{level}y")
        if inside.ByteSize() > 1 << 15:
            break
    table = branch(tmp_path, inside, body("e", [product("x", "e1")], "e1"))
    assert table.macs == 256 or table.rows[0].why_unknown


def test_the_memory_inside_a_body_counts(tmp_path: Path) -> None:
    wide = numpy_helper.from_array(np.ones((8, 1000), np.float32), "wide")
    back = numpy_helper.from_array(np.ones((1000, 8), np.float32), "back")
    widened = body("t", [product("x", "t1", "wide"), product("t1", "t2", "back")], "t2", [wide, back])
    table = branch(tmp_path, widened, body("e", [product("x", "e1")], "e1"))
    assert table.activation_peak_bytes >= 4 * 1000 * 4  # the wide tensor between the two products


SQUARE = numpy_helper.from_array(np.ones((16, 16), np.float32), "square")
FIVE = numpy_helper.from_array(np.array(5, np.int64), "n")
Dims = list[int | str | None]


def value(name: str, content: int | bool) -> TensorProto:
    return numpy_helper.from_array(np.array(content, np.bool_ if isinstance(content, bool) else np.int64), name)


MAYBE = helper.make_node("Cast", ["top"], ["on"], to=TensorProto.BOOL)
"""A condition that depends on data: the largest number of `carried`."""
LARGEST = helper.make_node("ReduceMax", ["carried"], ["top"], keepdims=0)


def turn(nodes: list[NodeProto], shape: Dims | None = None, condition: NodeProto | None = None) -> GraphProto:
    """The body of a Loop: `carried` becomes `next`, and the condition goes through unless it is given."""
    return helper.make_graph(
        [*([LARGEST] if condition is MAYBE else []), condition or helper.make_node("Identity", ["go"], ["on"]), *nodes],
        "turn",
        [
            tensor("i", [], TensorProto.INT64),
            tensor("go", [], TensorProto.BOOL),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, shape),
        ],
        [tensor("on", [], TensorProto.BOOL), helper.make_tensor_value_info("next", TensorProto.FLOAT, shape)],
    )


def looped(
    tmp_path: Path, inner: GraphProto, *before: NodeProto, start: TensorProto | None = None, batch: int | None = None
) -> CostTable:
    """A Loop of five turns on x[5, 16], or on x[N, 16] where a batch is given."""
    condition = start.name if start is not None else ""
    node = helper.make_node("Loop", ["n", condition, "x"], ["made"], "the_loop", body=inner)
    end = helper.make_node("MatMul", ["made", "square"], ["y"], "behind")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N" if batch else 5, 16])
    constants = [SQUARE, *([] if before else [FIVE]), *([start] if start is not None else [])]
    graph = helper.make_graph([*before, node, end], "g", [x], [tensor("y", None)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    return count(build_graph(open_model(tmp_path / "m.onnx"), name="m", batch=batch))


TIMES_SQUARE = product("carried", "next", "square")


def test_a_body_without_shapes_takes_those_of_the_initial_values(tmp_path: Path) -> None:
    table = looped(tmp_path, turn([TIMES_SQUARE]))
    assert [(row.name, row.macs, row.assumed) for row in table.rows] == [
        ("the_loop", 5 * 5 * 256, ""),
        ("behind", 5 * 256, ""),
    ]


def test_symbolic_dimensions_of_a_body_take_the_batch(tmp_path: Path) -> None:
    assert looped(tmp_path, turn([TIMES_SQUARE], ["N", 16]), batch=8).rows[0].macs == 5 * 8 * 256


def test_a_loop_may_take_its_length_from_a_shape(tmp_path: Path) -> None:
    axis = helper.make_node("Constant", [], ["axis"], value=value("", 0))
    nodes = (axis, helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "axis"], ["n"]))
    row = next(row for row in looped(tmp_path, turn([TIMES_SQUARE]), *nodes).rows if row.name == "the_loop")
    assert (row.macs, row.assumed) == (5 * 5 * 256, "")


@pytest.mark.parametrize("sure", [True, False])
def test_loops_inside_loops_multiply(tmp_path: Path, sure: bool) -> None:
    inner = turn([TIMES_SQUARE], condition=None if sure else MAYBE)
    for info in (*inner.input, *inner.output):
        info.name = f"{info.name}2"
    for node in inner.node:
        node.input[0] = f"{node.input[0]}2"
        node.output[0] = f"{node.output[0]}2"
    three = helper.make_node("Constant", [], ["three"], value=value("", 3))
    outer = turn([three, helper.make_node("Loop", ["three", "", "carried"], ["next"], "inner", body=inner)])
    row = looped(tmp_path, outer).rows[0]
    assert (row.macs, row.assumed) == (5 * 3 * 5 * 256, "" if sure else "at most 3 turns of the loop")


@pytest.mark.parametrize("shape", [None, ["N", 16]])
def test_a_loop_whose_value_grows_stays_open(tmp_path: Path, shape: Dims | None) -> None:
    grown = helper.make_node("Concat", ["carried", "product"], ["next"], axis=0)
    table = looped(tmp_path, turn([product("carried", "product", "square"), grown], shape), batch=8)
    assert [row.macs for row in table.rows] == [None, None]


ALWAYS = helper.make_node("Constant", [], ["on"], value=value("", True))
ONCE = helper.make_node("Constant", [], ["on"], value=value("", False))


@pytest.mark.parametrize(
    ("condition", "start", "turns", "assumed"),
    [
        (ALWAYS, None, 5, ""),
        (None, True, 5, ""),
        (ALWAYS, True, 5, ""),
        (ONCE, True, 1, ""),
        (None, False, 0, ""),
        (MAYBE, False, 0, ""),
        (MAYBE, True, 5, "at most 5 turns of the loop"),
        (MAYBE, None, 5, "at most 5 turns of the loop"),
    ],
)
def test_a_condition_may_end_a_loop(
    tmp_path: Path, condition: NodeProto | None, start: bool | None, turns: int, assumed: str
) -> None:
    first = None if start is None else value("first", start)
    row = looped(tmp_path, turn([TIMES_SQUARE], condition=condition), start=first).rows[0]
    assert (row.macs, row.assumed) == (turns * 5 * 256, assumed)


@pytest.mark.parametrize(
    ("condition", "macs", "assumed"), [(MAYBE, 5 * 256, "one turn of the loop"), (ALWAYS, (2**63 - 1) * 5 * 256, "")]
)
def test_a_number_of_turns_that_no_run_reaches_is_no_bound(
    tmp_path: Path, condition: NodeProto, macs: int, assumed: str
) -> None:
    """As torch writes `while`; a loop that nothing ends is as long as it says."""
    endless = helper.make_node("Constant", [], ["n"], value=value("", 2**63 - 1))
    table = looped(tmp_path, turn([TIMES_SQUARE], condition=condition), endless)
    row = next(row for row in table.rows if row.name == "the_loop")
    assert (row.macs, row.assumed) == (macs, assumed)


def stacking(tmp_path: Path, condition: NodeProto, behind: NodeProto, *constants: TensorProto) -> CostTable:
    """A Loop of at most five turns on x[5, 16], and a node behind what it stacks."""
    inner = turn([TIMES_SQUARE, helper.make_node("Relu", ["next"], ["each"])], condition=condition)
    inner.output.append(tensor("each", None))
    loop = helper.make_node("Loop", ["n", "", "x"], ["made", "stacked"], "the_loop", body=inner)
    return costs(tmp_path, [loop, behind], [tensor("x", [5, 16])], SQUARE, FIVE, *constants)


@pytest.mark.parametrize(
    ("condition", "assumed"),
    [(ALWAYS, ["", ""]), (MAYBE, ["at most 5 turns of the loop", "sizes after the most turns of a loop"])],
)
def test_what_a_loop_stacks_is_as_long_as_its_most_turns(
    tmp_path: Path, condition: NodeProto, assumed: list[str]
) -> None:
    table = stacking(tmp_path, condition, product("stacked", "y", "square"))
    assert table.rows[0].output_shapes == ((5, 16), (5, 5, 16))
    assert table.rows[1].macs == 5 * 5 * 16 * 16
    assert [row.assumed for row in table.rows] == assumed


def test_a_length_that_is_only_assumed_contradicts_nothing(tmp_path: Path) -> None:
    """The condition may always end the loop after three turns, which the nodes behind it were made for."""
    three = numpy_helper.from_array(np.ones((3, 5, 16), np.float32), "three")
    behind = helper.make_node("Add", ["stacked", "three"], ["y"])
    assert stacking(tmp_path, MAYBE, behind, three).rows[1].flop is None
    with pytest.raises(ShapeError, match="cannot be broadcast"):
        stacking(tmp_path, ALWAYS, behind, three)


def test_a_loop_takes_its_turns_from_the_length_of_another(tmp_path: Path) -> None:
    """No size of it is assumed, only how often it turns."""
    inner = turn([TIMES_SQUARE, helper.make_node("Relu", ["next"], ["each"])], condition=MAYBE)
    inner.output.append(tensor("each", None))
    nodes = [
        helper.make_node("Loop", ["n", "", "x"], ["made", "stacked"], "first", body=inner),
        helper.make_node("Shape", ["stacked"], ["length"], end=1),
        helper.make_node("Loop", ["length", "", "made"], ["y"], "second", body=turn([TIMES_SQUARE])),
    ]
    row = costs(tmp_path, nodes, [tensor("x", [5, 16])], SQUARE, FIVE).by_name["second"]
    assert (row.macs, row.assumed) == (5 * 5 * 256, "sizes after the most turns of a loop")


def test_a_body_holds_what_it_reads_and_nothing_else(tmp_path: Path) -> None:
    """Else thousands of branches would each hold the whole graph around them."""
    chain = [product("x" if not at else f"x{at - 1}", f"x{at}") for at in range(20)]
    node = helper.make_node(
        "If",
        ["c"],
        ["y"],
        "the_if",
        then_branch=body("t", [product("x3", "t1")], "t1"),
        else_branch=body("e", [helper.make_node("Identity", ["x7"], ["e1"])], "e1"),
    )
    graph = helper.make_graph(
        [*chain, node],
        "g",
        [tensor("c", [], TensorProto.BOOL), tensor("x", [4, 8])],
        [tensor("y", None), tensor("x19", None)],
        [WEIGHT],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    bodies = dict(build_graph(open_model(tmp_path / "m.onnx"), name="m").nodes[-1].bodies)
    assert bodies["then_branch"].tensors.keys() == {"x3", "w", "t1"}
    assert bodies["else_branch"].tensors.keys() == {"x7", "e1"}
    assert bodies["then_branch"].constants == {"w"}


def test_the_state_of_a_scan_takes_the_shape_of_its_initial_value(tmp_path: Path) -> None:
    inner = helper.make_graph(
        [product("state", "moved"), helper.make_node("Add", ["moved", "row"], ["after"])],
        "turn",
        [tensor("state", None), tensor("row", None)],
        [tensor("after", None)],
    )
    scan = helper.make_node("Scan", ["start", "x"], ["last"], "the_scan", body=inner, num_scan_inputs=1)
    table = costs(tmp_path, [scan, product("last", "y")], [tensor("start", [4, 8]), tensor("x", [5, 4, 8])])
    assert [row.macs for row in table.rows] == [5 * 256, 256]


def counter(**changed: object) -> list[NodeProto]:
    """What counts a loop's turns from 0, as a framework writes `while i < 7`: by a state of its own, in float32."""
    more = {"one": 1, "limit": 7, "type": TensorProto.FLOAT, "operator": "Less"} | changed
    return [
        helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(np.array(more["one"], np.int32))),
        helper.make_node("Constant", [], ["limit"], value=numpy_helper.from_array(np.array(more["limit"], np.float32))),
        helper.make_node("Add", ["count", "one"], ["counted"]),
        helper.make_node("Cast", ["counted"], ["number"], to=more["type"]),
        helper.make_node(str(more["operator"]), ["number", "limit"], ["on"]),
    ]


def counting(
    tmp_path: Path, nodes: list[NodeProto], *, most: str = "", first: str = "", start: str = "zero", most_is: int = 5
) -> CostTable:
    """A Loop on x[5, 16] that carries a count besides, and stacks what each turn makes."""
    inner = turn([TIMES_SQUARE, helper.make_node("Relu", ["next"], ["each"])], condition=nodes[0])
    inner.node.extend(nodes[1:])
    inner.input.append(tensor("count", [], TensorProto.INT32))
    inner.output.extend([tensor("counted", [], TensorProto.INT32), tensor("each", None)])
    node = helper.make_node("Loop", [most, first, "x", start], ["y", "sum", "stacked"], "the_loop", body=inner)
    behind = product("stacked", "z", "square")
    inputs = [tensor("x", [5, 16]), tensor("c", [], TensorProto.BOOL), tensor("n", [], TensorProto.INT64)]
    inputs.append(tensor("from", [], TensorProto.INT32))
    constants = [
        SQUARE,
        value("five", most_is),
        value("no", False),
        value("yes", True),
        numpy_helper.from_array(np.array(0, np.int32), "zero"),
    ]
    outputs = [tensor("y", None), tensor("z", None)]
    graph = helper.make_graph([node, behind], "g", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    return count(build_graph(open_model(tmp_path / "m.onnx"), name="m"))


@pytest.mark.parametrize(
    ("given", "turns", "assumed"),
    [
        ({}, 7, ""),
        ({"first": "yes"}, 7, ""),
        ({"first": "no"}, 0, ""),
        ({"most": "five"}, 5, ""),
        ({"most": "five", "most_is": 9}, 7, ""),
        ({"most": "five", "most_is": 0}, 0, ""),
        ({"most": "five", "most_is": 2**63 - 1}, 7, ""),
        ({"most": "n"}, 7, "at most 7 turns of the loop"),
        ({"first": "c"}, 7, "at most 7 turns of the loop"),
        ({"start": "from"}, 1, "one turn of the loop"),
        ({"start": "from", "most": "five"}, 5, "at most 5 turns of the loop"),
    ],
)
def test_a_condition_that_counts_turns_is_followed(
    tmp_path: Path, given: dict[str, object], turns: int, assumed: str
) -> None:
    table = counting(tmp_path, counter(), **given)  # type: ignore[arg-type]
    row = table.by_name["the_loop"]
    assert (row.macs, row.assumed) == (turns * 5 * 256, assumed)
    if not assumed:
        assert row.output_shapes[-1] == (turns, 5, 16)
        assert (table.rows[1].macs, table.rows[1].assumed) == (turns * 5 * 256, "")


@pytest.mark.parametrize(
    ("changed", "turns"),
    [({"limit": 1}, 1), ({"limit": -1}, 1), ({"one": 2}, 4), ({"one": -1, "limit": -3, "operator": "Greater"}, 3)],
)
def test_a_condition_is_asked_after_every_turn(tmp_path: Path, changed: dict[str, object], turns: int) -> None:
    assert counting(tmp_path, counter(**changed)).by_name["the_loop"].macs == turns * 5 * 256


def test_a_condition_may_ask_for_the_number_of_the_turn(tmp_path: Path) -> None:
    """Which is 0 in the first; and for the condition before."""
    nodes = [
        helper.make_node("Constant", [], ["limit"], value=value("", 3)),
        helper.make_node("Less", ["i", "limit"], ["fewer"]),
        helper.make_node("And", ["go", "fewer"], ["on"]),
        helper.make_node("Identity", ["count"], ["counted"]),
    ]
    row = counting(tmp_path, nodes).by_name["the_loop"]
    assert (row.macs, row.assumed) == (4 * 5 * 256, "")


def test_a_condition_that_data_goes_into_is_not_followed(tmp_path: Path) -> None:
    largest = [
        helper.make_node("ReduceMax", ["next"], ["top"], keepdims=0),
        helper.make_node("Less", ["top", "limit"], ["low"]),
        helper.make_node("And", ["low", "early"], ["on"]),
    ]
    nodes = counter()
    nodes[-1].output[0] = "early"
    row = counting(tmp_path, [*nodes, *largest], most="five").by_name["the_loop"]
    assert (row.macs, row.assumed) == (5 * 5 * 256, "at most 5 turns of the loop")


@pytest.mark.parametrize("changed", [{"limit": 1e9}, {"one": 0}])
def test_a_condition_that_ends_a_loop_late_or_never_takes_no_time(tmp_path: Path, changed: dict[str, object]) -> None:
    row = counting(tmp_path, counter(**changed)).by_name["the_loop"]
    assert (row.macs, row.assumed) == (5 * 256, "one turn of the loop")


@pytest.mark.parametrize("most", ["", "five"])
def test_the_turns_are_those_of_a_run(tmp_path: Path, most: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    table = counting(tmp_path, counter(one=3, limit=20), most=most, most_is=5)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    feeds = {"x": np.ones((5, 16), np.float32), "c": np.array(True), "n": np.array(1), "from": np.array(0, np.int32)}
    names = {item.name for item in session.get_inputs()}
    _, stacked = session.run(None, {name: feed for name, feed in feeds.items() if name in names})
    assert table.rows[0].output_shapes[-1] == stacked.shape == (5 if most else 7, 5, 16)


@pytest.mark.parametrize("most", [-5, 0])
def test_a_loop_of_no_turns(tmp_path: Path, most: int) -> None:
    """A number below zero is none, as ONNX Runtime takes it: the state goes through as it is."""
    text = f"""<ir_version: 8, opset_import: ["" : 17]> g (float[4] x) => (float[4] y)
    <int64 n = {{{most}}}, bool t = {{1}}> {{ y = Loop (n, t, x)
    <body = b (int64 i, bool c, float[4] s) => (bool d, float[4] u)
      {{ u = Add(s, s) d = Identity(c) }}> }}"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    runtime = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    values = np.arange(4, dtype=np.float32)
    assert np.array_equal(runtime.run(None, {"x": values})[0], values)
    (row,) = count(build_graph(open_model(tmp_path / "m.onnx"), name="m")).rows
    assert (row.flop, row.assumed) == (0, "")
