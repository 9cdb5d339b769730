"""Layers of TensorRT from what it says of them; recorded with TensorRT-RTX 1.7.1.116."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_bench.backends.protocol import ShapeBounds
from alexnet_bench.backends.tensorrt.layer_types import compute_dtype, multiplies
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_log import parse_layer_log, read_plan_layers
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor, dtype_name, node_names
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.graph import Graph, Node

_DATA = Path(__file__).parents[2] / "data" / "tensorrt"


@pytest.fixture(scope="module")
def alexnet() -> tuple[PlanLayer, ...]:
    return read_plan_layers((_DATA / "alexnet-2012-fp32.layers.txt").read_text())


def _layer(kind: str, reads: tuple[str, ...], weights: tuple[tuple[str, int], ...], name: str = "n") -> PlanLayer:
    inputs = tuple(PlanTensor("x", dtype, (8,)) for dtype in reads)
    held = tuple(PlanTensor("w", dtype, (count,)) for dtype, count in weights)
    return PlanLayer(name, kind, inputs, held, inputs, "", ("n",))


def test_every_layer_is_read_with_its_nodes(alexnet: tuple[PlanLayer, ...]) -> None:
    assert len(alexnet) == 19
    assert alexnet[0].nodes == ()
    assert alexnet[1].nodes == ("conv1", "relu1")
    assert alexnet[7].nodes == ("conv2", "relu2", "norm2", "norm2/split_towers")
    assert [layer.kind for layer in alexnet].count("runtime_fusion") == 5


def test_tensors_have_types_and_sizes_and_kernels_names(alexnet: tuple[PlanLayer, ...]) -> None:
    conv1 = alexnet[1]
    assert [(tensor.dtype, tensor.sizes) for tensor in conv1.inputs] == [("float32", (1, 3, 224, 224))]
    assert (conv1.constants[0].dtype, conv1.constants[0].elements) == ("float32", 96 * 3 * 11 * 11)
    assert conv1.told_shapes == ((1, 96, 55, 55),)
    assert alexnet[0].tactic == "__myl_Move_0x733456e95614425c5538778f2180caae"


def test_products_are_told_from_all_else(alexnet: tuple[PlanLayer, ...]) -> None:
    products = {layer.nodes[0] for layer in alexnet if layer.nodes and multiplies(layer)}
    assert products == {"conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"}


def test_a_layer_without_nodes_is_overhead(alexnet: tuple[PlanLayer, ...]) -> None:
    named = named_layers(alexnet, tf32=False)
    assert [item.layer.is_overhead for item in named] == [True] + [False] * 18


def test_tf32_is_said_of_products_alone(alexnet: tuple[PlanLayer, ...]) -> None:
    named = named_layers(alexnet, tf32=True)
    assert {item.layer.compute_dtype for item in named if item.multiplies} == {"tf32"}
    assert {item.layer.compute_dtype for item in named if not item.multiplies} == {"float32"}


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (_layer("correlation", ("float16",), (("float16", 100), ("float16", 1))), "float16"),
        (_layer("correlation", ("float32",), (("float16", 100),)), "float16"),
        (_layer("correlation", ("float16",), (("float32", 1),)), "float16"),
        (_layer("kgen", ("float16",), (("float32", 100),)), "float32"),
        (_layer("correlation", ("int8",), (("int8", 100), ("float32", 4))), "int8"),
        (_layer("correlation", ("int8", "float16"), (("float16", 100),)), "float16"),
        (_layer("correlation", ("int8",), (("float16", 100),)), "int8"),
        (_layer("gemm", ("float16",), (("int8", 100),)), "float16"),
        (_layer("kgen", ("int64",), ()), ""),
    ],
)
def test_the_type_of_the_arithmetic(layer: PlanLayer, expected: str) -> None:
    assert compute_dtype(layer) == expected


def test_a_scale_for_each_channel_is_no_weight() -> None:
    """Beside weights that lie in a tensor, which the product reads."""
    layer = _layer("correlation", ("float16", "float16"), ())
    scale = PlanTensor("scale", "float32", (1, 512, 1, 1))
    assert compute_dtype(replace(layer, constants=(scale,))) == "float16"
    assert compute_dtype(replace(layer, constants=(replace(scale, sizes=(4, 512, 1, 1)),))) == "float32"


@pytest.mark.parametrize("metadata", ["[ONNX Layer: a]\x1e[ONNX Layer: b]", "[ONNX Layer: a]\x1f[ONNX Layer: b]"])
def test_both_separators_between_nodes_are_known(metadata: str) -> None:
    assert node_names(metadata) == ("a", "b")


def test_names_may_hold_brackets_and_repeat() -> None:
    assert node_names("[ONNX Layer: a[0]]\x1f[ONNX Layer: a[0]]\x1f[ONNX Layer: x, y]") == ("a[0]", "x, y")


def test_types_are_given_numpys_names() -> None:
    assert [dtype_name(said) for said in ("Half", "BFloat16", "Int8", "Int64", "FP8")] == [
        *("float16", "bfloat16", "int8", "int64", "float8e4m3fn"),
    ]


@pytest.mark.parametrize("text", ["", "Layers:\n", "Layers:\nName: a, Something: else\n"])
def test_a_description_of_another_form_is_an_error(text: str) -> None:
    with pytest.raises(BackendCrash, match="TensorRT"):
        read_plan_layers(text)


def test_a_layer_in_another_form_among_others_is_not_skipped() -> None:
    lines = (_DATA / "alexnet-2012-fp32.layers.txt").read_text().split("\n")
    lines[3] = lines[3].replace(", LayerType: ", ", Kind: ")
    with pytest.raises(BackendCrash, match="describes the layers in an unknown form: 'Name: __myl_ReshMul"):
        read_plan_layers("\n".join(lines))


_OTHER_KINDS = """Layers:
Name: [ShapeHostToDeviceCopy 0], LayerType: ShapeHostToDevice, Inputs: [], Outputs: [ { Name: s, Location: Device, \
Dimensions: [2], Datatype: Int64, Format: Format not available due to dynamic shapes }], ParameterType: ShapeH2D, \
shapeValues0: [-4, 16], TacticValue: 0x0000000000000000, StreamId: 0, Metadata:\x20
Name: conv + relu, LayerType: CaskConvolution, Inputs: [ { Name: x, Location: Device, Dimensions: [1,3,8,8], \
Format/Datatype: Half }], Outputs: [ { Name: y, Location: Device, Dimensions: [1,4,8,8], Format/Datatype: Half }], \
ParameterType: Convolution, Kernel: [3,3], Weights: {"Type": "Half", "Count": 108}, Bias: {"Type": "Float", "Count": \
4}, HasBias: 1, TacticName: sm80_fprop, TacticValue: 0x28, StreamId: 0, Metadata: [ONNX Layer: conv]\x1f[ONNX Layer: r]

