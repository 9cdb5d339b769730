"""Shapes for one case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import helper, numpy_helper

from alexnet_bench.core.errors import AlexnetBenchError, ModelError, ShapeError
from alexnet_bench.graph import binding
from alexnet_bench.graph import shapes as shape_inference
from alexnet_bench.graph.counting import count

if TYPE_CHECKING:
    from tests.unit.graph.conftest import Read


CLASSIFIER = "g (float[N,3,8,8] x) => (float[N,192] y) { y = Flatten(x) }"
FIXED = "g (float[2,3,8,8] x) => (float[2,192] y) { y = Flatten(x) }"
TOKENS = "g (float[N,T,16] x) => (float[N,T,16] y) { y = Relu(x) }"


def refused(
    read: Read, text: str, *, batch: int | None = None, shapes: Mapping[str, Sequence[int]] | None = None
) -> ShapeError:
    with pytest.raises(ShapeError) as raised:
        read(text, batch=batch, shapes=shapes)
    assert raised.value.message.startswith("/")  # names the file
    assert raised.value.hint
    return raised.value


@pytest.mark.parametrize(
    ("text", "batch", "shapes", "expected"),
    [
        pytest.param(CLASSIFIER, None, None, (1, 192), id="lone symbolic batch is 1"),
        pytest.param(CLASSIFIER, 8, None, (8, 192), id="lone symbolic batch"),
        pytest.param(CLASSIFIER, None, {"x": (5, 3, 8, 8)}, (5, 192), id="given"),
        pytest.param(CLASSIFIER, 5, {"x": (5, 3, 8, 8)}, (5, 192), id="given, and the same batch"),
        pytest.param(CLASSIFIER, 8, {"x": (1, 3, 8, 8)}, (8, 192), id="one shape serves every batch"),
        pytest.param("g (float[?,3] x) => (float[?,3] y) { y = Relu(x) }", 4, None, (4, 3), id="nameless batch"),
        pytest.param(FIXED, None, None, (2, 192), id="fixed"),
        pytest.param(FIXED, 2, None, (2, 192), id="fixed at the batch asked for"),
        pytest.param(TOKENS, None, {"x": (2, 7, 16)}, (2, 7, 16), id="two symbols, both given"),
        pytest.param(
            "g (float[N,T] x, float[T] p) => (float[N,T] y) { y = Add(x, p) }",
            *(4, {"x": (1, 7), "p": (7,)}, (4, 7)),
            id="a first size that another input says is no batch",
        ),
        pytest.param("g (float[N,T] x) => (float[N,T] y) { y = Relu(x) }", None, {"x": (0, 3)}, (0, 3), id="empty"),
        pytest.param("g (float x) => (float y) { y = Relu(x) }", None, {"x": ()}, (), id="scalar given"),
    ],
)
def test_sizes_of_the_output(
    read: Read, text: str, batch: int | None, shapes: Mapping[str, Sequence[int]] | None, expected: tuple[int, ...]
) -> None:
    assert read(text, batch=batch, shapes=shapes).tensor("y").shape == expected


def test_a_scalar_input_needs_nothing(read: Read) -> None:
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]> g (float x) => (float y) { y = Relu(x) }')
    for info in (*model.graph.input, *model.graph.output):
        info.type.tensor_type.shape.SetInParent()
    assert read(model).tensor("y").shape == ()


def test_no_inputs_at_all(read: Read) -> None:
    graph = read("g () => (float[2] y) <float[2] w = {1,2}> { y = Relu(w) }")
    assert graph.inputs == ()
    assert graph.tensor("y").shape == (2,)
    assert graph.live == frozenset()
    with pytest.raises(ShapeError, match="no input has a dimension"):
        read("g () => (float[2] y) <float[2] w = {1,2}> { y = Relu(w) }", batch=3)


@pytest.mark.parametrize(
    ("text", "batch", "shapes", "message", "hint"),
    [
        pytest.param(TOKENS, None, None, "x has dynamic dimensions: NxTx16", "--shape x=1x1x16", id="two symbols"),
        pytest.param(TOKENS, 8, None, "x has dynamic dimensions: NxTx16", "--shape x=8x1x16", id="and a batch"),
        pytest.param(
            *("g (float[N,3,H,W] x) => (float y) { y = Relu(x) }", None, None, "Nx3xHxW", "--shape x=1x3x224x224"),
            id="a picture",
        ),
        pytest.param(
            "g (float[1,?,4] x) => (float y) { y = Relu(x) }", None, None, "1x?x4", "--shape x=1x1x4", id="nameless"
        ),
        pytest.param("g (float[] x) => (float y) { y = Relu(x) }", None, None, "x has no shape", "--shape x=", id="-"),
        pytest.param(
            f"g (float[{2**62},{2**62},8] x) => (float y) {{ y = Relu(x) }}",
            *(None, None, "x has absurd sizes: more than 9,223,372,036,854,775,807 elements", "export the model again"),
            id="absurd sizes",
        ),
        pytest.param(CLASSIFIER, 2, {"x": (5, 3, 8, 8)}, "5x3x8x8 at batch 2", "--shape x=1x3x8x8", id="other batch"),
        pytest.param(FIXED, 8, None, "fixed at batch 2, 8 was asked for", "of a recipe, its [batch]", id="fixed batch"),
        pytest.param(CLASSIFIER, None, {"z": (1,)}, "no input named z; it has x", "--shape INPUT=", id="unknown input"),
        pytest.param(TOKENS, None, {"T": (4,)}, "no input named T; it has x", "T is a size of x: ", id="a dimension"),
        pytest.param(CLASSIFIER, None, {"x": (1, 3)}, "4 dimensions, the shape given has 2", "Nx3x8x8", id="rank"),
        pytest.param(CLASSIFIER, None, {"x": (1, 4, 8, 8)}, "1x4x8x8 does not fit", "numbers in the", id="channels"),
        pytest.param(CLASSIFIER, None, {"x": (-1, 3, 8, 8)}, "-1x3x8x8 is no shape", "", id="negative"),
        pytest.param(CLASSIFIER, None, {"x": (10**30, 3, 8, 8)}, "is no shape", "", id="beyond 64 bits"),
        pytest.param(TOKENS, None, {"x": (2**40, 2**40, 16)}, "is no shape", "", id="too many elements"),
        pytest.param(TOKENS, 2**63, None, "dynamic", "", id="batch beyond 64 bits"),
        pytest.param(CLASSIFIER, 10**30, None, "is no shape", "", id="absurd batch"),
        pytest.param(
            "g (float[N,N] x) => (float y) { y = Relu(x) }", None, {"x": (2, 3)}, "2x3 does not fit", "", id="NxN"
        ),
        pytest.param(
            "g (seq(float[2]) x, float[N] z) => (float[N] y) { y = Relu(z) }",
            None,
            {"x": (2,)},
            "x is no tensor",
            "",
            id="a sequence",
        ),
        pytest.param(
            "g (float[N,4] a, float[N,4] b) => (float[N,4] y) { y = Add(a, b) }",
            None,
            {"a": (2, 4), "b": (3, 4)},
            "3x4 does not fit input b, which is 2x4",
            "must be the same everywhere",
            id="contradictory inputs",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    read: Read, text: str, batch: int | None, shapes: Mapping[str, Sequence[int]] | None, message: str, hint: str
) -> None:
    error = refused(read, text, batch=batch, shapes=shapes)
    assert message in error.message
    assert hint in error.hint


def test_symbols_are_shared_over_inputs_in_any_order(read: Read) -> None:
    text = "g (float[N,T] a, float[2,N,4] state, float[N,T] b) => (float y) { y = Concat<axis = 0>(a, b) }"
    graph = read(text, shapes={"b": (3, 7)})
    assert [graph.tensor(name).shape for name in graph.inputs] == [(3, 7), (2, 3, 4), (3, 7)]
    assert graph.tensor("y").shape == (6, 7)


def test_a_state_listed_before_the_input_that_names_its_batch(read: Read) -> None:
    graph = read("g (float[2,N,4] state, float[N,4] x) => (float y) { y = Add(state, x) }", batch=5)
    assert graph.tensor("state").shape == (2, 5, 4)


def test_an_input_of_fixed_size_beside_one_with_a_batch(read: Read) -> None:
    graph = read("g (float[N,4] x, float[1,4] scale) => (float y) { y = Mul(x, scale) }", batch=5)
    assert graph.tensor("y").shape == (5, 4)


def test_a_sequence_beside_a_tensor_stays_without_shape(read: Read) -> None:
    graph = read("g (float[N,4] x, seq(float[2]) s) => (float y) { y = Relu(x) }", batch=5)
    assert graph.tensor("s").shape is None
    assert graph.tensor("y").shape == (5, 4)


def test_minus_one_stands_for_an_unknown_size(read: Read) -> None:
    """Some exporters write -1 where ONNX wants a name, or nothing."""
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>' + CLASSIFIER)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    assert read(model, batch=3).tensor("y").shape == (3, 192)


def test_declared_values_that_hold_another_batch_do_not_win(read: Read) -> None:
    """Exported at batch 1, then made dynamic at the inputs alone."""
    graph = read("g (float[N,4] x) => (float[1,4] y) <float[1,4] hidden> { hidden = Relu(x) y = Exp(hidden) }", batch=8)
    assert graph.tensor("hidden").shape == (8, 4)
    assert graph.tensor("y").shape == (8, 4)


def test_outputs_that_no_node_makes(read: Read) -> None:
    graph = read(
        """g (float[N,4] x) => (float[N,4] x, float[4] w, float[] y, float[] z) <float[4] w> {
        y = Relu(x)
        z = Add(x, w)
        }""",
        batch=3,
    )
    assert [graph.tensor(name).shape for name in "xwyz"] == [(3, 4), (4,), (3, 4), (3, 4)]


def test_declared_values_fill_the_gaps_of_custom_operators(read: Read) -> None:
    graph = read(
        "g (float[N,4] x) => (float[N,4] y) <float[N,4] hidden> { hidden = com.example.Magic(x) y = Exp(hidden) }",
        batch=8,
    )
    assert graph.tensor("hidden").shape == (8, 4)
    assert graph.tensor("hidden").dtype == "float32"
    assert graph.tensor("y").shape == (8, 4)


def test_a_custom_operator_of_a_domain_that_is_not_imported(read: Read) -> None:
    graph = read(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,4] y) '
        "{ h = Relu(x) y = org.acme.Magic(h) }",
        batch=2,
    )
    assert graph.tensor("h").shape == (2, 4)
    assert graph.tensor("y").shape == (2, 4)


@pytest.mark.parametrize("imported", ["", "ai.onnx"])
@pytest.mark.parametrize("written", ["", "ai.onnx"])
def test_the_default_domain_has_two_names(read: Read, imported: str, written: str) -> None:
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["{imported}" : 17]>' + CLASSIFIER)
    model.graph.node[0].domain = written
    graph = read(model, batch=2)
    assert (graph.opset, graph.tensor("y").shape) == (17, (2, 192))
    assert count(graph).rows[0].op == "Flatten"


@pytest.mark.parametrize("version", [-1, 0, 99, 2**40])
def test_absurd_versions_are_no_failure(read: Read, version: int) -> None:
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>' + CLASSIFIER)
    model.opset_import[0].version = version
    model.graph.node.append(helper.make_node("Conv", [], ["z"]))
    assert read(model).opset == version


def test_a_reshape_computed_from_shapes(read: Read) -> None:
    """x.view(x.size(0), -1), as tracing exporters write it."""
    graph = read(
        """g (float[N,3,8,8] x) => (float y)
        <int64 zero = {0}, int64[1] first = {0}, int64[1] rest = {-1}> {
            s = Shape(x)
            n = Gather<axis = 0>(s, zero)
            n1 = Unsqueeze(n, first)
            target = Concat<axis = 0>(n1, rest)
            y = Reshape(x, target)
        }""",
        batch=4,
    )
    assert graph.tensor("y").shape == (4, 192)
    assert not [row.name for row in count(graph).rows if not row.counted]


def test_a_reshape_computed_from_a_part_of_a_shape(read: Read) -> None:
    graph = read(
        """g (float[N,6,10] x) => (float y)
        <int64[1] from = {0}, int64[1] to = {2}, int64[2] split = {2, 5}> {
            s = Shape(x)
            head = Slice(s, from, to)
            target = Concat<axis = 0>(head, split)
            y = Reshape(x, target)
        }""",
        batch=3,
    )
    assert graph.tensor("y").shape == (3, 6, 2, 5)


def test_small_constants_survive_and_large_ones_do_not_matter(read: Read) -> None:
    graph = read(
        "g (float[N,4] x) => (float y) <int64[2] s = {0, -1}> { c = Constant<value_ints = [2, 2]>() y = Reshape(x, s) }"
    )
    assert graph.integers == {"s": (0, -1), "c": (2, 2)}


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Conv", [], ["h"])],
        [helper.make_node("Conv", ["x"], ["h"])],
        [helper.make_node("Relu", ["x"], ["h", "more"])],
        [helper.make_node("Loop", ["x"], ["h"], body=onnx.GraphProto(name="b"))],
        [helper.make_node("If", ["x"], ["h"])],
        [helper.make_node("", ["x"], ["h"])],
        [helper.make_node("MaxPool", ["x"], ["h"])],
        [helper.make_node("Conv", ["x", "x"], ["h"], strides=[0, 0])],
        [helper.make_node("Transpose", ["x"], ["h"], perm=[9, -9])],
        [helper.make_node("Transpose", ["x"], ["h"], perm="words")],
        [helper.make_node("DepthToSpace", ["x"], ["h"], blocksize=0)],
    ],
    ids=lambda nodes: f"{nodes[0].op_type}-{len(nodes[0].input)}",
)
def test_a_malformed_node_does_not_spoil_the_others(read: Read, nodes: list[onnx.NodeProto]) -> None:
    """It is listed with a reason; what does not depend on it has its shapes."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]>' + "g (float[N,4] x) => (float y) { y = Relu(x) }"
    )
    model.graph.node.extend([*nodes, helper.make_node("Add", ["x", "h"], ["z"])])
    model.graph.output.append(helper.make_tensor_value_info("z", 1, None))
    graph = read(model, batch=2)
    assert graph.tensor("y").shape == (2, 4)
    row = count(graph).by_name.get(f"{nodes[0].op_type}:h")
    assert row is None or row.why_unknown  # a node without inputs is a constant, and not live


