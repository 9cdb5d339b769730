"""The runner on ONNX Runtime's CUDA provider, with the CPU provider in its place: there may be no GPU here."""

from __future__ import annotations

import json
import os
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper

from alexnet_bench.backends.onnxruntime_cuda import OnnxRuntimeCuda, kernels_on_cpu, missing, read_layers
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.registry import availability, choose_backend, get_backend
from alexnet_bench.core.errors import BackendCrash, BackendRefusal, MissingRuntimeError, UsageError
from alexnet_bench.graph.onnx_io import build_graph, open_model

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build

SHAPE = (1, 16, 8, 8)


class OnCpu(OnnxRuntimeCuda):
    """The same with the CPU provider as the device."""

    provider = "CPUExecutionProvider"
    device = "cpu"

    def _providers(self, settings: Any) -> list[object]:  # noqa: ARG002
        return [self.provider]


@pytest.fixture
def path(tmp_path: Path, build: Build) -> Path:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
        helper.make_node("Shape", ["y"], ["s"], name="shape"),
    ]
    model = build.model(nodes, {"x": SHAPE}, ["y", "s"], {"w": (16, 16, 3, 3)})
    model.graph.output[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Launches are made blocking in the worker's own process; here the variable has to go again."""
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "0")


def image(seed: int) -> dict[str, np.ndarray[Any, Any]]:
    return {"x": np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)}


def active(path: Path, kind: type[OnnxRuntimeCuda] = OnCpu, **options: Any) -> OnnxRuntimeCuda:
    runner = kind()
    runner.activate(LoadRequest("onnxruntime-cuda", str(path), 1, **options))
    return runner


def test_inputs_stay_bound_until_others_come(path: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    runner = active(path)
    first, second = image(1), image(2)
    for feeds in (first, first, second):
        for got, expected in zip(runner.infer(feeds), session.run(None, feeds), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
        binding = runner._binding
        runner.infer(feeds)
        assert runner._binding is binding


def test_a_provider_that_cannot_be_used_is_an_error_and_not_the_cpu(path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has the provider")
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(BackendRefusal, match="cannot use CUDA"),
    ):
        active(path, OnnxRuntimeCuda)


def test_kernels_that_fell_back_are_named_and_shapes_are_not(path: Path, tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    layers.mkdir()
    runner = active(path, layers_dir=str(layers), settings={"graph_optimization": "basic"})
    assert os.environ["CUDA_LAUNCH_BLOCKING"] == "1"
    runner.infer(image(0))
    runner.deactivate()
    fallen = kernels_on_cpu(layers)
    assert fallen == ["conv", "relu"]
    graph = build_graph(open_model(path), name="model")
    with pytest.raises(BackendRefusal, match="runs 2 layers on the CPU, not on the GPU: conv, relu"):
        read_layers(layers, graph, timed_runs=1, wall_s=(1.0,))


def event(name: str, provider: str, dtype: str) -> dict[str, object]:
    return {
        "name": f"{name}_kernel_time",
        "args": {"provider": provider, "output_type_shape": [{dtype: [1]}]},
    }


def test_only_floats_on_the_cpu_count(tmp_path: Path) -> None:
    events = [
        *(event("a", "CUDAExecutionProvider", "float"), event("b", "CPUExecutionProvider", "int64")),
        *(event(f"c{number}", "CPUExecutionProvider", "MLFloat16") for number in range(7)),
        *(event("c0", "CPUExecutionProvider", "float"), {"name": "model_run", "args": {}}),
    ]
    (tmp_path / "trace_1.json").write_text(json.dumps(events))
    assert kernels_on_cpu(tmp_path) == [f"c{number}" for number in range(7)]
    graph = None
    with pytest.raises(BackendRefusal, match=r"runs 7 layers on the CPU.*c0, c1, c2, c3, c4 and 2 more"):
        read_layers(tmp_path, graph, timed_runs=1, wall_s=())  # type: ignore[arg-type]
    (tmp_path / "trace_1.json").write_text("[{")
    with pytest.raises(BackendCrash, match="cannot be read"):
        kernels_on_cpu(tmp_path)


def test_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not onnxruntime-gpu" in missing(tmp_path)
    (tmp_path / "capi").mkdir()
    (tmp_path / "capi" / "libonnxruntime_providers_cuda.so").touch()

    def load(name: str) -> object:
        if name != "libcuda.so.1" or not has_driver:
            raise OSError
        return object()

    monkeypatch.setattr("alexnet_bench.backends.onnxruntime_cuda.ctypes.CDLL", load)
    has_driver = False
    assert "no NVIDIA driver" in missing(tmp_path)
    has_driver = True
    assert missing(tmp_path) == ""


def test_the_backend_says_why_it_does_not_work_here() -> None:
    here = availability(get_backend("onnxruntime-cuda"))
    if here.works:
        pytest.skip("it works here")
    with pytest.raises(MissingRuntimeError, match="backend onnxruntime-cuda does not work here") as caught:
        choose_backend("onnxruntime-cuda")
    assert here.reason in caught.value.message
    assert 'pip install "alexnet-bench[gpu]"' in caught.value.hint
    packages = packages_distributions()["onnxruntime"]
    assert caught.value.hint.startswith("first: pip uninstall onnxruntime ") == ("onnxruntime" in packages)


def test_settings_reach_the_provider(path: Path) -> None:
    runner, cuda = OnnxRuntimeCuda(), "CUDAExecutionProvider"
    plain = [(cuda, {"enable_cuda_graph": "0", "use_tf32": "0"}), "CPUExecutionProvider"]
    assert runner._providers({"tf32": "off"}) == plain
    runner._graph = True
    assert runner._providers({"tf32": "on"})[0] == (cuda, {"enable_cuda_graph": "1", "use_tf32": "1"})
    with pytest.raises(UsageError, match="no setting 'graph'"):
        active(path, settings={"graph": "on"})


class Watched:
    """A session whose runs are written down, with the graph that each is part of."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.graphs: list[str | None] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run_with_iobinding(self, binding: Any, options: Any = None) -> None:
        self.graphs.append(options and options.get_run_config_entry("gpu_graph_id"))
        self._session.run_with_iobinding(binding, options)


@pytest.mark.parametrize(("graph", "runs"), [("off", [None, None]), ("on", ["-1", None, None])])
def test_one_run_that_is_not_captured_gives_the_outputs_their_place(
    graph: str, runs: list[str | None], path: Path
) -> None:
    runner, feeds = active(path, settings={"cuda_graph": graph}), image(1)
    runner._session = watched = Watched(runner._session)
    places = []
    for _ in range(2):
        runner.infer(feeds)
        places.append([value.data_ptr() for value in runner._binding.get_outputs()])
    assert watched.graphs == runs
    assert places[0] == places[1]