Bindings:
s
x
y
"""


def test_layers_that_the_compiler_did_not_make_have_other_fields() -> None:
    """The first as TensorRT-RTX writes it where the shape of an input is an output."""
    copy, conv = named_layers(parsed := parse_layer_log(_OTHER_KINDS).layers, tf32=False)
    assert parsed[0].outputs == (PlanTensor("s", "int64", (2,)),)
    assert (copy.layer.compute_dtype, copy.layer.is_overhead, copy.multiplies) == ("", True, False)
    assert parsed[1].inputs == (PlanTensor("x", "float16", (1, 3, 8, 8)),)
    assert parsed[1].constants == (PlanTensor("", "float16", (108,)), PlanTensor("", "float32", (4,)))
    assert (conv.nodes, conv.layer.tactic, conv.layer.compute_dtype) == (("conv", "r"), "sm80_fprop", "float16")


def test_layers_are_found_in_the_log_of_another_program(alexnet: tuple[PlanLayer, ...]) -> None:
    """As TensorRT's own logger writes it."""
    lines = (_DATA / "alexnet-2012-fp32.layers.txt").read_text().rstrip().split("\n")
    lines[0] = "[11/21/2026-06:59:22] [TRT] [V] " + lines[0]
    end = lines.index("")
    below = [
        "",
        "I/O Tensors:",
        " Name: x, y, IOMode: Input, DataType: Float, Dimensions: [1,3]",
        "[11/21] [TRT] [I] done",
    ]
    found = parse_layer_log("\n".join(["[11/21] [TRT] [I] begun", *lines[:end], *below]))
    assert found.layers == alexnet
    assert found.bindings == ("x, y",)