def test_shape_inference_that_fails_altogether(read: Read) -> None:
    """Without a version of the default domain nothing says what a Relu is."""
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["com.example" : 1]>' + FIXED)
    with pytest.raises(ModelError, match=r"model\.onnx: .*does not say which opset its nodes are of"):
        read(model)


def test_nodes_in_any_order(read: Read) -> None:
    """Converters append nodes at the end that others read; ONNX's own inference goes through the file once."""
    text = "g (float[2,3,8,8] x) => (float[2,3,16,16] y) { y = Relu(r)  r = Resize(x, , s)  s = Cast<to = 1>(h) }"
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>' + text)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float16), "h"))
    graph = read(model)
    assert [node.op_type for node in graph.live_nodes] == ["Resize", "Relu"]
    assert graph.tensor("r").shape == (2, 3, 16, 16)
    assert all(row.counted for row in count(graph).rows)


def test_absurd_sizes_of_the_model_itself(read: Read) -> None:
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>' + CLASSIFIER)
    model.graph.initializer.add(name="w", data_type=1, dims=[10**18, 10**18])
    model.graph.initializer.add(name="v", data_type=1, dims=[-4, 2])
    model.graph.initializer.add(name="u", data_type=1, dims=[1] * 1000)
    for name in "wvu":
        model.graph.node.append(helper.make_node("Add", ["x", name], [f"{name}y"], f"add-{name}"))
        model.graph.output.append(helper.make_tensor_value_info(f"{name}y", 1, None))
    table = count(read(model))
    assert (table.params, table.weight_bytes) == (0, 0)
    assert {row.name for row in table.rows if not row.counted} == {"add-w", "add-v", "add-u"}


