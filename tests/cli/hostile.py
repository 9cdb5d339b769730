"""Models by people who mean harm, or who made a mistake: what is counted all the same, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper
from onnx.numpy_helper import from_array

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
Build = Callable[[], ModelProto]
node = helper.make_node
LONG = "n" * 5_000_000
ABSURD = 10**18


def save(made: ModelProto | bytes) -> None:
    Path("m.onnx").write_bytes(made if isinstance(made, bytes) else made.SerializeToString())


def assert_one_message(err: str, said: str) -> None:
    """Beside progress there is one error with one hint, of a length that can be read."""
    assert re.search(said, err)
    lines = [line for line in err.splitlines() if not line.startswith("... ")]
    assert [line[:7] for line in lines] == ["error: ", "hint:  "]
    assert len(err) < 3000


def value(name: str, shape: Sequence[int | str] | None = (1, 3, 8, 8), dtype: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def constant(name: str, content: object, dtype: type[np.generic] = np.float32) -> TensorProto:
    return from_array(np.asarray(content, dtype), name)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto] = (value("x"),),
    outputs: Sequence[str] = ("y",),
    constants: Sequence[TensorProto] = (),
    functions: Sequence[FunctionProto] = (),
    opset: int = 17,
    ir_version: int = 8,
    dtype: int = FLOAT,
) -> ModelProto:
    made = [value(name, None, dtype) for name in outputs]
    graph = helper.make_graph(list(nodes), "g", list(inputs), made, list(constants))
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("f", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version, functions=list(functions))


def relu(shape: Sequence[int | str] = (1, 3, 8, 8), **changes: int) -> ModelProto:
    return model([node("Relu", ["x"], ["y"])], [value("x", shape)], **changes)  # type: ignore[arg-type]


def convolution(**attributes: Any) -> ModelProto:
    weights = constant("w", np.ones((4, 3, 3, 3)))
    return model([node("Conv", ["x", "w"], ["y"], **attributes)], constants=[weights])


def grown(op: str, *numbers: object) -> ModelProto:
    """A vector of integers grown by constants, then added to another."""
    names = [f"c{index}" for index in range(len(numbers))]
    inputs = names if op in ("Range", "ConstantOfShape") else ["x", *names]
    nodes = [node(op, inputs, ["w"]), node("Add", ["w", "w"], ["y"])]
    constants = [constant(name, number, np.int64) for name, number in zip(names, numbers, strict=True)]
    return model(nodes, [value("x", (1,), INT64)], constants=constants)


def branch(nodes: Sequence[NodeProto], outputs: Sequence[ValueInfoProto], *inputs: ValueInfoProto) -> GraphProto:
    return helper.make_graph(list(nodes), "b", list(inputs), list(outputs))


def condition(nodes: Sequence[NodeProto], made: str, *, others: Sequence[NodeProto] = ()) -> ModelProto:
    branches = {"then_branch": branch(nodes, [value(made)]), "else_branch": branch(nodes, [value(made)])}
    return model([*others, node("If", ["c"], ["y"], **branches)], [value("x"), value("c", (), BOOL)])


def loop(turns: int, *, growing: bool = False) -> ModelProto:
    """A vector of four added to itself so many times, or doubled in length."""
    step = node("Concat", ["v", "v"], ["o"], axis=0) if growing else node("Add", ["v", "v"], ["o"])
    size = None if growing else (4,)
    inner = (value("i", (), INT64), value("k", (), BOOL), value("v", size))
    body = branch([node("Identity", ["k"], ["p"]), step], [value("p", (), BOOL), value("o", size)], *inner)
    constants = [constant("t", turns, np.int64), constant("k", True, np.bool_)]
    return model([node("Loop", ["t", "k", "x"], ["y"], body=body)], [value("x", (4,))], constants=constants)


def scan(turns: int) -> ModelProto:
    body = branch(
        [node("Add", ["s", "e"], ["o"]), node("Identity", ["o"], ["p"])],
        [value("o", (1,)), value("p", (1,))],
        value("s", (1,)),
        value("e", (1,)),
    )
    scanned = node("Scan", ["x", "z"], ["q", "y"], body=body, num_scan_inputs=1)
    return model([scanned], [value("x", (1,)), value("z", (turns, 1))])


def nested(levels: int) -> ModelProto:
    inner, made = node("Relu", ["x"], ["r0"]), "r0"
    for level in range(1, levels):
        outer = node("If", ["c"], [f"r{level}"])
        for side, graph in (("then", branch([inner], [value(made)])), ("else", branch([], [value("x")]))):
            outer.attribute.add(name=f"{side}_branch", type=AttributeProto.GRAPH).g.CopyFrom(graph)
        inner, made = outer, f"r{level}"
    return model([inner], [value("x"), value("c", (), BOOL)], [made])


def function(name: str, *calls: str) -> FunctionProto:
    """A function that calls others one after the other."""
    names = ["a", *(f"t{index}" for index in range(len(calls) - 1)), "b"]
    nodes = [
        node(call, [names[index]], [names[index + 1]], domain="" if call == "Relu" else "f")
        for index, call in enumerate(calls)
    ]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    return helper.make_function("f", name, ["a"], ["b"], nodes, imports)


def calling(first: str, *functions: FunctionProto) -> ModelProto:
    return model([node(first, ["x"], ["y"], domain="f")], functions=functions)


def billion() -> ModelProto:
    """Thirty functions, each of which calls the one before twice: 2^30 nodes."""
    return calling("L30", function("L0", "Relu"), *(function(f"L{n}", *[f"L{n - 1}"] * 2) for n in range(1, 31)))


def deep_calls() -> ModelProto:
    return calling("L1999", function("L0", "Relu"), *(function(f"L{n}", f"L{n - 1}") for n in range(1, 2000)))


def named(text: str) -> ModelProto:
    """A text wherever a model can have one."""
    made = model([node("Relu", [f"x{text}"], [f"t{text}"], name=f"n{text}")], [value(f"x{text}")], [f"y{text}"])
    made.graph.node.append(node("Odd", [f"t{text}"], [f"y{text}"], name=f"m{text}", domain=f"d{text}"))
    made.graph.node[1].op_type += text
    for message in (made, made.graph, made.graph.node[0], made.graph.input[0]):
        message.doc_string = text
    made.producer_name = made.graph.name = made.domain = text
    made.metadata_props.add(key=text, value=text)
    return made


def changed(made: ModelProto, change: Callable[[ModelProto], object]) -> ModelProto:
    change(made)
    return made


def sparse(*, columns: int = 4, index: int = 5) -> ModelProto:
    values = helper.make_tensor("s", FLOAT, [2], [1.0, 2.0])
    places = helper.make_tensor("at", INT64, [2], [0, index])
    made = model([node("MatMul", ["x", "s"], ["y"])], [value("x", (2, 4))])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4, columns]))
    return made


def odd_input(kind: str) -> ModelProto:
    tensor = helper.make_tensor_type_proto(FLOAT, (2, 2))
    kinds = {"sequence": helper.make_sequence_type_proto(tensor), "optional": helper.make_optional_type_proto(tensor)}
    if kind == "map":
        kinds["map"] = onnx.TypeProto()
        kinds["map"].map_type.key_type = INT64
        kinds["map"].map_type.value_type.CopyFrom(tensor)
    return model([node("Identity", ["x"], ["y"])], [helper.make_value_info("x", kinds[kind])])


def split(parts: int, outputs: int, place: str = "main") -> ModelProto:
    """A vector of six cut into parts, their number another than that of the outputs, in one of four places."""
    names = [f"p{index}" for index in range(outputs)]
    if place == "values":  # small ones, which are followed; the declared sizes say that they stay so
        nodes = [node("Split", ["c"], names, num_outputs=parts), node("Reshape", ["x", "p0"], ["y"])]
        made = model(nodes, constants=[constant("c", range(6), np.int64)], opset=18)
        made.graph.value_info.extend(value(name, (2,), INT64) for name in names)
        return made
    cut = node("Split", ["x"], names, num_outputs=parts)
    if place == "branch":
        return changed(condition([cut], "p0"), lambda made: setattr(made.opset_import[0], "version", 18))
    if place == "function":  # of an opset that changes a node of it, so that it stays one
        nodes = [node("Squeeze", ["x"], ["s"]), cut]
        body = helper.make_function("f", "F", ["x"], ["p0"], nodes, [helper.make_opsetid("", 24)])
        return model([node("F", ["x"], ["y"], domain="f")], functions=[body], opset=18)
    return model([cut], [value("x", (6,))], names, opset=18)


CROWD = 100_000
COUNTED: dict[str, Build] = {
    "elements beyond memory": lambda: relu((ABSURD,)),
    "elements beyond memory, in two axes": lambda: relu((10**9, 10**9)),
    "a negative size": lambda: relu((-3, 3, 8, 8)),
    "a size of zero beside absurd ones": lambda: relu((0, 2**62, 2**62)),
    "declared shapes that contradict each other": lambda: changed(
        relu(), lambda made: made.graph.output[0].CopyFrom(value("y", (4, 4)))
    ),
    "fewer parts than outputs": lambda: split(1, 200),
    "10^9 parts for two outputs": lambda: split(10**9, 2),
    "10^9 parts of small values": lambda: split(10**9, 2, "values"),
    "10^9 parts in a branch": lambda: split(10**9, 2, "branch"),
    "10^9 parts in a function": lambda: split(10**9, 2, "function"),
    "data that does not fit its dimensions": lambda: changed(
        convolution(), lambda made: setattr(made.graph.initializer[0], "raw_data", bytes(7))
    ),
    "a weight of absurd dimensions": lambda: changed(
        convolution(), lambda made: made.graph.initializer[0].dims.__setitem__(0, 10**15)
    ),
    "a range without end": lambda: grown("Range", 0, 2**62, 1),
    "tiles without end": lambda: grown("Tile", [2**62]),
    "an expansion without end": lambda: grown("Expand", [ABSURD]),
    "a constant without end": lambda: grown("ConstantOfShape", [ABSURD]),
    "an absurd vector of integers": lambda: model(
        [node("Add", ["x", "x"], ["y"])], [value("x", (ABSURD,), INT64)]
    ),
    "a shape beyond 64 bits": lambda: grown("Reshape", [2**62, 2**62, -1]),
    "settings that are no numbers": lambda: model(
        [node("LeakyRelu", ["x"], ["a"], alpha=float("nan")), node("Elu", ["a"], ["y"], alpha=float("inf"))]
    ),
    "a loop of 2^62 turns": lambda: loop(2**62),
    "a loop that doubles its data": lambda: loop(60, growing=True),
    "a scan of 10^9 steps": lambda: scan(10**9),
    "a condition with one branch": lambda: changed(
        condition([node("Relu", ["x"], ["r"])], "r"), lambda made: made.graph.node[0].attribute.pop()
    ),
    "a name inside a branch that is taken outside": lambda: condition(
        [node("Relu", ["x"], ["a"]), node("Abs", ["a"], ["r"])], "r", others=[node("Relu", ["x"], ["a"])]
    ),
    "graphs in graphs": lambda: nested(20),
    "functions that mean a billion nodes": billion,
    "functions 2,000 deep": deep_calls,
    "functions that call each other": lambda: calling("A", function("A", "B"), function("B", "A")),
    "names with escapes": lambda: named("\x1b[2J\x1b]0;title\x07"),
    "names with markup": lambda: named("[red]a[/]\\[b]"),
    "names with line breaks": lambda: named("\r\n| a | b |\n"),
    "names with a zero byte": lambda: named("\0"),
    "names that turn the line around": lambda: named("\u202eabc\u2066"),
    "names of five megabytes": lambda: named(LONG),
    "an operator with slashes": lambda: model([node("a/../../etc", ["x"], ["y"])]),
    "an operator without a name": lambda: model([node("", ["x"], ["y"])]),
    "nodes of one name": lambda: model(
        [node("Relu", ["x"], ["a"], name="n"), node("Relu", ["a"], ["y"], name="n")]
    ),
    "opset 0": lambda: relu(opset=0),
    "opset 9999": lambda: relu(opset=9999),
    "an opset beyond 32 bits": lambda: relu(opset=2**62),
    "a negative opset": lambda: relu(opset=-1),
    "two opsets at once": lambda: changed(relu(), lambda made: made.opset_import.add(version=9)),
    "IR version 99": lambda: relu(ir_version=99),
    "no nodes": lambda: model([], outputs=["x"]),
    "no inputs": lambda: model([node("Relu", ["c"], ["y"])], [], constants=[constant("c", [1, 2])]),
    "a sparse constant": sparse,
    "a sparse constant with places outside": lambda: sparse(index=10**12),
    "a sparse constant of absurd size": lambda: sparse(columns=10**15),
    "a sequence as input": lambda: odd_input("sequence"),
    "an optional input": lambda: odd_input("optional"),
    "a map as input": lambda: odd_input("map"),
    "strings as input": lambda: model([node("Identity", ["x"], ["y"])], [value("x", (2,), TensorProto.STRING)]),
    "100,000 inputs": lambda: model(
        [node("Relu", ["x"], ["y"])], [value("x"), *(value(f"i{n}", (1,)) for n in range(CROWD))]
    ),
    "a node with 100,000 inputs": lambda: model([node("Sum", ["x"] * CROWD, ["y"])]),
}  # fmt: skip
"""A stranger may learn from these what they cost, or that nobody knows."""

REFUSED: dict[str, tuple[Build, str]] = {
    "weights that do not fit the data": (
        lambda: model([node("Conv", ["x", "w"], ["y"])], constants=[constant("w", np.ones((4, 9, 3, 3)))]),
        r"contradict each other at node Conv:y \(Conv\): 3 channels go in, its weights are for 9",
    ),
    "pads that leave nothing": (lambda: convolution(pads=[-100] * 4), "a window of 3 does not fit on -192"),
    "no stride": (lambda: convolution(strides=[0, 0]), "strides of 0x0 lead nowhere"),
    "no stride beside a rule for pads": (
        lambda: convolution(strides=[1, 0], auto_pad="SAME_UPPER"),
        "strides of 1x0 lead nowhere",
    ),
    "an absurd dilation": (lambda: convolution(dilations=[2**62, 2**62]), "a window of 9,223,372,036,854,775,809"),
    "a window beyond 64 bits": (
        lambda: model([node("MaxPool", ["x"], ["y"], kernel_shape=[2**62, 2**62])]),
        "a window of 4,611,686,018,427,387,904 does not fit on 8",
    ),
    "no groups": (lambda: convolution(group=0), r"\(Conv\): 3 channels go in, its weights are for 0"),
    "a cycle": (lambda: model([node("Add", ["x", "b"], ["y"]), node("Relu", ["y"], ["b"])]), "cycle through node"),
    "a node that reads what it makes": (lambda: model([node("Add", ["x", "y"], ["y"])]), "cycle through node"),
    "a tensor made twice": (lambda: model([node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"])]), "made twice"),
    "a tensor that nothing makes": (lambda: model([node("Relu", ["z"], ["y"])]), "z, which nothing makes"),
    "no outputs": (lambda: model([node("Relu", ["x"], ["y"])], outputs=[]), "no outputs"),
    "a shape beyond 64 bits": (lambda: relu((2**32, 2**32, 2)), "x has absurd sizes"),
    "a hundred axes": (lambda: relu((1,) * 100), "x has absurd sizes: .* or more than 64 dimensions"),
    "axes of five megabytes": (lambda: relu(("N", LONG)), "dynamic dimensions: Nxn+…"),
    "axes with escapes": (lambda: relu(("\x1b[2J", "[red]\u202e")), r"dynamic dimensions: \\x1b\[2Jx\[red\]\\u202e"),
    "IR version 0": (lambda: relu(ir_version=0), "names no version"),
    "no opset": (lambda: changed(relu(), lambda made: made.ClearField("opset_import")), "which opset"),
    "two functions of one name": (lambda: calling("A", function("A", "Relu"), function("A", "Relu")), "inlined"),
}