_OF_TRTEXEC = """[04/30/2026-18:15:40] [I] Layer Information:
[04/30/2026-18:15:40] [I] Layers:
Name: node_linear_myl4_0, LayerType: gemm, Inputs: [ { Name: x, Dimensions: [1,3136], Format/Datatype: Float }], \
Outputs: [ { Name: y, Dimensions: [1,1024], Format/Datatype: Float }], TacticName: sm50, StreamId: 0, \
Metadata: [ONNX Layer: node_linear]\x1f[ONNX Layer: node_relu_2]
Name: k, LayerType: kgen, Inputs: [ { Name: y, Dimensions: [1,1024], Format/Datatype: Float }], \
Outputs: [ { Name: z, Dimensions: [1], Format/Datatype: Int64 }], TacticName: k, StreamId: 0, Metadata:\x20

Bindings:
x
y
z
[04/30/2026-18:15:40] [I] Skipped inference phase since --skipInference is added.
&&&& PASSED TensorRT.trtexec [TensorRT v101600] [b72] # trtexec --onnx=model.onnx
"""


def test_the_log_of_an_older_version_ends_its_layers_with_the_bindings() -> None:
    """As trtexec of TensorRT 10.16 writes it."""
    found = parse_layer_log(_OF_TRTEXEC)
    assert found.bindings == ("x", "y", "z")
    assert [layer.nodes for layer in found.layers] == [("node_linear", "node_relu_2"), ()]
    assert [layer.tells_constants for layer in found.layers] == [False, False]


@pytest.mark.parametrize("name", ["alexnet-2012-fp32.layers.txt", "cosine-fp16.layers.txt", "lenet-5.build.log"])
def test_a_log_that_is_cut_after_some_of_the_layers_is_an_error(name: str) -> None:
    """Recorded logs are whole."""
    lines = (_DATA / name).read_text().splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if line.startswith("Name: "))
    end = lines.index("I/O Tensors:\n")
    assert len(parse_layer_log("".join(lines[: end + 1])).layers) == end - 1 - first
    for cut in (first + 1, end - 2, end):
        with pytest.raises(ValueError, match=r"list of layers has no end.*it is cut short"):
            parse_layer_log("".join(lines[:cut]))


_BROKEN_NAMES = """Layers:
Name: m
1_myl0_1, LayerType: gemm, Inputs: [ { Name: x

in, Dimensions: [-1,8], Strides: [8,1], Datatype: Float, Format: (Linear) }], Constants: [ { Name: __mye86m
1_alpha_myl0, Dimensions: [1], Strides: [1], Datatype: Float, Format: (Linear) }], Outputs: [ { Name: y, Dimensions: \
[-1,8], Strides: [8,1], Datatype: Half, Format: (Linear) }], TacticName: stub, StreamId: 0, Metadata: [ONNX Layer: m
1]\x1f[ONNX Layer: r1]
Name: k, LayerType: kgen, Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 0, Metadata:\x20

I/O Tensors:
 Name: x

in, IOMode: Input, DataType: Float, Dimensions: [-1,8]
 Name: y, IOMode: Output, DataType: Half, Dimensions: [-1,8]

Engine Metadata:
 Multi-Device: Disabled
"""


def test_names_with_line_breaks_go_on_in_the_next_line() -> None:
    found = parse_layer_log(_BROKEN_NAMES)
    gemm, other = found.layers
    assert (gemm.name, gemm.kind, gemm.nodes) == ("m\n1_myl0_1", "gemm", ("m\n1", "r1"))
    assert (gemm.inputs[0].name, gemm.constants[0].name) == ("x\n\nin", "__mye86m\n1_alpha_myl0")
    assert gemm.outputs[0].dtype == "float16"
    assert (other.name, other.nodes) == ("k", ())
    assert found.bindings == ("x\n\nin", "y")


def test_lines_that_do_not_belong_to_a_layer_are_not_taken_into_its_metadata() -> None:
    with pytest.raises(ValueError, match="Name: k, LayerType: kgen"):
        parse_layer_log(_BROKEN_NAMES.replace("Metadata:\x20\n", "Metadata: \n[V] and so on\n"))


