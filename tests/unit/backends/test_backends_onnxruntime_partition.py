"""Layers of a model of which TensorRT took parts. The traces are made by hand, after those of other providers; the
parts are cut out of the model by onnx.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.utils import Extractor

from alexnet_bench.attribution.join import join
from alexnet_bench.backends.onnxruntime.tensorrt import PROVIDER, read_layers
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build

CUDA = "CUDAExecutionProvider"
RUNS = 2


@dataclass(frozen=True)
class Kernel:
    """What the trace says of a kernel, and the part that it is: the tensors that it reads and makes."""

    name: str
    op: str
    provider: str
    part: tuple[Sequence[str], Sequence[str]] | None = None
    dtype: str = "float"


def compiled(number: int, reads: Sequence[str], makes: Sequence[str]) -> Kernel:
    kind = f"TRTKernel_graph_small_123_{number}"
    return Kernel(f"{PROVIDER}_{kind}_{number}", kind, PROVIDER, (reads, makes))


Read = Callable[..., LayerTimes]


@pytest.fixture
def graph(tmp_path: Path, build: Build) -> Graph:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Sigmoid", ["r"], ["s"], name="gate"),
        helper.make_node("Mul", ["r", "s"], ["m"], name="mul"),
        helper.make_node("GlobalAveragePool", ["m"], ["y"], name="pool"),
    ]
    onnx.save(build.model(nodes, {"x": (1, 3, 8, 8)}, ["y"], {"w": (4, 3, 3, 3)}), tmp_path / "model.onnx")
    return build_graph(open_model(tmp_path / "model.onnx"), name="model")


@pytest.fixture
def read(tmp_path: Path, graph: Graph) -> Read:
    """Writes what a layer run leaves, and reads it."""

    def run(
        *kernels: Kernel, tf32: bool = False, of: Path = tmp_path / "model.onnx", graph: Graph = graph
    ) -> LayerTimes:
        folder = tmp_path / "layers"
        folder.mkdir(exist_ok=True)
        (folder / "provider.json").write_text(json.dumps({"tf32": tf32}))
        (folder / "trace_1.json").write_text(json.dumps(trace(kernels)))
        cut = Extractor(onnx.shape_inference.infer_shapes(onnx.load(of)))
        for kernel in kernels:
            if kernel.part is not None:
                onnx.save(cut.extract_model(*map(list, kernel.part)), folder / f"{kernel.name}.onnx")
        return read_layers(folder, graph, timed_runs=RUNS, wall_s=(1.0,) * RUNS)

    return run


def trace(kernels: Sequence[Kernel]) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    for start in range(0, RUNS * 1000, 1000):
        events.append({"cat": "Session", "name": "model_run", "ts": start, "dur": 900})
        for index, kernel in enumerate(kernels):
            types = [{kernel.dtype: [1]}]
            args = {"op_name": kernel.op, "provider": kernel.provider}
            args |= {"input_type_shape": types, "output_type_shape": types}  # type: ignore[dict-item]
            name = f"{kernel.name}_kernel_time"
            events.append({"cat": "Node", "name": name, "ts": start + 10 * index, "dur": 7 + index, "args": args})
    return events


def owners(graph: Graph, times: LayerTimes) -> dict[str, tuple[str, ...]]:
    """The nodes of each layer."""
    return {owned.layer.name: owned.nodes for owned in join(graph, count(graph), times.layers).owned}


def test_a_whole_graph_is_one_layer_with_all_nodes(read: Read, graph: Graph) -> None:
    whole = compiled(0, ["x"], ["y"])
    times = read(whole)
    assert owners(graph, times) == {whole.name: ("conv", "relu", "gate", "mul", "pool")}
    (layer,) = times.layers
    assert (layer.reads, layer.makes, layer.compute_dtype) == (("x",), ("y",), "float32")
    assert times.samples_s == {whole.name: pytest.approx((7e-6, 7e-6))}
    assert times.run_s == pytest.approx((9e-4, 9e-4))


def test_parts_own_what_lies_between_their_tensors_and_others_their_own_node(read: Read, graph: Graph) -> None:
    first, last = compiled(0, ["x"], ["r"]), compiled(1, ["r", "s"], ["y"])
    copy = Kernel("Memcpy", "MemcpyToHost", PROVIDER)
    times = read(first, copy, Kernel("gate", "Sigmoid", CUDA), last)
    assert owners(graph, times) == {
        first.name: ("conv", "relu"),
        "gate": ("gate",),
        last.name: ("mul", "pool"),
        "Memcpy": (),
    }
    by_name = {layer.name: layer for layer in times.layers}
    assert by_name["Memcpy"].is_overhead
    assert not by_name["Memcpy"].is_unmatched
    # The last part multiplies no matrices: it has the type that it makes.
    assert [by_name[name].compute_dtype for name in (first.name, "gate", last.name)] == ["float32"] * 3


def test_what_stands_for_no_known_node_is_unattributed(read: Read, graph: Graph) -> None:
    without_file = compiled(0, ["x"], ["r"])
    fused = Kernel("gate", "QuickGelu", CUDA)
    times = read(Kernel(without_file.name, without_file.op, PROVIDER), fused, compiled(1, ["m"], ["y"]))
    assert {layer.name for layer in times.layers if layer.is_unmatched} == {without_file.name, "gate"}
    assert join(graph, count(graph), times.layers).unattributed == ("conv", "relu", "gate", "mul")


def test_tf32_is_a_type_of_its_own(read: Read) -> None:
    (layer,) = read(compiled(0, ["x"], ["y"]), tf32=True).layers
    assert layer.compute_dtype == "tf32"


def test_the_name_of_a_kernel_leads_to_no_file_elsewhere(read: Read, tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    outside = Kernel("../model", "TRTKernel", PROVIDER)
    (layer,) = read(outside).layers
    assert layer.is_unmatched


def test_a_damaged_part_is_said(read: Read, tmp_path: Path) -> None:
    whole = compiled(0, ["x"], ["y"])
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / f"{whole.name}.onnx").write_bytes(b"\xff\xff")
    with pytest.raises(BackendCrash, match="a part that onnxruntime wrote cannot be read"):
        read(Kernel(whole.name, whole.op, PROVIDER))


def test_without_the_record_of_the_run_there_is_an_error(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "trace_1.json").write_text(json.dumps(trace([compiled(0, ["x"], ["y"])])))
    with pytest.raises(BackendCrash, match="layer times cannot be read"):
        read_layers(tmp_path, graph, timed_runs=RUNS, wall_s=())


@pytest.mark.parametrize("case", ["float16", "cast", "mixed", "quantised"])
def test_a_part_computes_in_the_type_that_its_products_read(
    case: str, read: Read, build: Build, tmp_path: Path
) -> None:
    half = np.ones((4, 4), np.float16)
    cast = helper.make_node("Cast", ["x"], ["h"], name="cast", to=TensorProto.FLOAT16)
    product = helper.make_node("MatMul", ["h", "w"], ["p"], name="product")
    back = helper.make_node("Cast", ["p"], ["y"], name="back", to=TensorProto.FLOAT)
    scale: dict[str, np.ndarray[Any, Any]] = {"scale": np.array(0.1, np.float32), "zero": np.array(0, np.int8)}
    models: dict[str, tuple[list[onnx.NodeProto], dict[str, np.ndarray[Any, Any]], int]] = {
        "float16": ([helper.make_node("MatMul", ["x", "w"], ["y"], name="product")], {"w": half}, TensorProto.FLOAT16),
        "cast": ([cast, product, back], {"w": half}, TensorProto.FLOAT),
        "mixed": (
            [cast, product, back, helper.make_node("MatMul", ["y", "v"], ["z"], name="second")],
            {"w": half, "v": half.astype(np.float32)},
            TensorProto.FLOAT,
        ),
        "quantised": (
            [
                helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="q"),
                helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"], name="d"),
                helper.make_node("MatMul", ["d", "w"], ["y"], name="product"),
            ],
            {"w": half.astype(np.float32), **scale},
            TensorProto.FLOAT,
        ),
    }
    nodes, weights, dtype = models[case]
    end = nodes[-1].output[0]
    model = build.model(nodes, {"x": (4, 4)}, [end], weights, dtype=dtype)
    onnx.save(model, tmp_path / "typed.onnx")
    typed = build_graph(open_model(tmp_path / "typed.onnx"), name="typed")
    (layer,) = read(compiled(0, ["x"], [end]), of=tmp_path / "typed.onnx", graph=typed).layers
    assert layer.compute_dtype == {"float16": "float16", "cast": "float16", "mixed": "", "quantised": ""}[case]


def test_what_is_left_to_cuda_rounds_its_products_to_tf32_too(read: Read) -> None:
    times = read(Kernel("conv", "Conv", CUDA), Kernel("relu", "Relu", CUDA), compiled(0, ["r"], ["y"]), tf32=True)
    assert [layer.compute_dtype for layer in times.layers[:2]] == ["tf32", "float32"]
    times = read(Kernel("conv", "Conv", "CPUExecutionProvider"), compiled(0, ["c"], ["y"]), tf32=True)
    assert times.layers[0].compute_dtype == "float32"