def function(name: str, calls: list[str]) -> onnx.FunctionProto:
    tensors = [f"t{index}" for index in range(len(calls) + 1)]
    return helper.make_function(
        "com.example",
        name,
        [tensors[0]],
        [tensors[-1]],
        [
            helper.make_node(call, [tensors[i]], [tensors[i + 1]], domain="com.example" if call.startswith("F") else "")
            for i, call in enumerate(calls)
        ],
        [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)],
    )


def calling(name: str, functions: list[onnx.FunctionProto]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node(name, ["x"], ["y"], "call", domain="com.example"), helper.make_node("Relu", ["x"], ["z"])],
        "g",
        [helper.make_tensor_value_info("x", 1, ["N", 4])],
        [helper.make_tensor_value_info("y", 1, None), helper.make_tensor_value_info("z", 1, None)],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    return helper.make_model(graph, functions=functions, opset_imports=imports, ir_version=8)


def test_shapes_go_through_functions(read: Read) -> None:
    graph = read(calling("F0", [function("F0", ["Relu", "Exp"])]), batch=3)
    assert graph.tensor("y").shape == (3, 4)
    assert [(row.op, row.transcendentals) for row in count(graph).rows] == [("Relu", 0), ("Exp", 12), ("Relu", 0)]


@pytest.mark.parametrize(
    "functions",
    [
        pytest.param([function("F0", ["F0"] * 10)], id="calls itself"),
        pytest.param([function("F0", ["F1"] * 3), function("F1", ["F0"] * 3)], id="call each other"),
        pytest.param(
            [function(f"F{i}", [f"F{i + 1}"] * 10) for i in range(12)] + [function("F12", ["Relu"])], id="10^12 calls"
        ),
        pytest.param([function(f"F{i}", [f"F{i + 1}"]) for i in range(3000)], id="a chain of 3,000"),
    ],
)
def test_functions_that_explode_are_left_alone(read: Read, functions: list[onnx.FunctionProto]) -> None:
    graph = read(calling("F0", functions))
    assert graph.tensor("y").shape is None
    assert graph.tensor("z").shape == (1, 4)