@pytest.mark.parametrize(
    ("layer", "nodes", "is_by_name", "is_overhead", "is_unmatched"),
    [
        (PlanLayer("k", nodes=("conv", "elsewhere")), ("conv", "elsewhere"), False, False, False),
        (PlanLayer("k", nodes=("node_of_r",)), ("relu",), False, False, False),
        (PlanLayer("k", nodes=()), (), False, True, False),
        (PlanLayer("conv + PWN(PWN(relu, add), other)"), ("conv", "relu", "add"), True, False, False),
        (PlanLayer("Reformatting CopyNode for Input Tensor 0 to conv"), (), False, True, False),
        (PlanLayer("k", "Reformat"), (), False, True, False),
        (PlanLayer("ForeignNode[conv...add]", "Myelin"), (), False, False, True),
    ],
)
def test_nodes_are_told_by_metadata_or_by_the_name(
    layer: PlanLayer, nodes: tuple[str, ...], is_by_name: bool, is_overhead: bool, is_unmatched: bool
) -> None:
    (found,) = named_layers([layer], tf32=False, graph=_graph())
    assert (found.nodes, found.is_by_name) == (nodes, is_by_name)
    assert (found.layer.is_overhead, found.layer.is_unmatched) == (is_overhead, is_unmatched)


def _graph() -> Graph:
    nodes = tuple(
        Node(name, op, "", (), (output,), {}) for name, op, output in (("conv", "Conv", "c"), ("relu", "Relu", "r"))
    )
    nodes = (*nodes, Node("add", "Add", "", (), ("a",), {}))
    return Graph("g", nodes, (), (), {}, frozenset(), {}, frozenset(), 17, 8, "")


@pytest.mark.parametrize(
    ("lines", "usual"),
    [
        (
            "[I] Input build shape (profile 0): images=1x3x640x640+3x3x640x640+10x3x640x640",
            {"images": [(3, 3, 640, 640)]},
        ),
        ("[I] Input build shape: a=b=32x128+32x128+32x128", {"a=b": [(32, 128)]}),
        ("[I] Input build shape: n=1+2+4\r", {"n": [(2,)]}),
        (
            "[I] Input build shape (profile 0): x=1+2+4\n[I] Input build shape (profile 1): x=5+6+8",
            {"x": [(2,), (6,)]},
        ),
        ("[I] Input build shape (profile 1): x=1+2+4", {}),
        ("[I] Input build shapes: model", {}),
        ("[I] Input calibration shape : x=1+2+4", {}),
    ],
)
def test_sizes_that_trtexec_was_given_are_those_of_its_profiles(lines: str, usual: dict[str, object]) -> None:
    text = f"{lines}\n{(_DATA / 'lenet-5.build.log').read_text()}"
    ranges = parse_layer_log(text).ranges
    of_the_engine = {"input": [(4, 1, 32, 32)]}
    assert {name: [bounds.opt for bounds in found] for name, found in ranges.items()} == usual | of_the_engine


def test_the_log_tells_the_inputs_and_the_sizes_that_they_take() -> None:
    found = parse_layer_log((_DATA / "lenet-5.build.log").read_text())
    assert found.inputs == (PlanTensor("input", "float32", (-1, 1, 32, 32)),)
    image = (1, 32, 32)
    assert found.ranges == {"input": (ShapeBounds((1, *image), (4, *image), (8, *image)),)}


def test_a_layer_moves_each_of_its_tensors_once() -> None:
    """A tensor that is listed with two sizes is read in two parts."""

    def half(name: str, *sizes: int, dtype: str = "float16") -> PlanTensor:
        return PlanTensor(name, dtype, sizes)

    reads = (half("x", 4, 8), half("x", 4, 8), half("x", 4, 3))
    layer = PlanLayer("l", "kgen", reads, (half("w", 5),), (half("y", 2),))
    assert layer.moved_bytes == 2 * (32 + 12 + 5 + 2)
    assert replace(layer, constants=(half("w", 5, dtype="int4"),)).moved_bytes == 2 * (32 + 12 + 2) + 3
    assert replace(layer, outputs=(half("x", 4, 8),)).moved_bytes == 2 * (32 + 12 + 5 + 32)  # written in place
    for unknown in (half("w", -1, 5), PlanTensor("w", "float16", None), half("w", 5, dtype="")):
        assert replace(layer, constants=(unknown,)).moved_bytes is None
    assert PlanLayer("named alone").moved_bytes is None
