"""Shapes computed inside the graph, as torch's exporters write them, against those of a run in ONNX Runtime."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph import shapes as shape_inference
from alexnet_bench.graph.counting import count
from tests.unit.graph.conftest import Read
from tests.unit.graph.every_tensor import run

Array = NDArray[Any]


class CrossAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        result: Tensor = self.attention(x, y, y, need_weights=True)[0]
        return result


class Resized(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        doubled = nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear")
        return nn.functional.interpolate(doubled, size=(x.shape[2] * 3 // 2, x.shape[3]), mode="nearest")


class Masked(nn.Module):
    """A causal mask and positions, made from the length that the input has."""

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        mask = torch.ones(length, length).triu(1).bool()
        positions = torch.arange(length)[None].expand(x.shape[0], length)
        scores = (x @ x.transpose(1, 2)).masked_fill(mask, -1e9).softmax(-1)
        return scores @ x + positions[..., None].float()


class Windows(nn.Module):
    """Windows of 4x4 after padding to a multiple of 4, as in a Swin transformer."""

    def forward(self, x: Tensor) -> Tensor:
        images, height, width, channels = x.shape
        x = nn.functional.pad(x, (0, 0, 0, (4 - width % 4) % 4, 0, (4 - height % 4) % 4))
        x = x.view(images, x.shape[1] // 4, 4, x.shape[2] // 4, 4, channels).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(-1, 16, channels).sum(1)


class Halves(nn.Module):
    """Parts whose sizes follow from the length, the last of them smaller, as of a scripted module."""

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split(x, x.shape[1] // 2 + 1, 1)
        heads, tails = parts[0], parts[1]
        chunks = x.chunk(2, 1)
        result: Tensor = (heads @ tails.transpose(1, 2)).sum() + torch.cat([chunks[1], chunks[0]], 1)
        return result


class Unequal(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split(x, [2, x.shape[1] - 2], 1)
        result: Tensor = parts[0] @ parts[1].transpose(1, 2)
        return result


Shapes = Mapping[str, tuple[int, ...]]
EXPORTED: dict[str, tuple[Callable[[], nn.Module], Shapes, Mapping[str, Sequence[int]], Shapes]] = {
    # name: the module, shapes to trace it with, axes left open, shapes to look at
    "encoder layer": (
        lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), {"x": (2, 5, 16)}, {"x": [0]},
        {"x": (3, 5, 16)},
    ),
    "encoder layer, steps first": (
        lambda: nn.TransformerEncoderLayer(16, 4, 32), {"x": (5, 2, 16)}, {"x": [1]}, {"x": (5, 3, 16)}
    ),
    "multi-head attention": (
        CrossAttention, {"x": (2, 5, 16), "y": (2, 6, 16)}, {"x": [0], "y": [0]}, {"x": (3, 5, 16), "y": (3, 6, 16)}
    ),
    "lstm": (
        lambda: nn.LSTM(8, 6, 2, bidirectional=True, batch_first=True), {"x": (2, 5, 8)}, {"x": [0, 1]},
        {"x": (3, 7, 8)},
    ),
    "gru": (lambda: nn.GRU(8, 6), {"x": (5, 2, 8)}, {"x": [0, 1]}, {"x": (7, 3, 8)}),
    "resize": (Resized, {"x": (1, 3, 8, 8)}, {"x": [0, 2, 3]}, {"x": (2, 3, 10, 12)}),
    "masks": (Masked, {"x": (2, 5, 8)}, {"x": [0, 1]}, {"x": (3, 7, 8)}),
    "halves": (lambda: torch.jit.script(Halves()), {"x": (2, 6, 9)}, {"x": [0, 1]}, {"x": (3, 8, 9)}),
    "unequal parts": (lambda: torch.jit.script(Unequal()), {"x": (2, 7, 9)}, {"x": [0, 1]}, {"x": (3, 8, 9)}),
    "windows": (Windows, {"x": (1, 7, 9, 8)}, {"x": [0, 1, 2]}, {"x": (2, 10, 13, 8)}),
}  # fmt: skip


def export(path: Path, module: nn.Module, traced: Shapes, open_axes: Mapping[str, Sequence[int]]) -> onnx.ModelProto:
    torch.onnx.export(
        module.eval(),
        tuple(torch.randn(shape) for shape in traced.values()),
        path,
        dynamo=False,
        input_names=list(traced),
        dynamic_axes={name: {axis: f"{name}_{axis}" for axis in axes} for name, axes in open_axes.items()},
        opset_version=17,
    )
    return onnx.load(path)


@pytest.fixture
def traceable_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """While torch 2.13 traces, it hands a tensor to an argument that has to be a bool."""
    plain = nn.functional.scaled_dot_product_attention

    def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout: float, causal: object) -> Tensor:
        return plain(q, k, v, mask, dropout, bool(causal))

    monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", attention)


@pytest.mark.filterwarnings("ignore")  # torch warns of this exporter's age, and of what tracing makes constant
@pytest.mark.usefixtures("traceable_attention")
@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_module_is_counted_whole(read: Read, tmp_path: Path, name: str) -> None:
    make, traced, open_axes, shapes = EXPORTED[name]
    model = export(tmp_path / "exported.onnx", make(), traced, open_axes)
    graph = read(model, shapes=shapes)
    assert [(row.op, row.why_unknown) for row in count(graph).rows if not row.counted] == []
    for tensor, value in run(model, {key: np.ones(shape, np.float32) for key, shape in shapes.items()}).items():
        assert (tensor, graph.tensor(tensor).shape) == (tensor, value.shape)
        assert graph.tensor(tensor).dtype == value.dtype.name


def constant(name: str, value: object, dtype: str = "int64") -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value, dtype), name)


def computed(
    nodes: Sequence[onnx.NodeProto], *constants: onnx.TensorProto, declared: onnx.ValueInfoProto | None = None
) -> onnx.ModelProto:
    """A model with the input x[N, 4] and the output y, whose shapes ONNX alone does not find: Mod ends its search."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, ["N", 4])],
        [declared or onnx.ValueInfoProto(name="y")],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