def test_the_model_that_was_opened_is_not_changed() -> None:
    """One opened file serves every batch."""
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["" : 17]>' + CLASSIFIER)
    before = model.SerializeToString(deterministic=True)
    assert shape_inference.infer(model, batch=2, given={}).tensors["y"].shape == (2, 192)
    assert shape_inference.infer(model, batch=3, given={}).tensors["y"].shape == (3, 192)
    assert model.SerializeToString(deterministic=True) == before
    with pytest.raises(AlexnetBenchError):
        shape_inference.infer(model, batch=3, given={"z": (1,)})


@pytest.mark.parametrize(
    ("given", "open_sizes"),
    [
        ({}, {"x": "L", "y": "L"}),
        ({"y": (5, 3)}, {}),  # x goes by the same name
        ({"z": (5,)}, {"x": "L", "y": "L"}),
    ],
)
def test_which_first_dimensions_are_taken_as_one(given: dict[str, tuple[int, ...]], open_sizes: dict[str, str]) -> None:
    graph = onnx.parser.parse_graph(
        "g (float[L,3] x, float[L,3] y, float[4] z, float[3] w = {1.0, 2.0, 3.0}) => (float v) { v = Sum(x, y) }"
    )
    assert binding.taken_as_one(graph, given) == open_sizes


