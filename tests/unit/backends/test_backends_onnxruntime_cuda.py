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

from alexnet_bench.backends.onnxruntime import cuda as onnxruntime_cuda
from alexnet_bench.backends.onnxruntime.cuda import OnnxRuntimeCuda, check_linked, missing, read_layers
from alexnet_bench.backends.onnxruntime.fallback import floats_on
from alexnet_bench.backends.onnxruntime.layers import engine_layers
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.registry import availability, choose_backend, get_backend
from alexnet_bench.core.errors import BackendCrash, BackendRefusal, MissingRuntimeError, UsageError
from alexnet_bench.core.packages import install_line
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.inputs import generate
from tests.unit.backends import left_to_the_cpu
from tests.unit.backends.made_elf import elf

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build

SHAPE = (1, 16, 8, 8)
CPU = "CPUExecutionProvider"
NOW = {"ts": 0, "dur": 1}


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


def test_inputs_stay_bound_until_others_come_and_those_go_to_the_same_memory(path: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    runner = active(path)
    first, second = image(1), image(2)
    binding = None
    for feeds in (first, first, second):
        for got, expected in zip(runner.infer(feeds), session.run(None, feeds), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
        assert binding is None or runner._binding is binding
        binding = runner._binding


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
    assert [fallen.node for fallen in floats_on(CPU, layers)] == ["conv", "relu"]
    graph = build_graph(open_model(path), name="model")
    with pytest.raises(BackendRefusal, match=r"on the CPU, not on the GPU: conv \(Conv\), relu \(Relu\)$"):
        read_layers(layers, graph, timed_runs=1, wall_s=(1.0,))


def test_the_model_for_a_real_card_runs_up_to_the_refusal(tmp_path: Path) -> None:
    """That of tests/gpu: the inputs that are made for it, its run, and what is said of its node."""
    path, layers = tmp_path / "model.onnx", tmp_path / "layers"
    left_to_the_cpu.write(path)
    layers.mkdir()
    graph = build_graph(open_model(path), name="model")
    runner = active(path, layers_dir=str(layers))
    (made,) = runner.infer({name: np.asarray(array) for name, array in generate(graph, seed=0).items()})
    assert made.any()
    runner.deactivate()
    assert left_to_the_cpu.NODE in [fallen.node for fallen in floats_on(CPU, layers)]
    with pytest.raises(BackendRefusal, match=left_to_the_cpu.REFUSED):
        read_layers(layers, graph, timed_runs=1, wall_s=(1.0,))


@pytest.mark.parametrize(("tf32", "expected"), [("off", "float32"), ("on", "tf32")])
def test_products_that_may_round_to_tf32_are_told(tf32: str, expected: str, path: Path, tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    layers.mkdir()
    settings = {"graph_optimization": "basic", "tf32": tf32}
    runner = active(path, layers_dir=str(layers), settings=settings)
    runner.infer(image(0))
    runner.deactivate()
    (trace,) = layers.glob("trace_*")
    trace.write_text(trace.read_text().replace(CPU, "CUDAExecutionProvider"))
    graph = build_graph(open_model(path), name="model")
    times = read_layers(layers, graph, timed_runs=1, wall_s=(1.0,))
    assert {layer.op: layer.compute_dtype for layer in times.layers if layer.op != "Shape"} == {
        "Conv": expected,
        "Relu": "float32",
    }


def event(
    name: str, provider: str, dtype: str, made: tuple[int, ...] = (5, 13), read: tuple[int, ...] = ()
) -> dict[str, object]:
    args = {"op_name": name[0].upper(), "provider": provider}
    sizes = {"input_type_shape": [{dtype: read}], "output_type_shape": [{dtype: made}]}
    return {"name": f"{name}_kernel_time", **NOW, "args": {**args, **sizes}}


def test_only_floats_on_the_cpu_count(tmp_path: Path) -> None:
    events = [
        *(event("a", "CUDAExecutionProvider", "float"), event("b", "CPUExecutionProvider", "int64")),
        *(event(f"c{number}", "CPUExecutionProvider", "MLFloat16") for number in range(7)),
        *(event("c0", "CPUExecutionProvider", "float"), {"name": "model_run", **NOW, "args": {}}),
    ]
    (tmp_path / "trace_1.json").write_text(json.dumps(events))
    assert [fallen.node for fallen in floats_on(CPU, tmp_path)] == [f"c{number}" for number in range(7)]
    graph = None
    with pytest.raises(
        BackendRefusal, match=r"runs 7 layers on the CPU.*c0 .C., c1 .C., c2 .C., c3 .C., c4 .C. and 2 more"
    ):
        read_layers(tmp_path, graph, timed_runs=1, wall_s=())  # type: ignore[arg-type]
    (tmp_path / "trace_1.json").write_text("[{")
    with pytest.raises(BackendCrash, match="cannot be read"):
        floats_on(CPU, tmp_path)


def test_a_few_floats_belong_on_the_cpu_when_they_are_made_of_a_few(tmp_path: Path) -> None:
    """The square root of a size, by which attention divides, and not a classifier's ten numbers of many."""
    events = [
        *(event("root", CPU, "float", ()), event("scale", CPU, "float", (1,)), event("range", CPU, "float", (64,))),
        *(
            event("sizes", CPU, "int64"),
            event("sum", CPU, "float", (), read=(8, 9)),
            event("mask", CPU, "float", (65,)),
        ),
        *(event("classes", CPU, "float", (1, 10), read=(1, 84)), {"name": "model_run", **NOW, "args": {}}),
    ]
    (tmp_path / "trace_1.json").write_text(json.dumps(events))
    assert [fallen.node for fallen in floats_on(CPU, tmp_path)] == ["sum", "mask", "classes"]


def test_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not onnxruntime-gpu" in missing(tmp_path)
    (tmp_path / "capi").mkdir()
    (tmp_path / "capi" / "libonnxruntime_providers_cuda.so").touch()

    for answer in ("no driver", ""):
        monkeypatch.setattr(onnxruntime_cuda, "no_driver", lambda answer=answer: answer)
        assert missing(tmp_path) == answer


def test_the_backend_says_why_it_does_not_work_here() -> None:
    here = availability(get_backend("onnxruntime-cuda"))
    if here.works:
        pytest.skip("it works here")
    with pytest.raises(MissingRuntimeError, match="backend onnxruntime-cuda does not work here") as caught:
        choose_backend("onnxruntime-cuda")
    assert here.reason in caught.value.message
    assert install_line("gpu") in caught.value.hint
    packages = packages_distributions()["onnxruntime"]
    assert caught.value.hint.startswith("pip uninstall -y onnxruntime ") == ("onnxruntime" in packages)


def test_copies_between_host_and_device_are_overhead(path: Path) -> None:
    """The optimised model is made by hand: onnxruntime makes such nodes for devices alone."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("MemcpyToHost", ["c"], ["c_on_host"], name="Memcpy"),
        helper.make_node("Relu", ["c_on_host"], ["y"], name="another relu"),
        helper.make_node("MemcpyFromHost", ["y"], ["y_on_device"], name="Memcpy_token_1"),
        helper.make_node("Shape", ["y_on_device"], ["s"], name="shape"),
    ]
    optimised = helper.make_model(helper.make_graph(nodes, "g", [], []))
    layers = engine_layers(optimised, build_graph(open_model(path), name="model"))
    assert [layer.name for layer in layers if layer.is_overhead] == ["Memcpy", "Memcpy_token_1"]
    assert [(layer.reads, layer.makes) for layer in layers if not layer.is_overhead] == [
        (("x",), ("c",)),
        (("c",), ("y",)),
        (("y",), ("s",)),
    ]


def test_a_library_that_the_provider_is_linked_to_is_named_when_it_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "__file__", str(tmp_path / "__init__.py"))
    library = Path("libprovider.so")
    check_linked(library)  # it is not there: the session says so
    (tmp_path / library).write_bytes(elf(["libc.so.6"]))
    check_linked(library)
    (tmp_path / library).write_bytes(elf(["libc.so.6", "libcublas.so.1313"]))
    with pytest.raises(BackendRefusal, match=r"libprovider.so is linked to libcublas.so.1313, which cannot be loaded"):
        check_linked(library)


def test_a_session_that_fails_is_not_tried_again_without_its_provider(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    tried: list[object] = []

    def fail(_: object, providers: object, *__: object) -> None:
        tried.append(providers)
        raise RuntimeError("no such card")

    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", fail)
    with pytest.raises(BackendRefusal, match="refuses the model: no such card"):
        active(path)
    assert len(tried) == 1


def test_settings_reach_the_provider(path: Path) -> None:
    runner, cuda = OnnxRuntimeCuda(), "CUDAExecutionProvider"
    plain = [(cuda, {"enable_cuda_graph": "0", "use_tf32": "0"}), "CPUExecutionProvider"]
    assert runner._providers({"tf32": "off"}) == plain
    runner._graph = True
    assert runner._providers({"tf32": "on"})[0] == (cuda, {"enable_cuda_graph": "1", "use_tf32": "1"})
    with pytest.raises(UsageError, match="no setting 'graph'"):
        active(path, settings={"graph": "on"})


class Watched:
    """A session that captures its runs as ONNX Runtime's CUDA provider does: what is bound later is not looked at.

    Each run is written down, with the graph that it is part of.
    """

    def __init__(self, session: Any, runs: list[str | None], *, captures: bool) -> None:
        self._session = session
        self._captures = captures
        self._captured: Any = None
        self._runs = runs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run_with_iobinding(self, binding: Any, options: Any = None) -> None:
        graph = options and options.get_run_config_entry("gpu_graph_id")
        self._runs.append(graph)
        if self._captures and graph != "-1":
            binding = self._captured = self._captured or binding
        self._session.run_with_iobinding(binding, options)


class Capturing(OnCpu):
    """The runner on such sessions."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str | None] = []

    def _open(self, request: LoadRequest, settings: Any) -> Any:
        return Watched(super()._open(request, settings), self.runs, captures=self._graph)


@pytest.mark.parametrize(("graph", "runs"), [("off", [None, None]), ("on", ["-1", None, None])])
def test_one_run_that_is_not_captured_gives_the_outputs_their_place(
    graph: str, runs: list[str | None], path: Path
) -> None:
    runner, feeds = active(path, Capturing, settings={"cuda_graph": graph}), image(1)
    assert isinstance(runner, Capturing)
    places = []
    for _ in range(2):
        runner.infer(feeds)
        places.append([value.data_ptr() for value in runner._binding.get_outputs()])
    assert runner.runs == runs
    assert places[0] == places[1]


@pytest.mark.parametrize("graph", ["off", "on"])
def test_what_a_captured_run_is_given_is_what_it_reads(graph: str, tmp_path: Path, build: Build) -> None:
    model = build.model([helper.make_node("Relu", ["x"], ["y"], name="relu")], {"x": (1, 4)}, ["y"], {})
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(model, tmp_path / "open.onnx")
    runner = active(tmp_path / "open.onnx", Capturing, settings={"cuda_graph": graph})
    for number, batch in enumerate((1, 1, 1, 2, 2, 1)):
        feeds = {"x": np.full((batch, 4), number, np.float32)}
        for _ in range(2):
            (got,) = runner.infer(feeds)
            np.testing.assert_array_equal(got, feeds["x"])
