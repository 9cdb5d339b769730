"""Builds by the real TensorRT-RTX, which needs no GPU for that; what it refuses, and in what words."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.device.driver import has_driver
from alexnet_bench.backends.protocol import LoadRequest, ShapeBounds
from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.backends.tensorrt.plan_header import check_plan, read_plan_header
from alexnet_bench.backends.tensorrt.plan_log import read_plan_layers
from alexnet_bench.core.errors import AlexnetBenchError, BackendRefusal, EngineError, UsageError
from tests.unit.backends.tensorrt_here import build, needs_rtx, plugin_library, write_node

pytestmark = needs_rtx
_RELU = helper.make_node("Relu", ["x"], ["y"], "relu")
_GEMM = helper.make_node("Gemm", ["x", "w"], ["y"], "fc")


def write_text(folder: Path, graph: str, opset: int = 17) -> None:
    """A model of which every input but x is a weight, if there is an x."""
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : {opset}]> {graph}')
    draw = np.random.default_rng(0)
    weights = [item for item in model.graph.input if "x" in {info.name for info in model.graph.input} - {item.name}]
    for info in weights:
        sizes = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        model.graph.initializer.append(numpy_helper.from_array(draw.normal(0, 0.1, sizes).astype(dtype), info.name))
        model.graph.input.remove(info)
    for node in model.graph.node:
        node.name = node.output[0]
    onnx.save(model, folder / "model.onnx")


def test_an_engine_comes_with_its_layers(tmp_path: Path) -> None:
    built = build(write_node(tmp_path, _RELU, 2, 3))
    layers = read_plan_layers((tmp_path / "layers.txt").read_text())
    assert [layer.nodes for layer in layers] == [("relu",)]
    assert built.timing_cache_sha256 is None
    check_plan(tmp_path / "engine.plan", "tensorrt-rtx", built.backend_version)
    assert "Building engine" in (tmp_path / "progress.txt").read_text()


@pytest.mark.parametrize("dtype", ["float", "float16"])
def test_inputs_and_outputs_of_what_is_built_are_plain_arrays(tmp_path: Path, dtype: str) -> None:
    """All formats are allowed by default; runs take no other."""
    conv = f"{dtype}[1,3,8,8] x, {dtype}[8,3,3,3] w) => ({dtype}[1,8,6,6] y) {{ y = Conv (x, w) }}"
    write_text(tmp_path, f"g ({conv}")
    build(tmp_path / "model.onnx")
    told = (tmp_path / "layers.txt").read_text().partition("I/O Tensors:")[2]
    assert re.findall(r"Format: (\w+ \w+ \w+) FP", told) == ["Row major linear"] * 2


@pytest.mark.parametrize(
    ("node", "sizes", "said"),
    [
        (helper.make_node("Det", ["x"], ["y"], "det"), (3, 3), r"node det \(Det\): it has no such operator"),
        (helper.make_node("Nothing", ["x"], ["y"], "odd", domain="elsewhere"), (3,), r"node odd \(elsewhere.Nothing\)"),
        (helper.make_node("LRN", ["x"], ["y"], "norm", size=4), (1, 4, 5, 5), r"node norm \(LRN\): .*windowSize"),
    ],
)
def test_an_operator_that_is_refused_is_named(tmp_path: Path, node: object, sizes: tuple[int, ...], said: str) -> None:
    with pytest.raises(BackendRefusal, match=said):
        build(write_node(tmp_path, node, *sizes))  # type: ignore[arg-type]


@pytest.mark.parametrize("domain", ["", "elsewhere"])
def test_an_operator_that_is_not_there_may_be_in_a_library_of_plugins(tmp_path: Path, domain: str) -> None:
    op = "Nothing" if domain else "Det"
    with pytest.raises(BackendRefusal) as refused:
        build(write_node(tmp_path, helper.make_node(op, ["x"], ["y"], "odd", domain=domain), 3, 3))
    assert "--plugins FILE" in refused.value.hint


def test_the_operators_of_a_library_of_plugins_are_there(tmp_path: Path) -> None:
    """The library has a creator for the operator, which creates nothing."""
    library = plugin_library(tmp_path)
    model = write_node(tmp_path, helper.make_node("Nothing", ["x"], ["y"], "odd", domain="elsewhere"), 3)
    with pytest.raises(BackendRefusal, match=r"node odd \(elsewhere.Nothing\): Plugin not found"):
        build(model)
    with pytest.raises(BackendRefusal, match=r"node odd \(elsewhere.Nothing\): .*Could not create the plugin"):
        build(model, plugins=(str(library),))
    write_node(tmp_path, _RELU, 2)
    build(model, plugins=(str(library),))


def test_a_library_without_plugins_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.cpp").write_text("int nothing;\n")
    library = plugin_library(tmp_path, tmp_path / "empty.cpp")
    said = r"tensorrt-rtx does not load the plugin library .*libplugin\.so: .*getCreators could not be loaded"
    with pytest.raises(BackendRefusal, match=said):
        build(write_node(tmp_path, _RELU, 2), plugins=(str(library),))


def test_inputs_whose_values_are_sizes_are_named(tmp_path: Path) -> None:
    sizes = [helper.make_tensor_value_info(name, TensorProto.INT64, (2,)) for name in ("other", "sizes")]
    nodes = [
        helper.make_node("Add", ["sizes", "sizes"], ["twice"], "add"),
        helper.make_node("Expand", ["x", "twice"], ["y"], "expand"),
        helper.make_node("Neg", ["other"], ["z"], "neg"),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1)), *sizes]
    made = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ("a", "b")),
        helper.make_tensor_value_info("z", TensorProto.INT64, (2,)),
    ]
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(helper.make_graph(nodes, "g", given, made), opset_imports=opsets, ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(BackendRefusal, match="dynamic or shape inputs") as refused:
        build(tmp_path / "model.onnx")
    assert refused.value.hint == (
        "the values of input sizes decide on sizes within the model, and cannot be given a range: "
        "make it a constant of the model"
    )


def test_a_pass_is_proposed_that_would_help(tmp_path: Path) -> None:
    model = write_node(tmp_path, helper.make_node("LRN", ["x"], ["y"], "norm", size=4), 1, 4, 5, 5)
    with pytest.raises(BackendRefusal) as refused:
        build(model)
    assert "build-engine --pass lower-lrn" in refused.value.hint


def test_what_only_the_builder_refuses_has_its_reason(tmp_path: Path) -> None:
    model = write_node(tmp_path, _GEMM, 2, 4, weights=[("w", (4, 3))])
    with pytest.raises(BackendRefusal, match=r"Turing \(SM75\): FP32 GEMM is not supported") as refused:
        build(model, settings={"compute_capability": "75"})
    assert "--precision fp16" in refused.value.hint


def test_a_reason_of_several_lines_is_told_whole_on_one(tmp_path: Path) -> None:
    """The builder of TensorRT-RTX 1.7.1 stumbles over casts before an LSTM."""
    cast = "x16 = Cast <to = 10> (x) r16 = Relu (x16) r = Cast <to = 1> (r16)"
    sizes = "float[6,2,16] x, float[1,64,16] w, float[1,64,16] r2, float[1,128] b"
    write_text(tmp_path, f"g ({sizes}) => (float[6,1,2,16] y) {{ {cast} y = LSTM <hidden_size = 16> (r, w, r2, b) }}")
    with pytest.raises(BackendRefusal, match=r"shape inference of .*: Mismatched number of elements") as refused:
        build(tmp_path / "model.onnx")
    assert "\n" not in refused.value.message


def test_attention_has_kernels_of_16_bits(tmp_path: Path) -> None:
    names = ("q", "k", "v")
    for dtype in ("float", "float16"):
        given = ", ".join(f"{dtype}[1,2,8,16] {name}" for name in names)
        write_text(tmp_path, f"g ({given}) => ({dtype}[1,2,8,16] y) {{ y = Attention (q, k, v) }}", opset=23)
        if dtype == "float16":
            build(tmp_path / "model.onnx")
            continue
        with pytest.raises(BackendRefusal, match="Attention operation was not supported") as refused:
            build(tmp_path / "model.onnx")
        assert "--precision fp16 or bf16" in refused.value.hint


def test_open_sizes_need_a_range(tmp_path: Path) -> None:
    model = write_node(tmp_path, _RELU, "N", 3)
    with pytest.raises(BackendRefusal, match=r"the input x has open sizes \(-1, 3\)"):
        build(model)
    build(model, profiles=({"x": ShapeBounds((1, 3), (8, 3), (32, 3))},))
    assert "MinShape: [1,3], OptShape: [8,3], MaxShape: [32,3]" in (tmp_path / "layers.txt").read_text()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimisation_level": "3"}, "no setting 'optimisation_level'"),
        ({"optimization_level": "9"}, "optimization_level of tensorrt-rtx cannot be '9'"),
        ({"workspace": "much"}, "workspace cannot be 'much'"),
        ({"compute_capability": "sm89"}, "compute_capability cannot be 'sm89'"),
        ({"compute_capability": "90"}, "does not build for SM90"),
        ({"version_compatible": "on"}, "has no setting 'version_compatible': it has no lean runtime"),
        ({"hardware_compatibility": "ampere_plus"}, "has no setting 'hardware_compatibility': its engines are for"),
        ({"strip": "yes"}, "strip of tensorrt-rtx cannot be 'yes'"),
        ({"weight_streaming": "much"}, "weight_streaming cannot be 'much'"),
        ({"weight_streaming": "0"}, "weight_streaming cannot be '0'"),
    ],
)
def test_settings_that_are_not_known_are_refused(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build(write_node(tmp_path, _RELU, 2), settings=settings)


def test_settings_are_followed(tmp_path: Path) -> None:
    model = write_node(tmp_path, _RELU, 2)
    build(model, settings={"optimization_level": "0", "workspace": "64MiB", "compute_capability": "86,120"})
    assert read_plan_header(tmp_path / "engine.plan").capabilities == (86, 120)


def test_targets_are_a_list_in_any_order(tmp_path: Path) -> None:
    build(write_node(tmp_path, _RELU, 2), settings={"compute_capability": "120,86,120"})
    assert read_plan_header(tmp_path / "engine.plan").capabilities == (86, 120)
    for text in ("86, 89", "8.9", "sm_89", "86,"):
        with pytest.raises(UsageError, match="compute_capability cannot be") as refused:
            build(write_node(tmp_path, _RELU, 2), settings={"compute_capability": text})
        assert "75, 80, 86, 89, 120 and 121" in refused.value.hint


def test_too_little_scratch_memory_is_to_be_raised(tmp_path: Path) -> None:
    model = write_node(tmp_path, _GEMM, 64, 64, weights=[("w", (64, 64))])
    with pytest.raises(BackendRefusal, match="workspace limit") as refused:
        build(model, settings={"workspace": "1KiB"})
    assert "raise the setting workspace" in refused.value.hint


def test_an_input_that_holds_a_shape_is_to_be_a_constant(tmp_path: Path) -> None:
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [2, 3]), ("y", None))
    )
    sizes = helper.make_tensor_value_info("sizes", TensorProto.INT64, [2])
    graph = helper.make_graph([helper.make_node("Reshape", ["x", "sizes"], ["y"], "to")], "g", [x, sizes], [y])
    model = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), model)
    with pytest.raises(BackendRefusal, match="shape inputs") as refused:
        build(model)
    assert "make it a constant" in refused.value.hint


def test_settings_that_a_flavour_lacks_may_have_their_default(tmp_path: Path) -> None:
    build(write_node(tmp_path, _RELU, 2), settings={"version_compatible": "off", "hardware_compatibility": "none"})


def test_streaming_of_weights_makes_another_engine_of_the_same_model(tmp_path: Path) -> None:
    model, contents = write_node(tmp_path, _GEMM, 2, 4, weights=[("w", (4, 3))]), []
    for streaming in ("off", "off", "on", "1MiB"):
        build(model, settings={"weight_streaming": streaming})
        contents.append((tmp_path / "engine.plan").read_bytes())
    assert contents[0] == contents[1]
    assert contents[2] == contents[3] != contents[0]


@pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here")
@pytest.mark.parametrize("settings", [{"strip": "on"}, {"refit": "on"}, {"refit": "identical"}])
def test_engines_to_be_refitted_are_not_built_without_a_driver(tmp_path: Path, settings: dict[str, str]) -> None:
    model = write_node(tmp_path, _GEMM, 2, 4, weights=[("w", (4, 3))])
    with pytest.raises(BackendRefusal, match="CUDA_SUCCESS") as refused:
        build(model, settings=settings)
    assert "asks for an NVIDIA driver" in refused.value.hint


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"\x08\x08nonsense")
    with pytest.raises(AlexnetBenchError) as refused:
        build(model)
    assert refused.value.exit_code == 2


@pytest.mark.skipif(has_driver(), reason="there is an NVIDIA driver here")
def test_it_builds_and_does_not_run_here(tmp_path: Path) -> None:
    model = write_node(tmp_path, _RELU, 2)
    build(model)
    here = availability(get_backend("tensorrt-rtx"))
    assert (here.works, here.builds, here.reason) == (False, True, "no NVIDIA driver")
    write_arrays(tmp_path, {})
    with Worker() as worker, pytest.raises(BackendRefusal, match="cannot run engines here: no NVIDIA driver"):
        worker.load(LoadRequest("tensorrt-rtx", str(tmp_path / "engine.plan"), 1), tmp_path)
    with Worker() as worker, pytest.raises(EngineError, match="is no engine of TensorRT"):
        worker.load(LoadRequest("tensorrt-rtx", str(model), 1), tmp_path)
