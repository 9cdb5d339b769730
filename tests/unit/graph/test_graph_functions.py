"""Model-local functions: their nodes counted one by one, under names that are unique, with the values they had."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from alexnet_bench import Options, profile
from alexnet_bench.core.errors import ModelError
from alexnet_bench.graph import functions
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.model_bytes import named_copy
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model

LOCAL = "com.example"
SIZE = 2000
"""Elements of a constant that lies inside a function: more than the reader of weightless files keeps."""


def node(op: str, inputs: str, output: str, name: str = "", domain: str = "", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), [output], name, domain=domain, **attributes)


def call(op: str, inputs: str, output: str, name: str = "", **attributes: Any) -> onnx.NodeProto:
    return node(op, inputs, output, name, LOCAL, **attributes)


def function(
    name: str,
    inputs: str,
    nodes: Sequence[onnx.NodeProto],
    *,
    attributes: Sequence[str] = (),
    defaults: Sequence[onnx.AttributeProto] = (),
    opset: int = 17,
) -> onnx.FunctionProto:
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(LOCAL, 1), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_function(
        LOCAL, name, inputs.split(), ["y"], nodes, imports, attributes=attributes, attribute_protos=defaults
    )


def referring(op: str, inputs: str, output: str, attribute: str, outer: str) -> onnx.NodeProto:
    """A node whose attribute is the one that its function was called with."""
    made = node(op, inputs, output, "slope")
    made.attribute.add(name=attribute, ref_attr_name=outer, type=onnx.AttributeProto.FLOAT)
    return made


def model(nodes: Sequence[onnx.NodeProto], *local: onnx.FunctionProto) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, ["N", SIZE])],
        [helper.make_tensor_value_info("out", 1, ["N", SIZE])],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(LOCAL, 1)]
    return helper.make_model(graph, functions=local, opset_imports=imports, ir_version=8)


SLOPE = function(
    "Slope", "x", [referring("LeakyRelu", "x", "y", "alpha", "a")], defaults=[helper.make_attribute("a", 0.25)]
)
SHIFT = function(
    "Shift",
    "x",
    [
        node("Constant", "", "c", value=helper.make_tensor("v", 1, [SIZE], np.arange(SIZE, dtype=np.float32))),
        node("Add", "x c", "y"),
    ],
)
BLOCK = function(
    "Block",
    "x",
    [
        call("Slope", "x", "s", "given", a=0.5),
        call("Slope", "s", "t", "default"),
        call("Shift", "t", "u"),
        node("FastGelu", "u", "y", "gelu", "com.microsoft"),
    ],
)
NESTED = model(
    [call("Block", "x", "p", "first"), call("Block", "p", "q"), node("Relu", "q", "out", "last")], BLOCK, SLOPE, SHIFT
)


@pytest.fixture
def opened(tmp_path: Path) -> ModelFile:
    path = tmp_path / "nested.onnx"
    path.write_bytes(NESTED.SerializeToString())
    return open_model(path)


def run(content: bytes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    made: NDArray[np.float32] = session.run(None, {"x": values})[0]
    return made


def test_every_node_of_every_call_is_counted(opened: ModelFile) -> None:
    table = count(build_graph(opened, name="nested", batch=3))
    block = ["LeakyRelu", "LeakyRelu", "Add", "com.microsoft.FastGelu"]
    assert [row.op for row in table.rows] == [*block, *block, "Relu"]
    assert [row.why_unknown for row in table.rows if not row.counted] == []
    elements = 3 * SIZE
    assert table.rows[3].flop == 8 * elements
    assert {row.output_shapes for row in table.rows} == {((3, SIZE),)}


def test_identities_are_unique_and_say_where_a_node_comes_from(opened: ModelFile) -> None:
    names = [node.name for node in build_graph(opened, name="nested").nodes]
    assert len(set(names)) == len(names) == 11
    assert sum(name.startswith("Slope/slope") for name in names) == 4
    assert sum(name.startswith("Block/gelu") for name in names) == 2
    assert sum(name.startswith("Add:") for name in names) == 2
    assert names[-1] == "last"


def test_attributes_are_those_of_the_call_or_the_defaults(opened: ModelFile) -> None:
    slopes = [node.attributes["alpha"] for node in build_graph(opened, name="n").nodes if node.op_type == "LeakyRelu"]
    assert slopes == [0.5, 0.25, 0.5, 0.25]


def test_the_copy_that_is_timed_computes_the_same(opened: ModelFile) -> None:
    copy = named_copy(opened)
    assert copy is not None
    graph = onnx.ModelProto.FromString(copy).graph
    assert [item.name for item in graph.node] == [item.name for item in build_graph(opened, name="nested").nodes]
    values = np.linspace(-9000, 2, 2 * SIZE, dtype=np.float32).reshape(2, SIZE)
    np.testing.assert_allclose(run(copy, values), run(NESTED.SerializeToString(), values), rtol=1e-6)
    assert {item.domain for item in onnx.ModelProto.FromString(copy).opset_import} >= {"", "com.microsoft"}


def test_a_model_without_functions_is_left_alone() -> None:
    plain = model([node("Relu", "x", "out")])
    assert functions.inline(plain) is plain


def overloaded(name: str, overload: str, nodes: Sequence[onnx.NodeProto]) -> onnx.FunctionProto:
    made = function(name, "x", nodes)
    made.overload = overload
    return made


def _calls(op: str, times: int, overload: str = "") -> list[onnx.NodeProto]:
    """A chain from x to y."""
    tensors = ["x", *(f"t{index}" for index in range(1, times)), "y"]
    made = [call(op, before, after) for before, after in pairwise(tensors)]
    for item in made:
        item.overload = overload
    return made


def test_overloads_that_explode_are_told_apart() -> None:
    """Ten calls each, over twelve overloads of one name."""
    chain = [overloaded("F", f"o{index}", _calls("F", 10, f"o{index + 1}")) for index in range(12)]
    start = call("F", "x", "out")
    start.overload = "o0"
    exploding = model([start], *chain, overloaded("F", "o12", [node("Relu", "x", "y")]))
    assert functions.calls_explode(exploding)
    assert functions.inline(exploding).functions


@pytest.mark.parametrize("times", [10, 2])
def test_a_function_called_often_is_inlined_until_it_is_too_often(times: int) -> None:
    levels = [function(f"F{level}", "x", _calls(f"F{level + 1}", times)) for level in range(6)]
    whole = functions.inline(model([call("F0", "x", "out")], *levels, function("F6", "x", [node("Relu", "x", "y")])))
    assert len(whole.graph.node) == (2**6 if times == 2 else 1)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param([SLOPE, SLOPE], id="the same function twice"),
        pytest.param([SLOPE, function("G", "x", [call("G", "x", "y")])], id="a cycle that nothing calls"),
        pytest.param([function("Slope", "", [node("Relu", "x", "y")])], id="called with more than it takes"),
    ],
)
def test_functions_that_cannot_be_inlined_are_an_error_of_the_model(
    tmp_path: Path, broken: list[onnx.FunctionProto]
) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(model([call("Slope", "x", "out")], *broken).SerializeToString())
    with pytest.raises(ModelError, match=r"broken\.onnx: its functions cannot be inlined"):
        open_model(path)


def test_a_function_of_an_opset_that_means_something_else_is_not_counted(tmp_path: Path) -> None:
    """Softmax of opset 11 flattens what lies behind its axis."""
    path = tmp_path / "old.onnx"
    old = function("Old", "x", [node("Softmax", "x", "y")], opset=11)
    path.write_bytes(model([call("Old", "x", "h"), node("Relu", "h", "out")], old).SerializeToString())
    table = count(build_graph(open_model(path), name="old"))
    assert [(row.op, row.why_unknown) for row in table.rows] == [
        (
            f"{LOCAL}.Old",
            "its function is of opset 11 of ai.onnx, the model of 17, where Softmax is defined otherwise",
        ),
        ("Relu", ""),
    ]


def importing(made: onnx.ModelProto | onnx.FunctionProto, **versions: int) -> None:
    """Versions of ONNX and LOCAL, instead of those that are imported."""
    del made.opset_import[:]
    made.opset_import.extend(
        helper.make_opsetid({"onnx": "", "local": LOCAL}[name], versions[name]) for name in versions
    )


@pytest.mark.parametrize(
    ("versions", "opset"),
    [
        pytest.param({"onnx": 17, "local": 1}, 18, id="a newer function"),
        pytest.param({"onnx": 18, "local": 1}, 13, id="an older function"),
        pytest.param({"onnx": 17, "local": 2}, 17, id="another version of the functions themselves"),
        pytest.param({"local": 1}, 17, id="a model that names no opset of ONNX"),
        pytest.param({"onnx": 17}, 18, id="a model that does not name the domain of its functions"),
    ],
)
def test_functions_of_another_opset_are_counted_where_it_makes_no_difference(
    tmp_path: Path, versions: dict[str, int], opset: int
) -> None:
    """ONNX Runtime runs all but the last, which it refuses for its imports alone."""
    inner = function("Inner", "x", [node("Softmax", "x", "y")], opset=opset)
    outer = function("Outer", "x", [node("Sigmoid", "x", "r"), call("Inner", "r", "y")], opset=opset)
    mixed = model([call("Outer", "x", "out")], outer, inner)
    importing(mixed, **versions)
    path = tmp_path / "mixed.onnx"
    path.write_bytes(mixed.SerializeToString())
    opened = open_model(path)
    assert [(row.op, row.counted) for row in count(build_graph(opened, name="m")).rows] == [
        ("Sigmoid", True),
        ("Softmax", True),
    ]
    copy, values = named_copy(opened), np.linspace(-2, 2, 2 * SIZE, dtype=np.float32).reshape(2, SIZE)
    assert copy is not None
    if "local" in versions:
        np.testing.assert_allclose(run(copy, values), run(path.read_bytes(), values), rtol=1e-6)


def test_the_copy_that_is_timed_keeps_a_call_that_is_not_counted_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.onnx"
    old = function("Old", "x", [node("Softmax", "x", "y")], opset=11)
    mixed = model([call("Old", "x", "h"), call("Slope", "h", "out")], old, SLOPE)
    path.write_bytes(mixed.SerializeToString())
    copy, values = named_copy(open_model(path)), np.linspace(-2, 2, 2 * SIZE, dtype=np.float32).reshape(2, SIZE)
    assert copy is not None
    assert [item.op_type for item in onnx.ModelProto.FromString(copy).graph.node] == ["Old", "LeakyRelu"]
    assert not onnx.ModelProto.FromString(copy).graph.node[0].attribute
    np.testing.assert_allclose(run(copy, values), run(path.read_bytes(), values), rtol=1e-6)


def test_calls_that_explode_say_so(tmp_path: Path) -> None:
    levels = [function(f"F{level}", "x", _calls(f"F{level + 1}", 10)) for level in range(6)]
    exploding = model([call("F0", "x", "out")], *levels, function("F6", "x", [node("Relu", "x", "y")]))
    path = tmp_path / "exploding.onnx"
    path.write_bytes(exploding.SerializeToString())
    (row,) = count(build_graph(open_model(path), name="e")).rows
    assert row.why_unknown == "its function means more than 200,000 nodes, or calls that do not end"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("own_cache")
def test_a_profile_attributes_every_node_of_every_call(tmp_path: Path) -> None:
    path = tmp_path / "nested.onnx"
    path.write_bytes(NESTED.SerializeToString())
    measured = profile(str(path), options=Options(seconds=0.2, processes=1))
    assert measured.coverage.unattributed_nodes == ()
    owned = {name for layer in measured.layers for name in layer.onnx_nodes}
    owned |= {shared.name for layer in measured.layers for shared in layer.shared_nodes}
    assert owned == {node.name for node in build_graph(open_model(path), name="nested").live_nodes}