@pytest.mark.parametrize(
    ("declared", "batch", "found"),
    [
        ("N,3", 8, {}),
        ("1,3", 1, {}),
        ("1,3", 8, {"y": ("1x3", "8x3")}),
        ("N,4", 1, {"y": ("Nx4", "1x3")}),
        ("N", 1, {"y": ("N", "1x3")}),
        ("M,3", 8, {}),  # a name is no number, and may be of anybody's choice
    ],
)
def test_outputs_that_are_declared_otherwise(declared: str, batch: int, found: dict[str, tuple[str, str]]) -> None:
    graph = onnx.parser.parse_graph(f"g (float[N,3] x) => (float[{declared}] y) {{ y = Relu(x) }}")
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    tensors = shape_inference.infer(model, batch=batch, given={}).tensors
    assert binding.declared_otherwise(model.graph, tensors) == found


@pytest.mark.parametrize(
    ("equation", "left", "right"),
    [
        ("bij,bjk->bik", (1, 3, 4), (5, 4, 6)),
        ("bij,bjk->kbi", (5, 3, 1), (1, 4, 6)),
        ("...ij,...jk->...ik", (2, 1, 3, 4), (2, 7, 4, 6)),
        ("ij,jk", (3, 4), (4, 6)),
        ("kj,ji", (1, 4), (4, 6)),
        ("...a,...->a...", (1, 3), (2,)),
    ],
)
def test_the_sizes_of_a_sum_that_broadcasts(
    read: Read, equation: str, left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    """As numpy makes them; the node behind it, too, which ONNX's inference would go wrong on."""
    made = np.einsum(equation, np.ones(left), np.ones(right)).shape
    shapes = " ".join(f"float[{','.join(map(str, shape))}] {name}," for name, shape in (("a", left), ("b", right)))
    graph = read(f"""g ({shapes.rstrip(",")}) => (float y, float z) {{
        h = Einsum <equation = "{equation}"> (a, b)  y = Relu(h)  z = Einsum <equation = "{equation}"> (a, b)
    }}""")
    assert {graph.tensor(name).sizes for name in "hyz"} == {made}