MOD = helper.make_node("Mod", ["a", "b"], ["c"])


def node(op: str, inputs: str, output: str = "y", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(" "), [output], **attributes)


LARGE, BELOW = constant("a", [10**5, 10**6]), constant("b", [10**12])
HUGE = [
    pytest.param(
        [MOD, node("Range", "zero c one")],
        [constant("a", 10**10), constant("b", 10**12), constant("zero", 0), constant("one", 1)],
        (10**10,),
        id="Range",
    ),
    pytest.param([MOD, node("Expand", "s c")], [LARGE, BELOW, constant("s", [1])], (10**5, 10**6), id="Expand"),
    pytest.param([MOD, node("Tile", "s c")], [LARGE, BELOW, constant("s", [[1]])], (10**5, 10**6), id="Tile"),
    pytest.param([MOD, node("ConstantOfShape", "c")], [LARGE, BELOW], (10**5, 10**6), id="ConstantOfShape"),
    *(
        pytest.param(
            [
                *(node("Reshape", f"v s{axis}", f"r{axis}") for axis in range(3)),
                node("Cast", "r0", "f", to=9),
                MOD,
                node(op, "f r1 r2" if op == "Where" else "r0 r1 r2"),
            ],
            [LARGE, BELOW, constant("v", [1] * 1024)]
            + [constant(f"s{axis}", [1024 if axis == other else 1 for other in range(3)]) for axis in range(3)],
            (1024, 1024, 1024),
            id=op,
        )
        for op in ("Max", "Min", "Where")
    ),
]


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("lie", [None, 4])
@pytest.mark.parametrize(("nodes", "constants", "shape"), HUGE)
def test_what_would_be_huge_is_not_made(
    read: Read, nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], shape: tuple[int, ...], lie: int | None
) -> None:
    """Its shape is known, whatever the file says; its values stay unmade, also with a gap elsewhere in the graph."""
    code = 1 if nodes[-1].op_type == "ConstantOfShape" else 7
    declared = None if lie is None else helper.make_tensor_value_info("y", code, [lie])
    model = computed([*nodes, helper.make_node("Gap", ["y"], ["gap"], domain="com.example")], *constants)
    model.opset_import.add(domain="com.example", version=1)
    if declared is not None:
        model.graph.value_info.append(declared)
    before, start = peak_kib(), time.perf_counter()
    graph = read(model)
    assert graph.tensor("y").shape == shape
    assert time.perf_counter() - start < 5
    assert peak_kib() - before < 200_000


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        pytest.param(
            [MOD, node("Sub", "c b", "d"), node("Reshape", "x d")],
            [constant("a", [2, 99]), constant("b", [3, 100])],
            id="Reshape to [-1, -1]",
        ),
        pytest.param(
            [MOD, node("Sub", "c b", "d"), node("Reshape", "x d")],
            [constant("a", [2, 3]), constant("b", [3, 0])],
            id="modulo zero",
        ),
        pytest.param([node("Div", "a b", "c"), node("Reshape", "x c")], [constant("a", [1, 4]), constant("b", [0, 1])],
                     id="divided by zero"),
        pytest.param([node("Gather", "a b", "c"), node("Reshape", "x c")],
                     [constant("a", [4, 1]), constant("b", [7, 8])], id="beyond the end"),
        pytest.param([MOD, node("Split", "x c", axis=1)], [constant("a", [1, 30]), constant("b", [100])],
                     id="Split into too much"),
        pytest.param([MOD, node("Resize", "x   c")], [constant("a", [10**10] * 2), constant("b", [10**12])],
                     id="10^20 elements"),
        pytest.param([node("Cast", "a", "c", to=7), node("Reshape", "x c")],
                     [constant("a", [float("nan"), float("inf")], "float32")], id="not a number"),
        pytest.param([MOD, node("Foo", "c", "d"), node("Reshape", "x d")], [constant("a", [1]), constant("b", [3])],
                     id="no such operator"),
        pytest.param([MOD, node("Concat", "c c", "d"), node("Reshape", "x d")],
                     [constant("a", [1]), constant("b", [3])], id="an attribute is missing"),
        pytest.param([node("Reshape", "x y")], [], id="reads what it makes"),
        pytest.param([node("Shape", "nothing", "c"), node("Reshape", "x c")], [], id="reads what nothing makes"),
    ],
)  # fmt: skip
def test_contradictions_stay_open(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> None:
    tensor = shape_inference.infer(computed(nodes, *constants), batch=2, given={}).tensors.get("y")
    assert tensor is None or tensor.sizes is None


def test_an_attribute_without_a_type_leaves_its_node_open() -> None:
    nodes = [node("Shape", "x", "a"), MOD, node("Reshape", "x c", "r"), node("QuickGelu", "r", domain="com.microsoft")]
    nodes[-1].attribute.add(name="alpha")
    tensors = shape_inference.infer(computed(nodes, constant("b", [100])), batch=2, given={}).tensors
    assert tensors["r"].sizes == (2, 4)
    assert tensors["y"].sizes is None


def test_a_reshape_to_other_elements_is_refused(read: Read) -> None:
    model = computed([MOD, node("Reshape", "x c")], constant("a", [3, 5]), constant("b", [100]))
    with pytest.raises(ShapeError, match=r"node Reshape:y \(Reshape\): 8 elements go in, 15 come out"):
        read(model, batch=2)


def test_a_long_chain_of_failing_nodes_ends(read: Read) -> None:
    chain = [node("Concat", "x x", "t0")]  # no axis
    chain += [node("Mod" if index % 2 else "Reshape", f"t{index} t{index}", f"t{index + 1}") for index in range(500)]
    graph = read(computed([*chain, node("Identity", "t500")]))
    assert graph.tensor("y").sizes is None
    assert not any(row.counted for row in count(graph).rows if row.op not in ("Identity", "Reshape"))


def test_a_shape_that_follows_goes_before_one_that_is_declared(read: Read) -> None:
    """Exported at batch 2, with the output's axes left as they were."""
    nodes = [node("Shape", "x", "a"), node("Mod", "a b", "c"), node("Reshape", "x c")]
    model = computed(nodes, constant("b", [100]), declared=helper.make_tensor_value_info("y", 1, [2, 4]))
    assert read(model, batch=7).tensor("y").shape == (7, 4)


def test_a_declared_shape_fills_the_gap_of_a_custom_operator_and_what_follows_it(read: Read) -> None:
    nodes = [
        helper.make_node("Custom", ["x"], ["u"], domain="com.example"),
        node("Shape", "u", "a"),
        node("Mod", "a b", "c"),
        node("Reshape", "u c"),
    ]
    model = computed(nodes, constant("b", [100]))
    model.graph.value_info.append(helper.make_tensor_value_info("u", 1, ["N", 9]))
    assert read(model, batch=5).tensor("y").shape == (5, 9)


def test_positions_of_what_is_not_zero_are_followed(read: Read) -> None:
    """As the older exporter writes torch.arange."""
    nodes = [
        node("Shape", "x", "a"), node("Mod", "a b", "c"), node("ConstantOfShape", "c", "ones",
             value=helper.make_tensor("v", 7, [1], [1])),
        node("NonZero", "ones", "found"), node("Transpose", "found"),
    ]  # fmt: skip
    assert read(computed(nodes, constant("b", [100])), batch=3).tensor("y").shape == (12, 2)


@pytest.mark.parametrize("behind", ["x", "r"])
@pytest.mark.parametrize(
    ("condition", "axis"),
    [
        ([1, 0, 1], {"axis": 0}),
        ([1, 0, 1, 1], {"axis": 1}),
        ([0, 1, 1, 1], {"axis": -1}),
        ([1, 1], {"axis": -2}),
        ([1, 0, 1, 1, 1], {"axis": 0}),  # more truths than rows
        ([0, 0, 0], {"axis": 0}),
        ([1, 0] * 6, {}),
        ([1, 0, 1], {}),
        ([1] * 14, {}),
    ],
)
def test_what_a_known_condition_keeps_is_followed(
    read: Read, condition: list[int], axis: dict[str, Any], behind: str
) -> None:
    """Of the input, and of what ONNX alone does not find the sizes of."""
    nodes = [
        node("Shape", "x", "a"), MOD, node("Reshape", "x c", "r"), node("Compress", f"{behind} keep", "some", **axis),
        node("Compress", "numbers which", "sizes"), node("ConstantOfShape", "sizes"),
    ]  # fmt: skip
    constants = [constant("b", [100]), constant("keep", condition, "bool"), constant("numbers", [[7, 2], [9, 3]])]
    model = computed(nodes, *constants, constant("which", [0, 1, 0, 1], "bool"))
    graph, made = read(model, batch=3), run(model, {"x": np.ones((3, 4), np.float32)})
    assert graph.tensor("some").shape == made["some"].shape
    assert graph.tensor("y").shape == made["y"].shape == (2, 3)
    assert all(row.counted for row in count(graph).rows)


@pytest.mark.parametrize("axis", [{}, {"axis": 0}, {"axis": 2}, {"axis": -3}])
def test_what_a_condition_that_is_data_keeps_is_not_known(axis: dict[str, Any]) -> None:
    nodes = [node("ReduceMax", "x", "m", axes=[1], keepdims=0), node("Cast", "m", "keep", to=9)]
    model = computed([*nodes, node("Compress", "x keep", **axis)])
    assert shape_inference.infer(model, batch=2, given={}).tensors["y"].sizes is None


def test_operators_of_onnx_runtime_are_followed_behind_a_computed_shape(read: Read) -> None:
    nodes = [
        node("Shape", "x", "a"), node("Mod", "a b", "c"), node("Reshape", "x c", "r"),
        helper.make_node("FusedMatMul", ["r", "w"], ["m"], domain="com.microsoft", transB=1, alpha=0.5),
        helper.make_node("BiasGelu", ["m", "bias"], ["g"], domain="com.microsoft"),
        node("SimplifiedLayerNormalization", "g bias", axis=-1, epsilon=1e-5),
    ]  # fmt: skip
    constants = [
        constant("b", [100]),
        constant("w", np.zeros((9, 4)), "float32"),
        constant("bias", [0.0] * 9, "float32"),
    ]
    graph: Graph = read(computed(nodes, *constants), batch=3)
    assert graph.tensor("y").shape == (3, 9)
    assert all(row.counted for row in count(graph).rows)


@pytest.mark.parametrize(
    ("op", "opset"),
    [
        *(("GroupNormalization", version) for version in range(18, 27)),
        *(("MeanVarianceNormalization", version) for version in range(9, 27)),
    ],
)
def test_functions_that_onnx_infers_nothing_of_make_what_they_read(read: Read, op: str, opset: int) -> None:
    graph = read(behind_a_function(op, opset))
    assert {graph.tensor(name).sizes for name in "hy"} == {(2, 4, 5, 6)}
    assert [row.macs for row in count(graph).rows] == [0, 2 * 30 * 16]


def behind_a_function(op: str, opset: int) -> str:
    """A Conv that reads what a normalisation makes, whose shape nobody declares."""
    scale = "s, s" if opset >= 21 else "t, t"  # of each channel since, of each group before
    call = f"GroupNormalization <num_groups = 2> (x, {scale})" if op == "GroupNormalization" else f"{op} (x)"
    return f"""<ir_version: 8, opset_import: ["" : {opset}]>
    g (float[2,4,5,6] x, float[4] s, float[2] t, float[4,4,1,1] w) => (y) {{ h = {call} y = Conv (h, w) }}"""


def test_rules_for_what_is_left_open_do_not_stand_in_for_onnx(read: Read) -> None:
    """Those for a scalar and for the mask of opset 7, where ONNX tells of other nodes all that there is to tell."""
    graph = read(
        """g (float[2,6,4] x) => (float y, bool m) <int64[1] two = {2}> {
            s = Shape (x)  c = Mul (s, two)  d = Div (c, s)  n = Mul (s, d)
            r = ConstantOfShape (n)  t = Transpose <perm = [2, 0, 1]> (r)  y, m = Dropout (t)
        }"""
    )
    assert graph.tensor("y").shape == (8, 4, 12)
    assert (graph.tensor("m").shape, graph.tensor("m").dtype) == ((8, 4, 12), "bool")
